"""Dashboards with their figures, and annotations: what happened when, in the form that Grafana reads."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from ninja import Query, Router
from pydantic import BaseModel, BeforeValidator, Field

from api.access import Request
from api.paging import Order, got, page
from api.routing import read
from api.shapes import ByKey, Instant, InstantIn, Number, Out, Page, Seconds, Text, read_number
from dashboards import chart, counted, incident_chart, marks, panels
from dashboards.models import Dashboard
from dashboards.spans import LONGEST, SHORTEST, Span
from incidents.seeing import visible
from policies.models import Policy

router = Router()
SCOPE = "dashboards:read"
LAST_MS = 253_402_300_799_000
"""The last second of the year 9999."""
Milliseconds = Annotated[int, Field(ge=0, le=LAST_MS), BeforeValidator(read_number)]
A_DAY = timedelta(days=1)


class SpanQuery(BaseModel):
    """Which time; Grafana's `${__from}` and `${__to}` fit `from` and `to`."""

    from_: Milliseconds | None = Field(None, alias="from", description="Unix milliseconds.")
    to: Milliseconds | None = Field(None, description="Unix milliseconds.")
    since: InstantIn | None = Field(None, description="The same as an instant.")
    until: InstantIn | None = Field(None, description="The same as an instant.")

    def span(self, usual: timedelta, *, at: datetime) -> Span:
        """The time asked for, at most 90 days of it; `usual` until now when nothing is said."""
        end = min(self.until or _instant(self.to) or at, at)
        begin = self.since or _instant(self.from_) or max(end - usual, datetime.min.replace(tzinfo=UTC) + LONGEST)
        begin = max(min(begin, end - SHORTEST), end - LONGEST)
        return Span(begin, end)


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


class AnnotationOut(Out):
    """One thing that happened, as Grafana's annotations have it."""

    id: str = Field(examples=["timeline-7"])
    time: int = Field(description="Unix milliseconds.")
    timeEnd: int | None = Field(None, description="When it ended; null when it did not last, or goes on.")
    isRegion: bool = False
    title: str = Field(examples=["Acknowledged"])
    text: str
    tags: list[str] = Field(examples=[["acknowledge", "incident:7", "P1"]])
    kind: str = Field(examples=["alert", "acknowledge", "deploy"])
    at: str = Field(description="`time` as an instant.")
    url: str = ""


class AnnotationQuery(SpanQuery):
    """Of which incident or policy; without either, of every policy."""

    incident: Number | None = Field(None, description="Number of an incident: all its marks, as on its chart.")
    policy: Text | None = Field(None, description="Key of a policy: its incidents and the changes of its service.")
    kind: Text | None = Field(None, description="Only marks of this kind.", examples=["alert"])


class PanelOut(Out):
    """A panel with its figures; null is no data, which is not 0."""

    key: str
    title: str
    part: str
    kind: Literal["events", "deliveries", "rule", "objective", "source"]
    field: str
    unit: str
    has_data: bool
    value: float | None = Field(description="Over all of the time, or what was read last.")
    shown: str = Field(examples=["15 %", "no data"])
    before: float | None = Field(description="Of the same length of time before, where the panel compares.")
    figures: dict[str, float | None]
    read_at: str | None
    fault: str
    note: str
    lines: list[dict[str, Any]] = Field(description="Name, value and points of each curve or row.")


class DashboardOut(Out):
    """A dashboard."""

    id: int
    policy: str
    key: str
    name: str
    about: str
    range: Seconds

    @classmethod
    def of(cls, row: Dashboard) -> "DashboardOut":
        return cls(id=row.pk, policy=row.policy.key, key=row.key, name=row.name, about=row.about, range=row.range)


class DashboardWithPanels(DashboardOut):
    """With what its panels show."""

    since: Instant
    until: Instant
    panels: list[PanelOut]


class DashboardQuery(ByKey):
    """Which dashboards."""

    policy: Text | None = Field(None, description="Key of a policy.")


def _rows() -> QuerySet[Dashboard]:
    return Dashboard.objects.select_related("policy")


@read(router, "/dashboards", scope=SCOPE, out=Page[DashboardOut], id="listDashboards", summary="List dashboards")
def list_dashboards(request: Request, query: Query[DashboardQuery]) -> Any:
    """The newest first."""
    rows = _rows().filter(policy__key=query.policy) if query.policy is not None else _rows()
    return page(rows, query, Order(), DashboardOut.of)


@read(router, "/dashboards/{id}", scope=SCOPE, out=DashboardWithPanels, id="getDashboard", summary="One dashboard")
def get_dashboard(request: Request, id: Number, query: Query[SpanQuery]) -> DashboardWithPanels:
    """With the figures of its panels over a time, its usual one until now."""
    row = got(_rows(), f"dashboard {id}", pk=id)
    span, values = query.span(row.range, at=request.at), panels.values_of(row.policy)
    kept: counted.Fetched = {}
    shown = [
        PanelOut(**panels.as_json(panels.show(panel, span, values=values, width=chart.MEDIUM, kept=kept)))
        for panel in row.panels.select_related("dashboard__policy")
    ]
    said = DashboardOut.of(row).model_dump() | {"range": row.range}
    return DashboardWithPanels(**said, since=span.begin, until=span.end, panels=shown)


@read(
    router, "/annotations", scope="incidents:read", out=list[AnnotationOut], id="listAnnotations",
    summary="What happened when, for Grafana",
)  # fmt: skip
def list_annotations(request: Request, query: Query[AnnotationQuery]) -> list[AnnotationOut]:
    """In order of time: of the last day unless a time is named, of an incident from before it began until it ended."""
    seen = visible(request.caller.user)
    found: list[marks.Mark] = []
    if query.incident is not None:
        incident = got(
            seen.select_related("policy", "severity", "service"), f"incident {query.incident}", pk=query.incident
        )
        usual = incident_chart.span_of(incident, at=request.at)
        named = any(one is not None for one in (query.from_, query.to, query.since, query.until))
        span = query.span(usual.length, at=request.at) if named else usual
        found = marks.of_incident(incident, begin=span.begin, end=span.end)
    else:
        span = query.span(A_DAY, at=request.at)
        policies = Policy.objects.select_related("service").order_by("pk")
        for policy in policies.filter(key=query.policy) if query.policy is not None else policies:
            found += marks.of_policy(policy, seen, begin=span.begin, end=span.end)
    base = request.build_absolute_uri("/").rstrip("/")
    told = sorted({mark.id: mark for mark in found}.values(), key=lambda mark: mark.at)
    return [AnnotationOut(**mark.annotation(base)) for mark in told if query.kind in (None, mark.kind)]
