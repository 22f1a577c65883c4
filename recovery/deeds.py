"""What people do with a recovery: activate it, decline a prompt, stand down, sign off its checklist."""

from datetime import datetime

from django.db import transaction

from incidents import update_items, updates
from incidents.models import IllegalMove, Incident, Status
from oncall.models import EscalationContact

from . import telling
from .models import Prompt, Recovery, RecoveryPlan

State = Recovery.State
BEFORE_ACTIVE = [State.STANDBY, State.PROMPTED, State.STOOD_DOWN]


class NotYours(IllegalMove):
    """Somebody without the role tried what only its holder may do; the text names the role."""


def holds(incident: Incident, by: EscalationContact | None, roles: list[str]) -> bool:
    """Whether `by` holds one of `roles` now; no role asked for: everybody does."""
    return not roles or incident.roles.filter(role__in=roles, until=None, contact=by).exists()


def _only(incident: Incident, by: EscalationContact | None, roles: list[str], what: str) -> None:
    if not holds(incident, by, roles):
        raise NotYours(f"Only the {' or '.join(roles)} of this incident may {what}; take the role first.")


@transaction.atomic
def activate(
    recovery: Recovery, plan: RecoveryPlan, *, reason: str, by: EscalationContact | None, at: datetime
) -> None:
    """The disaster plan is on: people are told, and updates come at least as often as it says.

    by  None: the plan activates by itself
    """
    incident = recovery.incident
    if by is not None:
        _only(incident, by, plan.roles, f"activate {plan.name}")
        if not reason.strip():
            raise IllegalMove(f"Say why {plan.name} is activated; it goes on the record.")
    if not incident.is_open:
        raise IllegalMove(f"Incident #{incident.pk} is {incident.get_status_display().lower()}; reopen it first.")
    rows = Recovery.objects.filter(pk=recovery.pk, state__in=BEFORE_ACTIVE)
    facts = {"activated_at": at, "activated_by": by, "reason": reason.strip(), "stood_down_at": None}
    if not rows.update(state=State.ACTIVE, stood_down_by=None, **facts):
        raise IllegalMove(f"{plan.name} is active already.")
    recovery.refresh_from_db()
    _answer(recovery, Prompt.Answer.FOLLOWED, by=by, at=at)
    who = str(by or "Opscenter, as the policy says")
    incident.log("dr", f"{plan.name} activated by {who}: {reason.strip()}", at=at, by=by, data={"state": "active"})
    if plan.cadence_max and (incident.update_every is None or incident.update_every > plan.cadence_max):
        updates.choose_cadence(incident, plan.cadence_max, by=by, at=at, at_most=plan.cadence_max)
    update_items.happened(incident, "dr_active", at=at)
    telling.tell(
        incident, f"[{incident.severity.key}] #{incident.pk} {plan.name} is active",
        f"{plan.name} was activated by {who}.\n{reason.strip()}", contacts=plan.tell_contacts,
        destinations=plan.tell_destinations, at=at, event="dr_active",
        once=f"dr:{recovery.pk}:active:{at.timestamp():.0f}",
    )  # fmt: skip


def _answer(recovery: Recovery, answer: str, *, by, at: datetime, asks: str = "activate") -> int:
    waiting = recovery.prompts.filter(answer=Prompt.Answer.OPEN, asks=asks)
    return waiting.update(answer=answer, answered_at=at, answered_by=by)


@transaction.atomic
def decline(
    recovery: Recovery, plan: RecoveryPlan, prompt: Prompt, *, reason: str, by: EscalationContact, at: datetime
) -> None:
    """Whoever may activate has looked at the prompt and decided against it."""
    incident = recovery.incident
    _only(incident, by, plan.roles, "decide this")
    if not reason.strip():
        raise IllegalMove("Say why not; it goes on the record.")
    rows = recovery.prompts.filter(pk=prompt.pk, answer=Prompt.Answer.OPEN)
    if not rows.update(answer=Prompt.Answer.DECLINED, answered_at=at, answered_by=by):
        raise IllegalMove("Somebody has answered this prompt already.")
    incident.log("dr", f"{by} decided against it ({prompt.text}): {reason.strip()}", at=at, by=by)
    if not recovery.prompts.filter(answer=Prompt.Answer.OPEN, asks="activate").exists():
        Recovery.objects.filter(pk=recovery.pk, state=State.PROMPTED).update(state=State.STANDBY)


@transaction.atomic
def stand_down(recovery: Recovery, plan: RecoveryPlan, *, reason: str, by: EscalationContact, at: datetime) -> None:
    """The disaster is over, or was none."""
    incident = recovery.incident
    _only(incident, by, plan.roles, f"stand {plan.name} down")
    if not reason.strip():
        raise IllegalMove(f"Say why {plan.name} stands down; it goes on the record.")
    rows = Recovery.objects.filter(pk=recovery.pk, state=State.ACTIVE)
    if not rows.update(state=State.STOOD_DOWN, stood_down_at=at, stood_down_by=by):
        raise IllegalMove(f"{plan.name} is not active, so it cannot stand down.")
    words = f"{plan.name} stood down by {by}: {reason.strip()}"
    incident.log("dr", words, at=at, by=by, data={"state": "stood_down"})
    telling.tell(
        incident, f"[{incident.severity.key}] #{incident.pk} {plan.name} stood down", words,
        contacts=plan.tell_contacts, destinations=plan.tell_destinations, at=at, event="dr_stood_down",
        once=f"dr:{recovery.pk}:down:{at.timestamp():.0f}",
    )  # fmt: skip


@transaction.atomic
def sign_off(
    recovery: Recovery, plan: RecoveryPlan, *, items: list[str], note: str, by: EscalationContact, at: datetime
) -> None:
    """Whoever holds the role vouches that the checklist was followed; every item must be ticked."""
    incident, checklist = recovery.incident, plan.checklist
    if not checklist:
        raise IllegalMove(f"{plan.name} has no checklist.")
    _only(incident, by, [checklist["role"]], f"sign off “{checklist['title']}”")
    if missing := [item for item in checklist.get("items", []) if item not in items]:
        raise IllegalMove(f"Not done yet: {'; '.join(missing)}.")
    rows = Recovery.objects.filter(pk=recovery.pk, signed_at=None)
    if not rows.update(signed_at=at, signed_by=by, signed_note=note.strip(), ticked=items):
        raise IllegalMove("It is signed off already.")
    document = f" ({checklist['document']})" if checklist.get("document") else ""
    said = f": {note.strip()}" if note.strip() else "."
    incident.log("dr", f"{by} signed off “{checklist['title']}”{document}{said}", at=at, by=by)


def is_over(incident: Incident) -> bool:
    return incident.status in (Status.MERGED, Status.FALSE_POSITIVE, Status.CLOSED)
