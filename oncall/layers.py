"""Whom one layer of a schedule yields: a rotation or a calendar, cut by its windows, its dates and holidays.

Plain values, no database, no clock. Every interval is half-open, its end is out; the turns are counted on while a layer
is hidden.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Generic, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from .turns import NEVER, P, handoff_at, instant, turn_at

Place: TypeAlias = P | tuple[P, ...] | None
Span = tuple[datetime, datetime]
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """When a restricted layer counts: from `opens` to `closes`, lengths of wall-clock time since midnight.

    days    weekdays on which it opens, Monday is 0; a window that crosses midnight closes after 24 hours or more
    """

    days: frozenset[int]
    opens: timedelta
    closes: timedelta


@dataclass(frozen=True)
class Stretch(Generic[P]):
    """`people` from `start` to before `end`, UTC; `note` says what is unusual about it."""

    start: datetime
    end: datetime
    people: tuple[P, ...]
    note: str = ""


class Calendar(Protocol[P]):
    """Something that names people for stretches of time, as a calendar feed does."""

    def between(self, start: datetime, end: datetime) -> Sequence[Stretch[P]]:
        """The stretches that touch [start, end), in any order; they may overlap."""


@dataclass(frozen=True)
class Fixed(Generic[P]):
    """A calendar of stretches that are written down."""

    stretches: tuple[Stretch[P], ...]

    def between(self, start: datetime, end: datetime) -> Sequence[Stretch[P]]:
        return [one for one in self.stretches if one.start < end and one.end > start]


@dataclass(frozen=True)
class Holidays:
    """The holidays that a layer skips, or alone counts on (`only`), each a day on the clock of `zone`."""

    is_holiday: Callable[[date], bool]
    zone: ZoneInfo
    only: bool = False


@dataclass(frozen=True)
class Rest(Generic[P]):
    """Who was paged in a night does not have the next one: the next in turn has it, if there is anybody else.

    opens, closes   of a night, lengths of wall-clock time since the midnight before it; `closes` may be over 24 hours
    paged           persons with the date on which the night began in which they were paged
    """

    opens: timedelta
    closes: timedelta
    paged: frozenset[tuple[P, date]] = frozenset()

    def night_of(self, at: datetime, zone: ZoneInfo) -> date | None:
        """The date on which the night began that `at` (aware) falls into; None by day."""
        today = at.astimezone(zone).date()
        for day in (today, today - DAY):
            opens, closes = self.span(day, zone)
            if opens <= at < closes:
                return day
        return None

    def span(self, day: date, zone: ZoneInfo) -> Span:
        midnight = datetime.combine(day, time())
        return instant(midnight + self.opens, zone), instant(midnight + self.closes, zone)


@dataclass(frozen=True)
class LayerDefinition(Generic[P]):
    """One rotation, or the events of a calendar.

    members              places in hand-off order: a person, a tuple of those who are on call together, or None, as of
                         somebody who left, for a turn that yields nobody
    first_handoff        start of the first member's turn; before it the layer yields nobody. Aware, or naive on the
                         local clock, where each later hand-off is at the same time of day
    rotation, length     a turn is `length` of ROTATIONS, at least one
    windows              when the layer counts, the turn counter running on outside; empty: always
    starts_at, ends_at   aware; None: open
    calendar             whose events name the people instead of the rotation
    shadow               its people are shown beside those on call and never are it
    """

    name: str
    members: tuple[Place[P], ...]
    first_handoff: datetime
    zone: ZoneInfo
    rotation: str = "weeks"
    length: int = 1
    precedence: int = 0
    windows: tuple[Window, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    calendar: Calendar[P] | None = None
    shadow: bool = False
    holidays: Holidays | None = None
    rest: Rest[P] | None = None

    @property
    def turns(self) -> dict[str, Any]:
        """The rule of the rotation, as the functions of turns.py take it."""
        return {
            "first_handoff": self.first_handoff,
            "rotation": self.rotation,
            "length": self.length,
            "zone": self.zone,
        }


def layer_at(layer: LayerDefinition[P], at: datetime) -> list[P]:
    """Return whom `layer` alone yields at `at` (aware), each once."""
    at = at.astimezone(UTC)
    people = [person for stretch in layer_between(layer, at, at + TICK) for person in stretch.people]
    return list(dict.fromkeys(people))


def layer_between(layer: LayerDefinition[P], start: datetime, end: datetime) -> list[Stretch[P]]:
    """Return whom `layer` alone yields in [`start`, `end`) (UTC), in order of their start; stretches of nobody are out.

    Those of a calendar may overlap: all of them are on call then.
    """
    start = max(start, layer.starts_at.astimezone(UTC)) if layer.starts_at else start
    end = min(end, layer.ends_at.astimezone(UTC)) if layer.ends_at else end
    if start >= end:
        return []
    stretches = list(_events(layer, start, end) if layer.calendar else _turns(layer, start, end))
    if layer.rest and layer.rest.paged and not layer.calendar:
        stretches = list(_rested(layer, layer.rest, stretches))
    for spans in _masks(layer, start, end):
        stretches = _cut(stretches, spans)
    return [stretch for stretch in stretches if stretch.people]


def _events(layer: LayerDefinition[P], start: datetime, end: datetime) -> Iterator[Stretch[P]]:
    assert layer.calendar is not None
    for event in sorted(layer.calendar.between(start, end), key=lambda one: (one.start, one.end)):
        yield replace(event, start=max(event.start, start), end=min(event.end, end))


def _turns(layer: LayerDefinition[P], start: datetime, end: datetime) -> Iterator[Stretch[P]]:
    """The turns that touch [start, end), cut at both ends; with one place alone they are one long turn."""
    if not layer.members:
        return
    begins = handoff_at(0, **layer.turns)
    if len(layer.members) == 1:
        if begins < end:
            yield Stretch(max(begins, start), end, _crew(layer.members[0]))
        return
    turn = turn_at(start, **layer.turns) or 0
    begins = handoff_at(turn, **layer.turns)
    while begins < end:
        ends = handoff_at(turn + 1, **layer.turns)
        if ends > begins:
            crew = _crew(layer.members[turn % len(layer.members)])
            yield Stretch(max(begins, start), min(ends, end), crew)
        turn, begins = turn + 1, ends
        if begins == NEVER:
            return


def _crew(place: Place[P]) -> tuple[P, ...]:
    people = place if isinstance(place, tuple) else (place,)
    return tuple(dict.fromkeys(person for person in people if person is not None))


def _rested(layer: LayerDefinition[P], rest: Rest[P], stretches: list[Stretch[P]]) -> Iterator[Stretch[P]]:
    """The stretches with the nights after a night with pages given to somebody who was not paged in it."""
    nights = [(night, *rest.span(night + DAY, layer.zone)) for night in sorted({night for _, night in rest.paged})]
    for stretch in stretches:
        begins = stretch.start
        for night, opens, closes in nights:
            opens, closes = max(opens, begins), min(closes, stretch.end)
            if opens >= closes:
                continue
            if begins < opens:
                yield replace(stretch, start=begins, end=opens)
            yield _instead(layer, rest, replace(stretch, start=opens, end=closes), night)
            begins = closes
        if begins < stretch.end:
            yield replace(stretch, start=begins)


def _instead(layer: LayerDefinition[P], rest: Rest[P], stretch: Stretch[P], night: date) -> Stretch[P]:
    """Who has this part of the night after `night`, instead of those who were paged then."""
    tired = [person for person in stretch.people if (person, night) in rest.paged]
    if not tired:
        return stretch
    turn = turn_at(stretch.start, **layer.turns) or 0
    crews: list[tuple[P, ...]] = [stretch.people]
    crews += [_crew(layer.members[(turn + on) % len(layer.members)]) for on in range(1, len(layer.members))]
    for crew in crews:
        if awake := tuple(person for person in crew if (person, night) not in rest.paged):
            who = " and ".join(map(str, tired))
            return replace(stretch, people=awake, note=f"{who} was paged in the night of {night} and rests")
    return stretch


def _masks(layer: LayerDefinition[P], start: datetime, end: datetime) -> Iterator[list[Span]]:
    """What the layer is cut by: the stretches in which it may yield anybody, in order."""
    if layer.windows:
        # Two days back: a window over midnight, in a zone that skipped a day. One ahead: a clock put back over midnight
        days = list(_dates(start, end, layer.zone, before=2))
        yield _joined(
            _span(window, day, layer.zone)
            for window in layer.windows
            for day in days
            if day.weekday() in window.days
        )  # fmt: skip
    if layer.holidays:
        yield _joined(_days_that_count(layer.holidays, list(_dates(start, end, layer.holidays.zone, before=1))))


def _days_that_count(holidays: Holidays, days: list[date]) -> Iterator[Span]:
    for day in days:
        if holidays.is_holiday(day) == holidays.only:
            midnight = datetime.combine(day, time())
            yield instant(midnight, holidays.zone), instant(midnight + DAY, holidays.zone)


def _dates(start: datetime, end: datetime, zone: ZoneInfo, *, before: int) -> Iterator[date]:
    day, last = start.astimezone(zone).date() - before * DAY, end.astimezone(zone).date() + DAY
    while day <= last:
        yield day
        day += DAY


def _span(window: Window, day: date, zone: ZoneInfo) -> Span:
    midnight = datetime.combine(day, time())
    return instant(midnight + window.opens, zone), instant(midnight + window.closes, zone)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that touch made one, empty ones left out."""
    joined: list[Span] = []
    for begins, ends in sorted(spans):
        if begins >= ends:
            continue
        if joined and begins <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(ends, joined[-1][1]))
        else:
            joined.append((begins, ends))
    return joined


def _cut(stretches: list[Stretch[P]], spans: list[Span]) -> list[Stretch[P]]:
    """What of the stretches (in order of their start) lies within the spans."""
    parts, first = [], 0
    for stretch in stretches:
        while first < len(spans) and spans[first][1] <= stretch.start:
            first += 1
        for begins, ends in spans[first:]:
            if begins >= stretch.end:
                break
            parts.append(replace(stretch, start=max(begins, stretch.start), end=min(ends, stretch.end)))
    return parts
