"""Which maintenance windows are in force at an instant, and which come next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from policies.models import Policy

from .maintenance_times import Plan, following, in_force, of_length
from .matching import BadMatcher, all_of
from .models import MaintenanceWindow


def plan_of(window: MaintenanceWindow) -> Plan:
    return of_length(
        window.from_day, window.from_time, window.lasts, window.timezone, repeats=window.repeats, every=window.every,
        weekdays=tuple(window.weekdays), until=window.until_day,
    )  # fmt: skip


def running(window: MaintenanceWindow, at: datetime) -> tuple[datetime, datetime] | None:
    """Start and end of what runs at `at`, unless it is switched off or was ended by hand."""
    found = in_force(plan_of(window), at) if window.enabled else None
    if found and window.cut_at and found[0] <= window.cut_at <= at:
        return None
    return found


def upcoming(window: MaintenanceWindow, at: datetime, count: int = 5) -> list[tuple[datetime, datetime]]:
    """The one that runs and those that come next, at most `count`."""
    found = []
    for start, end in following(plan_of(window), at) if window.enabled else ():
        if window.cut_at and start <= window.cut_at <= at:
            continue
        found.append((start, end))
        if len(found) == count:
            break
    return found


@dataclass(frozen=True)
class Active:
    """A window in force at one instant."""

    window: MaintenanceWindow
    starts_at: datetime
    ends_at: datetime
    policies: frozenset[int] | None

    @cached_property
    def matches(self) -> Callable[[Mapping[str, str]], bool]:
        return all_of(self.window.matchers)

    def takes(self, labels: Mapping[str, str], policy_id: int | None) -> bool:
        return (self.policies is None or policy_id in self.policies) and self.matches(labels)

    @property
    def reason(self) -> str:
        zone = ZoneInfo(self.window.timezone)
        end, start = self.ends_at.astimezone(zone), self.starts_at.astimezone(zone)
        day = "" if end.date() == start.date() else f"{end:%Y-%m-%d} "
        return f"{prefix(self.window)} until {day}{end:%H:%M} {end.tzname()}"[:250]


def prefix(window: MaintenanceWindow) -> str:
    return f"in maintenance: {window.name}"


def active(at: datetime) -> list[Active]:
    """The windows in force at `at`, the one that ends last first."""
    found = []
    for window in MaintenanceWindow.objects.filter(enabled=True):
        if times := running(window, at):
            one = Active(window, *times, policies_of(window))
            try:
                one.matches  # noqa: B018 - stored before it was refused at the door: it hides nothing
            except BadMatcher:
                continue
            found.append(one)
    return sorted(found, key=lambda one: one.ends_at, reverse=True)


def policies_of(window: MaintenanceWindow) -> frozenset[int] | None:
    """The policies whose alerts it hides; None: all."""
    if window.policy_id is None and window.service_id is None:
        return None
    rows = Policy.objects.all()
    if window.policy_id:
        rows = rows.filter(pk=window.policy_id)
    if window.service_id:
        rows = rows.filter(service=window.service_id)
    return frozenset(rows.values_list("pk", flat=True))
