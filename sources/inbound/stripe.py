"""Payments that went well or did not, as Stripe tells them.

Source: Stripe documentation, "Receive Stripe events in your webhook endpoint", "Types of events".
"""

from datetime import datetime
from typing import Any

from ..models import Integration
from . import proofs
from .base import Happening, Inbound, NotSigned, Parsed, Sent, WrongPayload, an_object, text_at
from .reading import first_text, moment, object_at, texts_of
from .signing import check_age

HEADER = "Stripe-Signature"
PAYMENTS = {"charge", "payment_intent", "invoice", "checkout", "setup_intent"}
"""Families of events that are about somebody paying; others keep their own name as kind."""
OUTCOMES = {
    "failed": "failed", "payment_failed": "failed", "async_payment_failed": "failed",
    "setup_failed": "failed", "finalization_failed": "failed", "payment_action_required": "action required",
    "requires_action": "action required", "expired": "expired", "canceled": "cancelled", "voided": "cancelled",
    "succeeded": "ok", "payment_succeeded": "ok", "async_payment_succeeded": "ok", "paid": "ok", "completed": "ok",
    "refunded": "refunded", "marked_uncollectible": "failed",
}  # fmt: skip


class Stripe(Inbound):
    """Every event is kept; those of payments have kind `payment` and an outcome."""

    kind, label = "stripe", "Stripe"

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        pairs = proofs.parts(sent.headers.get(HEADER, ""))
        times = [value for name, value in pairs if name == "t"]
        given = [value for name, value in pairs if name == "v1"]
        seconds = proofs.unix_seconds(times[0]) if len(times) == 1 else None
        if seconds is None or not given:
            raise NotSigned(f"This door takes signed requests only: {HEADER} must read t=<Unix seconds>,v1=<hex>.")
        message = f"{times[0]}.".encode() + sent.body
        digest = proofs.signed_by((secret.encode() for secret in door.secrets), message, given)
        if not digest:
            raise NotSigned(f"{HEADER} does not fit the body and the signing secret of this door (whsec_…).")
        check_age(seconds, at=at)
        return digest

    def message_id(self, sent: Sent, payload: Any) -> str:
        return text_at(payload, "id")[:120]

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        payload = an_object(payload, "The body")
        id, type = text_at(payload, "id"), text_at(payload, "type")
        if not id or not type:
            raise WrongPayload("id and type must name the event, such as evt_… and payment_intent.payment_failed.")
        thin = text_at(payload, "object") == "v2.core.event"  # those name the object and do not bring it
        told = object_at(payload, "related_object") if thin else _object(payload)
        family, _, _ = type.partition(".")
        outcome = OUTCOMES.get(type.rpartition(".")[2], "")
        if type.startswith("charge.dispute."):
            family, outcome = "dispute", text_at(told, "status")
        error = _error(told)
        amount = first_text(*(text_at(told, name) for name in ("amount", "amount_due", "amount_total")))
        words = first_text(text_at(error, "message"), text_at(told, "failure_message"))
        labels = {
            "event": type, "object": text_at(told, "object"), "currency": text_at(told, "currency"),
            "code": first_text(text_at(error, "code"), text_at(told, "failure_code")),
            "decline_code": text_at(error, "decline_code"), "account": text_at(payload, "account"),
            "method": first_text(
                text_at(error, "payment_method", "type"), text_at(told, "payment_method_details", "type")
            ),
            "livemode": text_at(payload, "livemode"),
        }  # fmt: skip
        event = Happening(
            kind="payment" if family in PAYMENTS else family, name=type,
            subject=first_text(text_at(told, "payment_intent"), text_at(told, "id")), outcome=outcome,
            level={"failed": "error", "expired": "warning", "action required": "warning"}.get(outcome, "info"),
            text=words[:2000], labels={name: text[:200] for name, text in labels.items() if text},
            data={
                "id": text_at(told, "id"), "status": text_at(told, "status"), "customer": text_at(told, "customer"),
                "amount": amount, "currency": text_at(told, "currency"), "invoice": text_at(told, "invoice"),
                "attempts": text_at(told, "attempt_count"), "metadata": texts_of(told.get("metadata")),
                "at": text_at(payload, "created"),
            },
            id=id, at=moment(payload.get("created")),
        )  # fmt: skip
        return Parsed(events=[event])


def _object(payload: dict[str, Any]) -> dict[str, Any]:
    return an_object(an_object(payload.get("data"), "data").get("object"), "data.object")


def _error(told: dict[str, Any]) -> dict[str, Any]:
    """What Stripe says went wrong, wherever this kind of object keeps it."""
    places = ("last_payment_error", "last_setup_error", "last_finalization_error")
    return next((found for found in (object_at(told, name) for name in places) if found), {})
