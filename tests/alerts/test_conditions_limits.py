"""What of a condition a chart can draw as a line."""

from datetime import timedelta

import pytest

from alerts.conditions import compile_when
from alerts.conditions.limits import Limit, limits_of


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("value > 90", [Limit("value", ">", 90)]),
        ("1.5 <= p95", [Limit("p95", ">=", 1.5)]),
        ("value < -2", [Limit("value", "<", -2)]),
        ("minutes > params.STALE", [Limit("minutes", ">", 30)]),
        ("value > params.STALE * 2 + 1", [Limit("value", ">", 61)]),
        ("waiting > 0 && minutes > 15", [Limit("waiting", ">", 0), Limit("minutes", ">", 15)]),
        (
            "left <= 0 && now - synced > duration('2h')",
            [Limit("left", "<=", 0), Limit("synced", ">", 7200, True, True)],
        ),
        ("now - timestamp(at) > params.LONG", [Limit("at", ">", 60, True, True)]),
        ("run > duration(string(params.STALE) + 'm')", [Limit("run", ">", 1800, True)]),
        ("(count >= 5 || fields.share > 20)", [Limit("count", ">=", 5), Limit("share", ">", 20)]),
        ("size(names) > 3", []),
        ("status == 'down' || value == 4", []),
        ("value > other", []),
        ("value > params.NONE", []),
        ("rules.other.firing", []),
        ("text > 'b'", []),
    ],
)
def test_limits(text, limits):
    params = {"STALE": 30, "LONG": timedelta(minutes=1), "FLAG": True}
    assert limits_of(compile_when(text), params) == limits
