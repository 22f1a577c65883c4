"""Reports of incidents: what can be written, as it is now, and the versions that are stored."""

from typing import Any

from ninja import Query, Router
from pydantic import Field

from api.access import Request
from api.paging import Order, got, page
from api.problems import Problem
from api.routing import read, write
from api.shapes import ByTime, Flag, In, Instant, Number, Out, Page, Text
from incidents.models import Incident
from incidents.seeing import hidden
from oncall.people import contact_of
from reports import html, storing, writing
from reports.engine import BadTemplate
from reports.models import Report

from .incidents import PersonOut, found

router = Router()
READ, WRITE = "reports:read", "reports:write"


class KindOut(Out):
    """A kind of report that can be written of an incident."""

    key: str = Field(examples=["incident-report"])
    name: str = Field(examples=["Incident Report"])
    language: str = Field(examples=["en"])
    standard: bool = Field(description="Offered by Opscenter, since the policy has none of that kind.")


class ReportOut(Out):
    """A stored version as lists show it."""

    id: int
    incident: int | None
    kind: str = Field(description="Key of its kind.", examples=["incident-report"])
    name: str
    version: int
    title: str = Field(examples=["Incident Report: 2026-11-20 - Checkout down"])
    language: str
    at: Instant
    by: PersonOut | None
    edited: bool = Field(description="A person changed what was drafted.")
    sha256: str = Field(description="Of its Markdown.")
    place: str = Field(description="Name of the page where it is kept.")
    link: str = Field(description="Where it was put.")
    url: str = Field(description="Its page; with .md, .html or .pdf instead of the last / a file.")


class KindsOut(Out):
    """What can be written of an incident, and what was stored of it, the newest first."""

    kinds: list[KindOut]
    reports: list[ReportOut]


class DraftOut(Out):
    """A report as the incident is now; it is not stored."""

    kind: str
    title: str
    markdown: str
    html: str


class ReportDetailOut(ReportOut):
    """A stored version with its text."""

    markdown: str
    html: str


class StoreIn(In):
    """Its text, if a person changed it."""

    markdown: Text | None = Field(None, max_length=storing.LONGEST, description="Null: as it is drafted.")


class ReportQuery(ByTime):
    """Which stored reports."""

    incident: Number | None = Field(None, description="Number of its incident.")
    kind: Text | None = Field(None, description="Key of its kind.")
    edited: Flag | None = Field(None, description="Only those changed by a person, or none of them.")


def _out(row: Report) -> dict[str, Any]:
    same = ("name", "title", "language", "at", "edited", "sha256", "link")
    return {name: getattr(row, name) for name in same} | {
        "id": row.pk, "incident": row.incident_id, "kind": row.key, "version": row.number, "place": row.place_name,
        "by": PersonOut.of(row.by), "url": row.get_absolute_url(),
    }  # fmt: skip


def _whole(row: Report) -> ReportDetailOut:
    return ReportDetailOut(**_out(row), markdown=row.text, html=html.fragment(row.text))


def _kind(incident: Incident, key: str) -> writing.Kind:
    kinds = {kind.key: kind for kind in writing.kinds_of(incident.policy)}
    if key not in kinds:
        raise Problem("not-found", f"There is no kind of report {key!r}; there are: {', '.join(kinds)}.")
    return kinds[key]


@read(
    router, "/incidents/{id}/reports", scope=READ, out=KindsOut, id="listIncidentReports",
    summary="Reports of an incident",
)  # fmt: skip
def of_incident(request: Request, id: Number) -> KindsOut:
    """The kinds of its policy first, then those that Opscenter offers itself."""
    incident = found(id, request.caller.user)
    kinds = writing.kinds_of(incident.policy)
    rows = Report.objects.filter(incident=incident).select_related("by")
    return KindsOut(
        kinds=[KindOut(key=one.key, name=one.name, language=one.language, standard=one.standard) for one in kinds],
        reports=[ReportOut(**_out(row)) for row in rows],
    )


@read(
    router, "/incidents/{id}/reports/{kind}", scope=READ, out=DraftOut, id="draftReport", summary="Draft a report"
)  # fmt: skip
def draft(request: Request, id: Number, kind: str) -> DraftOut:
    """Written anew from the incident as it is; nothing is stored."""
    incident = found(id, request.caller.user)
    chosen = _kind(incident, kind)
    try:
        document = writing.write(chosen, incident, at=request.at)
    except BadTemplate as fault:
        raise Problem("refused", f"The template of {chosen.name} cannot be filled. {fault}") from None
    return DraftOut(kind=kind, title=document.title, markdown=document.text, html=html.fragment(document.text))


@write(
    router, "/incidents/{id}/reports/{kind}", scope=WRITE, out=ReportDetailOut, status=201, id="storeReport",
    summary="Store a report",
)  # fmt: skip
def store(request: Request, id: Number, kind: str, body: StoreIn) -> ReportDetailOut:
    """Keeps the next version of that kind; it is never changed."""
    incident = found(id, request.caller.user)
    chosen = _kind(incident, kind)
    by = contact_of(request.caller.user)
    try:
        return _whole(storing.store(chosen, incident, at=request.at, by=by, text=body.markdown))
    except BadTemplate as fault:
        raise Problem("refused", f"The template of {chosen.name} cannot be filled. {fault}") from None


def _rows(user: Any):
    return Report.objects.exclude(incident__in=hidden(user)).select_related("by")


@read(router, "/reports", scope=READ, out=Page[ReportOut], id="listReports", summary="List stored reports")
def list_reports(request: Request, query: Query[ReportQuery]) -> Any:
    """The newest first."""
    exact = {"incident": query.incident, "key": query.kind, "edited": query.edited}
    rows = _rows(request.caller.user).filter(**{name: value for name, value in exact.items() if value is not None})
    return page(rows.defer("text"), query, Order("at"), lambda row: ReportOut(**_out(row)))


@read(router, "/reports/{id}", scope=READ, out=ReportDetailOut, id="getReport", summary="One stored report")
def get_report(request: Request, id: Number) -> ReportDetailOut:
    """With its text in Markdown and HTML; the PDF is its page's address ending in .pdf."""
    return _whole(got(_rows(request.caller.user), f"report {id}", pk=id))
