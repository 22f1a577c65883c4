"""Levels of one rule: which leave no room for a milder one, and which count their limit in beside one that does not."""

import pytest

from alerts.conditions import RuleSpec
from alerts.conditions.order import mixed, out_of_order


def rule(graver: str, milder: str, **more) -> RuleSpec:
    rows = [{"level": "crit", "when": graver, **more}, {"level": "warn", "when": milder}]
    return RuleSpec.parse({"levels": rows})


NO_ROOM = "This level would never be told, for the graver one asks for no more: "


@pytest.mark.parametrize(
    ("graver", "milder", "words"),
    [
        ("value > 91", "value > 90", ""),
        ("value > 90", "value > 90", f"{NO_ROOM}crit is value > 90 and warn value > 90."),
        ("value > 89", "value > 90", f"{NO_ROOM}crit is value > 89 and warn value > 90."),
        ("value > 90", "value >= 90", ""),  # at 90 there is room for the milder one
        ("value >= 90", "value > 90", f"{NO_ROOM}crit is value >= 90 and warn value > 90."),
        ("value < 5", "value < 10", ""),
        ("value < 10", "value < 5", f"{NO_ROOM}crit is value < 10 and warn value < 5."),
        ("90 < value", "80 < value", ""),
        ("80 < value", "90 < value", f"{NO_ROOM}crit is value > 80 and warn value > 90."),
        ("a > 0 && b > 60", "a > 0 && b > 30", ""),
        ("a > 0 && b > 30", "a > 0 && b > 60", f"{NO_ROOM}crit is a > 0 with b > 30 and warn a > 0 with b > 60."),
        ("now - at > duration('1h')", "now - at > duration('2h')", f"{NO_ROOM}crit is the age of at > 3600 s and"),
        ("value < 10", "value > 80", ""),  # too little and too much
        ("value < 90", "value > 80", "One level looks for more and the other for less of the same: "),
        ("value > 50 && full", "value > 80", ""),  # what else it asks makes it the graver one
        ("!(value > 10)", "!(value > 20)", ""),
        ("!(q == 'x') && value >= params.C", "!(q == 'x') && value >= params.W", f"{NO_ROOM}crit is value >= 100"),
        ("value >= params.OFF", "value >= params.W", ""),  # a level that is off is compared with none
    ],
)
def test_a_graver_level_asks_for_more(graver, milder, words):
    found = [sentence for _, sentence in out_of_order(rule(graver, milder), {"C": 100, "W": 500, "OFF": None})]
    assert (found[0].startswith(words) and len(found) == 1) if words else found == []


def test_the_same_limit_for_longer_is_graver():
    assert list(out_of_order(rule("value > 80", "value > 80", **{"for": "5m"}), {})) == []
    assert list(out_of_order(rule("value > 80", "value > 80", times=3), {})) == []


def test_one_that_counts_its_limit_in_beside_one_that_does_not():
    assert list(mixed(rule("value >= 90", "value > 80"), {})) == [
        "The level crit compares value by >= and warn by >.",
    ]
    assert list(mixed(rule("value >= 90", "value >= 80"), {})) == []
