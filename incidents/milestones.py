"""Milestones put right afterwards: what really happened when, with the reason, and the clocks judged again by it."""

from datetime import UTC, datetime

from django.db import transaction

from . import target_times
from .models import IllegalMove, Incident, ResponseTarget, Status

CORRECTABLE = ("started", "detected", "acknowledged", "assessed", "mitigated", "resolved")
MET_BY = {"acknowledged": ("acknowledge", "respond"), "assessed": ("assess",), "mitigated": ("mitigate",),
          "resolved": ("resolve",)}  # fmt: skip
IN_ORDER = ("started", "detected", "acknowledged", "mitigated", "resolved", "closed")
"""An assessment may come at any time after the detection."""
State = ResponseTarget.State


@transaction.atomic
def correct(incident: Incident, name: str, to: datetime, *, by, at: datetime, reason: str) -> None:
    """Set the milestone `name` to the instant `to`; the old one stands on the timeline with the reason.

    IllegalMove when it has not happened, would come before an earlier or after a later one, or lies in the future.
    """
    if name not in CORRECTABLE:
        raise IllegalMove(f"There is no milestone {name!r} to correct; there are: {', '.join(CORRECTABLE)}.")
    if not reason.strip():
        raise IllegalMove("Say why it is corrected; the reason stands on the timeline.")
    Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)
    incident.refresh_from_db()
    field = f"{name}_at"
    was = getattr(incident, field)
    if was is None and name != "started":
        raise IllegalMove(f"It has not been {name} yet; there is nothing to correct.")
    _in_order(incident, name, to, at)
    Incident.objects.filter(pk=incident.pk).update(**{field: to})
    setattr(incident, field, to)
    before = f" instead of {_told(was)}" if was else ""
    text = f"{name.capitalize()} at {_told(to)}{before}, says {by}: {reason.strip()}"
    data = {"milestone": name, "to": to.isoformat(), "was": was.isoformat() if was else None}
    incident.log("milestone", text, at=at, by=by, data=data)
    _judge_again(incident, name, to, at=at)


def _told(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _in_order(incident: Incident, name: str, to: datetime, at: datetime) -> None:
    if to > at:
        raise IllegalMove("A time in the future cannot be recorded.")
    order = IN_ORDER if name in IN_ORDER else ("detected", name, "closed")
    place = order.index(name)
    for other in order:
        known = getattr(incident, f"{other}_at")
        if other == name or known is None:
            continue
        if order.index(other) < place and to < known:
            raise IllegalMove(f"It cannot be {name} before it was {other} ({_told(known)}).")
        if order.index(other) > place and to > known:
            raise IllegalMove(f"It cannot be {name} after it was {other} ({_told(known)}).")


def _judge_again(incident: Incident, name: str, to: datetime, *, at: datetime) -> None:
    """Targets that count from the milestone, or are met by it, are met or missed by the corrected time."""
    for target in incident.targets.exclude(state=State.CANCELLED):
        target.incident = incident
        met = target.kind in MET_BY.get(name, ()) and target.met_at is not None
        if target.anchor != name and not met:
            continue
        before = target.state
        if met:
            target.met_at = to
        if target.anchor == name:
            target_times.set_due(target, to)
        _verdict(target, at)
        target.save()
        if target.state != before:
            words = {State.MET: "in time", State.BREACHED: "missed", State.PENDING: "still running"}
            told = words[State(target.state)]
            incident.log("target_judged", f"{target.get_kind_display()} target by the corrected time: {told}.", at=at)


def _verdict(target: ResponseTarget, at: datetime) -> None:
    if target.due_at is None:
        return
    late = (target.met_at or at) > target.due_at
    if late:
        target.state, target.breached_at = State.BREACHED, target.breached_at or at
    else:
        target.state, target.breached_at = State.MET if target.met_at else State.PENDING, None
    if target.state == State.PENDING:
        target_times.set_check(target)
    else:
        target.check_at = None


def known(incident: Incident) -> list[str]:
    """The milestones that can be corrected now."""
    happened = [name for name in CORRECTABLE if getattr(incident, f"{name}_at")]
    return happened if incident.started_at or incident.status == Status.MERGED else ["started", *happened]
