"""Alerts that begin and end over and over count as firing until they have been calm for a while.

Only what has fired before is counted, so that a storm of new alerts costs nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from policies.durations import format_duration
from policies.models import Policy

from . import ledger
from .models import Flap, Hold, Liveness

if TYPE_CHECKING:
    from .grouping import Row


def begun(rows: Sequence[tuple["Row", Policy]], *, at: datetime) -> None:
    """Count that these began once more."""
    for row, policy in rows:
        if policy.flap_changes and row.starts_at is not None:
            _count(row, policy, row.starts_at, at=at)


def ended(rows: list["Row"], policy_of: Callable[["Row"], Policy], *, at: datetime) -> list["Row"]:
    """Count that these ended; return those that are over. The others are looked at again when they may be calm."""
    over, again = [], [row for row in rows if row.times > 1]
    known = Flap.objects.in_bulk([row.alert for row in again]) if again else {}
    for row in rows:
        policy = policy_of(row)
        if row.times < 2 or not policy.flap_changes:
            over.append(row)
            continue
        flap = _count(row, policy, row.ends_at or at, at=at, known=known.get(row.alert))
        if flap.flapping_since is None:
            over.append(row)
            continue
        calm_at = datetime.fromisoformat(flap.changes[-1]) + policy.flap_within
        if calm_at <= at:
            Flap.objects.filter(pk=row.alert).update(flapping_since=None, changes=[])
            ledger.end([row.alert], at=at, outcome="calm")
            over.append(row)
        else:
            Liveness.objects.filter(pk=row.alert, firing=False).update(assign_at=calm_at)
    return over


def _count(row: "Row", policy: Policy, changed: datetime, *, at: datetime, known: Flap | None = None) -> Flap:
    flap = known or Flap.objects.filter(pk=row.alert).first() or Flap(alert_id=row.alert, changes=[])
    since = (at - policy.flap_within).isoformat()
    stamp = min(changed, at).isoformat()
    if not flap.changes or flap.changes[-1] < stamp:  # looked at again: the same change
        flap.changes = [*(one for one in flap.changes if one > since), stamp]
        if flap.flapping_since is None and len(flap.changes) > policy.flap_changes:
            flap.flapping_since = at
            within = format_duration(policy.flap_within)
            words = f"flapping: {len(flap.changes)} changes in {within}; counts as firing until calm for {within}"
            ledger.note({row.alert: "told once"}, Hold.Kind.FLAP, words, since=at, until=None)
        flap.save()
    return flap
