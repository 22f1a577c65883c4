"""Incidents as they are read: the list, one with its clocks and people, its timeline."""

from typing import Any, Literal

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from ninja import Query, Router
from pydantic import Field

from api.access import Request
from api.paging import Order, got, page
from api.routing import read
from api.shapes import ByKey, ByTime, Flag, Instant, InstantIn, Number, Out, Page, Seconds, Text
from incidents import cost, impact, triage
from incidents.models import (
    Incident,
    IncidentUpdate,
    ResponseTarget,
    RoleAssignment,
    Status,
    TimelineEntry,
    Triage,
)
from incidents.seeing import visible
from oncall.models import EscalationContact
from policies.models import Severity

router = Router()
TIMELINE_SHOWN = 200
NEWEST = Order("detected_at")
RELATED = ("policy", "severity", "service", "alert_class", "acknowledged_by")
State = Literal["detected", "acknowledged", "mitigated", "resolved", "closed", "false_positive", "merged"]

Asked = Literal["open", "detected", "acknowledged", "mitigated", "resolved", "closed", "false_positive", "merged"]


class LevelOut(Out):
    """A level of a policy; rank 0 is the most urgent."""

    key: str = Field(examples=["P1"])
    label: str = Field(examples=["Critical"])
    rank: int = Field(examples=[1])

    @classmethod
    def of(cls, level: Severity) -> "LevelOut":
        return cls(key=level.key, label=level.label, rank=level.rank)


class PersonOut(Out):
    """A contact by number and name."""

    id: int
    name: str = Field(examples=["ada"])

    @classmethod
    def of(cls, contact: EscalationContact | None) -> "PersonOut | None":
        return cls(id=contact.pk, name=contact.name) if contact else None


class IncidentOut(Out):
    """An incident as lists show it."""

    id: int = Field(examples=[12])
    title: str = Field(examples=["Checkout is down"])
    state: State
    open: bool = Field(description="Whether people still work on it: detected, acknowledged or mitigated.")
    severity: LevelOut
    policy: str = Field(description="Key of its policy.", examples=["checkout"])
    service: str | None = Field(description="Key of its service.")
    alert_class: str | None = Field(description="Key of its class of alerts.")
    scope: str = Field(description="Whose keys these are: a door or a policy.")
    key: str = Field(description="Alerts that share scope and key join the same open incident.")
    labels: dict[str, Any]
    pages: bool = Field(description="Whether it pages people.")
    drill: bool
    private: bool = Field(description="Only those named in it, or with the right, see it.")
    on_hold: bool = Field(description="It waits for something; clocks that may stand still do.")
    impact_scope: str = Field(description="How wide the harm is, in the policy's words.")
    started_at: Instant | None = Field(description="When the harm began, if known.")
    detected_at: Instant
    notified_at: Instant | None
    acknowledged_at: Instant | None
    acknowledged_by: PersonOut | None
    assessed_at: Instant | None
    investigated_at: Instant | None = Field(description="When people began to look for the cause, if somebody said.")
    identified_at: Instant | None = Field(description="When the root cause was known, if somebody said.")
    fixed_at: Instant | None = Field(description="When the fix was in place, if somebody said.")
    mitigated_at: Instant | None
    resolved_at: Instant | None
    closed_at: Instant | None
    update_due_at: Instant | None = Field(description="When people want to hear next.")
    merged_into: int | None = Field(description="Number of the incident it was merged into.")
    reopened: int = Field(description="How often it was reopened.")
    url: str = Field(description="Its page.", examples=["/incidents/12/"])


class TargetOut(Out):
    """One deadline of an incident."""

    kind: str = Field(examples=["acknowledge"])
    state: Literal["pending", "met", "breached", "cancelled"]
    anchor: str = Field(description="What the time counts from.", examples=["detected"])
    role: str = Field(description="Only a person in this role counts; empty: anybody.")
    from_plan: str = Field(description="Which level or class it came from.")
    within: Seconds | None = Field(description="Time allowed, in seconds; null: a term of the calendar.")
    due_at: Instant | None = Field(description="Null until its anchor has happened.")
    met_at: Instant | None = Field(description="After `breached_at`: met late.")
    breached_at: Instant | None
    who: str = Field(description="Whose response counts: primary, paged, owner or a role; empty: anybody's.")
    paused_at: Instant | None = Field(description="Its clock stands still since then.")
    owed_by: str = Field(description="Who was to give it when it was missed.")
    why_late: str = Field(description="What people noted about why.")

    @classmethod
    def of(cls, target: ResponseTarget) -> "TargetOut":
        names = ("kind", "anchor", "role", "from_plan", "within", "due_at", "met_at", "breached_at", "state",
                 "who", "paused_at", "owed_by", "why_late")  # fmt: skip
        return cls(**{name: getattr(target, name) for name in names})


class RoleOut(Out):
    """Who held a role, from when until when."""

    role: str = Field(examples=["commander"])
    contact: PersonOut
    since: Instant
    until: Instant | None = Field(description="Null: holds it now.")

    @classmethod
    def of(cls, role: RoleAssignment) -> "RoleOut":
        contact = PersonOut(id=role.contact_id, name=role.contact.name)
        return cls(role=role.role, contact=contact, since=role.since, until=role.until)


class EntryOut(Out):
    """One thing that happened; entries are only ever added."""

    id: int
    at: Instant
    recorded_at: Instant
    kind: str = Field(examples=["acknowledged"])
    by: PersonOut | None = Field(description="Null: Opscenter itself.")
    text: str = Field(examples=["Acknowledged by ada."])
    data: Any
    corrects: int | None = Field(description="Number of the entry it corrects.")
    evidence: str = Field(description="Where it can be seen.")
    pinned: bool

    @classmethod
    def of(cls, entry: TimelineEntry) -> "EntryOut":
        return cls(
            id=entry.pk, at=entry.at, recorded_at=entry.recorded_at, kind=entry.kind, by=PersonOut.of(entry.by),
            text=entry.text, data=entry.data, corrects=entry.corrects_id,
            evidence=entry.evidence, pinned=entry.starred,
        )  # fmt: skip


class UpdateOut(Out):
    """What people were told."""

    id: int
    at: Instant
    by: PersonOut | None
    audience: str
    text: str
    fields: dict[str, Any]
    template: str = Field(description="Key of its template; empty: it went where the routes lead.")
    closing: bool = Field(description="It said that it is over.")
    published: bool = Field(description="It went on the status page.")

    @classmethod
    def of(cls, update: IncidentUpdate) -> "UpdateOut":
        return cls(
            id=update.pk, at=update.at, by=PersonOut.of(update.by), audience=update.audience, text=update.text,
            fields=update.fields, template=update.template.key if update.template else "", closing=update.closing,
            published=update.published,
        )  # fmt: skip


class TriageOut(Out):
    """How it was judged last."""

    at: Instant
    by: PersonOut | None
    type: str = Field(description="Key of its type.")
    symptoms: list[str] = Field(description="Keys of what was seen.")
    proposed: str | None = Field(description="Key of the level that was proposed.", examples=["P1"])
    chosen: str | None = Field(description="Key of the level that was chosen.", examples=["P1"])
    playbook: str
    reason: str = Field(description="Why another level than the proposed one.")
    fields: dict[str, Any] = Field(description="Values of the policy's own fields.")

    @classmethod
    def of(cls, row: Triage | None) -> "TriageOut | None":
        if row is None:
            return None
        same = {name: getattr(row, name) for name in ("at", "type", "symptoms", "playbook", "reason", "fields")}
        proposed, chosen = (level.key if level else None for level in (row.proposed, row.chosen))
        return cls(**same, by=PersonOut.of(row.by), proposed=proposed, chosen=chosen)


class StretchOut(Out):
    """A time in which people were affected."""

    start_at: Instant
    end_at: Instant | None = Field(description="Null: still.")


class TaskOut(Out):
    """Something to do during the incident."""

    id: int
    text: str
    role: str = Field(description="Whose list it stands on; empty: everybody's.")
    done_at: Instant | None
    done_by: PersonOut | None


class CostOut(Out):
    """What it costs, by the rates of its policy."""

    currency: str = Field(examples=["EUR"])
    total: float
    responders: float = Field(description="People's hours on it.")
    customers: float = Field(description="Minutes in which customers were affected.")
    people: int
    hours: float


class IncidentDetailOut(IncidentOut):
    """An incident with what belongs to it."""

    summary: str
    impact: str
    cause: str
    eta: str = Field(description="Estimate for the fix, in words.")
    owners: list[PersonOut]
    targets: list[TargetOut]
    roles: list[RoleOut]
    triage: TriageOut | None = Field(description="Null: nobody has judged it by symptoms, type or own fields.")
    updates: list[UpdateOut] = Field(description="The newest 50, newest first.")
    affected: dict[str, int] = Field(description="How many are affected.", examples=[{"users": 120}])
    impact_seconds: float = Field(description="How long people were affected by now, all stretches together.")
    impact_stretches: list[StretchOut]
    tasks: list[TaskOut]
    split_from: int | None = Field(description="Number of the incident it was split off from.")
    related: list[int] = Field(description="Numbers of incidents that people linked with it.")
    cost: CostOut | None = Field(description="Null: the policy names no rates.")
    timeline: list[EntryOut] = Field(description="The newest 200 entries, in order.")
    timeline_is_cut: bool = Field(description="There are older entries: see /incidents/{id}/timeline.")


class IncidentQuery(ByTime):
    """Which incidents."""

    state: Asked | None = Field(None, description="`open`: detected, acknowledged or mitigated.")
    severity: Text | None = Field(None, description="Key of a level, in any case.", examples=["P1"])
    policy: Text | None = Field(None, description="Key of a policy.")
    service: Text | None = Field(None, description="Key of a service.")
    component: Text | None = Field(None, description="Key of a component.")
    key: Text | None = Field(None, description="Exactly this key.")
    drill: Flag | None = Field(None, description="Only drills, or none.")
    since: InstantIn | None = Field(None, description="Detected then or later.")
    until: InstantIn | None = Field(None, description="Detected before.")
    text: Text | None = Field(None, description="Part of the title, in any case.")


def facts(incident: Incident) -> dict[str, Any]:
    """The fields of IncidentOut; needs the rows of RELATED."""
    same = (
        "title", "scope", "key", "labels", "pages", "drill", "private", "impact_scope", "started_at", "detected_at",
        "notified_at", "acknowledged_at", "assessed_at", "investigated_at", "identified_at", "fixed_at",
        "mitigated_at", "resolved_at", "closed_at", "update_due_at", "reopened",
    )  # fmt: skip
    return {name: getattr(incident, name) for name in same} | {
        "id": incident.pk,
        "state": incident.status,
        "open": incident.is_open,
        "on_hold": incident.held_since is not None,
        "severity": LevelOut.of(incident.severity),
        "policy": incident.policy.key,
        "service": incident.service.key if incident.service else None,
        "alert_class": incident.alert_class.key if incident.alert_class else None,
        "acknowledged_by": PersonOut.of(incident.acknowledged_by),
        "merged_into": incident.merged_into_id,
        "url": incident.get_absolute_url(),
    }


def found(number: int, user: Any) -> Incident:
    """The incident, or a problem (404), also when it is private and `user` is not among those who may see it."""
    return got(visible(user).select_related(*RELATED), f"incident {number}", pk=number)


def detail(number: int, user: Any) -> IncidentDetailOut:
    """The incident with what belongs to it; 12 queries."""
    roles = RoleAssignment.objects.select_related("contact")
    whole = visible(user).select_related(*RELATED).prefetch_related("owners", "targets", Prefetch("roles", roles))
    incident = got(whole, f"incident {number}", pk=number)
    entries = list(timeline_of(incident).order_by("-at", "-pk")[: TIMELINE_SHOWN + 1])
    return IncidentDetailOut(
        **facts(incident), summary=incident.summary, impact=incident.impact, cause=incident.cause, eta=incident.eta,
        owners=[PersonOut(id=owner.pk, name=owner.name) for owner in incident.owners.all()],
        targets=[TargetOut.of(target) for target in incident.targets.all()],
        roles=[RoleOut.of(role) for role in incident.roles.all()],
        triage=TriageOut.of(triage.latest(incident)),
        **_room(incident, user),
        updates=[UpdateOut.of(update) for update in incident.updates.select_related("by", "template")[:50]],
        timeline=[EntryOut.of(entry) for entry in reversed(entries[:TIMELINE_SHOWN])],
        timeline_is_cut=len(entries) > TIMELINE_SHOWN,
    )  # fmt: skip


def _room(incident: Incident, user: Any) -> dict[str, Any]:
    """Impact, tasks, related incidents and cost."""
    at = timezone.now()
    stretches = [StretchOut(start_at=one.start_at, end_at=one.end_at) for one in incident.impact_stretches.all()]
    tasks = incident.tasks.select_related("done_by")
    price = cost.of(incident, at=at)
    return {
        "affected": incident.affected,
        "impact_seconds": impact.total(incident, at=at).total_seconds(),
        "impact_stretches": stretches,
        "tasks": [
            TaskOut(id=one.pk, text=one.text, role=one.role, done_at=one.done_at, done_by=PersonOut.of(one.done_by))
            for one in tasks
        ],
        "split_from": incident.split_from_id,
        "related": sorted(visible(user).filter(pk__in=incident.related.values("pk")).values_list("pk", flat=True)),
        "cost": price and CostOut(
            currency=price.currency, total=float(price.total), responders=float(price.responders),
            customers=float(price.customers), people=price.people, hours=float(price.hours),
        ),
    }  # fmt: skip


def timeline_of(incident: Incident) -> QuerySet[TimelineEntry]:
    return TimelineEntry.objects.filter(incident=incident).select_related("by")


@read(router, "/incidents", scope="incidents:read", out=Page[IncidentOut], id="listIncidents", summary="List incidents")
def list_incidents(request: Request, query: Query[IncidentQuery]) -> Any:
    """Newest first. Without a filter, all that ever were."""
    rows = visible(request.caller.user).select_related(*RELATED)
    if query.state == "open":
        rows = rows.open()
    elif query.state:
        rows = rows.filter(status=Status(query.state))
    exact = {"severity__key__iexact": query.severity, "policy__key": query.policy, "service__key": query.service,
             "labels__component": query.component,
             "key": query.key, "drill": query.drill, "detected_at__gte": query.since, "detected_at__lt": query.until,
             "title__icontains": query.text}  # fmt: skip
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    return page(rows, query, NEWEST, lambda incident: IncidentOut(**facts(incident)))


@read(
    router, "/incidents/{id}", scope="incidents:read", out=IncidentDetailOut, id="getIncident", summary="One incident"
)
def get_incident(request: Request, id: Number) -> IncidentDetailOut:
    """With its response targets, roles, owners, updates and the newest part of its timeline."""
    return detail(id, request.caller.user)


@read(
    router, "/incidents/{id}/timeline", scope="incidents:read", out=Page[EntryOut], id="listTimeline",
    summary="The timeline of an incident",
)  # fmt: skip
def list_timeline(request: Request, id: Number, query: Query[ByKey]) -> Any:
    """Every entry, last recorded first."""
    return page(timeline_of(found(id, request.caller.user)), query, Order(), EntryOut.of)
