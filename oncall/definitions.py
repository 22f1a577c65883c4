"""Reads schedules that are written down, as in packs or for `on_call --definition`, and restrictions as rows keep them.

    key: primary
    timezone: Europe/Amsterdam
    layers:
      - name: nights
        precedence: 1                       # the highest that yields anybody wins, equal ones join
        rotation: weekly                    # hourly, daily, weekly, monthly or {every: 2, unit: weeks}
        start: 2026-01-05                   # with the hand-off's time: 2026-01-05T09:00, +01:00 behind it if wanted
        handoff: "09:00"
        members: [ada, grace]
        restrictions: [{days: [mon, tue], from: "22:00", to: "06:00"}]
        from: 2026-02-01T09:00              # when the layer counts at all, the turns counted from `start` nonetheless
        until: 2026-12-24T17:00
        holidays: {skip: [2026-12-25, NL]}    # or only: dates, countries, or a calendar of the same file by its key
        rest: {from: "22:00", to: "06:00"}    # or true: who was paged in a night does not have the next one
      - {name: trainees, shadow: true, start: 2026-01-05, members: [[linus, margaret]]}    # a list: one turn, together
      - {name: office, feed: office.ics}    # a calendar beside the file, or its text, instead of a rotation
    swaps: [{person: ada, with: grace, start: 2026-03-02, end: 2026-03-09}]
    overrides:
      - {person: linus, start: 2026-03-29T08:00, end: 2026-03-29T20:00}
      - {person: linus, replaces: ada, start: 2026-04-29T08:00, end: 2026-04-29T20:00}    # or by `effect`, see EFFECTS
    temporaries:
      - {name: move, start: 2026-05-01, end: 2026-05-08, shifts: [{person: ada, start: 2026-05-01, end: 2026-05-04}]}
    override_feed: over.ics
    pages: [{person: ada, at: 2026-03-02T03:10}]
    people: {ada: [ada@example.org]}    # what else calendars call somebody

Moments without an offset are the schedule's local time. Of two overrides at one time the later in the list wins.
written.py makes a definition of it.
"""

from datetime import date, datetime, timedelta
from typing import Any

from policies.shapes import (
    BAD,
    Choice,
    Desk,
    Entry,
    Flag,
    Key,
    Many,
    Path,
    Problem,
    Slug,
    Table,
    Text,
    Whole,
    Zone,
    optional,
    shown,
)

from .layers import Window
from .shifts import EFFECTS
from .turns import ROTATIONS

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
YEARS = range(1970, 2200)  # far enough from both ends of the calendar to be shifted to any zone
PERSON = Key(120, spaces=True)
ADVERBS = {"hourly": "hours", "daily": "days", "weekly": "weeks", "monthly": "months"}


class DefinitionError(ValueError):
    """A schedule that cannot be read; `problems` has every fault with its path, the text one a line."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(f"{_words(p.path)}: {p.text}" if p.path else p.text for p in problems))
        self.problems = problems


class Clock:
    """A time of day such as 09:00, kept as the length since midnight; 24:00 ends a day."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if value == "24:00":
            return timedelta(days=1)
        try:
            moment = datetime.strptime(value, "%H:%M")
        except (ValueError, TypeError):
            return desk.problem(path, f'{shown(value)} is no time of day; allowed: "00:00" to "24:00", in quotes.')
        return timedelta(hours=moment.hour, minutes=moment.minute)


class Moment:
    """A date, or date and time with or without an offset; a date alone is its midnight."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        try:
            moment = datetime.fromisoformat(value.isoformat() if isinstance(value, date) else value)
        except (ValueError, TypeError):
            return desk.problem(
                path,
                f"{shown(value)} is no moment; allowed: 2026-01-05T09:00, with an offset such as +01:00 or without.",
            )
        if moment.year not in YEARS:
            return desk.problem(path, f"{shown(value)} is out of range; allowed: years {YEARS[0]} to {YEARS[-1]}.")
        return moment


class Turn:
    """How long a turn is: a word, or how many of a unit; kept as unit and length."""

    words = Choice(ROTATIONS, ADVERBS)
    counted = Entry(every=optional(Whole(1), 1), unit=Choice(ROTATIONS))

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if not isinstance(value, dict):
            unit = self.words.read(value, path, desk)
            return BAD if unit is BAD else (unit, None)
        counted = self.counted.read(value, path, desk)
        return BAD if counted is BAD else (counted["unit"], counted["every"])


class Member:
    """A person, or a list of those who have one turn together."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if not isinstance(value, list):
            return PERSON.read(value, path, desk)
        together = Many(PERSON, at_least=1).read(value, path, desk)
        return BAD if together is BAD else tuple(together)


class HolidayList:
    """Dates and countries, or the key of a calendar."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if isinstance(value, str) and len(value) != 2 and not value[:1].isdigit():
            return Key(40).read(value, path, desk)
        entries = Many(Text(10, line=True)).read(value, path, desk)
        if entries is BAD:
            return BAD
        for position, entry in enumerate(entries):
            if not is_holiday_entry(entry):
                text = f"{shown(entry)} is no holiday; allowed: a date such as 2026-12-25, or a country such as NL."
                return desk.problem((*path, position), text)
        return entries


def is_holiday_entry(entry: str) -> bool:
    """Whether it is a date, or the two letters of a country whose holidays are known."""
    if len(entry) == 2:
        import holidays

        return entry.upper() in holidays.list_supported_countries()
    try:
        return date.fromisoformat(entry).isoformat() == entry
    except ValueError:
        return False


class Night:
    """true, for nights from 22:00 to 06:00, or their own hours."""

    hours = Entry(from_=optional(Clock(), timedelta(hours=22)), to=optional(Clock(), timedelta(hours=6)))

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if isinstance(value, bool):
            return self.hours.read({}, path, desk) if value else None
        return self.hours.read(value, path, desk)


RESTRICTION = Entry(
    days=optional(Many(Choice(DAYS), at_least=1), list(DAYS)),
    from_=optional(Clock(), timedelta()),
    to=optional(Clock(), timedelta(days=1)),
)
LAYER = Entry(
    name=optional(PERSON),
    precedence=optional(Whole(-1000, 1000), 0),
    rotation=optional(Turn(), ("weeks", None)),
    length=optional(Whole(1)),
    start=optional(Moment()),
    first_handoff=optional(Moment()),
    handoff=optional(Clock()),
    members=optional(Many(Member()), []),
    restrictions=optional(Many(RESTRICTION), []),
    from_=optional(Moment()),
    until=optional(Moment()),
    shadow=optional(Flag(), False),
    holidays=optional(Entry(skip=optional(HolidayList()), only=optional(HolidayList()))),
    rest=optional(Night()),
    feed=optional(Text(2_000_000, empty=False)),
)
OVERRIDE = Entry(
    person=optional(PERSON),
    replaces=optional(PERSON),
    effect=optional(Choice(EFFECTS)),
    start=Moment(),
    end=Moment(),
    reason=optional(Text(250), ""),
)
SWAP = Entry(person=PERSON, with_=PERSON, start=Moment(), end=Moment(), reason=optional(Text(250), ""))
SHIFT = Entry(person=PERSON, start=Moment(), end=Moment())
TEMPORARY = Entry(name=optional(PERSON), start=Moment(), end=Moment(), shifts=optional(Many(SHIFT), []))
SCHEDULE = Entry(
    key=Slug(80),
    name=optional(Text(160, line=True)),
    timezone=optional(Zone(), "UTC"),
    layers=optional(Many(LAYER), []),
    overrides=optional(Many(OVERRIDE), []),
    swaps=optional(Many(SWAP), []),
    temporaries=optional(Many(TEMPORARY), []),
    override_feed=optional(Text(2_000_000, empty=False)),
    pages=optional(Many(Entry(person=PERSON, at=Moment())), []),
    people=optional(Table(Many(Text(250, empty=False))), {}),
)


def parse_restrictions(data: Any) -> tuple[Window, ...]:
    """Return the windows that a layer's `restrictions` say; DefinitionError names every fault's path."""
    desk = Desk()
    read = Many(RESTRICTION).read(data, (), desk)
    if read is BAD:
        raise DefinitionError(desk.problems)
    return tuple(window_of(restriction) for restriction in read)


def window_of(restriction: dict[str, Any]) -> Window:
    """The window that a restriction, as read, stands for."""
    opens, closes = restriction["from"], restriction["to"]
    if closes <= opens:  # over midnight
        closes += timedelta(days=1)
    return Window(frozenset(DAYS.index(day) for day in restriction["days"]), opens, closes)


def _words(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
