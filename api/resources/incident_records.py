"""What is kept of an incident elsewhere: its tickets, its disaster recovery, its evidence."""

from typing import Any, Literal

from ninja import Router
from pydantic import Field

from api.access import Request
from api.routing import read
from api.shapes import Instant, Number, Out
from evidence import store
from evidence.models import Evidence
from recovery import plans
from recovery.models import Bridge
from tickets.models import Ticket

from .incidents import found

router = Router()
SCOPE = "incidents:read"


class TicketOut(Out):
    """A ticket in a tracker."""

    id: int
    plan: str = Field(description="Key of the plan it was made by; linked-1 … for one that a person linked.")
    tracker: Literal["jira", "json"]
    project: str
    state: Literal["waiting", "making", "made", "failed", "dropped"]
    key: str = Field(description="What the tracker calls it; empty until it is made.", examples=["OPS-12"])
    url: str
    status: str = Field(description="As the tracker said last.")
    done: bool = Field(description="Whether that status means it is done.")
    error: str = Field(description="Why the last try did not succeed; empty: it did.")
    due_at: Instant | None = Field(description="When it is made, if the incident is still active then.")
    made_at: Instant | None
    seen_at: Instant | None


class TicketsOut(Out):
    """The tickets of an incident."""

    tickets: list[TicketOut]


class PromptOut(Out):
    """A condition of the disaster plan that came true."""

    text: str
    asks: Literal["activate", "bridge"]
    at: Instant
    answer: Literal["open", "followed", "declined"]
    answered_by: str | None


class CallOut(Out):
    """A line of the call tree."""

    name: str
    number: str
    outcome: Literal["open", "calling", "reached", "no_answer", "wrong", "skipped"]
    at: Instant | None


class RecoveryOut(Out):
    """How far the disaster recovery of an incident has come."""

    state: Literal["none", "standby", "prompted", "active", "stood_down"] = Field(
        description="none: its policy has no plan for its level."
    )
    activated_at: Instant | None
    activated_by: str | None
    reason: str
    prompts: list[PromptOut]
    links: dict[str, str] = Field(description="Where people meet, by name.")
    calls: list[CallOut]


class FileOut(Out):
    """A file of evidence."""

    id: int
    name: str
    label: str
    size: int = Field(description="Bytes.")
    sha256: str
    by: str | None
    at: Instant


class EvidenceOut(Out):
    """The evidence of an incident, and what is still wanted."""

    files: list[FileOut]
    missing: list[str] = Field(description="Labels without a file.")


def _name(contact: Any) -> str | None:
    return str(contact) if contact else None


def _ticket(row: Any) -> TicketOut:
    return TicketOut(
        id=row.pk, plan=row.plan_key, tracker=row.tracker, project=row.project, state=row.state, key=row.key,
        url=row.url, status=row.remote_status, done=row.remote_done, error=row.error, due_at=row.look_at,
        made_at=row.made_at, seen_at=row.seen_at,
    )  # fmt: skip


def _prompt(row: Any) -> PromptOut:
    return PromptOut(text=row.text, asks=row.asks, at=row.at, answer=row.answer, answered_by=_name(row.answered_by))


def _call(row: Any) -> CallOut:
    return CallOut(name=str(row.contact), number=row.number, outcome=row.outcome, at=row.at)


def _recovery(row: Any) -> RecoveryOut:
    opened = Bridge.objects.filter(recovery=row).first()
    return RecoveryOut(
        state=row.state, activated_at=row.activated_at, activated_by=_name(row.activated_by), reason=row.reason,
        prompts=[_prompt(one) for one in row.prompts.select_related("answered_by")],
        links=opened.links if opened else {}, calls=[_call(one) for one in row.calls.select_related("contact")],
    )  # fmt: skip


def _file(row: Any) -> FileOut:
    return FileOut(
        id=row.pk, name=row.name, label=row.label, size=row.size, sha256=row.sha256, at=row.at, by=_name(row.by)
    )


@read(router, "/incidents/{id}/tickets", scope=SCOPE, out=TicketsOut, id="listTickets", summary="Its tickets")
def tickets(request: Request, id: Number) -> TicketsOut:
    """What trackers keep of it, and how that went."""
    incident = found(id, request.caller.user)
    return TicketsOut(tickets=[_ticket(row) for row in Ticket.objects.filter(incident=incident)])


@read(
    router, "/incidents/{id}/recovery", scope=SCOPE, out=RecoveryOut, id="getRecovery", summary="Its disaster recovery"
)
def recovery(request: Request, id: Number) -> RecoveryOut:
    """State, prompts, bridge and call tree of its disaster plan."""
    row = plans.of(found(id, request.caller.user))
    if row is None:
        nothing: dict[str, Any] = {"prompts": [], "links": {}, "calls": []}
        return RecoveryOut(state="none", activated_at=None, activated_by=None, reason="", **nothing)
    return _recovery(row)


@read(router, "/incidents/{id}/evidence", scope=SCOPE, out=EvidenceOut, id="listEvidence", summary="Its evidence")
def evidence(request: Request, id: Number) -> EvidenceOut:
    """The files with their hashes; their content is on the incident's page."""
    incident = found(id, request.caller.user)
    files = Evidence.objects.filter(incident=incident).select_related("by")
    return EvidenceOut(files=[_file(row) for row in files], missing=store.missing(incident))
