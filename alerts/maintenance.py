"""Maintenance windows: what is in force, what it hides, and what happens when it begins and ends.

What a window hides is seen and recorded; at its end what still fires acts, what has ended in it was never told of.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from django.db import transaction

from policies.claims import sweep
from policies.models import Policy
from policies.wake import wake

from . import silencing
from .maintenance_now import Active, policies_of, prefix, running, upcoming
from .models import Hold, Liveness, MaintenanceWindow


class NoWindow(ValueError):
    """There is no such window, or it cannot be made; the text says which and what to do."""


@transaction.atomic
def settle(window: MaintenanceWindow, *, at: datetime) -> None:
    """Store a window that is new or was changed; what it hid is asked again, what it hides now is hidden at once."""
    before = MaintenanceWindow.objects.filter(pk=window.pk).first() if window.pk else None
    window.look_at = _look_at(window, at)
    window.save()
    for one in filter(None, [before, window]):
        _ask_again(one, at=at)
    _hold(window, at=at)
    wake()


def _look_at(window: MaintenanceWindow, at: datetime) -> datetime | None:
    return next((start for start, _ in upcoming(window, at, 2) if start > at), None)


def _ask_again(window: MaintenanceWindow, *, at: datetime) -> None:
    hidden = Liveness.objects.filter(firing=True, verdict=Liveness.Verdict.SUPPRESSED)
    hidden.filter(reason__startswith=f"{prefix(window)} until "[:250]).update(assign_at=at)


def begin_due(*, at: datetime) -> int:
    """Let windows that begin take hold of what fires already; return how many."""
    return sweep(MaintenanceWindow.objects.look_due(at), due="look_at", at=at, work=_begin)


def _begin(window: MaintenanceWindow, *, at: datetime) -> None:
    MaintenanceWindow.objects.filter(pk=window.pk).update(look_at=_look_at(window, at))
    _hold(window, at=at)


def _hold(window: MaintenanceWindow, *, at: datetime) -> None:
    if times := running(window, at):
        now = Active(window, *times, policies_of(window))
        silencing.hide(
            window.matchers, now.policies, at=at, reason=now.reason, until=now.ends_at, kind=Hold.Kind.MAINTENANCE
        )


@transaction.atomic
def start(name: str, *, lasts: timedelta, matchers: Sequence[Mapping], by: str, reason: str, at: datetime,
          policy: Policy | None = None) -> MaintenanceWindow:  # fmt: skip
    """Begin a window of that name now, once; one of that name that is over is begun anew. NoWindow if it runs."""
    window = MaintenanceWindow.objects.select_for_update().filter(name=name).first()
    if window and (window.repeats != MaintenanceWindow.Repeats.ONCE or upcoming(window, at, 1)):
        raise NoWindow(f"There is a maintenance window {name!r} that runs or comes; end it or choose another name.")
    window = window or MaintenanceWindow(name=name)
    wall = at.astimezone(UTC).replace(tzinfo=None)
    window.from_day, window.from_time, window.lasts, window.timezone = wall.date(), wall.time(), lasts, "UTC"
    window.matchers, window.policy, window.service = silencing.normal(matchers), policy, None
    window.created_by, window.reason, window.enabled, window.cut_at = by, reason, True, None
    settle(window, at=at)
    return window


@transaction.atomic
def end(window: MaintenanceWindow, *, at: datetime) -> bool:
    """End what runs now; what it hid and still fires acts at once. A recurring one comes again as planned.

    Return whether one ran.
    """
    if not running(window, at):
        return False
    window.cut_at = at
    settle(window, at=at)
    return True


def find(name: str) -> MaintenanceWindow:
    window = MaintenanceWindow.objects.filter(name=name).first()
    if window is None:
        known = ", ".join(MaintenanceWindow.objects.values_list("name", flat=True)[:10]) or "none at all"
        raise NoWindow(f"There is no maintenance window {name!r}; there is {known}.")
    return window


def shown(window: MaintenanceWindow, at: datetime) -> dict:
    """A window as plain data, for scripts."""
    now = running(window, at)
    coming = [{"start": start.isoformat(), "end": end.isoformat()} for start, end in upcoming(window, at)]
    return {
        "name": window.name,
        "state": "active" if now else "pending" if coming else "over",
        "until": now[1].isoformat() if now else None,
        "next": coming,
        "matchers": window.matchers,
        "policy": window.policy.key if window.policy else None,
        "service": window.service.key if window.service else None,
        "repeats": window.repeats,
        "timezone": window.timezone,
        "reason": window.reason,
        "created_by": window.created_by,
    }
