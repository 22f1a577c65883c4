from datetime import timedelta

import pytest

from alerts.conditions import BadRule, RuleSpec

MINUTE = timedelta(minutes=1)


def test_a_rule_is_read_from_its_keys():
    rule = RuleSpec.parse(
        {
            "when": "value >= 1",
            "for": "10m",
            "times": 3,
            "group_by": "tenant",
            "per": "run_id",
            "every": MINUTE,
            "resolve_after": "5m",
            "keep_firing_for": timedelta(seconds=30),
            "on_nodata": "keep",
            "on_error": "fire",
            "levels": None,
        }
    )
    (level,) = rule.levels
    assert (level.key, level.when.text, level.sustained, level.times) == ("", "value >= 1", 10 * MINUTE, 3)
    assert (rule.group_by, rule.per, rule.every, rule.resolve_after) == (("tenant",), "run_id", MINUTE, 5 * MINUTE)
    assert (rule.keep_firing_for, rule.on_nodata, rule.on_error) == (MINUTE / 2, "keep", "fire")
    assert rule.fields() == {"value", "tenant", "run_id"}


def test_what_is_not_said_is_plain():
    rule = RuleSpec.parse({"when": "up"})
    assert rule == RuleSpec(levels=rule.levels)
    assert (rule.levels[0].sustained, rule.levels[0].times, rule.on_nodata, rule.on_error) == (
        timedelta(),
        1,
        None,
        "error",
    )


def test_levels_are_ordered_by_rank_and_share_what_stands_outside():
    rule = RuleSpec.parse(
        {
            "for": "10m",
            "levels": [
                {"level": "P2", "rank": 2, "when": "value > 80"},
                {"level": "P1", "rank": 1, "when": "value > 90", "for": "0s"},
            ],
        }
    )
    assert [(level.key, level.rank, level.sustained) for level in rule.levels] == [
        ("P1", 1, timedelta()),
        ("P2", 2, 10 * MINUTE),
    ]
    places = RuleSpec.parse({"levels": [{"level": "bad", "when": "true"}, {"level": "poor", "when": "true"}]})
    assert [level.rank for level in places.levels] == [0, 1]


@pytest.mark.parametrize(
    ("rising", "field", "times"), [(3, "value", 3), ({"field": "failures"}, "failures", 3), ({"times": 2}, "value", 2)]
)
def test_rising_names_its_figure_and_how_often(rising, field, times):
    rule = RuleSpec.parse({"rising": rising})
    assert (rule.levels[0].rising.field, rule.levels[0].rising.times, rule.levels[0].when) == (field, times, None)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "A rule's condition is a set of keys, and this is []."),
        ({}, "when: A condition is needed, such as value >= 1."),
        ({"when": ""}, "when: The condition is empty."),
        ({"when": "value >="}, "when: The condition ends too early. (character 9 of: value >=)"),
        ({"when": "valu > 1 "}, "when: The source gives no valu. Did you mean value?"),
        ({"when": "up", "wenn": 1}, "wenn: There is no such key here. Allowed: baseline, every, for, group_by, keep_"),
        ({"when": "up", "for": "10"}, "for: '10' is not a length of time."),
        ({"when": "up", "for": 600}, "for: 600 is not a length of time."),
        ({"when": "up", "for": timedelta(seconds=-1)}, "for: datetime.timedelta"),
        ({"when": "up", "resolve_after": "soon"}, "resolve_after: 'soon' is not"),
        ({"when": "up", "keep_firing_for": "soon"}, "keep_firing_for: 'soon' is not"),
        ({"when": "up", "every": "soon"}, "every: 'soon' is not"),
        ({"when": "up", "times": 0}, "times: This should be a whole number from 1 to 1,000, and it is 0."),
        ({"when": "up", "times": True}, "times: This should be"),
        ({"when": "up", "times": 1001}, "times: This should be"),
        ({"when": "up", "per": 5}, "per: This should be a name"),
        ({"when": "up", "group_by": 5}, "group_by: This should be names"),
        ({"when": "up", "group_by": ["a", "a"]}, "group_by: This should be names"),
        ({"when": "up", "on_nodata": "page"}, "on_nodata: There is no choice 'page'. Allowed: nodata, ok, fire, keep."),
        ({"when": "up", "on_error": "ok"}, "on_error: There is no choice 'ok'. Allowed: error, fire."),
        ({"rising": 0}, "rising: This should be a whole number"),
        ({"rising": {"filed": "x"}}, "rising.filed: There is no such key here. Allowed: field, times."),
        ({"rising": {"times": "3"}}, "rising.times: This should be a whole number"),
        ({"levels": []}, "levels: This should be a list of levels"),
        ({"levels": [], "when": "up"}, "when: Write it within each of `levels`"),
        ({"levels": ["P1"]}, "levels[0]: A level is a set of keys"),
        ({"levels": [{"when": "up"}]}, "levels[0].level: Each level needs a key of its own"),
        (
            {"levels": [{"level": "P1", "when": "up"}, {"level": "P1", "when": "up"}]},
            "levels[1].level: Each level needs",
        ),
        ({"levels": [{"level": "P1", "when": "up"}, {"level": "P2"}]}, "levels[1].when: A condition is needed"),
        ({"levels": [{"level": "P1", "when": "up", "rank": "1"}]}, "levels[0].rank: A rank is a whole number"),
        ({"levels": [{"level": "P1", "when": "up", "for": "x"}]}, "levels[0].for: 'x' is not a length of time."),
        ({"levels": [{"level": "P1", "when": "up", "mark": 5}]}, "levels[0].mark: This should be a name, and it is 5."),
        ({"when": "up", "mark": "a\nb"}, "mark: A mark is a short word such as stale"),
        ({"levels": [], "mark": "stale"}, "mark: Write it within each of `levels`"),
        ({"levels": [{"level": "P1", "wen": "up"}]}, "levels[0].wen: There is no such key here."),
    ],
)
def test_a_mistake_names_its_key(data, message):
    with pytest.raises(BadRule) as refusal:
        RuleSpec.parse(data, known={"up"})
    assert str(refusal.value).startswith(message)
