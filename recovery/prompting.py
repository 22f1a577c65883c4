"""The sweep over recoveries: a condition that has come true prompts, once; and who is told when a level is reached."""

from datetime import datetime

from django.db import IntegrityError, transaction

from incidents.models import Incident, Status, TimelineEntry, heard
from policies.claims import sweep
from policies.wake import wake

from . import conditions, deeds, plans, telling
from .calls import begin as begin_calls
from .models import Prompt, Recovery, RecoveryPlan

State = Recovery.State


def look_due(*, at: datetime) -> int:
    """Look at the conditions of the recoveries that are due."""
    due = Recovery.objects.look_due(at).select_related(
        "incident__policy__recovery_plan", "incident__severity", "incident__service"
    )
    return sweep(due, due="look_at", at=at, work=_look)


def _look(recovery: Recovery, *, at: datetime) -> None:
    incident = recovery.incident
    plan = getattr(incident.policy, "recovery_plan", None)
    next_at = _conditions(recovery, plan, at=at) if plan is not None and incident.is_open else None
    Recovery.objects.filter(pk=recovery.pk).update(look_at=next_at)


def _conditions(recovery: Recovery, plan: RecoveryPlan, *, at: datetime) -> datetime | None:
    raised = set(recovery.prompts.values_list("condition", flat=True))
    again: list[datetime] = []
    for condition in plan.prompts:
        if condition["key"] in raised:
            continue
        found = conditions.look(condition, recovery.incident, at=at)
        if found.why:
            prompt(recovery, plan, condition, found.why, at=at)
        elif found.again:
            again.append(found.again)
    return min(again, default=None)


def prompt(recovery: Recovery, plan: RecoveryPlan, condition: dict, why: str, *, at: datetime) -> None:
    """Ask whoever leads to decide, once; where the plan says so, the recovery is activated without being asked."""
    incident = recovery.incident
    asks = condition.get("prompt") or "activate"
    try:
        with transaction.atomic():
            Prompt.objects.create(recovery=recovery, condition=condition["key"], asks=asks, text=why, at=at)
    except IntegrityError:
        return  # another sweep was first
    waits = Recovery.objects.filter(pk=recovery.pk, state=State.STANDBY)
    if asks == "activate" and waits.update(state=State.PROMPTED):
        recovery.state = State.PROMPTED
    wanted = f"start the bridge “{plan.bridge_name}”" if asks == "bridge" else f"activate {plan.name}"
    incident.log("dr", f"Prompt to {wanted}: {why}", at=at, data={"condition": condition["key"], "asks": asks})
    if plan.automatic and asks == "activate":
        deeds.activate(recovery, plan, reason=why, by=None, at=at)
        return
    # the same trouble prompts every incident it shows in; whoever leads hears of it once
    first = _first_of(incident, condition)
    telling.tell(
        incident, f"[{incident.severity.key}] #{incident.pk} {wanted}?", f"{why}\nDecide on the incident: {wanted}?",
        contacts=plan.tell_contacts, destinations=plan.tell_destinations, at=at, event="dr_prompt",
        once=f"dr:{first}:{condition['key']}",
    )  # fmt: skip
    wake()


def _first_of(incident: Incident, condition: dict) -> int:
    if not condition.get("distinct"):
        return incident.pk
    beside = Prompt.objects.filter(
        condition=condition["key"], recovery__incident__policy=incident.policy_id,
        recovery__incident__status__in=[Status.DETECTED, Status.ACKNOWLEDGED, Status.MITIGATED],
    )  # fmt: skip
    return beside.order_by("pk").values_list("recovery__incident", flat=True).first() or incident.pk


@heard("detected", "severity", "reopened")
def inform(incident: Incident, entry: TimelineEntry) -> None:
    """Tell who is to know as soon as an incident reaches a level, and open the call tree."""
    plan = plans.plan_of(incident)
    for number, wanted in enumerate(plan.inform if plan else []):
        if incident.severity.key not in wanted["severity"]:
            continue
        named = telling.handles(wanted["contacts"])
        who = f"For {' and '.join(named)}. " if named else ""
        telling.tell(
            incident, f"[{incident.severity.key}] #{incident.pk} {incident.title}",
            f"{who}{incident.title} is {incident.severity.label.lower()}; {plan.name if plan else ''} is on standby.",
            contacts=wanted["tell"], destinations=wanted["destinations"], at=entry.at, event="dr_inform",
            once=f"dr:{incident.pk}:inform:{number}:{incident.reopened}",
        )  # fmt: skip
        if plan and plan.call_tree:
            begin_calls(plans.begin(incident, at=entry.at), plan, at=entry.at)
