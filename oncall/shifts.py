"""Who holds a shift at an instant, from plain values: no database, no clock.

The layers are asked first: of the highest precedence that yields anybody, equal ones joined; what yields nobody falls
through. A temporary schedule stands in place of the layers while it lasts. Swaps act on that in the order in which they
were made, then overrides, the later over the sooner, and the override calendar over everything. Every interval is
half-open: its end is out.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from .layers import TICK, Calendar, LayerDefinition, Stretch, layer_between
from .turns import NEVER, P, instant

LOOK_AHEAD = timedelta(days=400)
FIRST_LOOK = timedelta(days=7)  # how far `next_change` looks first; a busy roster changes within a week
EVER = datetime.min.replace(tzinfo=UTC)
EFFECTS = ("everybody", "one", "add", "remove", "shadow")

T = TypeVar("T")
__all__ = [
    "EFFECTS",
    "EVER",
    "LOOK_AHEAD",
    "NEVER",
    "Absence",
    "Answer",
    "OverrideDefinition",
    "ScheduleDefinition",
    "Shift",
    "SwapDefinition",
    "TemporaryDefinition",
    "answer_at",
    "instant",
    "next_change",
    "next_shift",
    "on_call_at",
    "overlaps",
    "shifts_between",
]


@dataclass(frozen=True)
class Absence(Generic[P]):
    """From `starts_at` to before `ends_at` (UTC) `person` is not asked, but `stand_in`; None: nobody instead."""

    person: P
    starts_at: datetime
    ends_at: datetime
    stand_in: P | None = None


@dataclass(frozen=True)
class SwapDefinition(Generic[P]):
    """From `starts_at` to before `ends_at` the turns of `person` are the partner's and the partner's theirs."""

    person: P | None
    partner: P | None
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class OverrideDefinition(Generic[P]):
    """A change from `starts_at` to before `ends_at`, both aware.

    effect   everybody: `person` in place of all; one: `person` in place of `replaces`, where that one is on call;
             add: `person` beside the others; remove: `replaces` steps out; shadow: `person` watches
    """

    person: P | None
    starts_at: datetime
    ends_at: datetime
    effect: str = "everybody"
    replaces: P | None = None
    reason: str = ""


@dataclass(frozen=True)
class TemporaryDefinition(Generic[P]):
    """Shifts that stand in place of the layers from `starts_at` to before `ends_at`; between them nobody is on call."""

    name: str
    starts_at: datetime
    ends_at: datetime
    shifts: tuple[Stretch[P], ...] = ()


@dataclass(frozen=True)
class ScheduleDefinition(Generic[P]):
    """A whole schedule; swaps, overrides and temporaries in the order in which they were made, since the later wins.

    calendar   over everything: whom an event of it names is on call
    absences   who is not asked when, wherever named
    """

    key: str
    zone: ZoneInfo
    layers: tuple[LayerDefinition[P], ...] = ()
    overrides: tuple[OverrideDefinition[P], ...] = ()
    swaps: tuple[SwapDefinition[P], ...] = ()
    temporaries: tuple[TemporaryDefinition[P], ...] = ()
    calendar: Calendar[P] | None = None
    absences: tuple[Absence[P], ...] = ()


@dataclass(frozen=True)
class Answer(Generic[P]):
    """Who is on call and why.

    source    what had the last word: "layer" (those named in `layers`), "temporary", "swap", "override", "feed" (the
              override calendar) or "" for nobody
    shadows   who watches: shown and told, never asked alone
    reasons   all that led to the answer, in order, in words
    """

    people: tuple[P, ...] = ()
    source: str = ""
    layers: tuple[str, ...] = ()
    shadows: tuple[P, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shift(Generic[P]):
    """A stretch with one answer, UTC; `people` is empty in a gap."""

    start: datetime
    end: datetime
    people: tuple[P, ...]
    source: str
    layers: tuple[str, ...] = ()
    shadows: tuple[P, ...] = ()
    reasons: tuple[str, ...] = field(default=(), compare=False)

    @property
    def answer(self) -> Answer[P]:
        return Answer(self.people, self.source, self.layers, self.shadows, self.reasons)


def answer_at(definition: ScheduleDefinition[P], at: datetime) -> Answer[P]:
    """Return who is on call at `at` (aware), each once, and what said so."""
    at = at.astimezone(UTC)
    return shifts_between(definition, at, at + TICK)[0].answer


def on_call_at(definition: ScheduleDefinition[P], at: datetime) -> list[P]:
    """Return who is on call at `at` (aware), each once; empty when nobody is."""
    return list(answer_at(definition, at).people)


def shifts_between(definition: ScheduleDefinition[P], start: datetime, end: datetime) -> list[Shift[P]]:
    """Return the shifts that fill [`start`, `end`) (aware) without a hole, the gaps among them, cut at both ends.

    Neighbours with the same people from the same source, and for the same reasons, are one shift.
    """
    # Two datetimes of one zone would be compared by their wall clocks, hence UTC.
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if start >= end:
        return []
    roster = _Roster(definition, start, end)
    shifts: list[Shift[P]] = []
    for begins, ends in zip(roster.edges, [*roster.edges[1:], end], strict=True):
        answer = roster.answer_at(begins)
        if shifts and shifts[-1].answer == answer:
            shifts[-1] = replace(shifts[-1], end=ends)
        else:
            shifts.append(
                Shift(begins, ends, answer.people, answer.source, answer.layers, answer.shadows, answer.reasons)
            )
    return shifts


def next_shift(definition: ScheduleDefinition[P], at: datetime) -> Shift[P] | None:
    """Return the first shift after `at` (aware) of other people than at `at`, perhaps of nobody; its end may be later.

    None when nothing changes within LOOK_AHEAD.
    """
    at = at.astimezone(UTC)
    people = set(on_call_at(definition, at))
    begins, last, length = at, at + LOOK_AHEAD + TICK, FIRST_LOOK
    while begins < last:
        ends = min(begins + length, last)
        for shift in shifts_between(definition, begins, ends):
            if set(shift.people) != people:
                return shift
        begins, length = ends, 2 * length
    return None


def next_change(definition: ScheduleDefinition[P], at: datetime) -> datetime | None:
    """Return the first instant after `at` (aware) at which other people are on call, UTC; None beyond LOOK_AHEAD."""
    shift = next_shift(definition, at)
    return shift.start if shift else None


class _Running(Generic[T]):
    """Which of some items run at instants that are asked for in rising order, in the order of the items."""

    def __init__(self, items: Iterable[tuple[datetime, datetime, T]]) -> None:
        self.waiting = deque(sorted(enumerate(items), key=lambda numbered: numbered[1][0]))
        self.running: list[tuple[int, datetime, T]] = []
        self.found: list[T] = []

    def at(self, instant: datetime) -> list[T]:
        before = len(self.running)
        self.running = [one for one in self.running if one[1] > instant]
        changed = len(self.running) != before
        while self.waiting and self.waiting[0][1][0] <= instant:
            number, (_, ends, item) = self.waiting.popleft()
            if ends > instant:
                self.running.append((number, ends, item))
                changed = True
        if changed:
            self.found = [item for _, _, item in sorted(self.running, key=lambda one: one[0])]
        return self.found


class _Roster(Generic[P]):
    """All that has a say in [start, end), and the instants `edges` at which any of it begins or ends."""

    def __init__(self, definition: ScheduleDefinition[P], start: datetime, end: datetime) -> None:
        self.start, self.end = start, end
        self.cuts = {start}
        self.layers = [
            (layer, self._running(layer_between(layer, start, end), lambda one: (one.start, one.end)))
            for layer in sorted(definition.layers, key=lambda layer: -layer.precedence)
        ]
        self.temporaries = self._running(definition.temporaries, _bounds)
        self.temporary_shifts = [
            (temporary, self._running(temporary.shifts, lambda one: (one.start, one.end)))
            for temporary in definition.temporaries
            if overlaps(_bounds(temporary), start, end)
        ]
        self.swaps = self._running(definition.swaps, _bounds)
        self.overrides = self._running(definition.overrides, _bounds)
        calendar = definition.calendar.between(start, end) if definition.calendar else ()
        in_order = sorted(calendar, key=lambda one: (one.start, one.end))
        self.calendar = self._running(in_order, lambda one: (one.start, one.end))
        self.absences = self._running(definition.absences, _bounds)
        self.away: dict[P, P | None] = {}
        self.edges = sorted(self.cuts)

    def _running(self, items: Sequence[T], bounds: Callable[[T], tuple[datetime, datetime]]) -> _Running[T]:
        near = [
            (begins, ends, item)
            for begins, ends, item in ((*bounds(item), item) for item in items)
            if overlaps((begins, ends), self.start, self.end)
        ]
        self.cuts.update(begins for begins, _, _ in near if begins > self.start)
        self.cuts.update(ends for _, ends, _ in near if ends < self.end)
        return _Running(near)

    def answer_at(self, at: datetime) -> Answer[P]:
        """Who is on call at `at`, no sooner than asked before."""
        self.away = {absence.person: absence.stand_in for absence in self.absences.at(at)}
        answer = self._of_layers(at)
        if temporaries := self.temporaries.at(at):
            answer = self._of_temporary(temporaries[-1], at, answer)
        for swap in self.swaps.at(at):
            answer = _swapped(answer, self._here(swap.person), self._here(swap.partner))
        for override in self.overrides.at(at):
            answer = _overridden(answer, override, self._here(override.person), self._here(override.replaces))
        people = self._people(self.calendar.at(at))
        if people:
            answer = replace(answer, people=people, source="feed", layers=(), reasons=("override calendar",))
        shadows = tuple(shadow for shadow in dict.fromkeys(answer.shadows) if shadow not in answer.people)
        return answer if shadows == answer.shadows else replace(answer, shadows=shadows)

    def _here(self, person: P | None) -> P | None:
        """Who is asked for `person` at this instant."""
        asked: set[P] = set()
        while person is not None and person in self.away:
            if person in asked:  # stand-ins in a circle
                return None
            asked.add(person)
            person = self.away[person]
        return person

    def _people(self, stretches: Iterable[Stretch[P]]) -> tuple[P, ...]:
        """Whom the stretches name, each once."""
        named = dict.fromkeys(person for stretch in stretches for person in stretch.people)
        if not self.away:
            return tuple(named)
        return tuple(dict.fromkeys(here for person in named if (here := self._here(person)) is not None))

    def _of_layers(self, at: datetime) -> Answer[P]:
        held: list[tuple[LayerDefinition[P], Stretch[P]]] = []
        shadows: list[P] = []
        for layer, running in self.layers:
            for stretch in running.at(at):
                if layer.shadow:
                    shadows.extend(self._people([stretch]))
                elif (not held or held[0][0].precedence == layer.precedence) and self._people([stretch]):
                    held.append((layer, stretch))
        names = tuple(dict.fromkeys(layer.name for layer, _ in held))
        people = self._people(stretch for _, stretch in held)
        reasons = (*(f"layer {name}" for name in names), *(stretch.note for _, stretch in held if stretch.note))
        return Answer(people, "layer" if people else "", names, tuple(dict.fromkeys(shadows)), reasons)

    def _of_temporary(self, temporary: TemporaryDefinition[P], at: datetime, answer: Answer[P]) -> Answer[P]:
        for one, running in self.temporary_shifts:
            if one is temporary:
                people = self._people(running.at(at))
                return Answer(people, "temporary", (), answer.shadows, (f"temporary schedule {temporary.name}",))
        return answer


def overlaps(bounds: tuple[datetime, datetime], start: datetime, end: datetime) -> bool:
    return bounds[0] < end and bounds[1] > start


def _bounds(item: Any) -> tuple[datetime, datetime]:
    return item.starts_at.astimezone(UTC), item.ends_at.astimezone(UTC)


def _swapped(answer: Answer[P], one: P | None, other: P | None) -> Answer[P]:
    """Each of the two in place of the other, where either is on call."""
    if one is None or other is None:
        return answer
    places = {one: other, other: one}
    people = tuple(places.get(person, person) for person in answer.people)
    if set(people) == set(answer.people):
        return answer
    return replace(answer, people=people, source="swap", reasons=(*answer.reasons, f"swap of {one} and {other}"))


def _overridden(answer: Answer[P], override: OverrideDefinition[P], person: P | None, gone: P | None) -> Answer[P]:
    """The answer as the override makes it; one that nobody can stand for, or that meets nobody, changes nothing."""
    why = f" ({override.reason})" if override.reason else ""
    match override.effect:
        case "everybody" if person is not None:
            return Answer((person,), "override", (), answer.shadows, (f"override: {person} for everybody{why}",))
        case "one" if person is not None and gone in answer.people:
            people = tuple(dict.fromkeys(person if one == gone else one for one in answer.people))
            reason = f"override: {person} for {gone}{why}"
        case "add" if person is not None and person not in answer.people:
            people, reason = (*answer.people, person), f"override: {person} as well{why}"
        case "remove" if gone in answer.people:
            people = tuple(one for one in answer.people if one != gone)
            reason = f"override: without {gone}{why}"
        case "shadow" if person is not None:
            return replace(answer, shadows=(*answer.shadows, person))
        case _:
            return answer
    return replace(answer, people=people, source="override", reasons=(*answer.reasons, reason))
