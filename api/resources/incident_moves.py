"""What people do to an incident; each operation calls one use case and answers with the incident as it is then."""

from collections.abc import Callable
from typing import Any, Literal
from uuid import uuid4

from django.db import IntegrityError, transaction
from ninja import Body, Router
from pydantic import Field

from alerts import firings
from api.access import Request
from api.choosing import one_of
from api.problems import Problem
from api.routing import write
from api.shapes import Id, In, InstantIn, Labels, Number, Text, Words
from api.tags import demand_match, rendered
from incidents import actions, declaring, escalation, lifecycle, update_sending, updates
from incidents.models import Incident, UpdateTemplate
from incidents.seeing import visible
from oncall.models import EscalationContact
from oncall.people import contact_of
from policies.models import AlertClass, Policy, Service, Severity

from .incidents import IncidentDetailOut, detail, found
from .incidents import router as incidents

router = Router()
SCOPE = "incidents:write"
OVERRIDE = "incidents.override_gate"


class DeclareIn(In):
    """A new incident."""

    title: Words = Field(max_length=250, examples=["Checkout is down"])
    policy: Words = Field(max_length=80, description="Key of the policy it follows.", examples=["checkout"])
    severity: Words | None = Field(
        None, max_length=40, description="Key of a level of that policy; null: the level that the symptoms propose.",
        examples=["P1"],
    )  # fmt: skip
    symptoms: list[Words] = Field([], max_length=50, description="Keys of the policy's symptoms that are seen.")
    reason: Text = Field("", max_length=250, description="Why another level than the proposed one.")
    type: Text = Field("", max_length=80, description="Key of one of the policy's incident types.")
    component: Text = Field("", max_length=80, description="Key of one of the policy's components.")
    fields: dict[str, str | float | bool] = Field({}, description="Values of the policy's own fields by key.")
    alert_class: Words | None = Field(None, max_length=40, description="Key of a class of that policy.")
    service: Words | None = Field(None, max_length=80, description="Key of a service; else the policy's.")
    summary: Text = Field("", max_length=10_000)
    impact: Text = Field("", max_length=10_000)
    labels: Labels = {}
    started_at: InstantIn | None = Field(None, description="When the harm began.")
    drill: bool = Field(False, description="Runs the real chain and stays out of the figures.")
    private: bool = Field(False, description="Only those who work on it see it.")
    page: bool | None = Field(None, description="Page people; null: as class or level say.")
    key: Words | None = Field(None, max_length=200, description="At most one incident is open for a key.")


class MoveIn(In):
    """A move, and why it may pass a gate that is shut."""

    override_reason: Text = Field("", max_length=500, description="Needs the right to override gates.")


class ResolveIn(MoveIn):
    """A resolve, with what was done."""

    reason: Text = Field("", max_length=500, examples=["Rolled back to 4.2.0"])


class ReasonIn(In):
    """Why."""

    reason: Words = Field(max_length=500, examples=["It came back"])


class RateIn(In):
    """What its alerts were worth."""

    mark: Literal["actionable", "not_actionable"]
    reason: Text = Field("", max_length=500, description="Needed for what was not actionable.")


class NoteIn(In):
    """Words of a person, and what they are: reports list decisions and remaining risks by themselves."""

    text: Words = Field(max_length=10_000, examples=["The queue is draining."])
    kind: Literal["note", "decision", "risk"] = "note"


class SeverityIn(In):
    """Another level."""

    severity: Words = Field(max_length=40, description="Key of a level of the incident's policy.", examples=["P0"])
    reason: Text = Field("", max_length=250)


class RoleIn(In):
    """Who takes a role."""

    role: Words = Field(max_length=40, examples=["commander"])
    contact: Words = Field(max_length=120, description="Name of a contact.", examples=["ada"])


class ContactIn(In):
    """Whom."""

    contact: Words = Field(max_length=120, description="Name of a contact.", examples=["ada"])


class MergeIn(In):
    """Where the same trouble is worked on."""

    into: Id = Field(description="Number of an open incident.")


class UpdateIn(In):
    """What people should know."""

    text: Text = Field("", max_length=10_000)
    audience: Text = Field("", max_length=80)
    impact: Text | None = Field(None, max_length=10_000)
    cause: Text | None = Field(None, max_length=10_000)
    eta: Text | None = Field(None, max_length=120)
    template: Text = Field("", max_length=40, description="Key of an update template of the policy; empty: the routes.")
    fields: dict[str, Text] = Field({}, description="What the template demands besides impact, cause and eta.")


class EditIn(In):
    """What is known of it; what is left out stays."""

    title: Words | None = Field(None, max_length=250)
    summary: Text | None = Field(None, max_length=10_000)
    impact: Text | None = Field(None, max_length=10_000)
    cause: Text | None = Field(None, max_length=10_000)
    eta: Text | None = Field(None, max_length=120)
    started_at: InstantIn | None = None


def _work(request: Request, number: int, deed: Callable[..., Any]) -> IncidentDetailOut:
    """Do `deed(incident, by=…, at=…)` and show what the incident is then; If-Match is heeded."""
    incident = found(number, request.caller.user)
    if "If-Match" in request.headers:
        Incident.objects.select_for_update().get(pk=number)
        demand_match(request, rendered(detail(number, request.caller.user)))
    try:
        with transaction.atomic():
            deed(incident, by=contact_of(request.caller.user), at=request.at)
    except IntegrityError:
        words = f"Somebody changed incident #{number} at the same moment; look again."
        raise Problem("refused", words) from None
    return detail(number, request.caller.user)


def _permit_override(request: Request, reason: str) -> str:
    if reason.strip() and not request.caller.has(OVERRIDE):
        raise Problem("forbidden", f"Passing a shut gate needs the right {OVERRIDE}.")
    return reason


def _contact(name: str) -> EscalationContact:
    return one_of(EscalationContact.objects.all(), "contact", "body.contact", name=name)


@write(incidents, "/incidents", scope=SCOPE, out=IncidentDetailOut, status=201, id="declareIncident", summary="Declare")
def declare(request: Request, body: DeclareIn) -> IncidentDetailOut:
    """Opens an incident by hand: targets, notices and escalation start at once. 409 when one is open for the key."""
    policy = one_of(Policy.objects.all(), "policy", "body.policy", key=body.policy)
    levels = Severity.objects.filter(policy=policy)
    severity = one_of(levels, "level", "body.severity", key=body.severity) if body.severity else None
    service = one_of(Service.objects.all(), "service", "body.service", key=body.service) if body.service else None
    classes = AlertClass.objects.filter(policy=policy)
    alert_class = one_of(classes, "class", "body.alert_class", key=body.alert_class) if body.alert_class else None
    said = declaring.Declaration(
        policy=policy, severity=severity, key=body.key or f"declared:{uuid4().hex}", title=body.title,
        summary=body.summary, labels=body.labels, service=service, alert_class=alert_class, page=body.page,
        drill=body.drill, started_at=body.started_at, impact=body.impact, symptoms=body.symptoms, reason=body.reason,
        type=body.type, component=body.component, fields=body.fields, private=body.private,
    )  # fmt: skip
    try:
        incident = declaring.declare(said, by=contact_of(request.caller.user), at=request.at)
    except declaring.AlreadyOpen:
        words = f"An incident is open for the key {body.key}; work there, or take another key."
        raise Problem("refused", words, errors=[("body.key", words)]) from None
    except declaring.Refused as refusal:
        errors = [(f"body.{name}", words) for name, words in refusal.faults.items()]
        raise Problem("refused", str(refusal), errors=errors) from None
    return detail(incident.pk, request.caller.user)


@write(
    incidents, "/incidents/{id}", scope=SCOPE, out=IncidentDetailOut, method="PATCH", id="editIncident", summary="Edit"
)
def edit(request: Request, id: Number, body: EditIn) -> IncidentDetailOut:
    """Changes what is known; each change is on the timeline. With If-Match only if the incident is as you read it."""
    given = body.model_dump(exclude_unset=True)
    changes = {name: value for name, value in given.items() if value is not None or name == "started_at"}
    return _work(request, id, lambda incident, *, by, at: lifecycle.edit(incident, by=by, at=at, **changes))


@write(
    router, "/incidents/{id}/acknowledge", scope=SCOPE, out=IncidentDetailOut, id="acknowledgeIncident",
    summary="Acknowledge",
)  # fmt: skip
def acknowledge(request: Request, id: Number) -> IncidentDetailOut:
    """You take it: the escalation stops, and pages that have not gone out are taken back."""
    return _work(request, id, lambda incident, *, by, at: lifecycle.acknowledge(incident, by=by, at=at, via="API"))


def _move(request: Request, number: int, body: MoveIn | None, function: Callable) -> IncidentDetailOut:
    reason = _permit_override(request, body.override_reason if body else "")
    more = {"reason": body.reason} if isinstance(body, ResolveIn) else {}
    return _work(
        request, number, lambda incident, *, by, at: function(incident, by=by, at=at, override_reason=reason, **more)
    )


@write(
    router, "/incidents/{id}/mitigate", scope=SCOPE, out=IncidentDetailOut, id="mitigateIncident", summary="Mitigate"
)
def mitigate(request: Request, id: Number, body: MoveIn | None = Body(None)) -> IncidentDetailOut:  # noqa: B008  (so Ninja is told that it may be missing)
    """The harm is held. 409 with what is missing when a gate is shut."""
    return _move(request, id, body, lifecycle.mitigate)


@write(router, "/incidents/{id}/resolve", scope=SCOPE, out=IncidentDetailOut, id="resolveIncident", summary="Resolve")
def resolve(request: Request, id: Number, body: ResolveIn | None = Body(None)) -> IncidentDetailOut:  # noqa: B008  (so Ninja is told that it may be missing)
    """Service is restored. 409 with what is missing when a gate is shut."""
    return _move(request, id, body, lifecycle.resolve)


@write(router, "/incidents/{id}/close", scope=SCOPE, out=IncidentDetailOut, id="closeIncident", summary="Close")
def close(request: Request, id: Number, body: MoveIn | None = Body(None)) -> IncidentDetailOut:  # noqa: B008  (so Ninja is told that it may be missing)
    """Nothing is left to do. 409 with what is missing when a gate is shut."""
    return _move(request, id, body, lifecycle.close)


@write(router, "/incidents/{id}/reopen", scope=SCOPE, out=IncidentDetailOut, id="reopenIncident", summary="Reopen")
def reopen(request: Request, id: Number, body: ReasonIn) -> IncidentDetailOut:
    """It is not over: the clocks and the escalation start anew."""
    return _tool(request, id, "reopen", lifecycle.reopen, reason=body.reason)


@write(
    router, "/incidents/{id}/false-positive", scope=SCOPE, out=IncidentDetailOut, id="markFalsePositive",
    summary="False positive",
)  # fmt: skip
def false_positive(request: Request, id: Number, body: ReasonIn) -> IncidentDetailOut:
    """There was nothing; the reason is used to mend the rule."""
    return _tool(request, id, "false-positive", lifecycle.mark_false_positive, reason=body.reason)


@write(
    router, "/incidents/{id}/rate", scope=SCOPE, out=IncidentDetailOut, id="rateIncident",
    summary="Say whether it was worth a page",
)  # fmt: skip
def rate(request: Request, id: Number, body: RateIn) -> IncidentDetailOut:
    """Counts in the figures by which its rules are tuned; the incident stays as it is."""
    return _tool(request, id, "rate", firings.mark_incident, word=body.mark, reason=body.reason)


@write(
    router, "/incidents/{id}/notes", scope=SCOPE, out=IncidentDetailOut, status=201, id="addNote", summary="Add a note"
)
def note(request: Request, id: Number, body: NoteIn) -> IncidentDetailOut:
    """Adds your words to the timeline."""
    return _work(
        request, id, lambda incident, *, by, at: lifecycle.note(incident, body.text, by=by, at=at, kind=body.kind)
    )


@write(
    router, "/incidents/{id}/severity", scope=SCOPE, out=IncidentDetailOut, id="setSeverity", summary="Change the level"
)
def severity(request: Request, id: Number, body: SeverityIn) -> IncidentDetailOut:
    """Targets, cadence and routes are gone through anew; a rise that pages starts paging."""

    def deed(incident: Incident, *, by, at) -> None:
        actions.allow("severity", incident)
        levels = Severity.objects.filter(policy=incident.policy_id)
        level = one_of(levels, "level", "body.severity", key=body.severity)
        lifecycle.set_severity(incident, level, by=by, at=at, reason=body.reason)

    return _work(request, id, deed)


@write(router, "/incidents/{id}/roles", scope=SCOPE, out=IncidentDetailOut, id="assignRole", summary="Assign a role")
def role(request: Request, id: Number, body: RoleIn) -> IncidentDetailOut:
    """Who held the role before hands over."""

    def deed(incident: Incident, *, by, at) -> None:
        actions.allow("role", incident)
        lifecycle.assign_role(incident, body.role, _contact(body.contact), by=by, at=at)

    return _work(request, id, deed)


@write(
    router, "/incidents/{id}/updates", scope=SCOPE, out=IncidentDetailOut, status=201, id="postUpdate",
    summary="Post an update",
)  # fmt: skip
def update(request: Request, id: Number, body: UpdateIn) -> IncidentDetailOut:
    """Tells people. 409 names what the policy demands in every update and is not filled in.

    With a template whose policy wants a second person, it waits for that one's approval, which the timeline tells.
    """
    known = {name: value for name, value in body.model_dump().items() if name in FACTS and value is not None}

    def deed(incident: Incident, *, by, at) -> None:
        actions.allow("update", incident)
        if body.template:
            lifecycle.edit(incident, by=by, at=at, **known)
            templates = UpdateTemplate.objects.filter(policy=incident.policy_id)
            template = one_of(templates, "update template", "body.template", key=body.template)
            update_sending.send(incident, template, by=by, at=at, text=body.text, fields={**body.fields, **known})
            return
        updates.post(incident, by=by, at=at, text=body.text, audience=body.audience, fields=known)
        lifecycle.edit(incident, by=by, at=at, **known)

    return _work(request, id, deed)


FACTS = frozenset(["impact", "cause", "eta"])


@write(router, "/incidents/{id}/pages", scope=SCOPE, out=IncidentDetailOut, id="pagePerson", summary="Page a person")
def page(request: Request, id: Number, body: ContactIn) -> IncidentDetailOut:
    """Asks this person now. 409 when they have no usable contact method."""

    def deed(incident: Incident, *, by, at) -> None:
        actions.allow("page", incident)
        contact = _contact(body.contact)
        if not lifecycle.page_by_hand(incident, [contact], by=by, at=at):
            raise Problem("refused", f"{contact} has no usable contact method; ask somebody else.")

    return _work(request, id, deed)


@write(
    router, "/incidents/{id}/escalate", scope=SCOPE, out=IncidentDetailOut, id="escalateIncident", summary="Escalate"
)
def escalate(request: Request, id: Number) -> IncidentDetailOut:
    """Takes the next step of the escalation at once; whoever had acknowledged does not hold it any more."""
    return _tool(request, id, "escalate", escalation.escalate_now)


@write(router, "/incidents/{id}/merge", scope=SCOPE, out=IncidentDetailOut, id="mergeIncident", summary="Merge")
def merge(request: Request, id: Number, body: MergeIn) -> IncidentDetailOut:
    """It is the same trouble as another incident; people work there from now on."""
    into = one_of(visible(request.caller.user).open(), "open incident", "body.into", pk=body.into)
    return _tool(request, id, "merge", lambda incident, **more: lifecycle.merge(incident, into, **more))


def _tool(request: Request, number: int, name: str, function: Callable, **more: Any) -> IncidentDetailOut:
    def deed(incident: Incident, *, by, at) -> None:
        actions.allow(name, incident)
        function(incident, by=by, at=at, **more)

    return _work(request, number, deed)
