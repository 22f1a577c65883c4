"""What became of e-mails, as Resend tells it (through Svix).

Source: Resend documentation, "Webhooks: Event Types"; Svix documentation, "Verifying payloads manually".
"""

import base64
import binascii
from datetime import datetime
from typing import Any

from ..models import Integration
from . import proofs
from .base import Happening, Inbound, NotSigned, Parsed, Sent, WrongPayload, an_object, text_at
from .reading import between, first_text, moment, object_at, texts_of
from .signing import check_age

OUTCOMES = {
    "email.sent": "sent", "email.delivered": "delivered", "email.delivery_delayed": "delayed",
    "email.bounced": "bounced", "email.complained": "complained", "email.failed": "failed",
    "email.suppressed": "failed", "email.scheduled": "scheduled", "email.opened": "opened", "email.clicked": "clicked",
    "email.received": "received",
}  # fmt: skip
LEVELS = {"failed": "error", "bounced": "warning", "complained": "warning", "delayed": "warning"}
WHY = ("bounce", "failed", "suppressed", "complaint")
"""Parts of the data that say why."""
PREFIX = "whsec_"


class Resend(Inbound):
    """Every message event becomes an event of the stream `resend`."""

    kind, label = "resend", "Resend"
    message_headers = ("Svix-Id", "Webhook-Id")

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        return check_svix(sent, door.secrets, at=at)

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        payload = an_object(payload, "The body")
        type = text_at(payload, "type")
        if not type:
            raise WrongPayload("type must name the event, such as email.bounced.")
        data = an_object(payload.get("data"), "data")
        if not type.startswith("email."):
            return Parsed(note=f"{type[:60]} says nothing about an e-mail.")
        outcome = OUTCOMES.get(type, type.removeprefix("email."))
        why = next((part for part in (object_at(data, name) for name in WHY) if part), {})
        told_at, sent_at = moment(payload.get("created_at")), moment(data.get("created_at"))
        tags = data.get("tags")
        if isinstance(tags, list):  # as older webhooks have them
            tags = {text_at(tag, "name"): tag.get("value") for tag in tags if isinstance(tag, dict)}
        recipients = [text_at(one) for one in data["to"][:50]] if isinstance(data.get("to"), list) else []
        labels = texts_of(tags, most=20) | {
            "event": type, "bounce_type": text_at(why, "type"), "bounce_subtype": text_at(why, "subType"),
            "domain": _domain(text_at(data, "from")),
            "recipient_domain": _domain(recipients[0]) if recipients else "",
            "broadcast": text_at(data, "broadcast_id"), "template": text_at(data, "template_id"),
        }  # fmt: skip
        event = Happening(
            kind="message", name=first_text(text_at(data, "template_id"), text_at(data, "subject"), type),
            subject=text_at(data, "email_id"), outcome=outcome, level=LEVELS.get(outcome, "info"),
            text=first_text(text_at(why, "message"), text_at(why, "reason"), text_at(data, "subject"))[:2000],
            labels={name: text[:400] for name, text in labels.items() if text},
            data={
                "channel": "email", "from": text_at(data, "from"), "to": recipients,
                "subject": text_at(data, "subject"), "sent_at": text_at(data, "created_at"),
                "at": text_at(payload, "created_at"), "why": texts_of(why),
            },
            duration=between(sent_at, told_at) if outcome in ("delivered", "bounced", "failed") else None,
            id=sent.headers.get("Svix-Id", "")[:160], at=moment(payload.get("created_at")),
        )  # fmt: skip
        return Parsed(events=[event])


def check_svix(sent: Sent, secrets: list[str], *, at: datetime) -> str:
    """Raise NotSigned unless one of `secrets` (`whsec_` and base64) signed it; return what tells a replay."""
    ours = {name: sent.headers.get(f"Svix-{name}") or sent.headers.get(f"Webhook-{name}", "")
            for name in ("Id", "Timestamp", "Signature")}  # fmt: skip
    seconds = proofs.unix_seconds(ours["Timestamp"])
    if not ours["Id"] or not ours["Signature"] or seconds is None:
        raise NotSigned("This door takes signed requests only: with svix-id, svix-timestamp and svix-signature.")
    given = [part[3:] for part in ours["Signature"].split() if part.startswith("v1,")]
    message = f"{ours['Id']}.{ours['Timestamp']}.".encode() + sent.body
    digest = proofs.signed_by(map(_key, secrets), message, given, form="base64")
    if not digest:
        raise NotSigned("svix-signature does not fit the request and the secret of this door (whsec_…).")
    check_age(seconds, at=at)
    return digest


def _key(secret: str) -> bytes:
    """What a secret stands for: the base64 after `whsec_`; one that is no base64 is taken as it is."""
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return secret.encode()


def _domain(address: str) -> str:
    return address.rpartition("@")[2].strip(" >").lower() if "@" in address else ""
