"""Calendar terms: when "the next business day" ends, by a policy's hours, zone and holidays."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from policies.models import Calendar, CalendarTerm, Policy

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
OFFICE = {day: [["09:00", "17:00"]] for day in DAYS[:5]}
SPRINT_DAYS = 14


class NoBusinessDay(Exception):
    """A calendar has no business hours in a whole year; its hours or holidays need mending."""


@lru_cache(maxsize=64)
def _public(country: str, year: int) -> frozenset[date]:
    import holidays as public_holidays  # 3 MB in each process, and few calendars name a country

    return frozenset(public_holidays.country_holidays(country, years=year))


def hours_of(calendar: Calendar | None, day: date) -> list[tuple[time, time]]:
    """Business hours of a local day, in order; empty on holidays and free days."""
    if calendar is not None:
        for entry in calendar.holidays:
            if entry == day.isoformat() or (len(entry) == 2 and day in _public(entry.upper(), day.year)):
                return []
    hours = (calendar.hours if calendar else None) or OFFICE
    return [
        (time.fromisoformat(start), time.fromisoformat(end))
        for start, end in sorted(hours.get(DAYS[day.weekday()], []))
    ]


def next_business_end(calendar: Calendar | None, zone: str, at: datetime) -> datetime:
    """The end of the first business day that begins after `at`; `at` inside one counts from the next day on."""
    tz = ZoneInfo(calendar.timezone if calendar else zone)
    local = at.astimezone(tz)
    for ahead in range(0, 370):
        day = local.date() + timedelta(days=ahead)
        hours = hours_of(calendar, day)
        if hours and datetime.combine(day, hours[0][0], tz) > local:
            return datetime.combine(day, hours[-1][1], tz).astimezone(at.tzinfo)
    raise NoBusinessDay(f"Calendar {calendar or zone} has no business day within a year of {at:%Y-%m-%d}.")


def term_end(policy: Policy, term: str, at: datetime) -> datetime:
    """When a calendar term that began at `at` ends, in the zone of `at`."""
    calendar = policy.calendars.order_by("-default", "key").first()
    if term == CalendarTerm.NEXT_SPRINT:
        return next_business_end(calendar, policy.timezone, at + timedelta(days=SPRINT_DAYS - 1))
    return next_business_end(calendar, policy.timezone, at)
