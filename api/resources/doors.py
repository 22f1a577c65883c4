"""Doors: the integrations that let senders in. Keys and secrets stay where they are."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from api.paging import Order, got, page
from api.routing import read
from api.shapes import ByKey, Flag, Instant, Number, Out, Page, Seconds, Text
from sources.models import Integration

router = Router()
SCOPE = "doors:read"


class DoorOut(Out):
    """A door for one sender."""

    id: int
    kind: str = Field(description="How its sender speaks.", examples=["generic"])
    name: str
    policy: str | None = Field(description="Key of the policy its alerts follow; null: the default one.")
    group_by: list[Any] = Field(description="Labels whose values make one incident.")
    signed: bool = Field(description="Requests must be signed.")
    ceiling: int = Field(description="Incidents it may open in a minute; 0: no ceiling.")
    resolve_after: Seconds | None = Field(description="Quiet time in seconds; null: as the policy says.")
    enabled: bool
    last_seen_at: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, door: Integration) -> "DoorOut":
        same = ("kind", "name", "group_by", "ceiling", "resolve_after", "enabled", "last_seen_at", "created_at")
        return cls(
            **{name: getattr(door, name) for name in same}, id=door.pk, signed=bool(door.secrets),
            policy=door.policy.key if door.policy else None,
        )  # fmt: skip


class DoorQuery(ByKey):
    """Which doors."""

    kind: Text | None = None
    enabled: Flag | None = None


def _rows() -> QuerySet[Integration]:
    return Integration.objects.select_related("policy")


@read(router, "/doors", scope=SCOPE, out=Page[DoorOut], id="listDoors", summary="List doors")
def list_doors(request: HttpRequest, query: Query[DoorQuery]) -> Any:
    """The newest first."""
    exact = {"kind": query.kind, "enabled": query.enabled}
    rows = _rows().filter(**{name: value for name, value in exact.items() if value is not None})
    return page(rows, query, Order(), DoorOut.of)


@read(router, "/doors/{id}", scope=SCOPE, out=DoorOut, id="getDoor", summary="One door")
def get_door(request: HttpRequest, id: Number) -> DoorOut:
    """When it was last used, and how it groups."""
    return DoorOut.of(got(_rows(), f"door {id}", pk=id))
