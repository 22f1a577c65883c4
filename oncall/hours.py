"""Which hours of a person's life a shift takes: business, sleep and the rest, on the person's own clock.

    business   Monday to Friday, 09:00 to 17:00, but not on holidays
    sleep      23:00 to 07:00, every night
    off        all other hours
A night is that of the evening it begins in, a weekend from Saturday 00:00 to Monday 00:00, a holiday its whole day.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from .turns import instant

BUSINESS = (time(9), time(17))
SLEEP = (time(23), time(7))
SATURDAY = 5
DAY = timedelta(days=1)
Span = tuple[datetime, datetime]


@dataclass
class Taken:
    """What some stretches take: lengths of elapsed time, and the days on which anything at all was taken.

    nights, weekends   by the date of the evening, and of the Saturday
    """

    total: timedelta = timedelta()
    business: timedelta = timedelta()
    sleep: timedelta = timedelta()
    nights: set[date] = field(default_factory=set)
    weekends: set[date] = field(default_factory=set)
    holidays: set[date] = field(default_factory=set)

    @property
    def off(self) -> timedelta:
        return self.total - self.business - self.sleep


def taken(stretches: Iterable[Span], zone: ZoneInfo, is_holiday: Callable[[date], bool]) -> Taken:
    """What `stretches` (aware, none overlapping another) take of somebody who lives in `zone`."""
    found = Taken()
    for start, end in stretches:
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        found.total += end - start
        for day in _days(start, end, zone):
            holiday = is_holiday(day)
            if day.weekday() < SATURDAY and not holiday:
                found.business += _shared(business_of(day, zone), start, end)
            if asleep := _shared(night_of(day, zone), start, end):
                found.sleep += asleep
                found.nights.add(day)
            if day.weekday() == SATURDAY and _shared(_from_midnight(day, 2, zone), start, end):
                found.weekends.add(day)
            if holiday and _shared(_from_midnight(day, 1, zone), start, end):
                found.holidays.add(day)
    return found


def business_of(day: date, zone: ZoneInfo) -> Span:
    return instant(datetime.combine(day, BUSINESS[0]), zone), instant(datetime.combine(day, BUSINESS[1]), zone)


def night_of(day: date, zone: ZoneInfo) -> Span:
    """The hours of sleep that begin on the evening of `day`, UTC."""
    return instant(datetime.combine(day, SLEEP[0]), zone), instant(datetime.combine(day + DAY, SLEEP[1]), zone)


def asleep(at: datetime, zone: ZoneInfo) -> bool:
    """Whether `at` (aware) falls into hours of sleep."""
    clock = at.astimezone(zone).time()
    return clock >= SLEEP[0] or clock < SLEEP[1]


def _from_midnight(day: date, days: int, zone: ZoneInfo) -> Span:
    return instant(datetime.combine(day, time()), zone), instant(datetime.combine(day + days * DAY, time()), zone)


def _days(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[date]:
    """Local days whose night or weekend may touch [start, end)."""
    day, last = start.astimezone(zone).date() - 2 * DAY, end.astimezone(zone).date()
    while day <= last:
        yield day
        day += DAY


def _shared(span: Span, start: datetime, end: datetime) -> timedelta:
    return max(min(span[1], end) - max(span[0], start), timedelta())
