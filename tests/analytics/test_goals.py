"""What an objective's readings come to: each edge, and what cannot be judged."""

from datetime import timedelta

import pytest

from analytics.goals import BadGoal, Goal, State, Unreadable
from sources.probes import Reading


def read(*values):
    return [Reading({"value": value}) for value in values]


@pytest.mark.parametrize(
    ("good", "total", "at_least", "state", "told"),
    [
        (95, 100, 95, State.MET, "95 of 100 are good: 95 %"),
        (94, 100, 95, State.MISSED, "94 of 100 are good: 94 %"),
        (94_999, 100_000, 95, State.MISSED, "94.999 %"),  # never rounded across the goal
        (949_999_999, 1_000_000_000, 95, State.MISSED, "94.9999999 %"),
        (999, 1000, 99.9, State.MET, "99.9 %"),  # as written, whatever floats make of it
        (1, 3, 33.4, State.MISSED, "33.33 %"),
        (100, 100, 100, State.MET, "100 %"),
        (0, 5, 0, State.MET, "0 %"),
        (0, 0, 95, State.NODATA, "No data"),
    ],
)
def test_a_share_at_its_edges(good, total, at_least, state, told):
    goal = Goal.parse("share", {"at_least": at_least})
    by_all = goal.judge({"good": read(good), "all": read(total)})
    assert by_all.state == state and told in by_all.sentence
    for said in ({"good": read(good), "bad": read(total - good)}, {"bad": read(total - good), "all": read(total)}):
        assert goal.judge(said) == by_all


def test_counts_of_several_series_add_up_and_must_agree():
    goal = Goal.parse("share", {"at_least": 95})
    assert goal.judge({"good": read(40, 55), "all": read(60, 40)}).value == 95
    assert (
        goal.judge({"good": [], "all": read(3)}).state == goal.judge({"good": read(None), "all": []}).state == "nodata"
    )
    with pytest.raises(Unreadable, match="101 of 100 events cannot be good"):
        goal.judge({"good": read(101), "all": read(100)})
    with pytest.raises(Unreadable, match="'many', which is no number"):
        goal.judge({"good": read("many"), "all": read(100)})


@pytest.mark.parametrize(
    ("said", "values", "state", "value"),
    [
        ({"below": "5m"}, [299], State.MET, 299),
        ({"below": "5m"}, [timedelta(minutes=5)], State.MISSED, 300),
        ({"at_most": 300}, [300], State.MET, 300),
        ({"above": 3}, [9, 3, 5], State.MISSED, 3),  # of several, the one that is worst off
        ({"at_least": 99.9}, [99.9], State.MET, 99.9),
        ({"below": 10, "percentile": 50}, [1, 2, 30, 40], State.MET, 2),
        ({"below": 10, "percentile": 99}, [*range(100), 500], State.MISSED, 99),
        ({"below": 10, "percentile": 99.9}, [1], State.MET, 1),
        ({"below": 20}, [19.999], State.MET, 19.999),
        ({"below": 10}, [], State.NODATA, None),
        ({"below": 10}, [None], State.NODATA, None),
    ],
)
def test_a_value_at_its_edges(said, values, state, value):
    verdict = Goal.parse("value", said).judge({"value": read(*values)})
    assert (verdict.state, verdict.value) == (state, value)


def test_a_figure_is_never_rounded_across_its_limit():
    goal = Goal.parse("value", {"below": 20}, unit="jobs")
    assert [goal.told(figure) for figure in (19.999, 20, 7.12345, 1_234_567)] == [
        "19.999 jobs", "20 jobs", "7.12 jobs", "1,234,567 jobs",
    ]  # fmt: skip
    waits = Goal.parse("value", {"at_most": "5m"})
    assert [waits.told(figure) for figure in (299.9, 300, 300.4, 0)] == ["4m59s900ms", "5m", "5m400ms", "0s"]


def test_bands_count_as_they_say():
    bands = [
        {"label": "idle", "below": 1, "counts_as": "warning"}, {"label": "fine", "below": 20, "counts_as": "met"},
        {"label": "full"},
    ]  # fmt: skip
    goal = Goal.parse("bands", {"bands": bands}, unit="jobs")
    told = [goal.judge({"value": read(value)}) for value in (0, 1, 19.99, 20)]
    assert [verdict.state for verdict in told] == ["warning", "met", "met", "missed"]
    assert told[-1].sentence == "20 jobs: full."
    assert goal.words == "idle below 1, fine below 20, else full"


@pytest.mark.parametrize(
    ("kind", "said", "path", "words"),
    [
        ("share", {"at_least": 101}, "at_least", "from 0 to 100"),
        ("share", {"below": 5}, "below", "`at_least`"),
        ("share", {"at_least": 95, "percentile": 99}, "percentile", "no percentile"),
        ("value", {}, "", "one of at_least, above, below, at_most"),
        ("value", {"below": 5, "above": 1}, "", "one of"),
        ("value", {"below": "soon"}, "below", "not a length of time"),
        ("value", {"below": 5, "percentile": 100}, "percentile", "below 100"),
        ("bands", {"bands": [{"label": "a"}]}, "bands", "two bands or more"),
        ("bands", {"bands": [{"label": "a", "below": 5}, {"label": "b", "below": 9}]}, "bands.1", "last is for all"),
        ("bands", {"bands": [{"label": "a"}, {"label": "b"}]}, "bands.0", "Every band but the last"),
        ("bands", {"bands": [{"label": n, "below": b} for n, b in (("a", 9), ("b", 9))] + [{"label": "c"}]},
         "bands.1.below", "go upwards"),
        ("bands", {"bands": [{"label": "a", "below": 5}, {"label": "b"}], "below": 9}, "below", "either bands or"),
    ],
)  # fmt: skip
def test_a_goal_that_cannot_be_used_says_why(kind, said, path, words):
    with pytest.raises(BadGoal) as refusal:
        Goal.parse(kind, said)
    assert refusal.value.path == path and words in refusal.value.sentence
