"""When a response target falls due: from its anchor, by its calendar, less the time its clock stood still."""

from datetime import datetime, timedelta

from policies.models import Anchor, Calendar

from .business_time import after_hours, hours_between, term_end
from .models import Incident, ResponseTarget

JUST_AFTER = timedelta(microseconds=1)
"""A target is breached after its instant, not at it: acknowledged at 10:05:00 sharp is in time."""


def anchored_at(incident: Incident, anchor: str) -> datetime | None:
    """When what `anchor` names happened; None: not yet."""
    if anchor == Anchor.IMPACT:
        return incident.impact_stretches.values_list("start_at", flat=True).first()
    return getattr(incident, f"{anchor}_at", None)


def set_due(target: ResponseTarget, since: datetime) -> None:
    """Count from `since`; not saved."""
    target.anchored_at = since
    within = None if target.within is None else target.within + target.paused_for
    target.due_at = due(target.incident, within, target.term, target.calendar, since)
    set_check(target)


def due(
    incident: Incident, within: timedelta | None, term: str, calendar: Calendar | None, since: datetime
) -> datetime:
    """When a length (None: a term of the calendar) that began at `since` is over; with a calendar, by its hours."""
    if within is None:
        return term_end(incident.policy, term, since, calendar)
    return after_hours(calendar, since, within) if calendar else since + within


def set_check(target: ResponseTarget) -> None:
    """When the sweep looks: at the warning, then at the deadline; never while the clock stands still. Not saved."""
    if target.due_at is None or target.paused_at:
        target.check_at = None
        return
    warn_at = target.due_at - target.warn_before if target.warn_before and not target.warned_at else None
    target.check_at = warn_at or target.due_at + JUST_AFTER


def stand_still(target: ResponseTarget, at: datetime) -> None:
    """Its clock stops at `at`; not saved."""
    target.paused_at = target.paused_at or at
    set_check(target)


def run_on(target: ResponseTarget, at: datetime) -> None:
    """Its clock goes on from `at`, with what was left; not saved."""
    if target.paused_at is None:
        return
    stood = hours_between(target.calendar, target.paused_at, at) if target.calendar else at - target.paused_at
    target.paused_for, target.paused_at = target.paused_for + max(stood, timedelta(0)), None
    if since := target.anchored_at or anchored_at(target.incident, target.anchor):
        set_due(target, since)
