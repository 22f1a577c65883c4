"""Who holds a shift at an instant, from plain values: no database, no clock.

A schedule has layers, each a rotation of members. The layer of the highest precedence that yields anybody wins, layers
of equal precedence join, and one that yields nobody falls through to the next. An override then replaces everybody.

Turns of days, weeks and months follow the local clock; hours are elapsed time. A wall-clock time that occurs twice
means the first, one that does not exist takes the offset before the gap. Every interval is half-open: its end is out.
"""

from calendar import monthrange
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

ROTATIONS = ("hours", "days", "weeks", "months")
NEVER = datetime.max.replace(tzinfo=UTC)  # what a turn beyond the calendar's last year starts at
LOOK_AHEAD = timedelta(days=400)

P = TypeVar("P", bound=Hashable)


@dataclass(frozen=True)
class Window:
    """When a restricted layer counts: from `opens` to `closes`, lengths of wall-clock time since midnight.

    days    weekdays on which it opens, Monday is 0; a window that crosses midnight closes after 24 hours or more
    """

    days: frozenset[int]
    opens: timedelta
    closes: timedelta


@dataclass(frozen=True)
class LayerDefinition(Generic[P]):
    """One rotation; a place held by None, as of somebody who left, is a turn that yields nobody.

    first_handoff        start of the first member's turn; before it the layer yields nobody. Aware, or naive on the
                         local clock, where each later hand-off is at the same time of day
    rotation, length     a turn is `length` of ROTATIONS, at least one
    windows              when the layer counts, the turn counter running on outside; empty: always
    starts_at, ends_at   aware; None: open
    """

    name: str
    members: tuple[P | None, ...]
    first_handoff: datetime
    zone: ZoneInfo
    rotation: str = "weeks"
    length: int = 1
    precedence: int = 0
    windows: tuple[Window, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def turns(self) -> dict[str, Any]:
        """The rule of the rotation, as the functions below take it."""
        return {
            "first_handoff": self.first_handoff,
            "rotation": self.rotation,
            "length": self.length,
            "zone": self.zone,
        }


@dataclass(frozen=True)
class OverrideDefinition(Generic[P]):
    """`person` in place of everybody from `starts_at` to before `ends_at`, both aware."""

    person: P | None
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class ScheduleDefinition(Generic[P]):
    """A whole schedule; `overrides` in the order in which they were made, since the later wins."""

    key: str
    zone: ZoneInfo
    layers: tuple[LayerDefinition[P], ...] = ()
    overrides: tuple[OverrideDefinition[P], ...] = ()


@dataclass(frozen=True)
class Answer(Generic[P]):
    """Who is on call and why: `source` is "override", "layer" (those named in `layers`) or "" for nobody."""

    people: tuple[P, ...] = ()
    source: str = ""
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shift(Generic[P]):
    """A stretch with one answer, UTC; `people` is empty in a gap."""

    start: datetime
    end: datetime
    people: tuple[P, ...]
    source: str
    layers: tuple[str, ...] = ()


def instant(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return `moment` as UTC; naive means the clock on the wall in `zone`."""
    if moment.tzinfo is None:
        # fold=0 is both rules at once: the first of two, and in a gap the offset before it (PEP 495)
        moment = moment.replace(tzinfo=zone, fold=0)
    return moment.astimezone(UTC)


def handoff_at(turn: int, *, first_handoff: datetime, rotation: str, length: int, zone: ZoneInfo) -> datetime:
    """Return when turn number `turn` starts, in UTC; the first is 0. Beyond the year 9999: NEVER.

    Months clamp to their last day, counted from the first hand-off: 31 January, 28 February, 31 March.
    """
    if rotation not in ROTATIONS or length < 1:
        raise ValueError(f"A turn of {length} {rotation} is unknown; give 1 or more of {', '.join(ROTATIONS)}.")
    start = instant(first_handoff, zone)
    if turn == 0:
        return start
    wall = _wall(first_handoff, zone)
    try:
        match rotation:
            case "hours":
                return start + timedelta(hours=turn * length)
            case "months":
                years, month = divmod(wall.month - 1 + turn * length, 12)
                year = wall.year + years
                day = min(wall.day, monthrange(year, month + 1)[1])
                return instant(wall.replace(year=year, month=month + 1, day=day), zone)
            case _:
                return instant(wall + timedelta(**{rotation: turn * length}), zone)
    except (OverflowError, ValueError):  # ValueError: the year is out of range
        return NEVER


def turn_at(at: datetime, *, first_handoff: datetime, rotation: str, length: int, zone: ZoneInfo) -> int | None:
    """Return the number of the turn that `at` (aware) falls into, or None before the first hand-off."""
    rule: dict[str, Any] = {"first_handoff": first_handoff, "rotation": rotation, "length": length, "zone": zone}
    at, start = at.astimezone(UTC), handoff_at(0, **rule)
    if at < start:
        return None
    if rotation == "hours":
        return (at - start) // timedelta(hours=length)
    first, now = _wall(first_handoff, zone), _wall(at, zone)
    if rotation == "months":
        turn = ((now.year - first.year) * 12 + now.month - first.month) // length
    else:
        turn = (now.date() - first.date()) // timedelta(**{rotation: length})
    # The date alone can be one turn off, by the time of day, the clamp, or a clock put back over midnight.
    while handoff_at(turn, **rule) > at:
        turn -= 1
    while handoff_at(turn + 1, **rule) <= at:
        turn += 1
    return turn


def holder_at(
    at: datetime,
    *,
    members: Sequence[P],
    first_handoff: datetime,
    rotation: str,
    length: int,
    zone: ZoneInfo,
) -> P | None:
    """Return the member who holds the shift at `at` (aware, any zone), or None before the first hand-off.

    members        sequence in hand-off order, at least one; empty raises ValueError
    first_handoff  aware, or naive on the clock of `zone`
    rotation       hours of elapsed time; days, weeks or months on the local clock: a 23-hour day counts as one
    length         of a turn, in units of the rotation, at least one
    """
    if not members:
        raise ValueError("A rotation needs at least one member.")
    turn = turn_at(at, first_handoff=first_handoff, rotation=rotation, length=length, zone=zone)
    return None if turn is None else members[turn % len(members)]


def layer_at(layer: LayerDefinition[P], at: datetime) -> list[P]:
    """Return whom `layer` alone yields at `at` (aware): one or nobody."""
    at = at.astimezone(UTC)  # two datetimes of one zone would be compared by their wall clocks
    outside = (layer.starts_at and at < layer.starts_at) or (layer.ends_at and at >= layer.ends_at)
    if outside or not layer.members or not _open_at(layer, at):
        return []
    holder = holder_at(at, members=layer.members, **layer.turns)
    return [] if holder is None else [holder]


def answer_at(definition: ScheduleDefinition[P], at: datetime) -> Answer[P]:
    """Return who is on call at `at` (aware), each once, and what said so."""
    at = at.astimezone(UTC)
    for override in reversed(definition.overrides):
        if override.person is not None and override.starts_at <= at < override.ends_at:
            return Answer((override.person,), "override")
    for precedence in sorted({layer.precedence for layer in definition.layers}, reverse=True):
        level = [layer for layer in definition.layers if layer.precedence == precedence]
        if held := [(layer.name, person) for layer in level for person in layer_at(layer, at)]:
            people = tuple(dict.fromkeys(person for _, person in held))
            return Answer(people, "layer", tuple(name for name, _ in held))
    return Answer()


def on_call_at(definition: ScheduleDefinition[P], at: datetime) -> list[P]:
    """Return who is on call at `at` (aware), each once; empty when nobody is."""
    return list(answer_at(definition, at).people)


def shifts_between(definition: ScheduleDefinition[P], start: datetime, end: datetime) -> list[Shift[P]]:
    """Return the shifts that fill [`start`, `end`) (aware) without a hole, the gaps among them, cut at both ends.

    Neighbours with the same people from the same source are one shift.
    """
    shifts: list[Shift[P]] = []
    at, end = start.astimezone(UTC), end.astimezone(UTC)
    while at < end:
        until = min(_next_edge(definition, at), end)
        answer = answer_at(definition, at)
        shift = Shift(at, until, answer.people, answer.source, answer.layers)
        if shifts and replace(shift, start=shifts[-1].start) == replace(shifts[-1], end=until):
            shifts[-1] = replace(shifts[-1], end=until)
        else:
            shifts.append(shift)
        at = until
    return shifts


def next_change(definition: ScheduleDefinition[P], at: datetime) -> datetime | None:
    """Return the first instant after `at` (aware) at which other people are on call, UTC; None beyond LOOK_AHEAD."""
    people = set(on_call_at(definition, at))
    edge = at.astimezone(UTC)
    while (edge := _next_edge(definition, edge)) <= at + LOOK_AHEAD:
        if set(on_call_at(definition, edge)) != people:
            return edge
    return None


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """The naive reading of the clock in `zone` at `moment`, which may be such a reading already."""
    return moment if moment.tzinfo is None else moment.astimezone(zone).replace(tzinfo=None)


def _span(window: Window, day: date, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """The instants between which `window` is open when it opens on `day`, or None if it does not."""
    if day.weekday() not in window.days:
        return None
    midnight = datetime.combine(day, time())
    return instant(midnight + window.opens, zone), instant(midnight + window.closes, zone)


def _openings(layer: LayerDefinition[P], at: datetime, *, days: range) -> Iterator[tuple[datetime, datetime]]:
    """The stretches that the layer's windows are open when they open on one of `days`, counted from the local date."""
    today = at.astimezone(layer.zone).date()
    for window in layer.windows:
        for offset in days:
            if span := _span(window, today + timedelta(days=offset), layer.zone):
                yield span


def _open_at(layer: LayerDefinition[P], at: datetime) -> bool:
    # Two days back: a window over midnight, in a zone that skipped a day. One ahead: a clock put back over midnight.
    nearby = _openings(layer, at, days=range(-2, 2))
    return not layer.windows or any(opens <= at < closes for opens, closes in nearby)


def _layer_edges(layer: LayerDefinition[P], at: datetime) -> Iterator[datetime]:
    """Instants after `at` at which `layer` may yield another answer; the first such instant is among them."""
    first = handoff_at(0, **layer.turns)
    if at < (begins := max(first, layer.starts_at or first)):
        yield begins
        return
    if layer.ends_at:
        yield layer.ends_at
    if len(layer.members) > 1:
        yield handoff_at((turn_at(at, **layer.turns) or 0) + 1, **layer.turns)
    for opens, closes in _openings(layer, at, days=range(-2, 9)):  # a week ahead holds every weekday
        yield opens
        yield closes


def _next_edge(definition: ScheduleDefinition[P], at: datetime) -> datetime:
    """The first instant after `at` at which the answer may change, or NEVER."""
    edges = [
        edge
        for layer in definition.layers
        if layer.members and not (layer.ends_at and at >= layer.ends_at)
        for edge in _layer_edges(layer, at)
    ]
    edges += [edge for override in definition.overrides for edge in (override.starts_at, override.ends_at)]
    return min((edge for edge in edges if edge > at), default=NEVER)
