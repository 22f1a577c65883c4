"""Alerts as any program can post them: a JSON object or a list of them, its fields renamed by the door's mapping."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..models import Integration
from ..signals import Signal
from .base import Inbound, Malformed, Parsed, Sent, WrongPayload, read_json
from .generic_events import happenings_of
from .times import instant_of

__all__ = ["FIELDS", "MOST", "Generic", "Malformed", "WrongPayload", "find", "parse", "signals_of"]

FIELDS = {
    "key": "the sender's own key of this alert; without it the labels are its identity",
    "status": "firing or resolved",
    "title": "what is wrong, in a few words",
    "severity": "a level of the policy",
    "labels": "an object of texts",
    "summary": "more words",
    "url": "where the sender shows it",
    "starts_at": "ISO 8601 or Unix seconds",
    "ends_at": "ISO 8601 or Unix seconds",
}
EVENTS = "events"
"""The option `as` of a door whose payloads are events."""
ITEMS = "items"
"""In a mapping: the path of the list of alerts, for payloads that wrap it."""
FIRING = {"firing", "alerting", "triggered", "trigger", "problem", "open", "active", "down", "error", "critical"}
RESOLVED = {"resolved", "resolve", "ok", "recovered", "recovery", "closed", "inactive", "up", "normal", "success"}
SMOKE = "smoke"
"""The type of a body that only asks whether it arrives: {"type": "smoke", "message": "alert-test"}."""
MOST = 1000
NESTED_LABEL = "labels."
SURROGATE = re.compile("[\ud800-\udfff]")


class Generic(Inbound):
    """Any program that can post JSON, with our own field names or a mapping of its own."""

    kind, label = "generic", "JSON webhook"
    aliases = ("json", "webhook", "generic-json")
    options = {"as": "events: what is posted happened, and rules judge it; without it each is an alert"}

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        if isinstance(payload, dict) and payload.get("type") == SMOKE:
            said = str(payload.get("message", ""))[:200]
            return Parsed(note=f"smoke: a test of the way here ({said}); nothing is opened.")
        if door.options.get("as") == EVENTS:
            return Parsed(events=happenings_of(payload, door.mapping, at=at))
        return Parsed(signals=signals_of(payload, door.mapping, at=at))


def parse(body: bytes, mapping: Mapping[str, str], *, at: datetime) -> list[Signal]:
    """The signals of a request's body, in order; see `signals_of`."""
    return signals_of(read_json(body), mapping, at=at)


def signals_of(payload: Any, mapping: Mapping[str, str], *, at: datetime) -> list[Signal]:
    """The signals of a payload, in order.

    `mapping` says where a field stands in the payload: {"title": "event.name", "labels.host": "tags.0.host"}; a field
    it does not name is taken as it is. A resolve that does not say when ends at `at`.
    """
    if path := mapping.get(ITEMS):
        payload = find(payload, path)
        if payload is None:
            raise WrongPayload(f"There is nothing at {path!r}, where this door's mapping expects the list of alerts.")
    items = payload if isinstance(payload, list) else [payload]
    if len(items) > MOST:
        raise WrongPayload(f"{len(items)} alerts in one request are too many; send at most {MOST}.")
    return [_signal(item, mapping, f"Alert {index}", at=at) for index, item in enumerate(items)]


def find(payload: object, path: str) -> object:
    """What stands at a dotted path, numbers counting in lists; None when nothing does."""
    for step in path.split("."):
        if isinstance(payload, dict):
            payload = payload.get(step)
        elif isinstance(payload, list) and step.isdecimal() and int(step) < len(payload):
            payload = payload[int(step)]
        else:
            return None
    return payload


def _signal(item: object, mapping: Mapping[str, str], where: str, *, at: datetime) -> Signal:
    if not isinstance(item, dict):
        raise WrongPayload(f"{where} must be an object with the fields {', '.join(FIELDS)}.")
    fields = {name: find(item, mapping[name]) if name in mapping else item.get(name) for name in FIELDS}
    texts = {name: _text(fields[name], f"{name} of {where}") for name in ("key", "title", "severity", "summary", "url")}
    labels = _labels(fields["labels"], where)
    for name, path in mapping.items():
        if name.startswith(NESTED_LABEL) and (value := find(item, path)) is not None:
            labels[name.removeprefix(NESTED_LABEL)] = _text(value, f"label {name} of {where}")
    if not (texts["key"] or texts["title"] or labels):
        raise WrongPayload(f"{where} has neither key, title nor labels, so nothing tells it from another.")
    if texts["title"]:
        labels.setdefault("alertname", texts["title"])
    if texts["severity"]:
        labels.setdefault("severity", texts["severity"])
    over = _is_over(fields["status"], where)
    starts, ends = (instant_of(fields[name], f"{name} of {where}") for name in ("starts_at", "ends_at"))
    if over:
        ends = min(ends, at) if ends else at
        starts = min(starts, ends) if starts else None
    if starts and ends and ends < starts:
        raise WrongPayload(f"{where} ends before it starts.")
    annotations = {"summary": texts["title"], "description": texts["summary"]}
    return Signal(
        labels=labels, annotations={name: text for name, text in annotations.items() if text}, starts_at=starts,
        ends_at=ends, url=texts["url"], key=texts["key"], name=texts["title"], severity_key=texts["severity"],
    )  # fmt: skip


def _text(value: object, what: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        text = str(value)
        if not text.isascii() and SURROGATE.search(text):
            raise WrongPayload(f"The {what} holds half a surrogate pair, which is no text.")
        return text
    raise WrongPayload(f"The {what} must be a text, not {'a list' if isinstance(value, list) else 'an object'}.")


def _labels(value: object, where: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise WrongPayload(f"The labels of {where} must be an object of texts.")
    what = f"of {where}"
    return {_text(name, f"name of a label {what}"): _text(each, f"label {name!r} {what}")
            for name, each in value.items() if name}  # fmt: skip


def _is_over(value: object, where: str) -> bool:
    word = "firing" if value is None else _text(value, f"status of {where}").strip().lower()
    if word in RESOLVED:
        return True
    if word in FIRING:
        return False
    raise WrongPayload(f"The status of {where} is {word[:40]!r}; it must be firing or resolved.")
