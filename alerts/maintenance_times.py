"""When a maintenance window is in force, by the clock on the wall of its zone; pure.

A window from 01:00 for four hours ends at 05:00 there in every night, also in that in which clocks are changed. A start
that a change of clocks skips comes an hour later.
"""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST = timedelta(days=31)
AHEAD = 366 * 9
"""Days that are looked through for the next start: one every eighth year is found still."""


@dataclass(frozen=True)
class Plan:
    """A window as it is planned.

    first     its first start, a wall-clock time without a zone
    repeats   once, daily, weekly, monthly
    every     so many days, weeks or months
    weekdays  of a weekly one, "mon" to "sun"; empty: that of the first day
    until     no start after this day; None: no end
    """

    first: datetime
    lasts: timedelta
    zone: ZoneInfo
    repeats: str = "once"
    every: int = 1
    weekdays: Sequence[str] = ()
    until: date | None = None

    def on(self, day: date) -> bool:
        """Whether one starts on this day."""
        first = self.first.date()
        if day < first or (self.until and day > self.until):
            return False
        match self.repeats:
            case "daily":
                return (day - first).days % self.every == 0
            case "weekly":
                weeks = (day - first + timedelta(days=first.weekday())).days // 7
                return DAYS[day.weekday()] in (self.weekdays or (DAYS[first.weekday()],)) and weeks % self.every == 0
            case "monthly":
                months = (day.year - first.year) * 12 + day.month - first.month
                last = monthrange(day.year, day.month)[1]
                return day.day == min(first.day, last) and months % self.every == 0
        return day == first

    def begun_on(self, day: date) -> tuple[datetime, datetime]:
        """Start and end of the one that starts on `day`, in UTC; they are equal when a change of clocks leaves none."""
        wall = datetime.combine(day, self.first.time())
        start, end = _instant(wall, self.zone), _instant(wall + self.lasts, self.zone)
        return start, max(start, end)


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)


def following(plan: Plan, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Start and end (UTC) of those that end after `at`, by their start."""
    there = at.astimezone(plan.zone).date()
    day = max(plan.first.date(), there - timedelta(days=plan.lasts.days + 2))
    last = max(plan.first.date(), there) + timedelta(days=AHEAD)
    while day <= last and not (plan.until and day > plan.until):
        if plan.on(day):
            start, end = plan.begun_on(day)
            if end > max(at, start):
                yield start, end
        if plan.repeats == "once" and day > plan.first.date():
            return
        day += timedelta(days=1)


def in_force(plan: Plan, at: datetime) -> tuple[datetime, datetime] | None:
    """Start and end of the one in force at `at`; of several that overlap, the end of the last."""
    found = None
    for start, end in following(plan, at):
        if start > (found[1] if found else at):
            break
        found = (found[0], max(found[1], end)) if found else (start, end)
    return found


def of_length(first: date, wall: time, lasts: timedelta, zone: str, **more) -> Plan:
    """A plan from the fields of a form or a row."""
    return Plan(datetime.combine(first, wall), lasts, ZoneInfo(zone), **more)
