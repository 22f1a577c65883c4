"""Deliveries: what was sent, to whom, how often it was tried and how it ended."""

from typing import Any, Literal

from django.db.models import QuerySet
from ninja import Query, Router
from pydantic import Field

from api.access import Request
from api.paging import Order, got, page
from api.routing import read
from api.shapes import ByKey, Flag, Instant, InstantIn, Number, Out, Page, Text
from notifications import hidden
from notifications.models import Delivery, DeliveryAttempt

router = Router()
SCOPE = "deliveries:read"
State = Literal["queued", "retrying", "sent", "failed", "cancelled"]
Purpose = Literal["page", "notice", "update", "reminder", "test"]


class DeliveryOut(Out):
    """One message to one address."""

    id: int
    kind: str = Field(description="The transport.", examples=["email"])
    to: str = Field(description="Who or what it is for.", examples=["ada"])
    address: str = Field(description="The address as people may see it.", examples=["ada@example.org"])
    destination: str | None = Field(description="Key of the destination.")
    purpose: Purpose
    urgent: bool
    thread: str = Field(description="What it belongs to.", examples=["incident:12"])
    subject: str
    state: State
    attempts: int
    next_attempt_at: Instant | None
    created_at: Instant
    ended_at: Instant | None
    error: str
    possibly_repeated: bool = Field(description="In flight at a crash and sent again.")
    instead_of: int | None = Field(description="The delivery it takes the place of.")


class AttemptOut(Out):
    """One try."""

    at: Instant
    outcome: str = Field(examples=["sent"])
    detail: str
    took_ms: int


class DeliveryDetailOut(DeliveryOut):
    """A delivery with its tries."""

    text: str
    tries: list[AttemptOut]


class DeliveryQuery(ByKey):
    """Which deliveries."""

    state: State | None = None
    kind: Text | None = Field(None, description="The transport.")
    purpose: Purpose | None = None
    urgent: Flag | None = None
    incident: Number | None = Field(None, description="Of this incident.")
    since: InstantIn | None = Field(None, description="Queued then or later.")
    until: InstantIn | None = Field(None, description="Queued before.")


def _facts(delivery: Delivery) -> dict[str, Any]:
    same = ("kind", "to", "purpose", "urgent", "thread", "subject", "attempts", "next_attempt_at", "created_at",
            "ended_at", "error", "possibly_repeated")  # fmt: skip
    return {name: getattr(delivery, name) for name in same} | {
        "id": delivery.pk,
        "address": delivery.hint,
        "destination": delivery.destination.key if delivery.destination else None,
        "state": delivery.status,
        "instead_of": delivery.instead_of_id,
    }


def _rows() -> QuerySet[Delivery]:
    secrets = ("address", "secret", "destination__address", "destination__secret")
    return Delivery.objects.select_related("destination").defer(*secrets, "actions", "data")


def _attempt(attempt: DeliveryAttempt) -> AttemptOut:
    return AttemptOut(at=attempt.at, outcome=attempt.outcome, detail=attempt.detail, took_ms=attempt.took_ms)


@read(router, "/deliveries", scope=SCOPE, out=Page[DeliveryOut], id="listDeliveries", summary="List deliveries")
def list_deliveries(request: Request, query: Query[DeliveryQuery]) -> Any:
    """The newest first."""
    thread = None if query.incident is None else f"incident:{query.incident}"
    exact = {"status": query.state, "kind": query.kind, "purpose": query.purpose, "urgent": query.urgent,
             "thread": thread, "created_at__gte": query.since, "created_at__lt": query.until}  # fmt: skip
    rows = _rows().defer("text", "address", "secret", "destination__address", "destination__secret", "actions", "data")
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    rows = hidden.shown_to(request.caller.user, rows)
    return page(rows, query, Order(), lambda delivery: DeliveryOut(**_facts(delivery)))


@read(router, "/deliveries/{id}", scope=SCOPE, out=DeliveryDetailOut, id="getDelivery", summary="One delivery")
def get_delivery(request: Request, id: Number) -> DeliveryDetailOut:
    """With its text and every try. Links that acknowledge are left out, and so are codes that verify an address."""
    rows = hidden.shown_to(request.caller.user, _rows())
    delivery = got(rows.prefetch_related("tries"), f"delivery {id}", pk=id)
    tries = [_attempt(attempt) for attempt in delivery.tries.all()]
    return DeliveryDetailOut(**_facts(delivery), text=delivery.shown_text, tries=tries)
