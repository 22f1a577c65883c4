"""What became of notifications, as Knock tells it.

Source: Knock documentation, "Outbound webhooks" and its "Event types".
"""

from datetime import datetime
from typing import Any

from ..models import Integration
from . import proofs
from .base import Happening, Inbound, NotSigned, Parsed, Sent, Told, WrongPayload, an_object, text_at
from .reading import at_path, between, first_text, moment, object_at, texts_of
from .signing import check_age

HEADER = "X-Knock-Signature"
OUTCOMES = {
    "message.delivery_attempted": "delayed", "message.undelivered": "failed", "message.complaint": "complained",
    "workflow_recipient_run.error": "failed", "workflow_recipient_run.completed": "ok",
}  # fmt: skip
LEVELS = {"failed": "error", "bounced": "warning", "complained": "warning", "delayed": "warning"}
TIMED = {"message.sent", "message.delivery_attempted", "message.delivered", "message.bounced", "message.undelivered"}
"""Events on the way of a message: their duration is the time since it was queued."""
KINDS = {"message": "message", "workflow_recipient_run": "workflow"}


class Knock(Inbound):
    """Messages and workflow runs become events of the stream `knock`; what is committed is a change."""

    kind, label = "knock", "Knock"

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        fields = dict(proofs.parts(sent.headers.get(HEADER, "")))
        time, given = fields.get("t", ""), fields.get("s", "")
        milliseconds = proofs.unix_seconds(time)
        if milliseconds is None or not given:
            raise NotSigned(f"This door takes signed requests only: {HEADER} must read t=<milliseconds>,s=<base64>.")
        message = f"{time}.".encode() + sent.body
        digest = proofs.signed_by((secret.encode() for secret in door.secrets), message, [given], form="base64")
        if not digest:
            raise NotSigned(f"{HEADER} does not fit the body and the signing key of this door.")
        check_age(milliseconds / 1000, at=at)
        return digest

    def message_id(self, sent: Sent, payload: Any) -> str:
        """Knock numbers no event: what it is about, which event and when make it one."""
        parts = (text_at(payload, "data", "id"), text_at(payload, "type"), text_at(payload, "created_at"))
        return " ".join(parts)[:120] if all(parts) else ""

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        payload = an_object(payload, "The body")
        type = text_at(payload, "type")
        if not type:
            raise WrongPayload("type must name the event, such as message.bounced.")
        data = an_object(payload.get("data"), "data")
        family, _, deed = type.partition(".")
        id = self.message_id(sent, payload)
        if family in KINDS:
            return Parsed(events=[self.event(type, data, payload, id)])
        if deed != "committed":
            return Parsed(note=f"{type[:60]} changes nothing that runs.")
        what = first_text(text_at(data, "name"), text_at(data, "key"), text_at(data, "id"))
        summary = f"Knock {family.replace('_', ' ')} {what} committed".replace("  ", " ")
        change = Told(
            summary=summary[:500], kind="config", source="Knock", id=id, at=moment(payload.get("created_at")),
            labels={"event": type, "key": text_at(data, "key")[:200]},
        )  # fmt: skip
        return Parsed(changes=[change])

    def event(self, type: str, data: dict[str, Any], payload: dict[str, Any], id: str) -> Happening:
        more = object_at(payload, "event_data")
        outcome = OUTCOMES.get(type, type.partition(".")[2])
        if type == "message.delivery_attempted" and more.get("retryable") is False:
            outcome = "failed"
        workflow = first_text(text_at(data, "source", "key"), text_at(data, "workflow"))
        queued, told = moment(data.get("inserted_at")), moment(payload.get("created_at"))
        labels = {
            "event": type, "workflow": workflow, "recipient": _recipient(data.get("recipient")),
            "channel": first_text(
                text_at(data, "channel", "key"), text_at(data, "channel", "type"), text_at(data, "channel_id")
            ),
            "channel_type": text_at(data, "channel", "type"), "provider": text_at(data, "channel", "provider"),
            "tenant": text_at(data, "tenant"), "step": text_at(data, "source", "step_ref"),
            "reason": text_at(more, "failure_reason"), "fallback": _fallback(data),
        }  # fmt: skip
        times = {
            "queued_at": text_at(data, "inserted_at"), "scheduled_at": text_at(data, "scheduled_at"),
            "sent_at": text_at(payload, "created_at") if type == "message.sent" else "",
            "delivered_at": text_at(payload, "created_at") if type == "message.delivered" else "",
            "read_at": text_at(data, "read_at"), "seen_at": text_at(data, "seen_at"),
        }  # fmt: skip
        return Happening(
            kind=KINDS[type.partition(".")[0]], name=workflow, subject=text_at(data, "id"), outcome=outcome,
            level=LEVELS.get(outcome, "info"),
            text=first_text(text_at(more, "failure_details"), text_at(more, "failure_reason"))[:2000],
            labels={name: text[:200] for name, text in labels.items() if text},
            data={name: text for name, text in times.items() if text}
            | {"status": text_at(data, "status"), "metadata": texts_of(data.get("metadata")), "event": texts_of(more)},
            duration=between(queued, told) if type in TIMED else None,
            id=id, at=moment(payload.get("created_at")),
        )  # fmt: skip


def _recipient(value: Any) -> str:
    """A user's id, or the collection and id of an object that is told."""
    if isinstance(value, dict):
        return "/".join(part for part in (text_at(value, "collection"), text_at(value, "id")) if part)
    return text_at(value)


def _fallback(data: dict[str, Any]) -> str:
    """Whether the workflow says that this message stands in for one on another channel, or which one."""
    places = (at_path(data, "data", "fallback"), at_path(data, "metadata", "fallback"))
    return next((text_at(found) for found in places if text_at(found) not in ("", "false")), "")
