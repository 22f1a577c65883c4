"""How background jobs ended, as Inngest's own events tell it.

Source: Inngest documentation, "System events"; Inngest SDK specification, "Verifying request signatures".
"""

import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from ..models import Integration
from . import proofs
from .base import Happening, Inbound, Parsed, Sent, an_object, json_type, read_json, text_at
from .canonical import canonical
from .errors import Malformed, NotSigned, WrongPayload
from .reading import between, first_text, moment, object_at, seconds, texts_of
from .signing import check_age

HEADER = "X-Inngest-Signature"
PREFIX = re.compile(r"^signkey-\w+-")
SYSTEM = "inngest/function."
OUTCOMES = {"failed": "failed", "finished": "ok", "cancelled": "cancelled", "completed": "ok"}
LEVELS = {"failed": "error", "cancelled": "warning"}
MOST = 1000


class Inngest(Inbound):
    """One event, a list of them, or a call as Inngest makes it to an app: each becomes an event of the stream."""

    kind, label = "inngest", "Inngest"
    log_headers = ("X-Inngest-Run-Id",)

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        fields = dict(parse_qsl(sent.headers.get(HEADER, "")))
        time, given = fields.get("t", ""), fields.get("s", "")
        sent_at = proofs.unix_seconds(time)
        if sent_at is None or not given:
            raise NotSigned(f"This door takes signed requests only: {HEADER} must read t=<Unix seconds>&s=<hex>.")
        keys = [PREFIX.sub("", secret).encode() for secret in door.secrets]
        for body in (sent.body, _canonical(sent.body)):  # Inngest signs the canonical form, other senders often not
            if digest := proofs.signed_by(keys, body + time.encode(), [given]):
                check_age(sent_at, at=at)
                return digest
        raise NotSigned(f"{HEADER} does not fit the body and the signing key of this door.")

    def message_id(self, sent: Sent, payload: Any) -> str:
        told = _told(payload)
        return " ".join(filter(None, map(_id, told)))[:120] if len(told) == 1 else ""

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        if not isinstance(payload, list):
            an_object(payload, "The body")
        told = _told(payload)
        if not told:
            raise WrongPayload("The body must be an event with name and data, or a list of at least one.")
        if len(told) > MOST:
            raise WrongPayload(f"{len(told)} events in one request are too many; send at most {MOST}.")
        return Parsed(events=[_event(one, f"Event {index}") for index, one in enumerate(told)])


def _told(payload: Any) -> list[Any]:
    """The events of a body, whichever of the three forms it has."""
    if isinstance(payload, list):
        return payload
    if isinstance(payload, dict) and "name" not in payload:
        if isinstance(payload.get("events"), list) and payload["events"]:
            return payload["events"]
        return [payload["event"]] if "event" in payload else [payload]
    return [payload]


def _id(told: Any) -> str:
    """What makes this event one: a run that failed is told twice, as failed and as finished with an error."""
    run = text_at(told, "data", "run_id")
    if run and text_at(told, "name").startswith(SYSTEM):
        return f"{run} {_outcome(told)}"
    return text_at(told, "id")


def _outcome(told: Any) -> str:
    deed = text_at(told, "name").removeprefix(SYSTEM)
    if deed == "finished" and object_at(told, "data", "error"):
        return "failed"
    return OUTCOMES.get(deed, deed)


def _event(told: Any, where: str) -> Happening:
    if not isinstance(told, dict):
        raise WrongPayload(f"{where} must be an object with name and data, and it is {json_type(told)}.")
    name, data = text_at(told, "name"), told.get("data")
    if not name:
        raise WrongPayload(f"{where} has no name, such as inngest/function.failed.")
    if not isinstance(data, dict | None):
        raise WrongPayload(f"data of {where} must be an object, and it is {json_type(data)}.")
    data = data or {}
    told_at = moment(told.get("ts"))
    if not name.startswith(SYSTEM):
        return Happening(
            kind="event", name=name, subject=text_at(told, "id"), labels={"event": name} | texts_of(data, most=20),
            data={"data": data, "user": object_at(told, "user")}, id=_id(told), at=moment(told.get("ts")),
        )  # fmt: skip
    function, outcome, error = text_at(data, "function_id"), _outcome(told), object_at(data, "error")
    if not function:
        raise WrongPayload(f"data.function_id of {where} must name the function.")
    trigger = object_at(data, "event")
    labels = {
        "event": name, "function": function, "trigger": text_at(trigger, "name"), "error": text_at(error, "name"),
        "attempt": text_at(data, "attempt"),
        "step": first_text(text_at(data, "step"), text_at(data, "step", "name"), text_at(error, "step")),
        "delay": first_text(text_at(data, "delay"), text_at(data, "retry_delay")),  # seconds to the next try
    }  # fmt: skip
    return Happening(
        kind="job", name=function, subject=text_at(data, "run_id"), outcome=outcome,
        level=LEVELS.get(outcome, "info"), text=first_text(text_at(error, "message"), text_at(error, "error"))[:4000],
        labels={name: text[:200] for name, text in labels.items() if text},
        data={
            "error": {part: text_at(error, part)[:4000] for part in ("name", "message", "stack")} if error else {},
            "trigger": {"name": text_at(trigger, "name"), "id": text_at(trigger, "id"), "data": trigger.get("data")},
            "correlation_id": text_at(data, "correlation_id"), "at": text_at(told, "ts"),
        },
        duration=_duration(data, trigger, told_at), id=_id(told), at=moment(told.get("ts")),
    )  # fmt: skip


def _duration(data: dict[str, Any], trigger: dict[str, Any], ended: datetime | None) -> float | None:
    """As it is told, or else from the event that set the job off to its end, with what it waited."""
    for name, per in (("duration_ms", 1000.0), ("duration", 1000.0)):
        if (told := seconds(data.get(name), per=per)) is not None:
            return told
    started = moment(data.get("started_at")) or moment(trigger.get("ts"))
    return between(started, moment(data.get("ended_at")) or ended)


def _canonical(body: bytes) -> bytes:
    try:
        return canonical(read_json(body)).encode(errors="surrogatepass")
    except (Malformed, ValueError, RecursionError):
        return body
