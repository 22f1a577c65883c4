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
    overrides: [{person: linus, start: 2026-03-29T08:00, end: 2026-03-29T20:00}]

Moments without an offset are the schedule's local time. Of two overrides at one time the later in the list wins.
"""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from policies.shapes import (
    BAD,
    Anything,
    Choice,
    Desk,
    Entry,
    Key,
    Many,
    Path,
    Problem,
    Slug,
    Text,
    Whole,
    Zone,
    optional,
    shown,
)

from .layers import LayerDefinition, Window
from .shifts import OverrideDefinition, ScheduleDefinition
from .turns import ROTATIONS, instant

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
    members=optional(Many(PERSON), []),
    restrictions=optional(Many(RESTRICTION), []),
    from_=optional(Moment()),
    until=optional(Moment()),
)
OVERRIDE = Entry(person=PERSON, start=Moment(), end=Moment(), reason=optional(Text(250)))
SCHEDULE = Entry(
    key=Slug(80),
    name=optional(Text(160, line=True)),
    timezone=optional(Zone(), "UTC"),
    layers=optional(Many(LAYER), []),
    overrides=optional(Many(OVERRIDE), []),
    swaps=optional(Many(Anything()), []),
)


def parse_schedule(data: Any) -> ScheduleDefinition[str]:
    """Return the schedule that `data` (plain lists and mappings) says; DefinitionError names every fault's path."""
    desk = Desk()
    values = SCHEDULE.read(data, (), desk)
    if values is BAD:
        raise DefinitionError(desk.problems)
    zone = ZoneInfo(values["timezone"])
    layers = [_layer(layer, position, zone, desk) for position, layer in enumerate(values["layers"])]
    if values["swaps"]:
        desk.problem(
            ("swaps",), "Swaps are not taken, only an empty list; write each as an override for both stretches."
        )
    overrides = [_override(override, position, zone, desk) for position, override in enumerate(values["overrides"])]
    if desk.problems:
        raise DefinitionError(desk.problems)
    return ScheduleDefinition(values["key"], zone, tuple(layers), tuple(overrides))


def parse_restrictions(data: Any) -> tuple[Window, ...]:
    """Return the windows that a layer's `restrictions` say; DefinitionError names every fault's path."""
    desk = Desk()
    read = Many(RESTRICTION).read(data, (), desk)
    if read is BAD:
        raise DefinitionError(desk.problems)
    return tuple(_window(restriction) for restriction in read)


def _window(restriction: dict[str, Any]) -> Window:
    opens, closes = restriction["from"], restriction["to"]
    if closes <= opens:  # over midnight
        closes += timedelta(days=1)
    return Window(frozenset(DAYS.index(day) for day in restriction["days"]), opens, closes)


def _layer(values: dict[str, Any], position: int, zone: ZoneInfo, desk: Desk) -> LayerDefinition[str]:
    path: Path = ("layers", position)
    rotation, length = values["rotation"]
    if length and values["length"]:
        desk.problem((*path, "length"), "The rotation says how many already; keep `every` or `length`.")
    starts_at, ends_at = _bounds(values["from"], values["until"], (*path, "until"), zone, desk)
    return LayerDefinition(
        name=values["name"] or str(position + 1),
        members=tuple(values["members"]),
        first_handoff=_first_handoff(values, path, zone, desk),
        zone=zone,
        rotation=rotation,
        length=length or values["length"] or 1,
        precedence=values["precedence"],
        windows=tuple(_window(restriction) for restriction in values["restrictions"]),
        starts_at=starts_at,
        ends_at=ends_at,
    )


def _first_handoff(values: dict[str, Any], path: Path, zone: ZoneInfo, desk: Desk) -> datetime:
    start, handoff = values["start"] or values["first_handoff"], values["handoff"]
    if start is None:
        return desk.problem(path, "The key 'start' is needed and is missing: when the first member's turn begins.")
    if values["start"] and values["first_handoff"]:
        return desk.problem((*path, "first_handoff"), "This says what `start` says; keep one of them.")
    if handoff is None:
        return start
    wall = start.astimezone(zone).replace(tzinfo=None) if start.tzinfo else start
    midnight = datetime.combine(wall.date(), time())
    if wall not in (midnight, midnight + handoff):
        return desk.problem((*path, "handoff"), f"The start is at {wall:%H:%M}; give its date alone, or no `handoff`.")
    return midnight + handoff


def _override(values: dict[str, Any], position: int, zone: ZoneInfo, desk: Desk) -> OverrideDefinition[str]:
    path: Path = ("overrides", position, "end")
    starts_at, ends_at = _bounds(values["start"], values["end"], path, zone, desk)
    return OverrideDefinition(values["person"], starts_at, ends_at)


def _bounds(start: datetime | None, end: datetime | None, path: Path, zone: ZoneInfo, desk: Desk) -> Any:
    """Both as UTC; a complaint at `path` when they leave nothing in between."""
    begins, ends = (moment and instant(moment, zone) for moment in (start, end))
    if begins and ends and ends <= begins:
        desk.problem(path, f"This end, {ends:%Y-%m-%d %H:%M} UTC, is not after the start, {begins:%Y-%m-%d %H:%M} UTC.")
    return begins, ends


def _words(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
