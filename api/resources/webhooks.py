"""The webhook log: every request that was told to us, what we said, and what it became."""

from typing import Any, Literal

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from api.paging import Order, got, page
from api.routing import read
from api.shapes import ByTime, Instant, InstantIn, Number, Out, Page, Text
from sources.models import WebhookLog

router = Router()
SCOPE = "webhooks:read"
Verdict = Literal["accepted", "refused", "duplicate"]


class WebhookOut(Out):
    """One inbound request."""

    id: int
    door: str | None = Field(description="Name of the integration.")
    at: Instant
    verdict: Verdict
    status_code: int = Field(examples=[202])
    reason: str = Field(description="Why it was refused.")
    delivery_id: str = Field(description="The sender's own id of this message.")
    sender: str = Field(description="The address it came from.")
    became: dict[str, Any] = Field(examples=[{"alerts": [12]}])
    replay_of: int | None


class WebhookDetailOut(WebhookOut):
    """A request with what it said."""

    payload: str = Field(description="Redacted, and cut when long.")
    headers: dict[str, Any]


class WebhookQuery(ByTime):
    """Which requests."""

    verdict: Verdict | None = None
    door: Text | None = Field(None, description="Name of an integration.")
    since: InstantIn | None = Field(None, description="Then or later.")
    until: InstantIn | None = Field(None, description="Before.")


def _facts(row: WebhookLog) -> dict[str, Any]:
    same = ("at", "verdict", "status_code", "reason", "delivery_id", "sender", "became")
    door = row.integration.name if row.integration else None
    return {name: getattr(row, name) for name in same} | {"id": row.pk, "door": door, "replay_of": row.replay_of_id}


def _rows() -> QuerySet[WebhookLog]:
    secrets = ("integration__secret", "integration__old_secret")
    return WebhookLog.objects.select_related("integration").defer("raw", "query", *secrets)


@read(router, "/webhooks", scope=SCOPE, out=Page[WebhookOut], id="listWebhooks", summary="List inbound requests")
def list_webhooks(request: HttpRequest, query: Query[WebhookQuery]) -> Any:
    """The latest first."""
    exact = {"verdict": query.verdict, "integration__name": query.door, "at__gte": query.since, "at__lt": query.until}
    rows = _rows().filter(**{name: value for name, value in exact.items() if value is not None})
    return page(rows, query, Order("at"), lambda row: WebhookOut(**_facts(row)))


@read(router, "/webhooks/{id}", scope=SCOPE, out=WebhookDetailOut, id="getWebhook", summary="One inbound request")
def get_webhook(request: HttpRequest, id: Number) -> WebhookDetailOut:
    """With its redacted payload."""
    row = got(_rows(), f"inbound request {id}", pk=id)
    return WebhookDetailOut(**_facts(row), payload=row.payload, headers=row.headers)
