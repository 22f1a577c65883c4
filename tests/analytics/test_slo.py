"""The sweep: what is due, which way of asking counts, days of a calendar, history, and rules that ask."""

from datetime import UTC, date, datetime, timedelta

import pytest

from alerts import evaluation
from analytics import history, slo
from analytics.models import Objective, ObjectiveDay
from opscenter import clock, maintenance
from opscenter.due import look
from tests.factories import (
    NINE,
    AlertRuleFactory,
    EventFactory,
    IntegrationFactory,
    ObjectiveDayFactory,
    ObjectiveFactory,
    ObjectiveSampleFactory,
    ObjectiveSourceFactory,
    ParameterFactory,
    PolicyFactory,
    RuleSourceFactory,
)

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def door():
    return IntegrationFactory(kind="generic", policy=PolicyFactory(key="shop"))


@pytest.fixture
def told(door):
    def told(*outcomes: str, at=NINE - MINUTE):
        for outcome in outcomes:
            EventFactory(integration=door, stream="shop", kind="order", outcome=outcome, at=at, received_at=at)

    return told


def orders(door, **facts) -> Objective:
    """Orders that went well, of all orders of the last day."""
    row = ObjectiveFactory(policy=door.policy, window=DAY, **facts)
    base = {"stream": "shop", "window": "${WINDOW}"}
    ObjectiveSourceFactory(objective=row, role="good", variant="events", kind="events", spec=base | {"outcome": "ok"})
    ObjectiveSourceFactory(objective=row, role="all", variant="events", kind="events", spec=base)
    return row


def measured(row: Objective, at) -> Objective:
    slo.measure(Objective.objects.filter(pk=row.pk), at=at)
    row.refresh_from_db()
    return row


def test_an_objective_is_measured_in_its_turns(door, told):
    row = orders(door)
    told(*["ok"] * 19, "failed")
    assert look().by(NINE) >= {"analytics.slo.measure_due"}
    assert slo.measure_due(at=NINE + MINUTE) == 1
    row.refresh_from_db()
    assert (row.state, row.value, row.good, row.total) == ("met", 95, 19, 20)
    assert row.measure_at == NINE + 5 * MINUTE and row.claimed_by == "" and row.state_since == NINE + MINUTE
    assert slo.measure_due(at=NINE + 5 * MINUTE - timedelta(seconds=1)) == 0
    told("failed", at=NINE + 2 * MINUTE)
    assert slo.measure_due(at=NINE + 5 * MINUTE) == 1
    row.refresh_from_db()
    assert row.state == "missed" and row.state_since == NINE + 5 * MINUTE
    Objective.objects.update(enabled=False)
    assert slo.measure_due(at=NINE + DAY) == 0 and look().due == {}


def test_two_sweeps_measure_once_and_a_dead_one_gives_it_back(door, monkeypatch):
    row = orders(door)
    monkeypatch.setattr(slo, "_write", lambda *args, **options: None)  # as if killed before it wrote
    assert slo.measure_due(at=NINE) == 1 and slo.measure_due(at=NINE) == 0
    monkeypatch.undo()
    row.refresh_from_db()
    assert row.claimed_by and row.measure_at == NINE + slo.LEASE
    assert slo.release_dead(at=NINE) == 0  # it lives
    host = row.claimed_by.partition(":")[0]
    Objective.objects.update(claimed_by=f"{host}:4194305:0")
    assert slo.release_dead(at=NINE) == 1
    assert slo.measure_due(at=NINE) == 1


def test_nothing_and_no_answer_are_states_of_their_own(door, told):
    row = orders(door)
    assert measured(row, NINE).state == "nodata"
    source = row.sources.get(role="good")
    source.kind, source.spec = "tcp", {"url": "${SHOP_URL}"}
    source.save()
    told("failed")
    row = measured(row, NINE)
    assert row.state == "error" and "SHOP_URL is not set" in row.verdict
    source.refresh_from_db()
    assert source.error == row.verdict
    day = row.days.get()
    assert (day.nodata, day.error, day.met, day.missed, day.last) == (1, 1, 0, 0, "error")
    record = history.records([row], today={row.pk: NINE.date()})[row.pk]
    assert record.compliance is None and record.counted == 0


def test_of_several_ways_the_first_that_answers_counts(door, told):
    row = orders(door)
    told(*["ok"] * 19, "failed")
    for role in ("good", "all"):
        spec = {"url": "${SHOP_DATABASE}", "query": "SELECT 7"}
        ObjectiveSourceFactory(objective=row, role=role, variant="sql", kind="sql", spec=spec, position=0)
    row.sources.filter(variant="events").update(position=1)
    row = measured(row, NINE)
    assert (row.state, row.measured_by, row.value) == ("met", "events", 95)
    row.sources.filter(variant="events").delete()
    row = measured(row, NINE)
    assert row.state == "error"  # the only way there is
    for role in ("good", "all"):
        spec = {"url": "${SHOP_LOKI}", "query": '{a="b"}'}
        ObjectiveSourceFactory(objective=row, role=role, variant="loki", kind="loki", spec=spec)
    row = measured(row, NINE)
    assert row.state == "unknown" and row.verdict.startswith("Nobody watches: none of sql, loki is set up.")
    ParameterFactory(policy=row.policy, key="SHOP_DATABASE", type="text", default="postgresql://127.0.0.1:1/shop")
    row = measured(row, NINE)
    assert (row.state, row.measured_by) == ("error", "sql"), row.verdict


def test_a_broken_goal_is_told_and_holds_up_no_other(door, told):
    broken, whole = orders(door, goal={"below": 3}), orders(door)
    told("ok")
    assert slo.measure_due(at=NINE) == 2
    broken.refresh_from_db(), whole.refresh_from_db()
    assert whole.state == "met" and broken.state == "error" and "goal cannot be used" in broken.verdict


def test_a_calendar_day_ends_at_its_own_midnight_with_a_last_measure(door, told):
    """Amsterdam, the 25 hours of 25 October 2026."""
    row = orders(door, zone="Europe/Amsterdam")
    begin, end = datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)
    told("failed", "failed", at=begin - timedelta(microseconds=1))  # of the day before
    told(*["ok"] * 19, at=begin)
    told("failed", "failed", at=end)  # of the day after
    assert measured(row, end - 10 * MINUTE).value == 100
    told("failed", at=end - MINUTE)
    assert row.days.get().last == "met"
    assert measured(row, end + 5 * MINUTE).value == 0
    days = {day.day: day for day in row.days.all()}
    assert set(days) == {date(2026, 10, 25), date(2026, 10, 26)}
    assert (days[date(2026, 10, 25)].value, days[date(2026, 10, 25)].total) == (95, 20)
    assert days[date(2026, 10, 26)].last == "missed" and row.open_day == date(2026, 10, 26)


def test_measures_that_come_to_the_same_share_a_row(door, told):
    row = orders(door)
    told("ok")
    for at in (NINE, NINE + 5 * MINUTE, NINE + 10 * MINUTE):
        measured(row, at)
    sample = row.samples.get()
    assert (sample.at, sample.until, sample.times) == (NINE, NINE + 10 * MINUTE, 3)
    told("failed", at=NINE + 11 * MINUTE)
    measured(row, NINE + 15 * MINUTE)
    assert [one.state for one in row.samples.all()] == ["missed", "met"]
    day = row.days.get()
    assert (day.met, day.missed, day.last, day.value) == (3, 1, "missed", 50)


def test_budget_and_compliance(door):
    share = orders(door, good=97, total=100, unit="orders")
    held = ObjectiveFactory(policy=door.policy, kind="bands", goal={"bands": [{"label": "ok", "below": 20},
                            {"label": "full"}]}, met_for=99)  # fmt: skip
    today = NINE.date()
    for place, last in enumerate(["met", "missed", "nodata", "met", "warning"]):
        ObjectiveDayFactory(objective=share, day=today - place * DAY, last=last, met=int(last != "nodata"))
    ObjectiveDayFactory(objective=held, day=today, met=98, warning=1, missed=1)
    ObjectiveDayFactory(objective=held, day=today - 29 * DAY, met=100)
    ObjectiveDayFactory(objective=held, day=today - 30 * DAY, missed=100)  # too old to count
    found = history.records([share, held], today={share.pk: today, held.pk: today})
    assert found[share.pk].compliance == 75  # three of four days that have data
    assert (found[share.pk].budget, found[share.pk].words) == (40, "3 of 100 orders bad, 5 may be")
    assert found[held.pk].compliance == 99.5
    assert found[held.pk].budget == 50 and found[held.pk].words.startswith("1 of 200 measures")
    assert [day.state for day in found[held.pk].days[-1:]] == ["missed"]
    share.good = 90
    assert history.record(share, {}, today=today).budget == -100


@pytest.mark.parametrize(("goal", "good", "total"), [(99.9, 999, 1000), (99.7, 997, 1000), (98.6, 493, 500),
                                                     (99.9, 9_989_999, 9_999_999)])  # fmt: skip
def test_a_budget_that_is_just_used_up_is_plain_nothing(goal, good, total):
    row = ObjectiveFactory(kind="share", goal={"at_least": goal}, good=good, total=total)
    assert str(history.record(row, {}, today=NINE.date()).budget) == "0.0"  # no -0.0
    held = ObjectiveFactory(kind="value", goal={"below": 5}, met_for=goal, window=None)
    kept = ObjectiveDayFactory(objective=held, day=NINE.date(), met=good, missed=total - good)
    assert str(history.record(held, {kept.day: kept}, today=NINE.date()).budget) == "0.0"


def test_a_rule_may_alert_when_an_objective_is_missed(door, told):
    row = orders(door)
    rule = AlertRuleFactory(policy=row.policy, severity__policy=row.policy, condition={"when": "missed"})
    rule.sources.all().delete()
    RuleSourceFactory(rule=rule, variant="objective", kind="objective", spec={"key": row.key})

    def state() -> str:
        evaluation.check_due(at=NINE, force=True)
        rule.refresh_from_db()
        return rule.state

    assert state() == "nodata"
    told("failed")
    measured(row, NINE)
    assert state() == "firing"
    Objective.objects.update(state="error", verdict="Gone.")
    assert state() == "error"
    Objective.objects.update(state="warning")
    assert state() == "inactive"


def test_old_measures_and_days_are_removed(settings):
    settings.KEEP_SAMPLES_DAYS, settings.KEEP_OBJECTIVE_DAYS = 35, 400
    row = ObjectiveFactory()
    ObjectiveSampleFactory(objective=row, at=NINE - 36 * DAY)
    kept = ObjectiveSampleFactory(objective=row, at=NINE - 34 * DAY)
    ObjectiveDayFactory(objective=row, day=(NINE - 401 * DAY).date())
    day = ObjectiveDayFactory(objective=row, day=(NINE - 399 * DAY).date())
    removed = maintenance.prune(at=NINE)
    assert removed["measures of objectives"] == removed["days of objectives"] == 1
    assert list(row.samples.all()) == [kept] and list(ObjectiveDay.objects.all()) == [day]


def test_the_tick_itself_asks_nobody():
    assert slo.measure_due not in clock.TIMERS


def test_the_command_tells_each_and_ends_with_what_is_wrong(door, told, run_objectives):
    orders(door, key="good")
    quiet = orders(door, key="quiet")
    quiet.sources.update(spec={"stream": "nothing", "window": "1d"})
    told(*["ok"] * 19, "failed")
    now = ("--now", NINE.isoformat())
    code, lines = run_objectives("--pack", "shop", *now)
    assert code == 0
    assert lines == [
        "MET: shop/good: 19 of 20 are good: 95 %, 95 % or more are wanted.",
        "NO DATA: shop/quiet: No data: there was no event at all.",
    ]
    assert run_objectives("--due", *now) == (0, [])  # both were just measured
    told("failed")
    assert run_objectives("--due", "--now", (NINE + 5 * MINUTE).isoformat()) == (
        1, ["MISSED: shop/good: 19 of 21 are good: 90.48 %, 95 % or more are wanted."],
    )  # fmt: skip
    Objective.objects.filter(pk=quiet.pk).update(goal={})
    code, lines = run_objectives(*now)
    assert code == 3 and lines[1].startswith("ERROR: shop/quiet: The goal cannot be used")
    assert run_objectives("--objective", "good", *now)[0] == 1
    assert run_objectives("--pack", "shpo") == (3, ["There is no policy 'shpo'; there are: shop."])
    assert run_objectives("--now", "yesterday")[0] == 3
