"""PagerDuty's Events API v2: alerts to trigger, acknowledge and resolve, and change events.

Source: PagerDuty developer documentation, "Events API v2 overview", "Send an alert event", "Send a change event", and
the answers its servers give. The key of the door is the `routing_key` of the body, which the views in alerts.pagerduty
look up; what they add to the query (`event=change`, `dedup_key`, `id`) is kept in the log, to take a request again.
"""

import json
import re
import secrets
from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2s
from typing import Any

from ..intake import masked
from ..models import Integration
from ..signals import Signal
from . import times
from .base import Inbound, NotTaken, Parsed, Reply, Sent, Told, WrongPayload, an_object, text_at

__all__ = ["CHANGE", "KEY_LENGTH", "MOST_BYTES", "Invalid", "PagerDuty", "faults", "instant", "key_faults"]

MOST_BYTES = 512 * 1024
KEY_LENGTH, DEDUP_LENGTH, SUMMARY_LENGTH = 32, 255, 1024
ACTIONS = ("trigger", "acknowledge", "resolve")
CHANGE = "change"
TEXTS = ("component", "group", "class")
LATE_Z = re.compile(r"([+-]\d\d:?\d\d)Z$")
MILLISECONDS = 10_000_000_000
"""A greater number of seconds lies behind the year 2286, so it is one of milliseconds."""


class Invalid(NotTaken):
    """The event is not as documented; `errors` says so in PagerDuty's words, one a fault."""

    def __init__(self, errors: list[str]):
        super().__init__("; ".join(errors))
        self.errors = errors


class PagerDuty(Inbound):
    """Every tool with a PagerDuty integration, by changing its URL."""

    kind, label = "pagerduty", "PagerDuty Events API v2"
    ends_at_once = True
    path = "/v2/enqueue"
    aliases = ("events", "events-v2", "pagerduty-events-v2", "pd")
    content_types = ("application/json", "application/x-www-form-urlencoded", "")  # curl -d names the second by itself
    levels = ("critical", "error", "warning", "info")

    def new_key(self) -> str:
        """32 hexadecimal digits: tools check that an integration key looks like one."""
        return secrets.token_hex(KEY_LENGTH // 2)

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        """No client of PagerDuty signs: the routing key lets in, whether the door has a secret or not."""
        return ""

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        event = an_object(payload, "The event")
        is_change = sent.query.get("event") == CHANGE
        if errors := list(faults(event, is_change=is_change)):
            raise Invalid(errors)
        if is_change:
            return Parsed(changes=[_change(event, sent.query.get("id", ""))])
        key = text_at(event, "dedup_key") or sent.query.get("dedup_key") or _key_of(sent.body, at)
        if event["event_action"] == "acknowledge":
            return Parsed(acknowledged=[key])
        if event["event_action"] == "resolve":
            return Parsed(signals=[Signal(key=key, ends_at=at, only_ends=True)])
        return Parsed(signals=[_signal(event, key, at=at)])

    def accepted(self, parsed: Parsed, became: dict[str, list[int]], *, duplicate: bool = False) -> Reply:
        if parsed.changes:
            return Reply.json(202, {"status": "success", "message": "Change event processed"})
        key = parsed.signals[0].key if parsed.signals else parsed.acknowledged[0]
        return Reply.json(202, {"status": "success", "message": "Event processed", "dedup_key": key})

    def refused(self, status: int, reason: str) -> Reply:
        if status == 400:
            return _invalid([reason])
        return Reply.json(status, {"status": "not accepted", "message": reason, "errors": [reason]})

    def refusal(self, refusal: NotTaken) -> Reply:
        """The answer to a request that is not taken, in the documented form."""
        if isinstance(refusal, Invalid):
            return _invalid(refusal.errors)
        if refusal.status == 400:
            error = str(refusal) if isinstance(refusal, WrongPayload) else "JSON parse error"
            words = {"status": "Unrecognized object", "message": "Event object format is unrecognized"}
            return Reply.json(400, words | {"errors": [error]})
        return self.refused(refusal.status, str(refusal))


def _invalid(errors: list[str]) -> Reply:
    return Reply.json(400, {"status": "invalid event", "message": "Event object is invalid", "errors": errors})


# what is wrong with an event, in PagerDuty's words


def key_faults(value: object) -> list[str]:
    """Why `value`, which is the key of no door, is no routing key."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return ["'routing_key' cannot be blank"]
    if not isinstance(value, str):
        return ["'routing_key' is invalid (must be a string)"]
    wrong = []
    if len(value) != KEY_LENGTH:
        wrong.append(f"Length of 'routing_key' is incorrect (should be {KEY_LENGTH} characters)")
    if not (value.isascii() and value.isalnum()):
        wrong.append("'routing_key' cannot contain non-alphanumeric characters.")
    return wrong or ["Invalid routing key"]


def faults(event: dict[str, Any], *, is_change: bool) -> Iterator[str]:
    """What is wrong with an alert event or a change event; nothing when it is as documented."""
    action = event.get("event_action")
    if not is_change:
        yield from _chosen("event_action", action, ACTIONS, "'trigger', 'acknowledge' or 'resolve'")
        yield from _text("dedup_key", event.get("dedup_key"), most=DEDUP_LENGTH, needed=action in ACTIONS[1:])
    if is_change or action == "trigger":
        yield from _payload_faults(event.get("payload"), is_change=is_change)
        yield from _attached("links", event.get("links"), "href")
        yield from _attached("images", event.get("images"), "src")


def _payload_faults(payload: object, *, is_change: bool) -> Iterator[str]:
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        yield "'payload' is invalid (must be an object)"
        return
    yield from _text("payload.summary", payload.get("summary"), most=SUMMARY_LENGTH, needed=True)
    yield from _text("payload.source", payload.get("source"), needed=not is_change)
    if not is_change:
        words = "'critical', 'warning', 'error' or 'info'"
        yield from _chosen("payload.severity", payload.get("severity"), PagerDuty.levels, words)
        for name in TEXTS:
            if isinstance(payload.get(name), (dict, list)):
                yield f"'payload.{name}' is invalid (must be a string)"
    timestamp = payload.get("timestamp")
    if timestamp not in (None, "") and instant(timestamp) is None:
        yield "'payload.timestamp' is invalid (must be an ISO 8601 date and time)"


def _text(name: str, value: object, *, most: int | None = None, needed: bool = False) -> Iterator[str]:
    if value is None or value == "" or (isinstance(value, str) and not value.strip()):
        if needed:
            yield f"'{name}' is missing or blank"
    elif not isinstance(value, str):
        yield f"'{name}' is invalid (must be a string)"
    elif most is not None and len(value) > most:
        yield f"'{name}' is too long (maximum is {most} characters)"


def _chosen(name: str, value: object, allowed: tuple[str, ...], words: str) -> Iterator[str]:
    if value is None or value == "":
        yield f"'{name}' is missing or blank"
    elif not isinstance(value, str) or value not in allowed:
        yield f"'{name}' is invalid (must be one of the following: {words})"


def _attached(name: str, value: object, needed: str) -> Iterator[str]:
    """Of `links` and `images`: a list of objects, each with its address."""
    if value is None:
        return
    if not isinstance(value, list):
        yield f"'{name}' is invalid (must be an array of objects)"
        return
    for index, one in enumerate(value):
        if not isinstance(one, dict):
            yield f"'{name}[{index}]' is invalid (must be an object)"
        elif not isinstance(one.get(needed), str) or not one[needed].strip():
            yield f"'{name}[{index}].{needed}' is missing or blank"


# what it says in our terms


def _signal(event: dict[str, Any], key: str, *, at: datetime) -> Signal:
    payload = event["payload"]
    summary, severity = text_at(payload, "summary").strip(), payload["severity"]
    labels = {"alertname": summary, "severity": severity, "source": text_at(payload, "source")}
    labels |= {name: text_at(payload, name) for name in TEXTS}
    details = payload.get("custom_details")
    annotations = {
        "summary": summary,
        "description": text_at(details) if not isinstance(details, (dict, list)) else "",
        "custom_details": _json(masked(details)) if isinstance(details, (dict, list)) and details else "",
        "client": text_at(event, "client"),
        "client_url": text_at(event, "client_url"),
        "links": _json(_attachments(event, "links", ("href", "text"))),
        "images": _json(_attachments(event, "images", ("src", "href", "alt"))),
    }
    starts = instant(payload.get("timestamp"))
    return Signal(
        labels=labels, annotations={name: text for name, text in annotations.items() if text},
        starts_at=min(starts, at) if starts else None, url=text_at(event, "client_url"), key=key, name=summary,
        severity_key=severity,
    )  # fmt: skip


def _change(event: dict[str, Any], id: str) -> Told:
    payload = event["payload"]
    details = payload.get("custom_details")
    links = _attachments(event, "links", ("href", "text"))
    return Told(
        summary=text_at(payload, "summary").strip(), kind=text_at(details, "kind") or "deploy",
        source=text_at(payload, "source"), service=text_at(details, "service"), version=text_at(details, "version"),
        url=links[0]["href"] if links else "", links=links,
        images=_attachments(event, "images", ("src", "href", "alt")), at=instant(payload.get("timestamp")),
        id=id, data=details if isinstance(details, dict) else {"details": details} if details else {},
    )  # fmt: skip


def _attachments(event: dict[str, Any], name: str, fields: tuple[str, ...]) -> list[dict[str, str]]:
    return [{field: text_at(one, field) for field in fields if text_at(one, field)} for one in event.get(name) or []]


def _json(value: Any) -> str:
    """JSON for people to read; half a surrogate pair becomes a question mark, as no database keeps it."""
    return json.dumps(value, ensure_ascii=False).encode(errors="replace").decode() if value else ""


def _key_of(body: bytes, at: datetime) -> str:
    """A deduplication key for an event that came without; no other event has it."""
    return blake2s(body + at.isoformat().encode(), digest_size=16).hexdigest()


def instant(value: object) -> datetime | None:
    """The instant a sender gives as ISO 8601 (without a zone: UTC) or as Unix seconds or milliseconds; else None.

    The official Python client writes `+00:00Z`, an offset and a Z; that is taken as well.
    """
    if isinstance(value, int) and not isinstance(value, bool) and MILLISECONDS < value < MILLISECONDS * 1000:
        return times.instant(value / 1000)
    return times.instant(LATE_Z.sub(r"\1", value.strip()) if isinstance(value, str) else value)
