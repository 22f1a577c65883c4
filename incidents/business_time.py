"""Calendar terms: when "the next business day" ends, by a policy's hours, zone and holidays."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from policies.hours import hours_of
from policies.models import Calendar, CalendarTerm, Policy

SPRINT_DAYS = 14


class NoBusinessDay(Exception):
    """A calendar has no business hours in a whole year; its hours or holidays need mending."""


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
