"""Calendar terms: when "the next business day" or the sprint ends, and lengths of which only business hours count."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from policies.hours import hours_of
from policies.models import Calendar, CalendarTerm, Policy

FIRST_SPRINT = date(2024, 1, 1)
"""A Monday: sprints of 14 days are counted from it where a calendar names no first day."""
SPRINT_DAYS = 14
AHEAD = 370


class NoBusinessDay(Exception):
    """A calendar has no business hours in a whole year; its hours or holidays need mending."""


def next_business_end(calendar: Calendar | None, zone: str, at: datetime) -> datetime:
    """The end of the first business day that begins after `at`; `at` inside one counts from the next day on."""
    for start, end in _days(calendar, zone, at):
        if start > at:
            return end.astimezone(at.tzinfo)
    raise _none(calendar, zone, at)


def business_end(calendar: Calendar | None, zone: str, at: datetime) -> datetime:
    """The end of the business day that `at` lies in or before; the next one's when it is over."""
    for _, end in _days(calendar, zone, at):
        if end > at:
            return end.astimezone(at.tzinfo)
    raise _none(calendar, zone, at)


def sprint_end(calendar: Calendar | None, zone: str, at: datetime, *, ahead: int = 0) -> datetime:
    """The last instant, on the local clock, of the sprint that `at` lies in, or of the one `ahead` sprints later."""
    tz = ZoneInfo(calendar.timezone if calendar else zone)
    first = (calendar and calendar.sprint_start) or FIRST_SPRINT
    days = calendar.sprint_days if calendar and calendar.sprint_start else SPRINT_DAYS
    number = (at.astimezone(tz).date() - first).days // days + ahead
    last = first + timedelta(days=(number + 1) * days - 1)
    return datetime.combine(last, time.max, tz).astimezone(at.tzinfo)


def term_end(policy: Policy, term: str, at: datetime, calendar: Calendar | None = None) -> datetime:
    """When a calendar term that began at `at` ends, in the zone of `at`.

    calendar  None: the policy's default one, or its first; without any, office hours in the policy's zone
    """
    if calendar is None:
        calendars = policy.calendars.order_by("-default", "key")
        sprints = term in (CalendarTerm.SPRINT, CalendarTerm.NEXT_SPRINT)
        calendar = (sprints and calendars.filter(sprint_start__isnull=False).first()) or calendars.first()
    match term:
        case CalendarTerm.SPRINT:
            return sprint_end(calendar, policy.timezone, at)
        case CalendarTerm.NEXT_SPRINT:
            return sprint_end(calendar, policy.timezone, at, ahead=1)
        case CalendarTerm.BUSINESS_DAY:
            return business_end(calendar, policy.timezone, at)
        case _:
            return next_business_end(calendar, policy.timezone, at)


def after_hours(calendar: Calendar, at: datetime, length: timedelta) -> datetime:
    """When `length` of the calendar's hours have gone by since `at`, in the zone of `at`."""
    left = length
    for start, end in _spans(calendar, at):
        begins = max(start, at)
        if end - begins >= left:
            return (begins + left).astimezone(at.tzinfo)
        left -= max(end - begins, timedelta(0))
    raise _none(calendar, calendar.timezone, at)


def hours_between(calendar: Calendar, since: datetime, until: datetime) -> timedelta:
    """How much of the calendar's hours lies between two instants; nothing when they are the wrong way round."""
    total = timedelta(0)
    for start, end in _spans(calendar, since):
        if start >= until:
            break
        total += max(min(end, until) - max(start, since), timedelta(0))
    return total


def _days(calendar: Calendar | None, zone: str, at: datetime):
    """Begin and end of each business day from the local day of `at` on, aware."""
    tz = ZoneInfo(calendar.timezone if calendar else zone)
    today = at.astimezone(tz).date()
    for ahead in range(AHEAD):
        day = today + timedelta(days=ahead)
        if hours := hours_of(calendar, day):
            yield datetime.combine(day, hours[0][0], tz), datetime.combine(day, hours[-1][1], tz)


def _spans(calendar: Calendar, at: datetime):
    """Begin and end of each span of business hours from the local day of `at` on, as UTC instants would differ."""
    tz = ZoneInfo(calendar.timezone)
    today = at.astimezone(tz).date()
    for ahead in range(AHEAD * 3):
        day = today + timedelta(days=ahead)
        for start, end in hours_of(calendar, day):
            # subtracted on the same wall clock, an hour that a change of the clock skips would count: so in `at`'s zone
            begins, ends = (datetime.combine(day, moment, tz).astimezone(at.tzinfo) for moment in (start, end))
            whole = end == time.max
            yield begins, ends + timedelta(microseconds=1) if whole else ends


def _none(calendar: Calendar | None, zone: str, at: datetime) -> NoBusinessDay:
    return NoBusinessDay(f"Calendar {calendar or zone} has no business hours that suffice after {at:%Y-%m-%d}.")
