"""What people do in the room beside the moves: impact, tasks, holds, corrections, splits, who may see it."""

from typing import Any, Literal

from ninja import Router
from pydantic import Field

from api.access import Request
from api.choosing import one_of
from api.problems import Problem
from api.routing import read, write
from api.shapes import Flag, Id, In, Instant, InstantIn, Number, Out, Text, Words
from incidents import actions, impact, lifecycle, milestones, roles, seeing, similar, splitting
from incidents.models import Incident
from oncall.models import EscalationContact
from policies.models import Severity

from .incident_moves import SCOPE, _work
from .incidents import IncidentDetailOut, LevelOut, found

router = Router()


class ImpactIn(In):
    """Whom it hurts; what is left out stays."""

    affected: Flag | None = Field(None, description="Whether people are affected from now, or `when`, on.")
    when: InstantIn | None = Field(None, description="Since or until when; null: now.")
    scope: Text | None = Field(None, max_length=80, description="One of the policy's scopes.")
    users: int | None = Field(None, ge=0, le=10**12)
    records: int | None = Field(None, ge=0, le=10**12)


class HoldIn(In):
    """What it waits for."""

    reason: Words = Field(max_length=250, examples=["The bank answers on Monday"])


class SplitIn(In):
    """What goes on by itself."""

    title: Words = Field(max_length=250, examples=["Slow search"])
    severity: Words = Field(max_length=40, description="Key of a level of the incident's policy.", examples=["P2"])
    alerts: list[Id] = Field([], max_length=1000, description="Numbers of alerts of this incident.")


class UnmergeIn(In):
    """Why it is another trouble."""

    reason: Text = Field("", max_length=500)


class PrivateIn(In):
    """Who may see it."""

    private: Flag
    readers: list[Words] = Field([], max_length=200, description="Names of contacts.", examples=[["ada"]])


class MilestoneIn(In):
    """When it really happened."""

    milestone: Literal[
        "started", "detected", "acknowledged", "assessed", "investigated", "identified", "fixed", "mitigated",
        "resolved", "closed",
    ]  # fmt: skip
    to: InstantIn
    reason: Text = Field(
        "", max_length=500, description="Needed once a time is known.", examples=["Acknowledged by telephone"]
    )


class TaskIn(In):
    """Something to do."""

    text: Words = Field(max_length=250, examples=["Ring the bank"])
    role: Text = Field("", max_length=40, description="Whose list it stands on; empty: everybody's.")


class LikeOut(Out):
    """A past incident like this one."""

    id: int
    title: str = Field(examples=["Checkout is down"])
    severity: LevelOut
    detected_at: Instant
    resolved_at: Instant | None
    because: list[str] = Field(description="What they have in common.", examples=[["same rule checkout-down"]])
    helped: list[str] = Field(description="What people wrote of its cause and end.")
    url: str = Field(examples=["/incidents/7/"])


class LikesOut(Out):
    """Past incidents like this one, the likest first."""

    incidents: list[LikeOut]


def _do(request: Request, number: int, name: str, function: Any, **more: Any) -> IncidentDetailOut:
    def deed(incident: Incident, *, by: Any, at: Any) -> None:
        actions.allow(name, incident)
        function(incident, by=by, at=at, **more)

    return _work(request, number, deed)


@write(
    router, "/incidents/{id}/impact", scope=SCOPE, out=IncidentDetailOut, id="setImpact",
    summary="Say whom it hurts",
)  # fmt: skip
def set_impact(request: Request, id: Number, body: ImpactIn) -> IncidentDetailOut:
    """Stretches in which people are affected add up; a wider scope tells whoever the policy names."""

    def deed(incident: Incident, *, by: Any, at: Any) -> None:
        actions.allow("impact", incident)
        if body.affected is not None:
            if body.affected:
                impact.begin(incident, by=by, at=at, since=body.when)
            else:
                impact.end(incident, by=by, at=at, until=body.when)
        if body.scope is not None:
            impact.widen(incident, body.scope, by=by, at=at)
        counted = {name: value for name in ("users", "records") if (value := getattr(body, name)) is not None}
        impact.count(incident, by=by, at=at, **counted)

    return _work(request, id, deed)


@write(router, "/incidents/{id}/hold", scope=SCOPE, out=IncidentDetailOut, id="holdIncident", summary="Put on hold")
def hold(request: Request, id: Number, body: HoldIn) -> IncidentDetailOut:
    """It waits for something nobody here can hurry: clocks that may stand still do."""
    return _do(request, id, "hold", lambda incident, **who: lifecycle.hold(incident, body.reason, **who))


@write(router, "/incidents/{id}/go-on", scope=SCOPE, out=IncidentDetailOut, id="releaseIncident", summary="Go on")
def go_on(request: Request, id: Number) -> IncidentDetailOut:
    """It is no longer on hold: the clocks run with what was left."""
    return _do(request, id, "off-hold", lifecycle.release_hold)


@write(router, "/incidents/{id}/split", scope=SCOPE, out=IncidentDetailOut, id="splitIncident", summary="Split")
def split(request: Request, id: Number, body: SplitIn) -> IncidentDetailOut:
    """Opens a new incident with these alerts, and answers with the old one."""

    def deed(incident: Incident, *, by: Any, at: Any) -> None:
        actions.allow("split", incident)
        levels = Severity.objects.filter(policy=incident.policy_id)
        level = one_of(levels, "level", "body.severity", key=body.severity)
        splitting.split(incident, title=body.title, severity=level, alerts=body.alerts, by=by, at=at)

    return _work(request, id, deed)


@write(router, "/incidents/{id}/unmerge", scope=SCOPE, out=IncidentDetailOut, id="unmergeIncident", summary="Unmerge")
def unmerge(request: Request, id: Number, body: UnmergeIn) -> IncidentDetailOut:
    """It was another trouble after all: the alerts it brought come back, its clocks and pages begin anew."""
    return _do(request, id, "unmerge", lifecycle.unmerge, reason=body.reason)


@write(
    router, "/incidents/{id}/privacy", scope=SCOPE, out=IncidentDetailOut, id="limitIncident",
    summary="Say who may see it",
)  # fmt: skip
def limit(request: Request, id: Number, body: PrivateIn) -> IncidentDetailOut:
    """A private incident is told to no channel; whoever is paged for it or has a role in it sees it."""
    contacts = EscalationContact.objects.all()
    readers = [one_of(contacts, "contact", "body.readers", name=name) for name in body.readers]
    return _do(request, id, "private", seeing.limit, private=body.private, readers=readers)


@write(
    router, "/incidents/{id}/milestones", scope=SCOPE, out=IncidentDetailOut, id="correctMilestone",
    summary="Set or correct a milestone",
)  # fmt: skip
def correct(request: Request, id: Number, body: MilestoneIn) -> IncidentDetailOut:
    """What stood there before stays on the timeline with your reason; targets are judged by the corrected time."""

    def deed(incident: Incident, *, by: Any, at: Any) -> None:
        milestones.correct(incident, body.milestone, body.to, by=by, at=at, reason=body.reason)

    return _work(request, id, deed)


@write(
    router, "/incidents/{id}/tasks", scope=SCOPE, out=IncidentDetailOut, status=201, id="addTask", summary="Add a task"
)
def add_task(request: Request, id: Number, body: TaskIn) -> IncidentDetailOut:
    """Puts something to do on the incident's list."""
    return _do(
        request, id, "task", lambda incident, **who: roles.add_task(incident, body.text, role=body.role, **who)
    )  # fmt: skip


@write(
    router, "/incidents/{id}/tasks/{task}/done", scope=SCOPE, out=IncidentDetailOut, id="finishTask",
    summary="A task is done",
)  # fmt: skip
def finish_task(request: Request, id: Number, task: Number) -> IncidentDetailOut:
    """Done once: who did it first stands there."""

    def deed(incident: Incident, *, by: Any, at: Any) -> None:
        if not incident.tasks.filter(pk=task).exists():
            raise Problem("not-found", f"There is no task {task} on incident {id}.")
        roles.tick_tasks(incident, [task], by=by, at=at)

    return _work(request, id, deed)


@read(
    router, "/incidents/{id}/similar", scope="incidents:read", out=LikesOut, id="listSimilarIncidents",
    summary="Past incidents like it",
)  # fmt: skip
def list_similar(request: Request, id: Number) -> LikesOut:
    """At most five, with what helped then."""
    user = request.caller.user
    likes = similar.past(found(id, user), seeing.visible(user))
    return LikesOut(incidents=[
        LikeOut(
            id=like.incident.pk, title=like.incident.title, severity=LevelOut.of(like.incident.severity),
            detected_at=like.incident.detected_at, resolved_at=like.incident.resolved_at, because=like.because,
            helped=like.helped, url=like.incident.get_absolute_url(),
        )
        for like in likes
    ])  # fmt: skip
