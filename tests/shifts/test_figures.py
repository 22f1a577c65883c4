"""From readings to the words of a shift review."""

import pytest

from shifts.figures import How, Unreadable, overall, see, trend
from sources.probes import Reading

pytestmark = pytest.mark.once  # plain values


def tenant(name, value, origin="sql", **fields):
    return Reading({"value": value, **fields}, {"tenant": name}, origin)


@pytest.mark.parametrize(
    ("readings", "shown"),
    [
        ([Reading({"failed": 6, "total": 30})], "20.0 % (6/30)"),
        ([Reading({"failed": 0, "total": 30})], "0.0 % (0/30)"),
        ([Reading({"failed": 30, "total": 30})], "100.0 % (30/30)"),
        ([Reading({"failed": 0, "total": 0})], "none (0/0)"),
        ([], "No data: the source answered with no row."),
    ],
)
def test_a_share(readings, shown):
    assert see(How("rate", "failed", "total"), readings, outside=True).shown == shown


@pytest.mark.parametrize("fields", [{"failed": 31, "total": 30}, {"failed": None, "total": 30}, {"total": 30}])
def test_what_is_no_share_is_refused(fields):
    with pytest.raises(Unreadable):
        see(How("rate", "failed", "total"), [Reading(fields)], outside=True)


def test_ways_of_watching_the_same_things_are_not_added_up():
    readings = [tenant("acme", 2), tenant("globex", 1), tenant("acme", 1, "channels"), tenant("initech", 4, "channels")]
    seen = see(How("count", by="tenant"), readings, outside=True)
    assert seen.shown == "7 in 3 tenants"
    assert [(one.label, one.value) for one in seen.figures] == [("initech", 4), ("acme", 2), ("globex", 1)]


@pytest.mark.parametrize(
    ("outside", "shown", "data"), [(True, "0", True), (False, "No data: nobody told of any.", False)]
)
def test_nothing_listed_is_none_only_when_the_place_itself_was_asked(outside, shown, data):
    seen = see(How("count", by="tenant"), [], outside=outside)
    assert (seen.shown, seen.has_data) == (shown, data)


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"status": "degraded"}, "degraded"),
        ({"reachable": False, "error": "refused"}, "unreachable"),
        ({"reachable": True, "status_code": 502}, "HTTP 502"),
    ],
)
def test_a_word(fields, shown):
    assert see(How("status", "status"), [Reading(fields)], outside=True).shown == shown


def test_groups_have_a_trend_each():
    now = [{"label": "a", "value": 4.0, "shown": "4"}, {"label": "b", "value": 1.0, "shown": "1"}]
    last = [{"label": "a", "value": 2.0, "shown": "2"}]
    assert [(one["trend"], one["before"]) for one in trend(now, last)] == [("up", "2"), ("new", "")]
    assert overall("value", now, last) == "" and overall("count", now, last) == "up"
    assert overall("value", now[:1], now[:1]) == "same" and overall("value", now, []) == ""
