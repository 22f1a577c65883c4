"""What a rule remembers of its figure, when it is off, and what the clock on the wall says."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts.conditions import BadRule, RuleSpec, State, judge
from sources.probes.base import ProbeError, Reading

MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
SECOND, MINUTE, HOUR, WEEK = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "weeks"))
CALM, FIRING, NODATA, ERROR = State.INACTIVE, State.FIRING, State.NODATA, State.ERROR
DOWN = ProbeError("No answer from http://h/", reason="unreachable")


class Rule:
    def __init__(self, *, params=None, zone=None, **data):
        self.spec, self.around, self.memory = RuleSpec.parse(data), {"params": params, "zone": zone}, "{}"

    def sees(self, at, *values, rules=None):
        readings = [one if isinstance(one, Reading) else Reading({"value": one}) for one in values]
        told = values[0] if values and isinstance(values[0], ProbeError) else readings
        judged = judge(self.spec, json.loads(self.memory), told, at=at, rules=rules, **self.around)
        self.memory = json.dumps(judged.memory)
        return judged


class TestParametersThatAreNotSet:
    LEVELS = (
        {"level": "critical", "when": "value >= params.CRITICAL"},
        {"level": "warning", "when": "value >= params.WARNING"},
    )

    def test_a_level_without_its_threshold_is_off_and_says_so(self):
        rule = Rule(levels=self.LEVELS, params={"CRITICAL": None, "WARNING": 100})
        told = rule.sees(MONDAY, 1_000_000)
        assert [key.level for key in told.firing] == ["warning"]
        assert told.sentence == "value 1000000 >= params.WARNING 100. The level critical is off: CRITICAL is not set."
        told = rule.sees(MONDAY, 99)
        assert told.state is CALM and told.sentence.startswith(
            "value 99 >= params.WARNING 100 does not hold. The level"
        )

    @pytest.mark.parametrize("seen", [5, DOWN])
    def test_a_rule_without_any_is_off_whatever_is_read(self, seen):
        told = Rule(levels=self.LEVELS, params={"CRITICAL": None, "WARNING": None}).sees(MONDAY, seen)
        assert (told.state, told.sentence) == (CALM, "Off: CRITICAL and WARNING are not set.")

    def test_what_fired_is_over_when_its_threshold_is_taken_away(self):
        rule = Rule(levels=self.LEVELS, params={"CRITICAL": 500, "WARNING": 100}, resolve_after="10m")
        assert rule.sees(MONDAY, 600).firing[0].level == "critical"
        rule.around["params"] = {"CRITICAL": None, "WARNING": None}
        told = rule.sees(MONDAY + MINUTE, 600)
        assert [key.reason for key in told.ended] == ["CRITICAL and WARNING are not set"]
        assert told.state is CALM

    def test_one_that_nobody_knows_is_an_error(self):
        assert Rule(when="value > params.LIMT", params={"LIMIT": 1}).sees(MONDAY, 5).state is ERROR


class TestOnlyIf:
    def test_a_flag_switches_the_rule(self):
        rule = Rule(when="value > 5", only_if="params.FLAG", resolve_after="1h", params={"FLAG": True})
        assert rule.sees(MONDAY, 6).state is FIRING
        rule.around["params"] = {"FLAG": False}
        told = rule.sees(MONDAY + MINUTE, 6)
        assert told.state is CALM and len(told.ended) == 1
        assert told.sentence == "Off: params.FLAG false does not hold."

    def test_another_rule_or_the_clock_may_decide(self):
        rule = Rule(when="value > 5", only_if="!rules.parent.firing && local.hour >= 9")
        firing, calm = ({"parent": {"firing": on, "state": "x"}} for on in (True, False))
        assert rule.sees(MONDAY, 6, rules=calm).state is FIRING
        assert rule.sees(MONDAY, 6, rules=firing).state is CALM
        assert rule.sees(MONDAY.replace(hour=8), 6, rules=calm).state is CALM

    def test_what_is_read_cannot_decide(self):
        with pytest.raises(BadRule, match=r"only_if: This is asked before anything is read, and knows no value"):
            RuleSpec.parse({"when": "value > 5", "only_if": "value > 1"})

    def test_one_that_cannot_be_judged_is_an_error_and_ends_nothing(self):
        rule = Rule(when="value > 5", only_if="params.LEVEL > 1", params={"LEVEL": 2})
        rule.sees(MONDAY, 6)
        rule.around["params"] = {"LEVEL": "high"}
        told = rule.sees(MONDAY + MINUTE, 6)
        assert told.state is ERROR and len(told.firing) == 1


@pytest.mark.parametrize(
    ("hour", "value", "state"),
    [(14, 100, CALM), (14, 200, FIRING), (2, 200, CALM), (2, 301, FIRING), (1, 200, CALM), (5, 200, FIRING)],
)
def test_a_limit_by_the_hour_in_the_policys_zone(hour, value, state):
    """In Jakarta it is seven hours later than in UTC."""
    rule = Rule(when="value > (local.hour >= 1 && local.hour < 5 ? 300 : 100)", zone=ZoneInfo("Asia/Jakarta"))
    assert rule.sees(MONDAY.replace(hour=hour) - 7 * HOUR, value).state is state


def test_the_day_of_the_week_and_the_date_are_the_zones():
    rule = Rule(
        when="local.day == 'tue' && local.date == '2026-11-24' && local.time >= '00:30'", zone=ZoneInfo("Asia/Tokyo")
    )
    assert rule.sees(MONDAY.replace(hour=15), 0).state is FIRING
    assert rule.sees(MONDAY.replace(hour=14), 0).state is CALM


class TestWindowOfSamples:
    @pytest.mark.parametrize(("last", "state"), [(2.0, CALM), (2.1, FIRING)])
    def test_an_average(self, last, state):
        rule = Rule(when="window.avg > 1.0", over="3m")
        rule.sees(MONDAY, 0)
        rule.sees(MONDAY + MINUTE, 1)
        assert rule.sees(MONDAY + 2 * MINUTE, last).state is state

    def test_what_is_older_than_the_window_does_not_count(self):
        rule = Rule(when="window.max > 5", over="3m")
        rule.sees(MONDAY, 9)
        assert rule.sees(MONDAY + 3 * MINUTE - SECOND, 1).state is FIRING
        assert rule.sees(MONDAY + 3 * MINUTE, 1).state is CALM

    def test_percentiles_are_figures_that_occurred(self):
        rule = Rule(when="window.p95 >= 19", over={"window": "1h", "field": "ms"})
        states = [rule.sees(MONDAY + n * MINUTE, Reading({"ms": n})).state for n in range(1, 21)]
        assert states[-1] is FIRING and states[-2] is FIRING  # of 19 the 19th, of 20 the 19th
        assert states[17] is CALM

    def test_a_queue_that_drains_tells_how_fast_and_how_long_still(self):
        rule = Rule(when="window.per_minute < 0 && window.minutes_left > 2.9", over="10m")
        for minute, depth in enumerate((100, 80)):
            rule.sees(MONDAY + minute * MINUTE, depth)
        told = rule.sees(MONDAY + 2 * MINUTE, 60)
        window = told.firing[0].fields["window"]
        assert (window["per_minute"], window["minutes_left"], window["change"]) == (-20, 3, -40)

    def test_each_key_has_a_window_of_its_own(self):
        rule = Rule(when="window.change >= 10", over="10m", group_by="queue")
        of = lambda queue, value: Reading({"value": value}, {"queue": queue})  # noqa: E731
        rule.sees(MONDAY, of("a", 1), of("b", 100))
        assert [key.labels["queue"] for key in rule.sees(MONDAY + MINUTE, of("a", 11), of("b", 101)).firing] == ["a"]

    def test_a_failed_reading_leaves_the_samples(self):
        rule = Rule(when="window.count >= 2", over="10m")
        rule.sees(MONDAY, 1)
        assert rule.sees(MONDAY + MINUTE, DOWN).state is ERROR
        assert rule.sees(MONDAY + 2 * MINUTE, 1).state is FIRING

    @pytest.mark.parametrize(
        ("over", "words"),
        [
            ("8d", "over: A window of samples is"),
            ({"window": "5m", "of": 1}, "over.of: There is no such key here"),
            (5, "over.window"),
        ],
    )  # fmt: skip
    def test_a_window_that_cannot_be_is_told(self, over, words):
        with pytest.raises(BadRule) as refusal:
            RuleSpec.parse({"when": "window.avg > 1", "over": over})
        assert str(refusal.value).startswith(words)


class TestBaseline:
    SPEC = {"when": "ratio > 2", "baseline": {"window": "4w", "same": "week", "least": 2}}

    @pytest.mark.req("DX-135")
    @pytest.mark.parametrize(("now", "state"), [(1100, CALM), (2000, CALM), (2001, FIRING)])
    def test_a_figure_against_the_same_hour_of_past_weeks(self, now, state):
        rule = Rule(**self.SPEC)
        for week in (3, 2, 1):
            for minute in (0, 10):
                rule.sees(MONDAY - week * WEEK + minute * MINUTE, 1000)
            rule.sees(MONDAY - week * WEEK + 12 * HOUR, 10)  # nights are quiet, and no measure for a morning
        told = rule.sees(MONDAY, now)
        assert told.state is state
        assert told.keys[0].reading.fields["usual"] == 1000

    def test_without_enough_past_there_is_nothing_to_say(self):
        rule = Rule(**self.SPEC)
        rule.sees(MONDAY - WEEK, 10)
        assert rule.sees(MONDAY, 1000).state is NODATA

    def test_the_hours_before_when_none_repeats(self):
        rule = Rule(when="value > 2.0 * usual", baseline="1d")
        rule.sees(MONDAY - HOUR, 400)
        assert rule.sees(MONDAY, 800).state is CALM
        assert rule.sees(MONDAY + MINUTE, 801).state is FIRING

    def test_what_is_older_than_its_window_is_forgotten(self):
        rule = Rule(when="value > usual", baseline={"window": "1d", "same": "day"})
        rule.sees(MONDAY - timedelta(days=2), 1)
        assert rule.sees(MONDAY, 5).state is NODATA
        assert len(json.loads(rule.memory)["keys"]["{}"]["hours"]) == 1
