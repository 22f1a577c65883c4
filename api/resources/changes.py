"""Changes: deploys, flags, configuration; shown beside the incidents they may explain."""

from datetime import datetime
from typing import Any, Literal

from django.db.models import Q
from ninja import Query, Router
from pydantic import Field

from api.access import Request
from api.paging import Order, got, page
from api.routing import read, write
from api.shapes import ByTime, In, Instant, InstantIn, Labels, Number, Out, Page, Text, Words
from sources import events
from sources.inbound.base import Told
from sources.models import Change

router = Router()
NEWEST = Order("at")
Kind = Literal["deploy", "flag", "config", "other"]


class LinkIn(In):
    """Where to read more."""

    href: Words = Field(max_length=2000, examples=["https://ci.example.org/runs/7"])
    text: Text = Field("", max_length=250)


class ChangeOut(Out):
    """One change."""

    id: int
    kind: Kind
    summary: str = Field(examples=["checkout 4.2.1 deployed"])
    source: str = Field(description="Where it was made: a pipeline, a host, a person.")
    service: str = Field(description="Empty: may concern every service.")
    version: str
    outcome: str = Field(description="As the pipeline says.", examples=["succeeded"])
    url: str
    links: list[Any]
    labels: dict[str, Any]
    change_id: str = Field(description="The sender's id.")
    door: str | None = Field(description="Name of the integration that told it; null: by this API or by hand.")
    at: Instant
    received_at: Instant

    @classmethod
    def of(cls, change: Change) -> "ChangeOut":
        same = ("kind", "summary", "source", "service", "version", "outcome", "url", "links", "labels", "change_id",
                "at", "received_at")  # fmt: skip
        door = change.integration.name if change.integration else None
        return cls(**{name: getattr(change, name) for name in same}, id=change.pk, door=door)


class DeployIn(In):
    """A deploy."""

    summary: Words = Field(max_length=1024, examples=["checkout 4.2.1 deployed"])
    source: Text = Field("", max_length=255, examples=["github"])
    service: Text = Field("", max_length=120, examples=["checkout"])
    version: Text = Field("", max_length=120, examples=["4.2.1"])
    outcome: Text = Field("", max_length=40, examples=["succeeded"])
    url: Text = Field("", max_length=2000)
    links: list[LinkIn] = Field([], max_length=20)
    labels: Labels = {}
    at: InstantIn | None = Field(None, description="When it was made; now when left out.")


class ChangeIn(DeployIn):
    """A change of any kind."""

    kind: Kind = "deploy"


class DeployQuery(ByTime):
    """Which deploys."""

    service: Text | None = Field(None, description="Of this service, or of every service.")
    since: InstantIn | None = Field(None, description="Made then or later.")
    until: InstantIn | None = Field(None, description="Made before.")
    text: Text | None = Field(None, description="Part of the summary, in any case.")


class ChangeQuery(DeployQuery):
    """Which changes."""

    kind: Kind | None = None


def _listed(query: DeployQuery, kind: str | None) -> Any:
    rows = Change.objects.select_related("integration").defer("integration__secret", "integration__old_secret")
    if query.service is not None:
        rows = rows.filter(Q(service=query.service) | Q(service=""))
    exact = {"kind": kind, "at__gte": query.since, "at__lt": query.until, "summary__icontains": query.text}
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    return page(rows, query, NEWEST, ChangeOut.of)


def _noted(body: DeployIn, kind: str, at: datetime) -> ChangeOut:
    same = ("summary", "source", "service", "version", "outcome", "url", "labels", "at")
    links = [link.model_dump() for link in body.links]
    told = Told(**{name: getattr(body, name) for name in same}, kind=kind, links=links)
    (change,) = events.note_changes(None, [told], at=at)
    return ChangeOut.of(change)


@read(router, "/changes", scope="changes:read", out=Page[ChangeOut], id="listChanges", summary="List changes")
def list_changes(request: Request, query: Query[ChangeQuery]) -> Any:
    """The latest first."""
    return _listed(query, query.kind)


@read(router, "/changes/{id}", scope="changes:read", out=ChangeOut, id="getChange", summary="One change")
def get_change(request: Request, id: Number) -> ChangeOut:
    """As it was told."""
    return ChangeOut.of(got(Change.objects.select_related("integration"), f"change {id}", pk=id))


@write(
    router, "/changes", scope="changes:write", out=ChangeOut, status=201, id="recordChange", summary="Record a change"
)
def record_change(request: Request, body: ChangeIn) -> ChangeOut:
    """Shown beside the incidents of its service."""
    return _noted(body, body.kind, request.at)


@read(router, "/deploys", scope="changes:read", out=Page[ChangeOut], id="listDeploys", summary="List deploys")
def list_deploys(request: Request, query: Query[DeployQuery]) -> Any:
    """Changes of the kind deploy, the latest first. Also at /api/deploys."""
    return _listed(query, Change.Kind.DEPLOY)


@write(
    router, "/deploys", scope="changes:write", out=ChangeOut, status=201, id="recordDeploy", summary="Record a deploy"
)
def record_deploy(request: Request, body: DeployIn) -> ChangeOut:
    """For pipelines: one line at the end of a deploy."""
    return _noted(body, Change.Kind.DEPLOY, request.at)
