"""Response figures: times, targets, groups and the days before, against a clerk who works through every incident."""

import csv
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.cache import cache
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents import lifecycle, targets
from incidents.models import Incident, Status
from oncall.models import EscalationContact
from policies.models import Policy
from tests.accounts import account, signed_in
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    ApiTokenFactory,
    ContactFactory,
    IncidentFactory,
    ResponseTargetFactory,
    SeverityFactory,
    TargetPlanFactory,
)

pytestmark = pytest.mark.django_db
ZONES = ["Europe/Amsterdam", "America/New_York", "Asia/Jakarta"]
ENDS = {"acknowledge": "acknowledged_at", "mitigate": "mitigated_at", "resolve": "resolved_at",
        "notify": "notified_at"}  # fmt: skip


def rows(client, **query) -> dict[tuple[str, str], dict[str, str]]:
    """The file of figures: by group ("": all) and period."""
    response = client.get("/figures/", {**query, "format": "csv"})
    assert response.status_code == 200, response.content[:400]
    return {(row["name"], row["period"]): row for row in csv.DictReader(response.content.decode().splitlines())}


def number(row: dict[str, str], name: str) -> float | None:
    return float(row[name]) if row[name] else None


@pytest.fixture
def viewer(client, grace):
    return signed_in(client, grace, "Viewer")


# against a clerk

INSTANTS = st.integers(0, 60 * 24 * 60 * 60).map(lambda seconds: datetime(2026, 10, 1, tzinfo=UTC) + seconds * SECOND)
SECOND = timedelta(seconds=1)
LENGTHS = st.one_of(st.none(), st.integers(0, 3 * 24 * 3600).map(lambda seconds: seconds * SECOND))
STATES = st.sampled_from(["met", "breached", "pending"])
ONE = st.fixed_dictionaries(
    {
        "detected": INSTANTS, "acknowledge": LENGTHS, "mitigate": LENGTHS, "resolve": LENGTHS, "notify": LENGTHS,
        "level": st.integers(0, 1), "team": st.integers(0, 2), "target": STATES,
        "kind": st.sampled_from(["usual", "usual", "usual", "drill", "merged", "false_positive"]),
    }
)  # fmt: skip


def clerk(values: list[float]) -> dict[str, float | None]:
    """Mean and percentiles with paper and pencil."""
    values = sorted(values)
    found: dict[str, float | None] = {"count": len(values), "mean_s": None, "longest_s": None}
    if values:
        found |= {"mean_s": sum(values) / len(values), "longest_s": values[-1]}
    for percentile in (50, 90, 95):
        found[f"p{percentile}_s"] = None
        if values:
            rank = (len(values) - 1) * percentile / 100
            low, part = values[int(rank)], rank - int(rank)
            high = values[min(int(rank) + 1, len(values) - 1)]
            found[f"p{percentile}_s"] = low + part * (high - low)
    return found


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    history=st.lists(ONE, max_size=12), zone=st.sampled_from(ZONES), first=st.integers(20, 30), days=st.integers(1, 12)
)
def test_figures_are_those_of_a_clerk_with_paper_and_pencil(viewer, history, zone, first, days):
    begin, clock = date(2026, 10, first), ZoneInfo(zone)
    periods = {
        "now": [begin + timedelta(days=n) for n in range(days)],  # the clocks go back on 25 October and 1 November
        "before": [begin - timedelta(days=n) for n in range(1, days + 1)],
    }
    with transaction.atomic():
        levels = [SeverityFactory(policy__name="Shop", key="P0", rank=0)]
        levels.append(SeverityFactory(policy=levels[0].policy, key="P1", rank=1))
        teams = [ContactFactory(name=name, kind="team") for name in ("red", "blue")]
        for said in history:
            status = {"merged": Status.MERGED, "false_positive": Status.FALSE_POSITIVE}.get(said["kind"], Status.CLOSED)
            ends = {field: said["detected"] + said[key] for key, field in ENDS.items() if said[key] is not None}
            one = IncidentFactory(severity=levels[said["level"]], detected_at=said["detected"], status=status,
                                  drill=said["kind"] == "drill", **ends)  # fmt: skip
            one.owners.set(teams[: said["team"]])
            ResponseTargetFactory(incident=one, state=said["target"])
        asked = {"from": periods["now"][0], "to": periods["now"][-1], "zone": zone}
        by_level, by_team = rows(viewer, by="level", **asked), rows(viewer, by="team", **asked)
        transaction.set_rollback(True)
    for name, listed in periods.items():
        counted = [
            one for one in history
            if one["detected"].astimezone(clock).date() in listed and one["kind"] not in ("drill", "merged")
        ]  # fmt: skip
        chosen = {("level", "All of these"): counted}
        chosen |= {
            ("level", key): [one for one in counted if one["level"] == rank] for rank, key in enumerate(("P0", "P1"))
        }
        chosen |= {
            ("team", team): [one for one in counted if one["team"] > n] for n, team in enumerate(("red", "blue"))
        }
        chosen |= {("team", "No team"): [one for one in counted if not one["team"]]}
        for (by, group), mine in chosen.items():
            found = {"level": by_level, "team": by_team}[by]
            names = [key for key in found if key[0].startswith(group) and key[1] == name]
            if not names:
                assert not mine
                continue
            row = found[names[0]]
            assert int(row["incidents"]) == len(mine)
            assert int(row["false_positives"]) == sum(one["kind"] == "false_positive" for one in mine)
            for key in ENDS:
                real = [one for one in mine if key in ("acknowledge", "notify") or one["kind"] != "false_positive"]
                took = clerk([one[key] / SECOND for one in real if one[key] is not None])
                for part, wanted in took.items():
                    assert number(row, f"{key}_{part}") == (
                        wanted if wanted is None else pytest.approx(wanted, abs=0.002)
                    )
            for state, word in (("met", "met"), ("breached", "missed"), ("pending", "running")):
                assert int(row[f"target_acknowledge_{word}"]) == sum(one["target"] == state for one in mine)


# the rules one by one


@pytest.mark.req("DX-86")
@pytest.mark.parametrize(("late", "word"), [(timedelta(0), "met"), (MINUTE, "missed")])
def test_a_resolution_after_its_target_is_counted_as_missed(viewer, ada, late, word):
    level = SeverityFactory(policy__key="deelrx-crm", key="P0")
    TargetPlanFactory(severity=level, kind="resolve", within=HOUR)
    incident = lifecycle.open_incident(
        lifecycle.Opening(policy=level.policy, severity=level, key="checkout", title="Checkout is down"), at=NINE
    )
    lifecycle.acknowledge(incident, by=ada, at=NINE + 5 * MINUTE)
    if late:
        targets.check_due(at=NINE + HOUR + late)
    lifecycle.resolve(incident, by=ada, at=NINE + HOUR + late)
    row = rows(viewer, **{"from": "2026-11-23", "to": "2026-11-23", "level": "P0"})["All of these", "now"]
    assert [row[f"target_resolve_{one}"] for one in ("met", "missed")] == (["1", "0"] if word == "met" else ["0", "1"])
    assert float(row["resolve_mean_s"]) == (HOUR + late).total_seconds() and row["acknowledge_mean_s"] == "300"
    page = viewer.get("/figures/", {"from": "2026-11-23", "to": "2026-11-23", "level": "P0"}).content.decode()
    assert ("1 missed of 1" in page) == (word == "missed") and ("0 missed of 1" in page) == (word == "met")


def test_the_change_against_the_days_before(viewer):
    for day, minutes in ((20, 20), (20, 40), (21, 15)):
        at = datetime(2026, 11, day, 12, tzinfo=UTC)
        IncidentFactory(detected_at=at, acknowledged_at=at + minutes * MINUTE)
    page = viewer.get("/figures/", {"from": "2026-11-21", "to": "2026-11-21"})
    cell = page.context["tiles"][0]
    assert (cell.short, cell.now.mean, cell.before.mean, cell.change) == ("MTTA", 900, 1800, -50)
    assert "−50 %" in page.content.decode() and "before: 30 min" in page.content.decode()


def test_a_reopened_incident_keeps_its_first_acknowledgement_and_counts_its_last_resolution(viewer, ada):
    incident = IncidentFactory()
    lifecycle.acknowledge(incident, by=ada, at=NINE + 5 * MINUTE)
    lifecycle.resolve(incident, by=ada, at=NINE + 10 * MINUTE)
    lifecycle.reopen(incident, by=ada, at=NINE + 20 * MINUTE, reason="again")
    asked = {"from": "2026-11-23", "to": "2026-11-23"}
    row = rows(viewer, **asked)["All of these", "now"]
    assert row["acknowledge_mean_s"] == "300" and row["resolve_mean_s"] == ""
    lifecycle.acknowledge(incident, by=ada, at=NINE + 30 * MINUTE)
    lifecycle.resolve(incident, by=ada, at=NINE + 40 * MINUTE)
    row = rows(viewer, **asked)["All of these", "now"]
    assert (row["acknowledge_mean_s"], row["resolve_mean_s"]) == ("300", "2400")


def test_members_and_labels_make_teams_and_each_pair_counts_once(viewer, ada):
    shop, infra = (ContactFactory(name=name, kind="team") for name in ("shop", "infra"))
    shop.members.add(ada)
    both = IncidentFactory(labels={"team": "shop"})
    both.owners.set([ada, shop, infra])
    IncidentFactory(labels={"team": "elsewhere"}), IncidentFactory(labels={"team": ""}), IncidentFactory()
    asked = {"from": "2026-11-23", "to": "2026-11-23"}
    found = {name: row["incidents"] for (name, when), row in rows(viewer, by="team", **asked).items() if when == "now"}
    assert found == {"shop": "1", "infra": "1", "elsewhere": "1", "No team": "2", "All of these": "4"}
    for team, count in (("shop", "1"), ("elsewhere", "1"), ("-", "2")):
        assert rows(viewer, team=team, **asked)["All of these", "now"]["incidents"] == count
    assert EscalationContact.objects.filter(kind="team").count() == 2


def test_an_incident_counts_for_the_teams_that_its_teams_are_in(viewer, ada):
    names = ("company", "division", "squad")
    company, division, squad = (ContactFactory(name=name, kind="team") for name in names)
    duty = ContactFactory(name="duty", kind="role")
    company.members.add(division), division.members.add(squad, duty), squad.members.add(company)  # in a circle
    duty.members.add(ada)
    IncidentFactory().owners.set([squad])
    IncidentFactory(labels={"team": "squad"}).owners.set([ada])
    IncidentFactory(labels={"team": "division"})  # a label is that one team
    IncidentFactory()
    asked = {"from": "2026-11-23", "to": "2026-11-23"}
    found = {name: row["incidents"] for (name, when), row in rows(viewer, by="team", **asked).items() if when == "now"}
    assert found == {"company": "2", "division": "3", "squad": "2", "No team": "1", "All of these": "4"}
    for team, count in (("company", "2"), ("division", "3"), ("squad", "2")):
        found = rows(viewer, by="team", team=team, **asked)
        assert {name for name, when in found if when == "now"} == {team, "All of these"}
        assert found["All of these", "now"]["incidents"] == found[team, "now"]["incidents"] == count


def test_the_api_finds_nothing_without_a_level_or_a_policy(client, grace):
    IncidentFactory()
    head = {"authorization": f"Bearer ops_{ApiTokenFactory(user=account(grace, 'Viewer')).name}"}

    def count(**asked) -> int:
        query = {"last_day": "2026-11-23", "days": "1", **asked}
        told = client.get("/api/v1/figures/response", query, headers=head).json()
        return told["total"]["now"]["incidents"]

    assert [count(**{name: "-"}) for name in ("service", "team", "level", "policy")] == [1, 1, 0, 0]


def test_targets_of_false_positives_count(viewer):
    one = IncidentFactory(status=Status.FALSE_POSITIVE, resolved_at=NINE + HOUR)
    ResponseTargetFactory(incident=one, state="met"), ResponseTargetFactory(incident=one, state="breached")
    ResponseTargetFactory(incident=one, state="cancelled")
    row = rows(viewer, **{"from": "2026-11-23", "to": "2026-11-23"})["All of these", "now"]
    assert (row["target_acknowledge_met"], row["target_acknowledge_missed"], row["resolve_mean_s"]) == ("1", "1", "")


@pytest.mark.parametrize("path", ["/figures/", "/figures/behind/", "/figures/people/"])
def test_one_end_of_the_period_is_enough(viewer, path):
    def days(**asked) -> tuple[str, str]:
        with time_machine.travel(NINE, tick=False):
            form = viewer.get(path, asked).context["form"]
        shown = form["from_"].value(), form["to"].value()
        assert shown == (form.period.first.isoformat(), form.period.last.isoformat())
        return shown

    assert days() == ("2026-10-25", "2026-11-23")
    assert days(to="2026-01-31") == ("2026-01-02", "2026-01-31")
    assert days(to="2026-01-31", days="7") == ("2026-01-25", "2026-01-31")
    assert days(**{"from": "2026-01-31"}) == ("2026-01-31", "2026-11-23")
    assert days(days="9" * 4301) == ("2025-10-20", "2026-11-23")
    for asked, words in (
        ({"from": "2020-01-01"}, "Take a later first day, or an earlier last one."),
        ({"to": "0001-01-01"}, "Choose a day between 1990 and 2199."),
        ({"to": "soon"}, "Write the day as 2026-12-31."),
    ):
        answer = viewer.get(path, asked)
        assert answer.status_code == 422 and words in answer.content.decode()


def test_filters_links_and_the_incidents_behind(viewer):
    level = SeverityFactory(policy__key="shop", policy__name="Shop", key="P1", rank=1)
    slow = IncidentFactory(severity=level, service=level.policy.service, title="slow", acknowledged_at=NINE + HOUR)
    quick = IncidentFactory(severity=level, service=level.policy.service, title="quick", acknowledged_at=NINE + MINUTE)
    IncidentFactory(title="elsewhere", acknowledged_at=NINE + 2 * HOUR), IncidentFactory(title="a drill", drill=True)
    asked = {"from": "2026-11-23", "to": "2026-11-23"}
    page = viewer.get("/figures/", {**asked, "by": "level"})
    group, _, link = next(one for one in page.context["groups"] if "Shop" in one[0].name)
    assert group.only == {"level": "P1", "policy": "shop"} and "level=P1" in link and "policy=shop" in link
    behind = viewer.get(f"/figures/behind/?{link}&measure=acknowledge")
    assert [row.pk for row, _ in behind.context["lines"]] == [slow.pk, quick.pk]
    service = level.policy.service.key
    for query in ({"policy": "shop"}, {"level": "P1"}, {"service": service}):
        assert rows(viewer, **asked, **query)["All of these", "now"]["incidents"] == "2"
    assert rows(viewer, **asked, service="-")["All of these", "now"]["incidents"] == "1"
    everything = viewer.get("/figures/behind/", asked).content.decode()
    assert "elsewhere" in everything and "a drill" not in everything


def test_a_private_incident_counts_for_those_who_may_see_it(viewer, grace):
    hidden = IncidentFactory(private=True)
    asked = {"from": "2026-11-23", "to": "2026-11-23"}
    assert rows(viewer, **asked)["All of these", "now"]["incidents"] == "0"
    hidden.readers.add(grace)
    assert rows(viewer, **asked)["All of these", "now"]["incidents"] == "1"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"from": "2026-11-24", "to": "2026-11-23"}, "The last day is before the first."),
        ({"from": "2024-01-01", "to": "2026-11-23"}, "Choose at most 400 days."),
        ({"from": "23.11.2026"}, "Write the day as 2026-12-31."),
        ({"zone": "Mars/Olympus"}, "There is no time zone"),
        ({"zone": "../../etc/passwd"}, "There is no time zone"),
        ({"by": "moon"}, "Select a valid choice"),
        ({"policy": "none"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_used_is_told_beside_its_field(viewer, query, words):
    response = viewer.get("/figures/", query)
    assert response.status_code == 422 and words in response.content.decode()
    assert viewer.get("/figures/behind/", query).status_code == 422


def test_nothing_is_asked_without_the_right_and_definitions_are_told(client, ada, grace):
    for path in ("/figures/", "/figures/behind/", "/figures/people/", "/figures/definitions/"):
        assert client.get(path).status_code == 302
    signed_in(client, ada)
    for path in ("/figures/", "/figures/behind/", "/figures/people/", "/figures/definitions/"):
        assert client.get(path).status_code == 403
    page = signed_in(client, grace, "Viewer").get("/figures/definitions/").content.decode()
    for words in ("MTTA", "MTTM", "MTTR", "rank (n − 1) · p / 100", "met late is missed", "09:00 to 17:00", "Drills"):
        assert words in page
    assert not Incident.objects.exists() and not Policy.objects.exists()


def test_as_few_queries_for_many(viewer, django_assert_max_num_queries):
    for _ in range(8):
        one = IncidentFactory(acknowledged_at=NINE + MINUTE)
        ResponseTargetFactory(incident=one, state="met")
    asked = {"from": "2026-11-23", "to": "2026-11-23", "by": "service"}
    viewer.get("/figures/", asked)
    with django_assert_max_num_queries(20):
        viewer.get("/figures/", asked)
    with django_assert_max_num_queries(16):
        viewer.get("/figures/behind/", asked)


def test_what_was_counted_over_many_is_kept_until_something_happens(viewer, monkeypatch):
    cache.clear()
    monkeypatch.setattr("analytics.kept.MANY", 1)
    first = IncidentFactory(detected_at=NINE, acknowledged_at=NINE + 5 * MINUTE)

    def incidents() -> int:
        return viewer.get("/figures/", {"from": "2026-11-23", "to": "2026-11-23"}).context["found"].total.now.incidents

    assert incidents() == 1
    IncidentFactory(detected_at=NINE)  # of which no timeline tells
    assert incidents() == 1
    first.log("note", "Something is written.", at=NINE)
    assert incidents() == 2
    cache.clear()
