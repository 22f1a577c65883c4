"""Service level objectives: how they stand, and how their last days went."""

import datetime as dt
from typing import Any, Literal

from django.db.models import Q, QuerySet
from ninja import Query, Router
from pydantic import Field

from analytics import history
from analytics.models import Objective
from analytics.slo import zone_of
from api.access import Request
from api.paging import Order, got, page
from api.routing import read
from api.shapes import ByKey, Flag, Instant, Number, Out, Page, Seconds, Text

router = Router()
SCOPE = "objectives:read"
State = Literal["unknown", "met", "warning", "missed", "nodata", "error"]


class ObjectiveOut(Out):
    """An objective and what its last measure came to."""

    id: int
    policy: str = Field(description="Key of its policy.")
    key: str = Field(examples=["campaigns_without_errors"])
    name: str
    description: str
    kind: Literal["share", "value", "bands"]
    goal: dict[str, Any] = Field(examples=[{"at_least": 95}])
    unit: str
    window: Seconds | None = Field(description="Seconds that a measure looks back; null: it is of now.")
    zone: str = Field(description="The window is the calendar day there; empty: it slides.")
    every: Seconds = Field(description="Seconds between two measures.")
    met_for: float | None = Field(description="Percent of the measures of 30 days that should be met.")
    enabled: bool
    state: State
    state_since: Instant | None
    value: float | None = Field(description="A share in percent, else the figure.")
    good: float | None
    total: float | None
    verdict: str = Field(description="The last measure in words.")
    measured_by: str = Field(description="The way of asking that answered.", examples=["sql"])
    measured_at: Instant | None

    @classmethod
    def of(cls, row: Objective) -> "ObjectiveOut":
        own = ("id", "policy")
        return cls(id=row.pk, policy=row.policy.key, **{n: getattr(row, n) for n in FIELDS if n not in own})


FIELDS = tuple(ObjectiveOut.model_fields)


class DayOut(Out):
    """A calendar day: what it came to, and how many of its measures came to what."""

    day: dt.date
    state: State
    value: float | None
    good: float | None
    total: float | None
    met: int
    warning: int
    missed: int
    nodata: int
    error: int


class ObjectiveWithDays(ObjectiveOut):
    """With its record."""

    compliance: float | None = Field(description="Percent of the last 30 days; null without data.")
    budget_left: float | None = Field(description="Percent of the error budget; below 0 it is overspent.")
    days: list[DayOut] = Field(description="Of the last 30 those that were measured, oldest first.")


class ObjectiveQuery(ByKey):
    """Which objectives."""

    policy: Text | None = Field(None, description="Key of a policy.")
    state: State | None = None
    enabled: Flag | None = None
    text: Text | None = Field(None, description="Part of name or key, in any case.")


def _rows() -> QuerySet[Objective]:
    return Objective.objects.select_related("policy")


@read(router, "/objectives", scope=SCOPE, out=Page[ObjectiveOut], id="listObjectives", summary="List objectives")
def list_objectives(request: Request, query: Query[ObjectiveQuery]) -> Any:
    """The newest first."""
    exact = {"policy__key": query.policy, "state": query.state, "enabled": query.enabled}
    rows = _rows().filter(**{name: value for name, value in exact.items() if value is not None})
    if query.text is not None:
        rows = rows.filter(Q(name__icontains=query.text) | Q(key__icontains=query.text))
    return page(rows, query, Order(), ObjectiveOut.of)


@read(router, "/objectives/{id}", scope=SCOPE, out=ObjectiveWithDays, id="getObjective", summary="One objective")
def get_objective(request: Request, id: Number) -> ObjectiveWithDays:
    """With its last 30 days."""
    row = got(_rows(), f"objective {id}", pk=id)
    record = history.records([row], today={row.pk: request.at.astimezone(zone_of(row)).date()})[row.pk]
    counts = ("value", "good", "total", "met", "warning", "missed", "nodata", "error")
    days = [
        DayOut(day=day.day, state=day.state.value, **{name: getattr(day.row, name) for name in counts})
        for day in record.days
        if day.row
    ]
    said = ObjectiveOut.of(row).model_dump()
    return ObjectiveWithDays(**said, compliance=record.compliance, budget_left=record.budget, days=days)
