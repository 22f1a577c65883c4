"""Response targets: when each falls due, which was met, which was missed."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from policies.claims import sweep
from policies.models import Anchor, TargetKind, TargetPlan
from policies.once import once_a_sweep

from . import notices, target_times, who_counts
from .models import Incident, ResponseTarget
from .target_times import JUST_AFTER

State = ResponseTarget.State
NOUNS = {
    TargetKind.NOTIFY: "notification", TargetKind.ACKNOWLEDGE: "acknowledgement", TargetKind.RESPOND: "response",
    TargetKind.ASSESS: "assessment", TargetKind.APPOINT: "appointment", TargetKind.MITIGATE: "mitigation",
    TargetKind.UPDATE: "update", TargetKind.RESOLVE: "resolution", TargetKind.REVIEW: "review",
    TargetKind.ACTION: "action item",
}  # fmt: skip
"""What a target is for, as in “no mitigation target”."""
MISSED: list[Callable[..., None]] = []
"""Called with a target that was missed just now and `at`: who is to be told beside those who work on it."""


def plans_for(incident: Incident) -> dict[tuple[str, str], TargetPlan]:
    """The plan that counts for each kind and role.

    Plans that name the incident's level or class beat those for everybody; of level and class the tighter wins.
    """
    fitting: dict[tuple[str, str], list[TargetPlan]] = {}
    for plan in _plans(incident.policy_id):
        if plan.severity_id not in (None, incident.severity_id):
            continue
        if plan.alert_class_id not in (None, incident.alert_class_id):
            continue
        fitting.setdefault((plan.kind, plan.role), []).append(plan)
    return {slot: _tightest(rivals, incident) for slot, rivals in fitting.items()}


@once_a_sweep
def _plans(policy: int) -> list[TargetPlan]:
    return list(TargetPlan.objects.filter(policy=policy).select_related("severity", "alert_class", "calendar"))


def _tightest(plans: list[TargetPlan], incident: Incident) -> TargetPlan:
    named = [plan for plan in plans if plan.severity_id or plan.alert_class_id] or plans
    if len(named) == 1:
        return named[0]
    since = incident.detected_at
    return min(named, key=lambda plan: target_times.due(incident, plan.within, plan.term, plan.calendar, since))


def begin(incident: Incident) -> None:
    """Set the targets of an incident that was opened just now, in one write."""
    wanted = plans_for(incident).values()
    ResponseTarget.objects.bulk_create([_planned(ResponseTarget(incident=incident), plan) for plan in wanted])


def begin_anew(incident: Incident, *, at: datetime) -> None:
    """Set fresh targets for an incident that is open again: what counts from its beginning counts from `at`."""
    begins = {Anchor.DETECTED, Anchor.OPENED, Anchor.NOTIFIED}
    fresh = []
    for plan in plans_for(incident).values():
        target = _planned(ResponseTarget(incident=incident), plan, unless=at)
        if plan.anchor in begins:
            target_times.set_due(target, at)
        fresh.append(target)
    ResponseTarget.objects.bulk_create(fresh)


def start(incident: Incident, *, at: datetime) -> None:
    """Set the targets anew because the level or the class has changed; those already met or missed stay.

    A pending target takes its new length, from the same anchor; one that the level does not want is cancelled.
    """
    plans = plans_for(incident)
    held: dict[tuple[str, str], ResponseTarget] = {}
    for target in incident.targets.exclude(state=State.CANCELLED).order_by("pk"):
        target.incident = incident
        held[(target.kind, target.role)] = target  # after a reopening the latest counts
    for slot, target in held.items():
        if target.state == State.PENDING and slot not in plans:
            ResponseTarget.objects.filter(pk=target.pk).update(state=State.CANCELLED, check_at=None)
    for slot, plan in plans.items():
        target = held.get(slot) or ResponseTarget(incident=incident)
        if target.state == State.PENDING:
            _planned(target, plan).save()


def _planned(target: ResponseTarget, plan: TargetPlan, *, unless: datetime | None = None) -> ResponseTarget:
    """The target as the plan wants it, its clock running if its anchor has happened (after `unless`); not saved."""
    same = target.anchor == plan.anchor
    target.kind, target.role, target.anchor, target.who = plan.kind, plan.role, plan.anchor, plan.who
    target.from_plan = str(plan.alert_class or plan.severity or "every level")
    target.within, target.term, target.warn_before = plan.within, plan.term, plan.warn_before
    target.calendar, target.pauses = plan.calendar, plan.pauses
    since = (same and target.anchored_at) or target_times.anchored_at(target.incident, plan.anchor)
    target.due_at = target.check_at = None
    if since and not (unless and since < unless):
        target_times.set_due(target, since)
    return target


def anchor(incident: Incident, name: str, *, at: datetime) -> None:
    """Start the clocks that count from `name` (notified, acknowledged …), which happened at `at`."""
    for target in incident.targets.filter(state=State.PENDING, anchor=name, due_at=None):
        target.incident = incident
        target_times.set_due(target, at)
        target.save(update_fields=["due_at", "check_at", "anchored_at"])


def meet(incident: Incident, kind: str, *, at: datetime, by=None, role: str = "") -> None:
    """The response `kind` was given at `at`: pending targets are met, or missed and met late.

    role   which role was filled, for the appointment of one
    """
    for target in incident.targets.filter(kind=kind, met_at=None).exclude(state=State.CANCELLED):
        target.incident = incident
        if role and target.role != role:
            continue
        if not who_counts.counts(target, by, at=at):
            if target.who and target.state == State.PENDING:
                words = f"{by or 'A system'} counts for no {TargetKind(kind).label} target here; it stays open."
                incident.log("not_counted", words, at=at, by=by, data={"kind": kind, "who": target.who})
            continue
        target_times.run_on(target, at)
        if target.state == State.PENDING and target.due_at and at > target.due_at:
            breach(target, at=at)  # the sweep had not come by yet
        state = State.MET if target.state == State.PENDING else target.state
        ResponseTarget.objects.filter(pk=target.pk).update(
            state=state, met_at=at, met_by=by, check_at=None, due_at=target.due_at, paused_at=None,
            paused_for=target.paused_for,
        )  # fmt: skip


def still_wants(incident: Incident, kind: str, by, *, at: datetime) -> bool:
    """Whether a target of this kind is open that only some may meet, and `by` is one of them."""
    rows = incident.targets.filter(kind=kind, met_at=None).exclude(state=State.CANCELLED).exclude(who="", role="")
    return any(who_counts.counts(target, by, at=at) for target in rows.select_related("incident__policy"))


def pause(incident: Incident, why: str, *, at: datetime) -> int:
    """The clocks that may stand still while `why` (on_hold, mitigated) do; return how many stand now."""
    return _turn(incident, why, target_times.stand_still, at=at)


def resume(incident: Incident, why: str, *, at: datetime) -> int:
    """They go on with what was left; return how many."""
    return _turn(incident, why, target_times.run_on, at=at)


def _turn(incident: Incident, why: str, deed: Callable, *, at: datetime) -> int:
    rows = [one for one in incident.targets.filter(state=State.PENDING) if why in one.pauses and one.due_at]
    for target in rows:
        target.incident = incident
        deed(target, at)
        target.save(update_fields=["due_at", "check_at", "paused_at", "paused_for", "anchored_at"])
    return len(rows)


def absent(incident: Incident, here: Iterable[ResponseTarget]) -> list[str]:
    """What kinds of response have a target at other levels of the policy and none among `here`, in words."""
    rows = incident.policy.target_plans.exclude(severity=None).order_by("pk").values_list("kind", flat=True)
    known = {target.kind for target in here}
    return [NOUNS[TargetKind(kind)] for kind in dict.fromkeys(rows) if kind not in known]


def cancel(incident: Incident, kinds: list[str]) -> None:
    """Pending targets of these kinds no longer make sense."""
    incident.targets.filter(state=State.PENDING, kind__in=kinds).update(state=State.CANCELLED, check_at=None)


def check_due(*, at: datetime) -> int:
    """Warn of targets about to be missed, and record each breach once."""
    due = ResponseTarget.objects.due(at).select_related("incident__policy", "incident__severity")
    return sweep(due, due="check_at", at=at, work=_check)


def _check(target: ResponseTarget, *, at: datetime) -> None:
    if target.state != State.PENDING or target.due_at is None or target.paused_at:
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
    """Record that the target was missed, and by whom; of two that try, one does."""
    if target.due_at is None:
        return  # its anchor has not happened
    owed = who_counts.owing(target, at=at)
    rows = ResponseTarget.objects.filter(pk=target.pk, state=State.PENDING)
    if not rows.update(state=State.BREACHED, breached_at=at, check_at=None, owed_by=owed[:250]):
        return
    target.state, target.breached_at, target.owed_by = State.BREACHED, at, owed
    late = at - target.due_at
    note = f", noticed {_words(late)} later" if late > timedelta(seconds=5) else ""
    text = f"{_what(target)} missed: due {target.due_at:%H:%M:%S} UTC{note}. Owed by: {owed}."
    data = {"kind": target.kind, "due_at": target.due_at.isoformat(), "target": target.pk}
    target.incident.log("target_breached", text, at=at, data=data)
    notices.remind(target.incident, _what(target), due_at=target.due_at, at=at, once=f"target:{target.pk}:breach")
    for listener in MISSED:
        listener(target, at=at)


def _what(target: ResponseTarget) -> str:
    role = f" ({target.role})" if target.role else ""
    return f"{TargetKind(target.kind).label}{role} target ({target.from_plan})"


def _words(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h {seconds % 3600 // 60} min"
