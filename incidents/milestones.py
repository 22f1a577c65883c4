"""Milestones set by people and put right afterwards: what really happened when, and the clocks judged again by it."""

from collections.abc import Mapping
from datetime import UTC, datetime

from django.db import transaction

from . import target_times
from .models import IllegalMove, Incident, ResponseTarget, Status

CORRECTABLE = (
    "started", "detected", "acknowledged", "assessed", "investigated", "identified", "fixed", "mitigated", "resolved",
    "closed",
)  # fmt: skip
SEVEN = ("started", "detected", "investigated", "identified", "fixed", "resolved", "closed")
"""What a report tells, in the order in which it happens."""
SETTABLE = frozenset(["started", "investigated", "identified", "fixed"])
"""What only people know: set whenever they learn it. The others happen by a move and are put right afterwards."""
LABELS = {
    "started": "Incident started", "detected": "First detection", "notified": "People were notified",
    "acknowledged": "Acknowledged", "assessed": "Assessed", "investigated": "Investigation began",
    "identified": "Root cause identified", "fixed": "Fix implemented", "mitigated": "Mitigated",
    "resolved": "Service restored", "closed": "Incident closed",
}  # fmt: skip
MOVED_BY = {
    "acknowledged": "acknowledge it",
    "assessed": "assess it",
    "mitigated": "mitigate it",
    "resolved": "resolve it",
    "closed": "close it",
    "detected": "detect it",
}
MET_BY = {"acknowledged": ("acknowledge", "respond"), "assessed": ("assess",), "mitigated": ("mitigate",),
          "resolved": ("resolve",)}  # fmt: skip
ORDERS = (
    SEVEN,
    ("started", "detected", "acknowledged", "mitigated", "resolved", "closed"),
    ("detected", "assessed", "closed"),
)
"""Of two names in one of these, the first never happens after the second."""
State = ResponseTarget.State


@transaction.atomic
def correct(incident: Incident, name: str, to: datetime, *, by, at: datetime, reason: str) -> None:
    """Set the milestone `name` to the instant `to`; the old one, if any, stands on the timeline with the reason.

    IllegalMove when it has not happened, would come before an earlier or after a later one, or lies in the future.
    """
    if name not in CORRECTABLE:
        raise IllegalMove(f"There is no milestone {name!r} to correct; there are: {', '.join(CORRECTABLE)}.")
    put(incident, {name: to}, by=by, at=at, reason=reason)


@transaction.atomic
def put(incident: Incident, times: Mapping[str, datetime], *, by, at: datetime, reason: str = "") -> list[str]:
    """Set several milestones at once, all or none, and return the names of those that changed.

    times   name of a milestone -> when it happened (aware)
    reason  needed once a time that is known changes
    IllegalMove names the first milestone that cannot be, with what it would contradict.
    """
    Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)
    incident.refresh_from_db()
    was = {name: getattr(incident, f"{name}_at") for name in CORRECTABLE}
    changed = {name: to for name, to in times.items() if was[name] != to}
    if "resolved" in changed and "mitigated" not in changed and was["mitigated"] == was["resolved"]:
        changed["mitigated"] = changed["resolved"]  # nobody mitigated it: the harm ended with the resolution
    for name, to in changed.items():
        if was[name] is None and name not in SETTABLE:
            raise IllegalMove(f"It has not been {name} yet; {MOVED_BY[name]} first, then put the time right.")
        if to > at:
            raise IllegalMove(f"{LABELS[name]}: a time in the future cannot be recorded.")
    if any(was[name] for name in changed) and not reason.strip():
        raise IllegalMove("Say why it is corrected; the reason stands on the timeline.")
    will = {**was, **changed}
    for name in changed:
        _in_order(name, will)
    for name, to in changed.items():
        _write(incident, name, to, was[name], by=by, at=at, reason=reason.strip())
    return list(changed)


def _write(incident: Incident, name: str, to: datetime, was: datetime | None, *, by, at: datetime, reason: str) -> None:
    Incident.objects.filter(pk=incident.pk).update(**{f"{name}_at": to})
    setattr(incident, f"{name}_at", to)
    before = f" instead of {_told(was)}" if was else ""
    why = f": {reason}" if reason else "."
    text = f"{LABELS[name]} at {_told(to)}{before}, says {by}{why}"
    data = {"milestone": name, "to": to.isoformat(), "was": was.isoformat() if was else None}
    incident.log("milestone", text, at=at, by=by, data=data)
    _judge_again(incident, name, to, at=at)


def _told(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _in_order(name: str, times: Mapping[str, datetime | None]) -> None:
    to = times[name]
    assert to is not None
    for order in ORDERS:
        if name not in order:
            continue
        place = order.index(name)
        for other in order:
            known = times.get(other)
            if other == name or known is None:
                continue
            if order.index(other) < place and to < known:
                raise IllegalMove(f"{LABELS[name]} cannot come before {LABELS[other].lower()} ({_told(known)}).")
            if order.index(other) > place and to > known:
                raise IllegalMove(f"{LABELS[name]} cannot come after {LABELS[other].lower()} ({_told(known)}).")


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
    """The milestones that can be set or corrected now."""
    happened = [name for name in CORRECTABLE if getattr(incident, f"{name}_at") or name in SETTABLE]
    return happened if incident.status != Status.MERGED else [n for n in happened if getattr(incident, f"{n}_at")]
