"""What checks read is kept: once while it stays the same, and so that it can be judged again."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts import evaluation, samples
from alerts.conditions import RuleSpec, judge
from alerts.models import AlertRule, RuleChange, Sample
from channels_health import history
from opscenter import maintenance
from sources.probes.base import ProbeError, Reading
from tests.factories import NINE, AlertRuleFactory, RuleSourceFactory, SampleFactory

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered():
    samples.forget()
    yield
    samples.forget()


def a_rule(**fields):
    rule = AlertRuleFactory(condition={"when": "down >= 1", "group_by": ["tenant"]}, **fields)
    rule.sources.all().delete()
    RuleSourceFactory(rule=rule, kind="channels", variant="channels", spec={"state": "DOWN", "as": "down"})
    return rule


@pytest.fixture
def rule():
    return a_rule()


def check(at, **options):
    return evaluation.check_due(at=at, **options)


def rows(rule):
    return [(row.at - NINE, row.until - NINE, row.times, row.state, row.value) for row in samples.latest(rule, most=9)]


def test_checks_that_read_the_same_share_a_row(rule):
    history.record("north", "line", "UP", at=NINE)
    for n in range(3):
        check(NINE + n * MINUTE)
    history.record("north", "line", "DOWN", at=NINE + 3 * MINUTE)
    check(NINE + 3 * MINUTE)
    assert rows(rule) == [
        (0 * MINUTE, 2 * MINUTE, 3, "inactive", None),
        (3 * MINUTE, 3 * MINUTE, 1, "firing", 1.0),
    ]
    runs = list(samples.runs(rule, since=NINE + MINUTE, until=NINE + DAY))
    assert [one.read[0].fields["down"] for one in runs] == [0, 1]
    assert [at - NINE for at in runs[0].instants()] == [0 * MINUTE, MINUTE, 2 * MINUTE]


def test_a_process_that_remembers_nothing_or_wrongly_writes_a_row_more(rule):
    history.record("north", "line", "UP", at=NINE)
    check(NINE)
    samples.forget()
    check(NINE + MINUTE)
    Sample.objects.all().delete()
    check(NINE + 2 * MINUTE)
    check(NINE + 3 * MINUTE)
    assert [(at, times) for at, _, times, *_ in rows(rule)] == [(2 * MINUTE, 2)]


def test_a_check_of_another_process_in_between_is_not_overwritten(rule):
    history.record("north", "line", "UP", at=NINE)
    check(NINE)
    AlertRule.objects.update(checked_at=NINE + MINUTE / 2)
    check(NINE + MINUTE)
    assert [times for _, _, times, *_ in rows(rule)] == [1, 1]


def test_a_row_ends_with_its_day(rule):
    history.record("north", "line", "UP", at=NINE)
    late = NINE.replace(hour=23, minute=59)
    check(late)
    check(late + MINUTE)
    assert len(rows(rule)) == 2


def test_calm_rules_cost_one_statement_for_all_of_them(rule):
    """Twenty rules more do not make the samples cost a statement more."""
    history.record("north", "line", "UP", at=NINE)

    def statements(at):
        with CaptureQueriesContext(connection) as asked:
            check(at)
        return sum("alerts_sample" in query["sql"] for query in asked)

    check(NINE)
    few = statements(NINE + MINUTE)
    for _ in range(20):
        a_rule()
    check(NINE + 2 * MINUTE)
    check(NINE + 3 * MINUTE)
    assert statements(NINE + 4 * MINUTE) == few == 1


def test_each_change_of_state_is_kept_with_its_reason(rule):
    history.record("north", "line", "UP", at=NINE)
    check(NINE)
    history.record("north", "line", "DOWN", at=NINE + MINUTE)
    check(NINE + MINUTE)
    check(NINE + 2 * MINUTE)
    AlertRule.objects.update(enabled=False)
    check(NINE + 3 * MINUTE)
    told = [(row.at - NINE, row.before, row.after) for row in RuleChange.objects.order_by("at")]
    assert told == [
        (0 * MINUTE, "unknown", "inactive"),
        (MINUTE, "inactive", "firing"),
        (3 * MINUTE, "firing", "unknown"),
    ]
    reasons = list(RuleChange.objects.order_by("at").values_list("reason", flat=True))
    assert "down 1 >= 1" in reasons[1] and reasons[2] == "The rule was switched off."
    assert samples.states_at(rule.policy_id, [rule.key, "other"], NINE + 2 * MINUTE) == {
        rule.key: {"firing": True, "state": "firing"},
        "other": {"firing": False, "state": "unknown"},
    }


def test_what_was_read_comes_back_as_it_was():
    fields = {
        "value": 3, "share": 0.5, "up": True, "error": None, "at": NINE, "day": date(2026, 11, 23), "age": MINUTE,
        "names": ["a", {"b": datetime(2026, 1, 1, tzinfo=UTC)}], "text": "x" * 400,
    }  # fmt: skip
    read, whole = samples.load(samples.dump([Reading(fields, {"tenant": "north"}, "sql")]))
    assert whole and read == [Reading({**fields, "text": "x" * 300}, {"tenant": "north"}, "sql")]
    error, whole = samples.load(samples.dump(ProbeError("It is away.", reason="timeout")))
    assert whole and (str(error), error.reason) == ("It is away.", "timeout")


def test_of_very_many_readings_those_in_trouble_are_kept():
    spec = RuleSpec.parse({"when": "value >= 1", "group_by": ["n"]})
    readings = [Reading({"value": int(n == 149)}, {"n": str(n)}) for n in range(150)]
    read, whole = samples.load(samples.dump(readings, judge(spec, {}, readings, at=NINE)))
    assert not whole and len(read) == samples.MOST_READINGS
    assert read[0] == readings[149]


def test_samples_go_when_they_are_old(rule, settings):
    settings.KEEP_SAMPLES_DAYS = 30
    SampleFactory(rule=rule, at=NINE - 31 * DAY, until=NINE - 31 * DAY)
    kept = SampleFactory(rule=rule, at=NINE - 29 * DAY, until=NINE - 29 * DAY)
    assert maintenance.prune(at=NINE)["samples of rules"] == 1
    assert list(Sample.objects.all()) == [kept]
