"""Matchers speak RE2, anchored at both ends; an absent label is the empty text."""

import pytest

from alerts.matching import BadMatcher, all_of, check_silence, predicate

CASES = [
    ({"name": "a", "value": "x"}, {"a": "x"}, True),
    ({"name": "a", "value": "x"}, {}, False),
    ({"name": "a", "value": ""}, {}, True),
    ({"name": "a", "value": "x", "isEqual": False}, {}, True),
    ({"name": "a", "value": "x.*", "isRegex": True}, {"a": "xyz"}, True),
    ({"name": "a", "value": "y", "isRegex": True}, {"a": "xyz"}, False),
    ({"name": "a", "value": "(?i)XYZ", "isRegex": True}, {"a": "xyz"}, True),
    ({"name": "a", "value": "x|y", "isRegex": True, "isEqual": False}, {"a": "z"}, True),
]


@pytest.mark.parametrize(("matcher", "labels", "holds"), CASES)
def test_a_matcher_over_labels(matcher, labels, holds):
    assert predicate(matcher)(labels) is holds


@pytest.mark.parametrize("pattern", ["(?=x)", r"(a)\1", "["])
def test_what_re2_does_not_know_is_refused(pattern):
    with pytest.raises(BadMatcher, match="RE2"):
        predicate({"name": "a", "value": pattern, "isRegex": True})


def test_all_matchers_must_hold():
    test = all_of([{"name": "a", "value": "x"}, {"name": "b", "value": "y"}])
    assert test({"a": "x", "b": "y"}) and not test({"a": "x"})


EVERYTHING = [[], [{"name": "a", "value": ""}], [{"name": "a", "value": ".*", "isRegex": True}]]


@pytest.mark.parametrize("matchers", EVERYTHING)
def test_a_silence_of_everything_is_refused(matchers):
    with pytest.raises(BadMatcher):
        check_silence(matchers)
