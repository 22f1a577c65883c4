"""What a shift tells the next of incidents."""

from datetime import datetime

from oncall.facts import Line, Section
from oncall.models import Schedule

from .models import Incident
from .models.incident import IncidentQuerySet


def open_now(schedule: Schedule, since: datetime, at: datetime) -> Section:
    """Incidents that are open at `at`, most urgent first; of the schedule's policy, if it has one."""
    rows = _of(schedule).filter(pk__in=Incident.objects.open()).order_by("severity__rank", "detected_at")
    lines = []
    for one in rows.select_related("severity", "acknowledged_by"):
        who = f", taken by {one.acknowledged_by}" if one.acknowledged_by else ""
        how = f"{one.get_status_display().lower()}{who}"
        text = f"{one.severity.key} {one}: {how}, since {one.detected_at:%Y-%m-%d %H:%M} UTC"
        lines.append(Line(text, one.get_absolute_url()))
    return Section("Open incidents", "None is open.", lines)


def ended(schedule: Schedule, since: datetime, at: datetime) -> Section:
    """Incidents that began in the shift, or were resolved in it, and are over."""
    rows = _of(schedule).filter(detected_at__lt=at, resolved_at__gt=since).exclude(pk__in=Incident.objects.open())
    lines = [
        Line(f"{one.severity.key} {one}: {one.get_status_display().lower()} {one.resolved_at:%Y-%m-%d %H:%M} UTC",
             one.get_absolute_url())
        for one in rows.select_related("severity").order_by("resolved_at")
    ]  # fmt: skip
    return Section("Resolved in this shift", "None.", lines)


def _of(schedule: Schedule) -> IncidentQuerySet:
    rows = Incident.objects.filter(drill=False, private=False)
    return rows.filter(policy=schedule.policy) if schedule.policy_id else rows
