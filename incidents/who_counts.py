"""Whose response counts for a target: the on-call primary, anybody who was paged, an owner, or who holds a role."""

from datetime import datetime

from oncall.models import EscalationContact
from oncall.people import persons
from oncall.roster import responders
from policies.models import TargetKind, Who

from .models import EscalationStep, Incident, Page, ResponseTarget, Turn

ASKED = [Page.State.TRYING, Page.State.REACHED, Page.State.CANCELLED]


def counts(target: ResponseTarget, by: EscalationContact | None, *, at: datetime) -> bool:
    """Whether what `by` did at `at` meets the target; None is Opscenter or another system."""
    incident = target.incident
    if target.role and not (by and _holds(incident, by, target.role)):
        return False
    match target.who:
        case Who.ANYBODY:
            return True
        case Who.PRIMARY:
            named = primaries(incident, at=at)
            return by in named if named else True  # nobody is named: then nobody could meet it
        case Who.PAGED:
            return by is not None and incident.page_rows.filter(contact=by).exists()
        case Who.OWNER:
            owners = persons(incident.owners.all(), at=at)[0]
            return by in owners if owners else True
        case role:
            return by is not None and _holds(incident, by, role)


def _holds(incident: Incident, by: EscalationContact, role: str) -> bool:
    return incident.roles.filter(role=role, until=None, contact=by).exists()


def primaries(incident: Incident, *, at: datetime) -> list[EscalationContact]:
    """The persons of the first step: whoever it asked (stand-ins included), else whoever is on call there at `at`.

    A level that pages nobody has no such step; then the first step of another plan of its policy says who is on call.
    """
    first = Turn.objects.filter(escalation__incident=incident, position=0).select_related("schedule").last()
    if first is not None:
        asked = Page.objects.filter(turn=first, state__in=ASKED).select_related("contact").order_by("pk")
        if named := list(dict.fromkeys(page.contact for page in asked)):
            return named
    steps = EscalationStep.objects.filter(policy__policy=incident.policy_id, position=0).select_related("schedule")
    candidates: list[Turn | EscalationStep] = [first] if first else []
    for step in [*candidates, *steps.order_by("policy__position", "policy__pk")]:
        on_call = responders(step.schedule, at) if step.schedule else []
        if named := persons([*on_call, *step.contacts.all()], at=at)[0]:
            return named
    return []


def owing(target: ResponseTarget, *, at: datetime) -> str:
    """Who was to give the response, in words, for the record of a missed target."""
    incident = target.incident
    role = target.role or (target.who if target.who not in Who.values else "")
    if target.kind == TargetKind.APPOINT:
        return f"nobody was appointed {target.role}"
    if role:
        held = incident.roles.filter(role=role, until=None).select_related("contact").first()
        return f"{held.contact} ({role})" if held else f"nobody was {role}"
    if target.who == Who.PRIMARY:
        return _names(primaries(incident, at=at)) or "nobody was on call"
    if target.kind in (TargetKind.ACKNOWLEDGE, TargetKind.RESPOND):
        asked = incident.page_rows.filter(state__in=ASKED).select_related("contact").order_by("pk")
        return _names(list(dict.fromkeys(page.contact for page in asked))) or "nobody was paged"
    if incident.acknowledged_by:
        return str(incident.acknowledged_by)
    return _names(list(incident.owners.all())) or "nobody had it"


def _names(people: list[EscalationContact]) -> str:
    return ", ".join(map(str, people))[:250]
