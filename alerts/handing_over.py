"""What a shift tells the next of what is muted: silences and maintenance windows that are on."""

from datetime import datetime, timedelta

from django.db.models import Q
from django.urls import reverse

from oncall.facts import Line, Section
from oncall.models import Schedule

from . import maintenance_now
from .models import MaintenanceWindow, Silence

SOON = timedelta(days=1)


def silences(schedule: Schedule, since: datetime, at: datetime) -> Section:
    """Silences in force at `at`, what ends first first; those of other policies than the schedule's are left out."""
    rows = Silence.objects.active(at)
    if schedule.policy_id:
        rows = rows.filter(Q(policy=None) | Q(policy=schedule.policy_id))
    lines = [
        Line(f"{one.comment or 'No reason was given'} (by {one.created_by or 'somebody'}, until "
             f"{one.ends_at:%Y-%m-%d %H:%M} UTC): {_matchers(one.matchers)}",
             reverse("admin:alerts_silence_change", args=[one.pk]))
        for one in rows.order_by("ends_at")
    ]  # fmt: skip
    return Section("Silences that are on", "None is on.", lines)


def maintenance(schedule: Schedule, since: datetime, at: datetime) -> Section:
    """Maintenance windows that run at `at`, and those that begin within a day."""
    lines = []
    for window in MaintenanceWindow.objects.filter(enabled=True).order_by("name"):
        policies = maintenance_now.policies_of(window)
        if schedule.policy_id and policies is not None and schedule.policy_id not in policies:
            continue
        for start, end in maintenance_now.upcoming(window, at, 1):
            if start <= at:
                text = f"{window.name}: runs until {end:%Y-%m-%d %H:%M} UTC"
            elif start <= at + SOON:
                text = f"{window.name}: begins {start:%Y-%m-%d %H:%M} UTC, until {end:%Y-%m-%d %H:%M} UTC"
            else:
                continue
            reason = f". {window.reason}" if window.reason else ""
            lines.append(Line(text + reason, reverse("admin:alerts_maintenancewindow_change", args=[window.pk])))
    return Section("Maintenance windows", "None runs, and none begins within a day.", lines)


def _matchers(matchers: list[dict]) -> str:
    signs = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
    return ", ".join(
        f"{one['name']}{signs[one.get('isEqual', True), one.get('isRegex', False)]}{one['value']}" for one in matchers
    )
