"""Business hours of a calendar: which hours of a local day count, and whether an instant lies in them."""

from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from .models import Calendar

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
OFFICE = {day: [["09:00", "17:00"]] for day in DAYS[:5]}


@lru_cache(maxsize=64)
def _public(country: str, year: int) -> frozenset[date]:
    import holidays as public_holidays  # 3 MB in each process, and few calendars name a country

    return frozenset(public_holidays.country_holidays(country, years=year))


def hours_of(calendar: Calendar | None, day: date) -> list[tuple[time, time]]:
    """Business hours of a local day, in order; empty on holidays and free days. An end at 24:00 is the day's last."""
    if calendar is not None:
        for entry in calendar.holidays:
            if entry == day.isoformat() or (len(entry) == 2 and day in _public(entry.upper(), day.year)):
                return []
    hours = (calendar.hours if calendar else None) or OFFICE
    return [
        (time.fromisoformat(start), time.max if end == "24:00" else time.fromisoformat(end))
        for start, end in sorted(hours.get(DAYS[day.weekday()], []))
    ]


def within(calendar: Calendar, at: datetime) -> bool:
    """Whether `at` (aware) lies in the hours of `calendar`, on its own clock; the end of an hour is outside."""
    local = at.astimezone(ZoneInfo(calendar.timezone))
    clock = local.time().replace(tzinfo=None)
    return any(start <= clock < end or (end == time.max and clock >= start)
               for start, end in hours_of(calendar, local.date()))  # fmt: skip
