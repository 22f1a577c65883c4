"""From readings to states, each number just below, at and just above; and against slow references."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.conditions import Change, RuleSpec, State, judge, key_of
from sources.probes.base import ProbeError, Reading

NINE = datetime(2025, 3, 3, 9, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DOWN = ProbeError("No connection to postgresql://h/d: Connection refused", reason="unreachable")


class Rule:
    """A rule on a timeline: what it is told, it keeps as JSON, as its row does."""

    def __init__(self, params=None, **data):
        self.spec, self.params, self.memory = RuleSpec.parse(data), params, "{}"

    def sees(self, at, *readings, error=None):
        """Judge `readings` (bare values are a field `value`) at NINE plus `at`; return the judgement."""
        readings = [r if isinstance(r, Reading) else Reading({"value": r}) for r in readings]
        told = judge(self.spec, json.loads(self.memory), error or readings, at=NINE + at, params=self.params)
        self.memory = json.dumps(told.memory)
        return told

    def states(self, *values, every=MINUTE):
        """Judge one value after the other; return the rule's states."""
        return [self.sees(every * i, value).state for i, value in enumerate(values)]


def of(tenant, value, **fields):
    return Reading({"value": value, **fields}, {"tenant": tenant})


CALM, P, F = State.INACTIVE, State.PENDING, State.FIRING


class TestThreshold:
    @pytest.mark.req("ML-11", "ML-26")
    @pytest.mark.parametrize(
        ("when", "value", "state"),
        [
            ("value >= 1", 0, CALM),
            ("value >= 1", 1, F),
            ("value >= 1", 2, F),
            ("value > 50", 50, CALM),
            ("value > 50", 51, F),
            ("value <= 0", 1, CALM),
            ("value <= 0", 0, F),
        ],
    )
    def test_strictness_is_in_the_text(self, when, value, state):
        assert Rule(when=when).sees(MINUTE, value).state is state

    @pytest.mark.req("AP-13")
    @pytest.mark.parametrize(("value", "state"), [(20, CALM), (21, F)])
    def test_the_limit_may_be_a_parameter(self, value, state):
        rule = Rule(when="value > params.LIMIT", params={"LIMIT": 20})
        told = rule.sees(MINUTE, value)
        assert told.state is state
        assert f"value {value} > params.LIMIT 20" in told.sentence

    @pytest.mark.req("AP-03", "AP-18")
    def test_starts_goes_on_and_ends(self):
        rule = Rule(when="status == 'down'")
        reading = {"ok": Reading({"status": "ok", "value": 7}), "down": Reading({"status": "down", "value": 8})}
        told = rule.sees(0 * MINUTE, reading["ok"])
        assert (told.state, told.started, told.firing) == (CALM, [], [])
        assert told.sentence == "status 'ok' == 'down' does not hold"

        told = rule.sees(MINUTE, reading["down"])
        (key,) = told.started
        assert (key.key, key.labels, key.state, key.change, key.level) == ("{}", {}, F, Change.STARTED, "")
        assert (key.value, key.fields, key.reason) == (8, reading["down"].fields, "status 'down' == 'down'")
        assert key.since == key.fired_at == told.since == NINE + MINUTE

        told = rule.sees(2 * MINUTE, reading["down"])
        assert (told.started, told.changed, told.ended, len(told.firing)) == ([], [], [], 1)
        assert told.firing[0].fired_at == told.since == NINE + MINUTE

        told = rule.sees(3 * MINUTE, reading["ok"])
        (key,) = told.ended
        assert (told.state, told.firing, key.state, key.value) == (CALM, [], State.RESOLVED, 7)
        assert key.fired_at == NINE + MINUTE
        assert json.loads(rule.memory)["keys"] == {}


class TestFor:
    @pytest.mark.req("DX-14", "DX-70")
    @pytest.mark.parametrize(
        ("after", "state"), [(10 * MINUTE - SECOND, P), (10 * MINUTE, F), (10 * MINUTE + SECOND, F)]
    )
    def test_fires_exactly_when_the_time_is_full(self, after, state):
        rule = Rule(when="value > 80", **{"for": "10m"})
        assert rule.sees(0 * MINUTE, 81).state is P
        told = rule.sees(after, 81)
        assert told.state is state
        if state is F:
            assert told.started[0].since == NINE
            assert told.started[0].fired_at == NINE + after

    @pytest.mark.req("DX-14")
    def test_one_dip_starts_it_anew(self):
        rule = Rule(when="value > 80", **{"for": "10m"})
        values = [81] * 6 + [79] + [81] * 11
        assert rule.states(*values) == [P] * 6 + [CALM] + [P] * 10 + [F]

    def test_says_how_far_it_is(self):
        rule = Rule(when="value > 80", **{"for": "10m"})
        rule.sees(0 * MINUTE, 81)
        assert rule.sees(9 * MINUTE, 81).sentence == "value 81 > 80, for 9m of 10m"
        assert rule.sees(12 * MINUTE, 81).sentence == "value 81 > 80, for 12m"

    def test_a_night_without_looking_counts_and_is_told(self):
        rule = Rule(when="value > 80", every="1m", **{"for": "10m"})
        assert rule.sees(0 * MINUTE, 81).gap is None
        assert rule.sees(2 * MINUTE, 81).gap is None
        told = rule.sees(8 * HOUR, 81)
        assert told.gap == 8 * HOUR - 2 * MINUTE
        assert told.started[0].since == NINE
        assert told.started[0].reason == "value 81 > 80, for 8h, of which nobody looked for 7h58m"

    def test_a_night_before_the_first_true_sample_does_not_count(self):
        rule = Rule(when="value > 80", every="1m", **{"for": "10m"})
        rule.sees(0 * MINUTE, 79)
        told = rule.sees(8 * HOUR, 81)
        assert (told.state, told.sentence) == (P, "value 81 > 80, for 0s of 10m")

    def test_a_clock_that_is_set_back_does_not_lengthen_the_wait(self):
        rule = Rule(when="value > 80", **{"for": "10m"})
        rule.sees(0 * MINUTE, 81)
        assert rule.sees(-HOUR, 81).state is P
        assert rule.sees(10 * MINUTE - HOUR, 81).state is F

    @pytest.mark.req("AP-05")
    @pytest.mark.parametrize(
        ("waiting", "age", "state"),
        [(5, 15 * MINUTE, CALM), (5, 15 * MINUTE + SECOND, F), (0, 2 * HOUR, CALM)],
    )
    def test_idle_is_not_broken(self, waiting, age, state):
        rule = Rule(when="waiting > 0 && now - last_success > duration('15m')")
        assert rule.sees(0 * MINUTE, Reading({"waiting": waiting, "last_success": NINE - age})).state is state


class TestTimes:
    @pytest.mark.req("AP-10")
    @pytest.mark.parametrize(
        ("outcomes", "states"),
        [
            (["failed", "failed"], [P, P]),
            (["failed", "failed", "failed"], [P, P, F]),
            (["failed", "failed", "ok", "failed"], [P, P, CALM, P]),
        ],
    )
    def test_so_many_outcomes_in_a_row(self, outcomes, states):
        assert Rule(when="value == 'failed'", times=3).states(*outcomes) == states

    def test_an_outcome_that_is_read_twice_counts_once(self):
        rule = Rule(when="status == 'failed'", times=3, per="run")
        runs = [(1, "failed"), (1, "failed"), (2, "failed"), (2, "failed"), (2, "failed"), (3, "failed"), (3, "failed")]
        states = [
            rule.sees(i * MINUTE, Reading({"run": run, "status": status})).state for i, (run, status) in enumerate(runs)
        ]
        assert states == [P, P, P, P, P, F, F]

    def test_an_outcome_without_a_name_is_no_data(self):
        rule = Rule(when="status == 'failed'", times=2, per="run")
        told = rule.sees(0 * MINUTE, Reading({"run": None, "status": "failed"}))
        assert (told.state, told.sentence) == (State.NODATA, "run has no value")

    def test_goes_with_for(self):
        rule = Rule(when="value == 1", times=3, **{"for": "5m"})
        assert rule.states(1, 1, 1) == [P, P, P]
        assert rule.sees(5 * MINUTE, 1).sentence == "value 1 == 1, for 5m, 4 times in a row"
        rule = Rule(when="value == 1", times=3, **{"for": "1m"})
        rule.states(1, 1)
        assert rule.sees(2 * MINUTE, 1).state is F

    def test_says_how_far_it_is(self):
        rule = Rule(when="value == 1", times=3)
        rule.sees(0 * MINUTE, 1)
        assert rule.sees(MINUTE, 1).sentence == "value 1 == 1, 2 times in a row of 3"


class TestRising:
    @pytest.mark.req("AP-11")
    @pytest.mark.parametrize(
        ("samples", "states"),
        [
            ([1, 2, 3], [CALM, CALM, CALM]),
            ([1, 2, 3, 4], [CALM, CALM, CALM, F]),
            ([4, 4, 4, 4], [CALM, CALM, CALM, CALM]),
            ([3, 4, 0, 1], [CALM, CALM, CALM, CALM]),
            ([1, 2, 2, 3, 4], [CALM, CALM, CALM, CALM, CALM]),
            ([1, 2, 3, 4, 0], [CALM, CALM, CALM, F, CALM]),
            ([1, 2, 3, 4, 4, 5, 5, 3], [CALM, CALM, CALM, F, F, F, F, CALM]),
            ([1.5, 2, 2.5, 3], [CALM, CALM, CALM, F]),
        ],
    )
    def test_three_strict_rises_in_a_row(self, samples, states):
        assert Rule(rising=3).states(*samples) == states

    def test_the_figure_has_a_name_and_a_condition_may_stand_beside_it(self):
        rule = Rule(when="failures > 2", rising={"field": "failures", "times": 2})
        states = [rule.sees(i * MINUTE, Reading({"failures": n})).state for i, n in enumerate([0, 1, 2, 3])]
        assert states == [CALM, CALM, CALM, F]
        assert rule.sees(4 * MINUTE, Reading({"failures": 4})).sentence == (
            "failures 4 > 2 and failures 4 has risen 4 times in a row"
        )

    def test_a_run_that_is_read_twice_is_no_flat_stretch(self):
        rule = Rule(rising={"field": "failures", "times": 3}, per="run")
        told = [
            rule.sees(i * MINUTE, Reading({"failures": n, "run": n})).state
            for i, n in enumerate([1, 1, 2, 2, 2, 3, 3, 4, 4])
        ]
        assert told == [CALM, CALM, CALM, CALM, CALM, CALM, CALM, F, F]

    def test_nothing_is_no_fall(self):
        assert Rule(rising=3).states(1, 2, None, 3, 4) == [CALM, CALM, State.NODATA, CALM, F]

    def test_a_text_cannot_rise(self):
        told = Rule(rising=3).sees(MINUTE, "5")
        assert (told.state, told.sentence) == (State.ERROR, "value is '5', and only a number can rise")


class TestResolveAfter:
    @pytest.mark.parametrize(
        ("quiet", "ended"), [(5 * MINUTE - SECOND, False), (5 * MINUTE, True), (5 * MINUTE + SECOND, True)]
    )
    def test_ends_exactly_when_the_quiet_time_is_full(self, quiet, ended):
        rule = Rule(when="value > 0", resolve_after="5m")
        rule.sees(0 * MINUTE, 1)
        told = rule.sees(MINUTE, 0)
        assert (told.state, told.firing[0].change) == (F, None)
        assert told.sentence == "value 0 > 0 does not hold, quiet for 0s of 5m"
        told = rule.sees(MINUTE + quiet, 0)
        assert bool(told.ended) is ended
        if ended:
            assert told.ended[0].reason == "value 0 > 0 does not hold, quiet for 5m"

    def test_flaps_within_do_not_end_it_nor_begin_it_again(self):
        rule = Rule(when="value > 0", resolve_after="5m", **{"for": "2m"})
        values = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        assert rule.states(*values) == [P, P, F, F, F, F, F, F, F, F, F, CALM]

    def test_starts_anew_after_its_end(self):
        rule = Rule(when="value > 0")
        assert rule.states(1, 0, 1) == [F, CALM, F]
        assert rule.sees(3 * MINUTE, 1).firing[0].fired_at == NINE + 2 * MINUTE

    @pytest.mark.parametrize(("after", "state"), [(10 * MINUTE - SECOND, F), (10 * MINUTE, CALM)])
    def test_keep_firing_for_counts_from_the_last_time_it_held(self, after, state):
        rule = Rule(when="value > 0", keep_firing_for="10m")
        rule.states(1, 1, 0)
        assert rule.sees(MINUTE + after, 0).state is state


class TestLevels:
    @pytest.fixture
    def memory(self):
        levels = [{"level": "P1", "when": "value > 90"}, {"level": "P2", "when": "value > 80", "for": "10m"}]
        return Rule(levels=levels)

    @pytest.mark.req("DX-69")
    def test_the_gravest_that_holds_is_the_alerts(self, memory):
        told = memory.sees(0 * MINUTE, 91)
        assert [(key.level, key.change) for key in told.firing] == [("P1", Change.STARTED)]
        assert told.started[0].reason == "value 91 > 90"

    @pytest.mark.req("DX-69")
    def test_is_raised_and_lowered_on_one_key(self, memory):
        seen = []
        for minute, value in enumerate([85] * 11 + [91, 92, 85, 90, 80]):
            told = memory.sees(minute * MINUTE, value)
            seen += [(minute, key.change.value, key.level) for key in told.keys if key.change]
        assert seen == [(10, "started", "P2"), (11, "raised", "P1"), (13, "lowered", "P2"), (15, "ended", "P2")]
        assert told.ended[0].fired_at == NINE + 10 * MINUTE

    def test_a_lower_level_whose_time_is_not_full_does_not_catch_the_fall(self, memory):
        memory.sees(0 * MINUTE, 91)
        told = memory.sees(3 * MINUTE, 85)
        assert [key.change for key in told.keys] == [Change.ENDED]
        assert memory.sees(10 * MINUTE, 85).started[0].level == "P2"

    def test_quiet_time_holds_each_level(self):
        levels = [{"level": "P1", "when": "value > 90"}, {"level": "P2", "when": "value > 80"}]
        rule = Rule(levels=levels, resolve_after="5m")
        rule.sees(0 * MINUTE, 91)
        assert [rule.sees(m * MINUTE, 85).firing[0].level for m in (1, 5, 6)] == ["P1", "P1", "P2"]

    def test_a_level_that_a_rule_no_longer_has_is_left(self, memory):
        memory.sees(0 * MINUTE, 91)
        memory.spec = RuleSpec.parse(
            {"levels": [{"level": "bad", "when": "value > 70"}, {"level": "x", "when": "false"}]}
        )
        (key,) = memory.sees(MINUTE, 91).firing
        assert (key.level, key.change, key.fired_at) == ("bad", Change.RAISED, NINE)

    def test_the_only_level_of_a_rule_may_be_renamed(self):
        rule = Rule(when="value > 0", level="P2", **{"for": "5m"})
        rule.sees(0 * MINUTE, 1)
        rule.spec = RuleSpec.parse({"when": "value > 0", "level": "P1", "for": "5m"})
        assert rule.sees(5 * MINUTE, 1).started[0].level == "P1"


class TestGroups:
    @pytest.mark.req("AP-19")
    def test_each_key_has_a_state_of_its_own(self):
        rule = Rule(when="value > 1", group_by="tenant")
        assert rule.sees(0 * MINUTE, of("ada", 1), of("grace", 1)).keys == ()
        told = rule.sees(MINUTE, of("ada", 2), of("grace", 1))
        assert [(key.key, key.labels) for key in told.started] == [('{"tenant":"ada"}', {"tenant": "ada"})]
        told = rule.sees(2 * MINUTE, of("ada", 2), of("grace", 3))
        assert [key.labels["tenant"] for key in told.started] == ["grace"]
        assert told.sentence == "tenant=ada: value 2 > 1 (and 1 more)"

    def test_a_key_that_vanishes_ends(self):
        rule = Rule(when="value > 1", group_by=["tenant"], resolve_after="1m")
        rule.sees(0 * MINUTE, of("ada", 2), of("grace", 2))
        told = rule.sees(MINUTE, of("ada", 2))
        assert [(key.labels["tenant"], key.change) for key in told.firing] == [("ada", None), ("grace", None)]
        told = rule.sees(2 * MINUTE, of("ada", 2))
        assert [(key.labels["tenant"], key.reason) for key in told.ended] == [
            ("grace", "The source no longer tells of it, quiet for 1m")
        ]
        assert told.ended[0].value == 2
        assert list(json.loads(rule.memory)["keys"]) == ['{"tenant":"ada"}']

    def test_no_row_at_all_is_calm_for_a_grouped_source(self):
        rule = Rule(when="value > 1", group_by="tenant")
        rule.sees(0 * MINUTE, of("ada", 2))
        told = rule.sees(MINUTE)
        assert (told.state, [key.labels["tenant"] for key in told.ended]) == (CALM, ["ada"])

    @pytest.mark.parametrize(
        ("policy", "state", "firing"),
        [("ok", CALM, []), ("keep", F, ["ada"]), ("nodata", State.NODATA, ["ada"]), ("fire", F, [None, "ada"])],
    )
    def test_unless_the_rule_says_otherwise(self, policy, state, firing):
        rule = Rule(when="value > 1", group_by="tenant", on_nodata=policy)
        rule.sees(0 * MINUTE, of("ada", 2))
        told = rule.sees(MINUTE)
        assert (told.state, [key.labels.get("tenant") for key in told.firing]) == (state, firing)

    def test_a_field_groups_as_well_as_a_label(self):
        rule = Rule(when="value > 1", group_by=["shop", "tenant"])
        told = rule.sees(0 * MINUTE, of("ada", 2, shop=3.0), of("ada", 2, shop=4), Reading({"value": 2}))
        assert [key.key for key in told.started] == [
            '{"shop":"3","tenant":"ada"}',
            '{"shop":"4","tenant":"ada"}',
            '{"shop":"","tenant":""}',
        ]

    def test_of_several_readings_of_a_key_one_that_holds_is_enough(self):
        rule = Rule(when="value > 1")
        assert rule.sees(0 * MINUTE, 1, 2, None).firing[0].value == 2
        assert rule.sees(MINUTE, 1, None).state is State.NODATA
        assert rule.sees(2 * MINUTE, 1, "x", None).state is State.ERROR
        assert rule.sees(3 * MINUTE, 1, 0).state is CALM

    def test_names_are_told_apart_whatever_is_in_them(self):
        assert key_of({"b": "1", "a": 'x","b":"1'}) != key_of({"a": "x", "b": "1"})
        assert key_of({"b": "ü", "a": "1"}) == '{"a":"1","b":"ü"}'


class TestNoData:
    @pytest.mark.req("ML-34")
    @pytest.mark.parametrize("readings", [[], [None]])
    def test_neither_fires_nor_ends(self, readings):
        rule = Rule(when="value > 0")
        told = rule.sees(0 * MINUTE, *readings)
        assert (told.state, told.keys[0].state, told.firing) == (State.NODATA, State.NODATA, [])
        rule.sees(MINUTE, 1)
        told = rule.sees(2 * MINUTE, *readings)
        assert (told.state, told.ended) == (State.NODATA, [])
        (key,) = told.firing
        assert (key.doubt, key.value, key.change) == ("nodata", 1 if not readings else None, None)
        assert key.reason.endswith("it goes on firing, as nothing says that it is over")
        assert rule.sees(3 * MINUTE, 0).ended

    def test_neither_lengthens_nor_breaks_a_wait(self):
        rule = Rule(when="value > 0", **{"for": "2m"})
        assert rule.states(1, None, 1) == [P, State.NODATA, F]
        rule = Rule(when="value > 0", **{"for": "1m"})
        assert rule.states(1, None, None) == [P, State.NODATA, State.NODATA]

    @pytest.mark.parametrize(
        ("policy", "states"),
        [
            (None, [F, State.NODATA, State.NODATA, CALM]),
            ("nodata", [F, State.NODATA, State.NODATA, CALM]),
            ("ok", [F, CALM, CALM, CALM]),
            ("fire", [F, F, F, CALM]),
            ("keep", [F, F, F, CALM]),
        ],
    )
    def test_is_what_the_rule_makes_of_it(self, policy, states):
        rule = Rule(when="value > 0", on_nodata=policy)
        told = [rule.sees(0 * MINUTE, 1), rule.sees(MINUTE), rule.sees(2 * MINUTE, None), rule.sees(3 * MINUTE, 0)]
        assert [judgement.state for judgement in told] == states

    def test_may_fire_by_itself_after_its_time(self):
        rule = Rule(when="value > 0", on_nodata="fire", **{"for": "5m"})
        assert rule.sees(0 * MINUTE).state is P
        assert rule.sees(5 * MINUTE).started[0].reason == "The source gave nothing, for 5m"
        rule = Rule(when="value > 0", on_nodata="keep")
        assert rule.sees(0 * MINUTE).state is CALM

    def test_fires_at_the_gravest_level(self):
        levels = [{"level": "P1", "when": "value > 90"}, {"level": "P2", "when": "value > 80"}]
        assert Rule(levels=levels, on_nodata="fire").sees(0 * MINUTE).started[0].level == "P1"

    def test_of_one_key_leaves_the_others_alone(self):
        rule = Rule(when="value > 0", group_by="tenant")
        told = rule.sees(0 * MINUTE, of("ada", None), of("grace", 1))
        assert (told.state, told.sentence) == (State.NODATA, "tenant=ada: There is no value")
        assert [key.labels["tenant"] for key in told.started] == ["grace"]


class TestError:
    @pytest.mark.req("AP-04")
    def test_neither_fires_nor_ends(self):
        rule = Rule(when="value > 0", group_by="tenant", **{"for": "2m"})
        rule.sees(0 * MINUTE, of("ada", 1), of("grace", 1))
        rule.sees(2 * MINUTE, of("ada", 1))
        told = rule.sees(3 * MINUTE, error=DOWN)
        assert (told.state, told.sentence, told.since) == (State.ERROR, str(DOWN), NINE + 3 * MINUTE)
        assert [(key.labels["tenant"], key.doubt) for key in told.firing] == [("ada", "error")]
        assert (told.started, told.ended) == ([], [])
        assert rule.sees(4 * MINUTE, error=DOWN).since == NINE + 3 * MINUTE
        told = rule.sees(5 * MINUTE, of("ada", 1), of("grace", 1))
        assert (told.state, told.started) == (F, [])

    @pytest.mark.req("AP-04")
    def test_may_be_the_signal_itself(self):
        rule = Rule(when="value != 1", on_error="fire")
        told = rule.sees(0 * MINUTE, error=DOWN)
        assert (told.state, told.started[0].reason) == (F, str(DOWN))
        assert rule.sees(MINUTE, 1).ended[0].reason == "value 1 != 1 does not hold"

    def test_as_the_signal_of_a_grouped_rule_has_a_key_of_its_own(self):
        rule = Rule(when="value > 0", group_by="tenant", on_error="fire")
        rule.sees(0 * MINUTE, of("ada", 1))
        told = rule.sees(MINUTE, error=DOWN)
        assert [(key.key, key.change) for key in told.firing] == [("{}", Change.STARTED), ('{"tenant":"ada"}', None)]
        told = rule.sees(2 * MINUTE, of("ada", 1))
        assert [key.key for key in told.ended] == ["{}"]
        assert [key.key for key in told.firing] == ['{"tenant":"ada"}']

    def test_a_value_of_the_wrong_kind_is_one_for_its_key(self):
        rule = Rule(when="value > 0", group_by="tenant")
        told = rule.sees(0 * MINUTE, of("ada", "5"), of("grace", 1))
        assert told.state is State.ERROR
        assert "tenant=ada: `value > 0` cannot be judged: value is the text '5'" in told.sentence
        assert [key.labels["tenant"] for key in told.started] == ["grace"]

    def test_of_a_rule_that_does_not_group_is_its_only_keys_too(self):
        told = Rule(when="value > 0").sees(0 * MINUTE, error=DOWN)
        assert [(key.key, key.state, key.doubt) for key in told.keys] == [("{}", State.ERROR, "error")]


OUTCOMES = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from([1, 1, 1, 0, 0, None])), min_size=1, max_size=25
)  # minutes since the one before, value


def history(steps):
    """The same as (minute, value) from 0 on."""
    minute, seen = 0, []
    for gap, value in steps:
        seen.append((minute, value))
        minute += gap
    return seen


def fires_slowly(seen, *, wait, times, quiet, keep):
    """For each sample, whether the rule fires: looked up in the whole history every time."""
    firing, told = False, []
    for i in range(len(seen)):
        known = [(minute, value) for minute, value in seen[: i + 1] if value is not None]
        minute, value = seen[i]
        if value is None:
            told.append(firing)
            continue
        run = []
        for sample in reversed(known):
            if sample[1] != value:
                break
            run.append(sample)
        begun = run[-1][0]
        if value == 1:
            firing = firing or (minute - begun >= wait and len(run) >= times)
        elif firing:
            held = max(m for m, v in known if v == 1)
            firing = not (minute - begun >= quiet and minute - held >= keep)
        told.append(firing)
    return told


@given(OUTCOMES, st.integers(0, 6), st.integers(1, 4), st.integers(0, 6), st.integers(0, 6))
def test_for_times_and_quiet_agree_with_the_slow_reference(steps, wait, times, quiet, keep):
    rule = Rule(
        when="value == 1", times=times, resolve_after=f"{quiet}m", keep_firing_for=f"{keep}m", **{"for": f"{wait}m"}
    )
    seen = history(steps)
    told = [bool(rule.sees(minute * MINUTE, value).firing) for minute, value in seen]
    assert told == fires_slowly(seen, wait=wait, times=times, quiet=quiet, keep=keep)


def rises_slowly(values, times):
    told = []
    for i in range(len(values)):
        complete = [
            j for j in range(times, i + 1) if all(values[k - 1] < values[k] for k in range(j - times + 1, j + 1))
        ]
        told.append(any(all(values[k - 1] <= values[k] for k in range(j + 1, i + 1)) for j in complete))
    return told


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.integers(1, 4))
def test_rising_agrees_with_the_slow_reference(values, times):
    rule = Rule(rising=times)
    told = [bool(rule.sees(i * MINUTE, value).firing) for i, value in enumerate(values)]
    assert told == rises_slowly(values, times)


@given(
    st.lists(st.dictionaries(st.sampled_from("ab"), st.sampled_from([0, 1, 1, None])), min_size=1, max_size=15),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_a_group_is_as_many_rules_of_one_key(rounds, wait, quiet):
    data = {"when": "value == 1", "for": f"{wait}m", "resolve_after": f"{quiet}m"}
    together = Rule(group_by="tenant", **data)
    alone = {name: Rule(**data) for name in "ab"}
    for i, seen in enumerate(rounds):
        told = together.sees(i * MINUTE, *[of(name, value) for name, value in seen.items()])
        for name, rule in alone.items():
            apart = rule.sees(i * MINUTE, seen.get(name, 0))  # a key that is not there is one that is well
            for kind in ("firing", "started", "ended"):
                assert len(getattr(apart, kind)) == sum(key.labels["tenant"] == name for key in getattr(told, kind))


@given(OUTCOMES)
def test_what_starts_ends_once_and_in_turn(steps):
    rule, firing = Rule(when="value == 1", resolve_after="2m"), False
    for minute, value in history(steps):
        told = rule.sees(minute * MINUTE, value)
        assert len(told.started) == (bool(told.firing) and not firing)
        assert len(told.ended) == (firing and not told.firing)
        firing = bool(told.firing)
