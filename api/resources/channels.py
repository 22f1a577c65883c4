"""Channels: how each tenant's line to its users is, and how it was."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from api.paging import Order, got, page
from api.routing import read
from api.shapes import ByKey, ByTime, Instant, Number, Out, Page, Text
from channels_health.models import Channel, ChannelStatus

router = Router()
SCOPE = "channels:read"


class ChannelOut(Out):
    """A tenant's channel."""

    id: int
    tenant: str
    key: str = Field(examples=["whatsapp"])
    name: str
    kind: str
    identifiers: dict[str, Any] = Field(description="Ids to compare, never tokens.")
    state: str = Field(description="As its sender last told.", examples=["CONNECTED"])
    changed_at: Instant | None

    @classmethod
    def of(cls, channel: Channel) -> "ChannelOut":
        same = ("tenant", "key", "name", "kind", "identifiers", "changed_at")
        return cls(**{name: getattr(channel, name) for name in same}, id=channel.pk, state=channel.status)


class ChannelStateOut(Out):
    """One state of a channel, from `at` until the next."""

    id: int
    state: str
    at: Instant
    until: Instant | None = Field(description="Null: lasts.")
    reason: str

    @classmethod
    def of(cls, row: ChannelStatus) -> "ChannelStateOut":
        return cls(id=row.pk, state=row.status, at=row.at, until=row.until, reason=row.reason)


class ChannelQuery(ByKey):
    """Which channels."""

    tenant: Text | None = None
    kind: Text | None = None
    state: Text | None = Field(None, description="As its sender words it, in any case.")


@read(router, "/channels", scope=SCOPE, out=Page[ChannelOut], id="listChannels", summary="List channels")
def list_channels(request: HttpRequest, query: Query[ChannelQuery]) -> Any:
    """The newest first. Also at /api/channels/status."""
    exact = {"tenant": query.tenant, "kind": query.kind, "status__iexact": query.state}
    rows = Channel.objects.filter(**{name: value for name, value in exact.items() if value is not None})
    return page(rows, query, Order(), ChannelOut.of)


@read(router, "/channels/{id}", scope=SCOPE, out=ChannelOut, id="getChannel", summary="One channel")
def get_channel(request: HttpRequest, id: Number) -> ChannelOut:
    """How it is now."""
    return ChannelOut.of(got(Channel.objects.all(), f"channel {id}", pk=id))


@read(
    router, "/channels/{id}/history", scope=SCOPE, out=Page[ChannelStateOut], id="listChannelHistory",
    summary="How a channel was",
)  # fmt: skip
def list_history(request: HttpRequest, id: Number, query: Query[ByTime]) -> Any:
    """Its states, the latest first."""
    channel = got(Channel.objects.all(), f"channel {id}", pk=id)
    return page(ChannelStatus.objects.filter(channel=channel), query, Order("at"), ChannelStateOut.of)
