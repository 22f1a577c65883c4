"""Calendars in the form of RFC 5545, read and written: text in, stretches of time out, and the other way round.

No database and no clock. A time without a zone, and a day without a time, are those of the zone that the caller gives:
the schedule's. Repeated events keep their time on the wall, also across a change of the clocks: their start, and their
end where one is written. Of a length (DURATION) the days are counted on the wall too; its hours are elapsed time.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from math import prod
from typing import Any
from zoneinfo import ZoneInfo

from .turns import instant

MOST_BYTES = 2_000_000
MOST_EVENTS = 5_000
MOST_TIMES = 48  # that one rule may have in a day: a shift each half hour
OLDEST = 1900  # a year before it is a typing error, from which daily turns would be counted on at length
LASTS = "X-OPSCENTER-LASTS"  # keeps an event's DURATION, which its occurrences come without
MAIL = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
DAY = timedelta(days=1)
FOLD = 75  # octets of a line


class BadCalendar(ValueError):
    """A text that is no calendar; the sentence says where."""


@dataclass(frozen=True)
class Occurrence:
    """One time that an event takes place, UTC, and what it says of whom it is about.

    mails   addresses of its attendees, less those who declined
    names   their common names
    """

    start: datetime
    end: datetime
    summary: str
    mails: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Event:
    """One shift as it is written: `uid` stays the same as long as start and person do."""

    uid: str
    start: datetime
    end: datetime
    summary: str
    description: str = ""


def check(text: str) -> list[str]:
    """Read `text` as a calendar and return what of it cannot be used, a sentence each; BadCalendar when nothing can."""
    return [*_parsed(text)[1]]


def occurrences(text: str, *, zone: ZoneInfo, start: datetime, end: datetime) -> list[Occurrence]:
    """Return what takes place in [`start`, `end`) (aware), in order; BadCalendar when the text is none.

    A year that was asked for is kept in memory, so that asking for instants of it again costs little.
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    found = (one for year in range(start.year, end.year + 1) for one in _year(text, zone, year))
    return list(dict.fromkeys(one for one in found if one.start < end and one.end > start))


@lru_cache(maxsize=64)
def _year(text: str, zone: ZoneInfo, year: int) -> tuple[Occurrence, ...]:
    """What touches the year, in UTC."""
    from recurring_ical_events import of  # only where a feed is read: 10 MB in each process

    calendar, _ = _parsed(text)
    begins, ends = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    try:
        events = of(calendar, skip_bad_series=True).between(
            begins - DAY, ends + DAY
        )  # floating times are on the clock of no zone at all
    except (ValueError, TypeError, KeyError, OverflowError, ArithmeticError) as error:
        raise BadCalendar(f"The events of {year} cannot be worked out: {error}") from None
    found = (one for event in events if (one := _occurrence(event, zone)) is not None)
    return tuple(sorted((one for one in found if one.start < ends and one.end > begins), key=lambda one: one.start))


@lru_cache(maxsize=8)
def _parsed(text: str) -> tuple[Any, tuple[str, ...]]:
    """The calendar less what cannot be used, and what that was."""
    from icalendar import Calendar, vBroken

    text = text.removeprefix("\ufeff")  # a mark that some programs put before the first letter
    if len(text) > MOST_BYTES:
        raise BadCalendar(f"This calendar is longer than {MOST_BYTES:,} characters.")
    try:
        calendars = Calendar.from_ical(text, multiple=True)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise BadCalendar(f"This is no calendar: {error}") from None
    if not calendars or any(one.name != "VCALENDAR" for one in calendars):
        raise BadCalendar("This is no calendar: it does not begin with BEGIN:VCALENDAR.")
    calendar, warnings = calendars[0], []
    for more in calendars[1:]:
        calendar.subcomponents.extend(more.subcomponents)
    events = [part for part in calendar.subcomponents if part.name == "VEVENT"]
    if len(events) > MOST_EVENTS:
        raise BadCalendar(f"This calendar has {len(events):,} events; {MOST_EVENTS:,} are read at most.")
    unusable = {id(event): why for event in events if (why := _unusable(event))}
    for event in events:
        if id(event) in unusable:
            warnings.append(f"The event “{_text(event, 'SUMMARY')}” is left out: {unusable[id(event)]}")
    calendar.subcomponents = [part for part in calendar.subcomponents if id(part) not in unusable]
    for event in (part for part in calendar.subcomponents if part.name == "VEVENT"):
        for name in [name for name in event if any(isinstance(one, vBroken) for one in _listed(event[name]))]:
            del event[name]  # such as a broken SEQUENCE, without which the event can do
        if "DURATION" in event and "DTEND" not in event:
            event[LASTS] = event["DURATION"]
    return calendar, tuple(warnings)


def _unusable(event: Any) -> str:
    """Why the event cannot be used, or nothing."""
    try:
        start, ends = event["DTSTART"].dt, [event[name].dt for name in ("DTEND", "DURATION") if name in event]
    except (KeyError, AttributeError, ValueError):
        return "it has no start, or an end or a length, that can be read."
    if start.year < OLDEST:
        return f"it begins before {OLDEST}."
    if any(isinstance(end, date) and isinstance(end, datetime) != isinstance(start, datetime) for end in ends):
        return "its start is a day and its end a time, or the other way round."
    try:
        for name in ("RDATE", "EXDATE", "RECURRENCE-ID"):
            for dates in _listed(event.get(name, [])):
                _ = dates.dt if name == "RECURRENCE-ID" else dates.dts
        rules = _listed(event.get("RRULE", []))
        if any(_times_a_day(rule) > MOST_TIMES for rule in rules):
            return "it is repeated too often for shifts."
        if any(not rule.get("FREQ") for rule in rules if rule):
            return "its rule of repetition does not say how often (FREQ)."
        if any(one < 1 for rule in rules for one in rule.get("INTERVAL", [])):
            return "its interval is less than 1."
    except (AttributeError, ValueError, TypeError):
        return "its rule of repetition, or a date beside the rule, cannot be read."
    return ""


def _times_a_day(rule: Any) -> int:
    """How often the rule may fall on one day, at most."""
    often = {str(one).upper() for one in rule.get("FREQ", [])}
    if {"SECONDLY", "MINUTELY"} & often:
        return MOST_TIMES + 1
    hours = len(rule.get("BYHOUR", [])) or (24 if "HOURLY" in often else 1)
    return hours * prod(len(rule.get(name, [])) or 1 for name in ("BYMINUTE", "BYSECOND"))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _occurrence(event: Any, zone: ZoneInfo) -> Occurrence | None:
    """The event in UTC; None for one that is cancelled or takes no time."""
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return None
    start, end = event["DTSTART"].dt, event["DTEND"].dt
    begins, ends = _instant(start, zone), _instant(end, zone)
    lasts = event[LASTS].dt if LASTS in event else None
    if lasts is not None and end == start + lasts:  # else a period among its further dates has an end of its own
        # RFC 5545, 3.3.6: days are days on the wall, hours are elapsed, also where the clock is changed
        days = timedelta(days=lasts.days)
        ends = _instant(start + days, zone) + (lasts - days)
    if ends <= begins:
        return None
    coming = [one for one in _listed(event.get("ATTENDEE", [])) if not _declined(one)]
    mails = (str(one).lower().removeprefix("mailto:").strip() for one in coming)
    names = (str(one.params["CN"]).strip() for one in coming if "CN" in getattr(one, "params", {}))
    return Occurrence(begins, ends, _text(event, "SUMMARY"), tuple(mails), tuple(names))


def _declined(attendee: Any) -> bool:
    return str(getattr(attendee, "params", {}).get("PARTSTAT", "")).upper() == "DECLINED"


def _instant(moment: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    found = instant(moment, zone)
    if moment.tzinfo is not None and found.astimezone(moment.tzinfo).replace(tzinfo=None) != moment.replace(
        tzinfo=None
    ):
        # A time that the event's own zone (VTIMEZONE) leaves out: like any, it takes the offset before the gap
        return (moment.replace(tzinfo=None) - ((moment - DAY).utcoffset() or timedelta())).replace(tzinfo=UTC)
    return found


def _text(event: Any, name: str) -> str:
    return " ".join(str(event.get(name, "")).split())


def named(occurrence: Occurrence) -> list[list[str]]:
    """Whom the occurrence may name, the best guess first; in each guess all must be known for it to count.

    The whole summary; what stands behind a colon or a dash in it, or before one; its parts between commas and "and";
    addresses in it; then the attendees.
    """
    summary = _bare(occurrence.summary)
    guesses = [[summary]]
    parts = [summary, *_pieces(summary)]
    for part in dict.fromkeys([parts[0], *reversed(parts[1:])]):
        guesses.append([part])
        guesses.append(_listed_names(part))
        guesses.append(MAIL.findall(part))
    guesses += [list(occurrence.mails), list(occurrence.names)]
    return [list(guess) for guess in dict.fromkeys(tuple(guess) for guess in guesses) if guess and all(guess)]


def parts_of(summary: str) -> list[str]:
    """The names that stand last in a summary of which nobody is known: `On call: ada and grace` has two."""
    return _listed_names(_pieces(_bare(summary))[-1])


def _bare(summary: str) -> str:
    """Without a tag in brackets before it."""
    return re.sub(r"^\s*\[[^\]]*\]\s*", "", summary).strip()


def _pieces(summary: str) -> list[str]:
    return [piece.strip() for piece in re.split(r":\s|\s[-–—|]\s", summary)]


def _listed_names(part: str) -> list[str]:
    return [one.strip() for one in re.split(r"[,;/&+]|\band\b", part) if one.strip()]


def write(name: str, events: Iterable[Event], *, stamp: datetime) -> str:
    """Return the events as a calendar that programs subscribe to, times in UTC; `stamp` is when it was made."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Opscenter//On call//EN", "CALSCALE:GREGORIAN"]
    lines += ["METHOD:PUBLISH", f"NAME:{_escaped(name)}", f"X-WR-CALNAME:{_escaped(name)}"]
    lines += ["REFRESH-INTERVAL;VALUE=DURATION:PT1H", "X-PUBLISHED-TTL:PT1H"]
    for event in events:
        lines += ["BEGIN:VEVENT", f"UID:{event.uid}", f"DTSTAMP:{_utc(stamp)}"]
        lines += [f"DTSTART:{_utc(event.start)}", f"DTEND:{_utc(event.end)}", f"SUMMARY:{_escaped(event.summary)}"]
        lines += [f"DESCRIPTION:{_escaped(event.description)}"] if event.description else []
        lines += ["TRANSP:TRANSPARENT", "END:VEVENT"]
    return "".join(f"{part}\r\n" for line in [*lines, "END:VCALENDAR"] for part in _folded(line))


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return re.sub(r"\r\n|\r|\n", r"\\n", text)


def _folded(line: str) -> Iterator[str]:
    """The line in parts of at most 75 octets, each but the first behind a blank, no letter cut in two."""
    part, length = "", 0
    for letter in line:
        size = len(letter.encode())
        if length + size > FOLD:
            yield part
            part, length = " ", 1
        part, length = part + letter, length + size
    yield part
