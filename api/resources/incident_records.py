"""What is kept of an incident elsewhere: its tickets, its disaster recovery, its evidence."""

from typing import Literal

from ninja import Router
from pydantic import Field

from api.access import Request
from api.routing import read
from api.shapes import Instant, Number, Out
from evidence import store
from recovery import bridge as bridges
from recovery import plans

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


@read(router, "/incidents/{id}/tickets", scope=SCOPE, out=TicketsOut, id="listTickets", summary="Its tickets")
def tickets(request: Request, id: Number) -> TicketsOut:
    """What trackers keep of it, and how that went."""
    incident = found(id, request.caller.user)
    return TicketsOut(
        tickets=[
            TicketOut(
                id=row.pk, plan=row.plan_key, tracker=row.tracker, project=row.project, state=row.state, key=row.key,
                url=row.url, status=row.remote_status, done=row.remote_done, error=row.error, due_at=row.look_at,
                made_at=row.made_at, seen_at=row.seen_at,
            )
            for row in incident.tickets.all()
        ]
    )  # fmt: skip


@read(
    router, "/incidents/{id}/recovery", scope=SCOPE, out=RecoveryOut, id="getRecovery", summary="Its disaster recovery"
)
def recovery(request: Request, id: Number) -> RecoveryOut:
    """State, prompts, bridge and call tree of its disaster plan."""
    incident = found(id, request.caller.user)
    row = plans.of(incident)
    if row is None:
        return RecoveryOut(
            state="none", activated_at=None, activated_by=None, reason="", prompts=[], links={}, calls=[]
        )
    opened = bridges.Bridge.objects.filter(recovery=row).first()
    return RecoveryOut(
        state=row.state, activated_at=row.activated_at, activated_by=row.activated_by and str(row.activated_by),
        reason=row.reason, links=opened.links if opened else {},
        prompts=[
            PromptOut(
                text=one.text, asks=one.asks, at=one.at, answer=one.answer,
                answered_by=one.answered_by and str(one.answered_by),
            )
            for one in row.prompts.select_related("answered_by")
        ],
        calls=[
            CallOut(name=str(one.contact), number=one.number, outcome=one.outcome, at=one.at)
            for one in row.calls.select_related("contact")
        ],
    )  # fmt: skip


@read(router, "/incidents/{id}/evidence", scope=SCOPE, out=EvidenceOut, id="listEvidence", summary="Its evidence")
def evidence(request: Request, id: Number) -> EvidenceOut:
    """The files with their hashes; their content is on the incident's page."""
    incident = found(id, request.caller.user)
    return EvidenceOut(
        files=[
            FileOut(
                id=row.pk, name=row.name, label=row.label, size=row.size, sha256=row.sha256, at=row.at,
                by=row.by and str(row.by),
            )
            for row in incident.evidence.select_related("by")
        ],
        missing=store.missing(incident),
    )  # fmt: skip
