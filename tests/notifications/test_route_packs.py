"""Routes, destinations and sending as a pack says them: loaded, refused with file and line, asked where things go."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from notifications.models import Destination, Route, SendingPlan
from packs import dumper, loader
from policies.models import Policy
from tests.factories import NINE

pytestmark = pytest.mark.django_db
HEAD = """\
pack: {key: shop, name: Shop, version: "1", timezone: Asia/Jakarta}
severities: [{key: P0, page: true}, {key: P1}, {key: P3}]
params:
  ON: {type: bool, default: true}
calendars:
  - {key: office, timezone: Asia/Jakarta, hours: {mon: "09:00-17:00", tue: "09:00-17:00"}, default: true}
destinations:
  - {key: war-room, kind: slack, address: "https://hooks.test/T/B/war", throttle: 5m, expires: 2026-12-01}
  - {key: team, kind: slack, address: "https://hooks.test/T/B/team", self_test: false}
  - {key: mail, kind: email, address: team@example.org, fallback: team}
"""
ROUTES = """\
routes:
  - {match: {severity: P0}, to: war-room, carry_on: true}
  - {match: {kind: retry, labels: {team: "=~pay.*", stage: ["live", "!=test"]}}, to: [team, mail], toggle: ON}
  - {match: {service: checkout, hours: "!office"}, to: mail}
  - {match: {severity: P3}, to: mail, digest: "08:30"}
  - {default: true, to: team}
  - {by_level: "P0:#all-hands, P1:#leads", to: team}
sending: {bundle: 30s, most: 5, within: 10m}
"""


def load(text: str) -> None:
    loader.load(text, name="shop.yaml", at=NINE)


def asked(*options: str) -> dict:
    out = StringIO()
    call_command("test_route", "--policy", "shop", "--at", "2026-11-23T02:30:00Z", "--json", *options, stdout=out)
    return json.loads(out.getvalue())


def places(*options: str) -> list[str]:
    return [one["key"] + "".join(one["address"].partition("#")[1:]) for one in asked(*options)["destinations"]]


def test_a_pack_says_where_everything_goes():
    load(HEAD + ROUTES)
    assert places("--severity", "p0") == ["war-room", "team#all-hands"]  # a default is for what nobody took
    assert places("--severity", "P1") == ["team", "team#leads"]
    payments = ("--label", "team=payments", "--label", "stage=live", "--kind", "retry")
    assert sorted(places("--severity", "P1", *payments)) == ["mail", "team", "team#leads"]
    assert places("--severity", "P1", "--service", "checkout") == ["team", "team#leads"]  # 09:30 in Jakarta
    assert places("--severity", "P1", "--service", "checkout", "--at", "2026-11-23T10:00:00Z") == ["mail", "team#leads"]
    digest = asked("--severity", "P3")["destinations"]
    assert [(one["key"], one["digest"]) for one in digest] == [("mail", "08:30")]


def test_it_says_why_each_other_route_does_not_take_it():
    load(HEAD + ROUTES)
    why = {one["route"]: one["why_not"] for one in asked("--severity", "P3", "--label", "team=web")["routes"]}
    assert why == {
        "shop #0": "The level is P3, and it takes P0.",
        "shop #1": "The kind is not given, and it takes retry.",
        "shop #2": "The service is not given, and it takes checkout.",
        "shop #3": "",
        "shop #4": "It is a default, and another route took the event.",
        "shop #5": "It names no channel for P3: p0, p1.",
    }


def test_the_command_says_in_words_that_nobody_is_told(capsys):
    load(HEAD + ROUTES)
    Route.objects.all().delete()
    with pytest.raises(SystemExit) as end:
        call_command("test_route", "--severity", "P1")
    assert end.value.code == 1
    assert "goes nowhere: no route takes it" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options, words",
    [
        (["--severity", "P7"], "There is no level 'P7' in shop; there are P0, P1, P3."),
        (["--severity", "P0", "--label", "team"], "'team' is no label; write name=value."),
        (["--severity", "P0", "--at", "soon"], "'soon' is no instant; write 2026-11-23T09:00:00Z."),
        (["--severity", "P0", "--policy", "shoq"], "There is no policy 'shoq'; there are shop."),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(options, words):
    load(HEAD + ROUTES)
    with pytest.raises(CommandError) as refusal:
        call_command("test_route", *options)
    assert (str(refusal.value), refusal.value.returncode) == (words, 3)


@pytest.mark.parametrize(
    "old, new, line, words",
    [
        ("{default: true, to: team}", "{match: {severity: P3}, to: team}", 2, "The level P1 reaches nobody"),
        ("{default: true, to: team}", "{match: {hours: office}, to: team}", 2, "The level P1 reaches nobody"),
        ("=~pay.*", "=~pay(", 13, "routes[1].match.labels.team: 'pay(' is no RE2 expression"),
        ("!office", "!offic", 14, "There is no calendar 'offic'; did you mean office?"),
        ('"08:30"', '"8:30 oclock"', 15, "'8:30 oclock' is no hour; write 09:00, or 09:00 Asia/Jakarta."),
        ("P1:#leads", "P9:#leads", 17, "There is no severity 'P9'"),
        ("P1:#leads", "leads", 17, "'leads' is no level and channel"),
        ("most: 5, ", "", 18, "`most` and `within` belong together"),
        ("throttle: 5m", "throttle: often", 8, "destinations.war-room.throttle: 'often' is not a length of time"),
        ("expires: 2026-12-01", "expires: soon", 8, "'soon' is no date"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(old, new, line, words):
    text = HEAD + ROUTES
    assert old in text
    with pytest.raises(loader.PackRefused) as refusal:
        load(text.replace(old, new))
    told = refusal.value.problems
    assert any(one.startswith(f"shop.yaml:{line}: ") and words in one for one in told), told
    assert not Destination.objects.exists()


def test_loading_twice_changes_nothing_and_what_goes_is_removed():
    load(HEAD + ROUTES)
    policy = Policy.objects.get(key="shop")
    assert not loader.load(HEAD + ROUTES, name="shop.yaml", at=NINE).changed_anything
    again = dumper.dump("shop")
    assert "digest" in again and "sending" in again and "by_level" in again
    plan = SendingPlan.objects.get(policy=policy)
    assert (plan.bundle_within.total_seconds(), plan.most, plan.within.total_seconds()) == (30, 5, 600)
    load((HEAD + ROUTES).replace("sending: {bundle: 30s, most: 5, within: 10m}\n", ""))
    assert not SendingPlan.objects.exists()


def test_the_page_answers_the_same_and_refuses_in_words(admin_client):
    load(HEAD + ROUTES)

    def said(**question: str) -> str:
        return " ".join(
            admin_client.get("/deliveries/routes/", {"policy": "shop", **question}).content.decode().split()
        )

    page = said(severity=" p0 ", labels="team=web\n\nstage=live", at="2026-11-23T02:30:00Z")
    assert "<strong>war-room</strong> slack hooks.test" in page and "#all-hands" in page
    assert "It is a default, and another route took the event." in page and "T/B/war" not in page
    for question, words in (
        ({"severity": "P7"}, "There is no level &#x27;P7&#x27; in shop; there are P0, P1, P3."),
        ({"severity": ""}, "Say the level"),
        ({"severity": "P0", "labels": "team"}, "is no label; write name=value"),
        ({"severity": "P0", "at": "noon"}, "is no instant"),
        ({"severity": "P0", "policy": "shoq"}, "There is no policy"),
    ):
        assert words in said(**question)
    Route.objects.all().delete()
    assert "It goes nowhere" in said(severity="P1")
