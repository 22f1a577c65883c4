import json
from datetime import UTC, datetime, timedelta

import pytest

from sources.inbound.generic import MOST, Malformed, WrongPayload, find, parse
from sources.signals import Signal

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def signal(mapping=None, **fields) -> Signal:
    (only,) = parse(json.dumps(fields).encode(), mapping or {}, at=NINE)
    return only


def test_every_field_finds_its_place():
    assert signal(
        key="disk", status="firing", title="Disk is full", severity="high", labels={"host": "a", "n": 3, "ok": True},
        summary="97 %", url="https://mon/disk", starts_at="2026-11-23T08:00:00Z",
    ) == Signal(
        labels={"host": "a", "n": "3", "ok": "true", "alertname": "Disk is full", "severity": "high"},
        annotations={"summary": "Disk is full", "description": "97 %"}, starts_at=NINE - HOUR, ends_at=None,
        url="https://mon/disk", key="disk", name="Disk is full", severity_key="high",
    )  # fmt: skip


def test_labels_of_the_sender_win():
    told = signal(title="T", severity="high", labels={"alertname": "A", "severity": "S"})
    assert told.labels == {"alertname": "A", "severity": "S"}
    assert (told.name, told.severity_key) == ("T", "high")


def test_a_list_is_several_alerts_in_order():
    told = parse(b'[{"key": "a"}, {"key": "b", "status": "resolved"}]', {}, at=NINE)
    assert [(each.key, each.ends_at) for each in told] == [("a", None), ("b", NINE)]
    assert parse(b"[]", {}, at=NINE) == []


@pytest.mark.parametrize("word", ["resolved", "OK", "Recovered", "up", "closed"])
def test_a_resolve_by_any_of_its_names_ends_it_now(word):
    told = signal(key="a", status=word)
    assert (told.starts_at, told.ends_at) == (None, NINE)


@pytest.mark.parametrize("word", ["firing", "ALERTING", "triggered", "down", None])
def test_firing_by_any_of_its_names_lasts_until_told_otherwise(word):
    assert signal(key="a", status=word).ends_at is None


def test_a_resolve_may_say_when_but_not_in_the_future():
    assert signal(key="a", status="ok", ends_at=(NINE - HOUR).isoformat()).ends_at == NINE - HOUR
    assert signal(key="a", status="ok", ends_at=(NINE + HOUR).isoformat()).ends_at == NINE
    late = signal(key="a", status="ok", starts_at=(NINE + HOUR).isoformat())
    assert (late.starts_at, late.ends_at) == (NINE, NINE)


@pytest.mark.parametrize(
    "value", [1795420800, 1795420800.0, "2026-11-23T08:00:00Z", "2026-11-23T08:00:00", "2026-11-23T15:00:00+07:00"]
)
def test_times_in_any_common_form(value):
    assert signal(key="a", starts_at=value).starts_at == NINE - HOUR


def test_a_mapping_renames_fields_by_path():
    mapping = {
        "title": "event.name", "status": "event.state", "severity": "tags.0.value", "key": "id", "url": "links.1",
        "labels.host": "src.host", "labels.none": "src.missing",
    }  # fmt: skip
    told = signal(
        mapping, id=7, event={"name": "Slow", "state": "ok"}, tags=[{"value": "P2"}], src={"host": "web-1"},
        links=["a", "https://b"], title="not this",
    )  # fmt: skip
    assert (told.key, told.name, told.severity_key, told.url) == ("7", "Slow", "P2", "https://b")
    assert told.labels["host"] == "web-1"
    assert "none" not in told.labels
    assert told.ends_at == NINE


def test_a_mapping_names_where_the_list_is():
    body = json.dumps({"data": {"alerts": [{"key": "a"}, {"key": "b"}]}}).encode()
    assert [each.key for each in parse(body, {"items": "data.alerts"}, at=NINE)] == ["a", "b"]
    with pytest.raises(WrongPayload, match=r"nothing at 'data\.list'"):
        parse(body, {"items": "data.list"}, at=NINE)


@pytest.mark.parametrize(
    ("path", "found"),
    [("a.b", 1), ("c.0.d", 2), ("c.1", None), ("c.x", None), ("a.b.c", None), ("", None), ("c.-1", None)],
)
def test_paths(path, found):
    assert find({"a": {"b": 1}, "c": [{"d": 2}]}, path) == found


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "line 1, column 2"),
        (b'{"key": "a",\n "title": }', "line 2, column 11"),
        (b"", "line 1, column 1"),
        (b'{"key": "\xff"}', "byte 9"),
        (b"[" * 200_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(body, words):
    with pytest.raises(Malformed, match=words):
        parse(body, {}, at=NINE)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (7, "Alert 1 must be an object"),
        ({}, "neither key, title nor labels"),
        ({"key": "a", "status": "melting"}, "'melting'; it must be firing or resolved"),
        ({"key": ["a"]}, "key of Alert 1 must be a text, not a list"),
        ({"title": {}}, "title of Alert 1 must be a text, not an object"),
        ({"labels": "a"}, "labels of Alert 1 must be an object"),
        ({"labels": {"a": []}}, "label 'a' of Alert 1"),
        ({"key": "a", "starts_at": "soon"}, "starts_at of Alert 1 is 'soon'"),
        ({"key": "a", "starts_at": 1e300}, "starts_at of Alert 1"),
        ({"key": "a", "starts_at": True}, "starts_at of Alert 1"),
        ({"key": "a", "starts_at": "9999-12-31T23:59:59-12:00"}, "starts_at of Alert 1"),
        ({"key": "a", "starts_at": "2026-11-23T08:00Z", "ends_at": "2026-11-23T07:00Z"}, "ends before it starts"),
        ({"key": "\ud800"}, "half a surrogate pair"),
        ({"labels": {"\udfff": "a"}}, "half a surrogate pair"),
    ],
)
def test_what_is_no_alert_is_told_with_its_number_and_field(item, words):
    with pytest.raises(WrongPayload, match=words):
        parse(json.dumps([{"key": "fine"}, item]).encode(), {}, at=NINE)


def test_too_many_at_once_are_refused():
    assert len(parse(json.dumps([{"key": "a"}] * MOST).encode(), {}, at=NINE)) == MOST
    with pytest.raises(WrongPayload, match=f"at most {MOST}"):
        parse(json.dumps([{"key": "a"}] * (MOST + 1)).encode(), {}, at=NINE)
