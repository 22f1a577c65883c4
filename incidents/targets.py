"""Response targets: when each falls due, which was met, which was missed."""

from datetime import datetime, timedelta

from django.db.models import Q

from policies.claims import sweep
from policies.models import TargetKind, TargetPlan

from . import notices
from .business_time import term_end
from .models import Incident, ResponseTarget

JUST_AFTER = timedelta(microseconds=1)
"""A target is breached after its instant, not at it: acknowledged at 10:05:00 sharp is in time."""

State = ResponseTarget.State


def plans_for(incident: Incident) -> dict[tuple[str, str], TargetPlan]:
    """The plan that counts for each kind and role.

    Plans that name the incident's level or class beat those for everybody; of level and class the tighter wins.
    """
    chosen: dict[tuple[str, str], TargetPlan] = {}
    plans = incident.policy.target_plans.filter(
        Q(severity=None) | Q(severity=incident.severity_id),
        Q(alert_class=None) | Q(alert_class=incident.alert_class_id),
    )
    for plan in plans.select_related("severity", "alert_class"):
        slot = (plan.kind, plan.role)
        if slot not in chosen or _tightness(plan) < _tightness(chosen[slot]):
            chosen[slot] = plan
    return chosen


def _tightness(plan: TargetPlan) -> tuple:
    general = plan.severity_id is None and plan.alert_class_id is None
    return (general, plan.within is None, plan.within or timedelta(0))


def begin(incident: Incident) -> None:
    """Set the targets of an incident that was opened just now, in one write."""
    wanted = plans_for(incident).values()
    ResponseTarget.objects.bulk_create([_planned(ResponseTarget(incident=incident), plan) for plan in wanted])


def start(incident: Incident, *, at: datetime) -> None:
    """Set the targets anew because the level has changed or it was reopened; those already met or breached stay.

    A pending target takes its new length, from the same anchor; one that the level does not want is cancelled.
    """
    plans = plans_for(incident)
    held = {(target.kind, target.role): target for target in incident.targets.exclude(state=State.CANCELLED)}
    for slot, target in held.items():
        if target.state == State.PENDING and slot not in plans:
            ResponseTarget.objects.filter(pk=target.pk).update(state=State.CANCELLED, check_at=None)
    for slot, plan in plans.items():
        target = held.get(slot) or ResponseTarget(incident=incident)
        if target.state == State.PENDING:
            _planned(target, plan).save()


def _planned(target: ResponseTarget, plan: TargetPlan) -> ResponseTarget:
    """The target as the plan wants it, its clock running if its anchor has happened; not saved."""
    target.kind, target.role, target.anchor = plan.kind, plan.role, plan.anchor
    target.from_plan = str(plan.alert_class or plan.severity or "every level")
    target.within, target.term, target.warn_before = plan.within, plan.term, plan.warn_before
    if anchored_at := getattr(target.incident, f"{plan.anchor}_at"):
        _set_due(target, anchored_at)
    return target


def _set_due(target: ResponseTarget, anchored_at: datetime) -> None:
    """Count from `anchored_at`; not saved."""
    if target.within is not None:
        target.due_at = anchored_at + target.within
    else:
        target.due_at = term_end(target.incident.policy, target.term, anchored_at)
    warn_at = target.due_at - target.warn_before if target.warn_before and not target.warned_at else None
    target.check_at = warn_at or target.due_at + JUST_AFTER


def anchor(incident: Incident, name: str, *, at: datetime) -> None:
    """Start the clocks that count from `name` (notified, acknowledged …), which happened at `at`."""
    for target in incident.targets.filter(state=State.PENDING, anchor=name, due_at=None):
        _set_due(target, at)
        target.save(update_fields=["due_at", "check_at"])


def meet(incident: Incident, kind: str, *, at: datetime, by=None) -> None:
    """The response `kind` was given at `at`: pending targets are met, or breached and met late."""
    for target in incident.targets.filter(kind=kind, met_at=None).exclude(state=State.CANCELLED):
        if target.role and not (by and incident.roles.filter(role=target.role, until=None, contact=by).exists()):
            continue
        if target.state == State.PENDING and target.due_at and at > target.due_at:
            breach(target, at=at)  # the sweep had not come by yet
        state = State.MET if target.state == State.PENDING else target.state
        ResponseTarget.objects.filter(pk=target.pk).update(state=state, met_at=at, check_at=None)


def cancel(incident: Incident, kinds: list[str]) -> None:
    """Pending targets of these kinds no longer make sense."""
    incident.targets.filter(state=State.PENDING, kind__in=kinds).update(state=State.CANCELLED, check_at=None)


def check_due(*, at: datetime) -> int:
    """Warn of targets about to be missed, and record each breach once."""
    due = ResponseTarget.objects.due(at).select_related("incident__policy", "incident__severity")
    return sweep(due, due="check_at", at=at, work=_check)


def _check(target: ResponseTarget, *, at: datetime) -> None:
    if target.state != State.PENDING or target.due_at is None:
        ResponseTarget.objects.filter(pk=target.pk).update(check_at=None)
    elif at > target.due_at:
        breach(target, at=at)
    else:
        ResponseTarget.objects.filter(pk=target.pk).update(warned_at=at, check_at=target.due_at + JUST_AFTER)
        left = _words(target.due_at - at)
        text = f"{TargetKind(target.kind).label} is due in {left} ({target.from_plan})."
        target.incident.log("target_warning", text, at=at, data={"kind": target.kind})
        once = f"target:{target.pk}:warning"
        notices.remind(target.incident, _what(target), due_at=target.due_at, at=at, once=once)


def breach(target: ResponseTarget, *, at: datetime) -> None:
    """Record that the target was missed; of two that try, one does."""
    if target.due_at is None:
        return  # its anchor has not happened
    rows = ResponseTarget.objects.filter(pk=target.pk, state=State.PENDING)
    if not rows.update(state=State.BREACHED, breached_at=at, check_at=None):
        return
    target.state = State.BREACHED
    late = at - target.due_at
    note = f", noticed {_words(late)} later" if late > timedelta(seconds=5) else ""
    text = (
        f"{TargetKind(target.kind).label} target missed: due {target.due_at:%H:%M:%S} UTC ({target.from_plan}){note}."
    )
    target.incident.log("target_breached", text, at=at, data={"kind": target.kind, "due_at": target.due_at.isoformat()})
    notices.remind(target.incident, _what(target), due_at=target.due_at, at=at, once=f"target:{target.pk}:breach")


def _what(target: ResponseTarget) -> str:
    return f"{TargetKind(target.kind).label} target ({target.from_plan})"


def _words(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h {seconds % 3600 // 60} min"
