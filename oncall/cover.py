"""Whether somebody answers at every instant: gaps and double bookings, and what an edit would change of both."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from django.db import transaction

from . import people, roster, shifts
from .models import EscalationContact, Schedule
from .wording import names, stretch

Shift = shifts.Shift[EscalationContact]
Rosters = dict[Schedule, list[Shift]]


@dataclass(frozen=True)
class Finding:
    """Something wrong with a stretch [start, end) of `schedule`, UTC; `who` is empty in a gap."""

    kind: str
    schedule: Schedule
    start: datetime
    end: datetime
    who: tuple[EscalationContact, ...]
    text: str

    def same_as(self, other: "Finding") -> bool:
        """Whether both tell of one trouble: it may have grown, or have been cut at the end of what was looked at."""
        return (
            (self.kind, self.schedule.pk, {one.pk for one in self.who})
            == (other.kind, other.schedule.pk, {one.pk for one in other.who})
            and self.start < other.end
            and other.start < self.end
        )  # fmt: skip


@dataclass(frozen=True)
class Change:
    """A stretch in which other people are on call after an edit than before."""

    schedule: Schedule
    start: datetime
    end: datetime
    before: tuple[EscalationContact, ...]
    after: tuple[EscalationContact, ...]

    @property
    def text(self) -> str:
        when = stretch(self.start, self.end, roster.zone_of(self.schedule))
        return f"{when}: {names(self.after)} instead of {names(self.before)}"


@dataclass(frozen=True)
class Consequences:
    """What an edit does to who is on call: the stretches that change, and the troubles it adds."""

    changes: list[Change] = field(default_factory=list)
    troubles: list[Finding] = field(default_factory=list)


class _Undo(Exception):
    """Takes back what was tried."""


def between(schedules: Iterable[Schedule], start: datetime, end: datetime) -> Rosters:
    """The shifts of each schedule from `start` to `end` (aware), as they stand stored."""
    return {one: shifts.shifts_between(roster.define(one, since=start), start, end) for one in schedules}


def gaps(rosters: Rosters) -> list[Finding]:
    """Every stretch in which a schedule names nobody."""
    return [
        Finding("gap", schedule, shift.start, shift.end, (), _gap(schedule, shift))
        for schedule, rows in rosters.items()
        for shift in rows
        if not shift.people
    ]


def double_bookings(rosters: Rosters) -> list[Finding]:
    """Every stretch in which one person is on call on two schedules: a page that falls through finds the same phone.

    A team counts as its members. Each pair of schedules is told once, on the first by name.
    """
    found: list[Finding] = []
    held = {schedule: by_person(rows) for schedule, rows in rosters.items()}
    order = sorted(held, key=lambda one: (one.name, one.pk))
    for index, first in enumerate(order):
        for second in order[index + 1 :]:
            for person in held[first].keys() & held[second].keys():
                for start, end in _overlaps(held[first][person], held[second][person]):
                    when = stretch(start, end, roster.zone_of(first))
                    text = f"{person} is on call on {first} and on {second}: {when}."
                    found.append(Finding("double", first, start, end, (person,), text))
    return sorted(found, key=lambda one: (one.start, one.text))


def what_if(
    edit: Callable[[], object], schedules: Callable[[], Iterable[Schedule]], start: datetime, end: datetime
) -> Consequences:
    """Try `edit`, see whom every one of `schedules` names from `start` to `end` then, and take it back.

    schedules   asked before and after, as an edit may add one; double bookings are looked for among all of them
    Whatever `edit` raises is raised on, and nothing of it is kept.
    """
    before = between(schedules(), start, end)
    after: Rosters = {}
    try:
        with transaction.atomic():
            edit()
            after = between(schedules(), start, end)
            raise _Undo
    except _Undo:
        return compare(before, after)


def compare(before: Rosters, after: Rosters) -> Consequences:
    """What differs between two states of the same schedules."""
    changed = [change for one in after for change in _changes(one, before.get(one, []), after[one])]
    old = [*gaps(before), *double_bookings(before)]
    new = [*gaps(after), *double_bookings(after)]
    return Consequences(changed, [one for one in new if not any(_covers(had, one) for had in old)])


def of_one_kind(rows: Sequence[Shift]) -> Iterator[tuple[datetime, datetime, tuple[EscalationContact, ...]]]:
    """Stretches with the same people, whatever said so."""
    start: datetime | None = None
    for index, shift in enumerate(rows):
        start = start or shift.start
        following = rows[index + 1] if index + 1 < len(rows) else None
        if following is None or set(following.people) != set(shift.people):
            yield start, shift.end, shift.people
            start = None


def _covers(had: Finding, one: Finding) -> bool:
    """Whether `had` was this trouble already, for at least as long."""
    return had.same_as(one) and had.start <= one.start and one.end <= had.end


def _gap(schedule: Schedule, shift: Shift) -> str:
    return f"Nobody is on call on {schedule}: {stretch(shift.start, shift.end, roster.zone_of(schedule))}."


def _changes(schedule: Schedule, before: Sequence[Shift], after: Sequence[Shift]) -> Iterator[Change]:
    last: Change | None = None
    for start, end, old, new in _together(before, after):
        differs = set(old) != set(new)
        if differs and last and last.end == start and (set(last.before), set(last.after)) == (set(old), set(new)):
            last = Change(schedule, last.start, end, old, new)
            continue
        if last:
            yield last
        last = Change(schedule, start, end, old, new) if differs else None
    if last:
        yield last


def _together(before: Sequence[Shift], after: Sequence[Shift]) -> Iterator[tuple]:
    """Both rosters cut at every edge of either: start, end, the people before, the people after."""
    edges = sorted({edge for shift in (*before, *after) for edge in (shift.start, shift.end)})
    old, new = list(before), list(after)
    for start, end in pairwise(edges):
        while old and old[0].end <= start:
            old.pop(0)
        while new and new[0].end <= start:
            new.pop(0)
        was = old[0].people if old and old[0].start <= start else ()
        yield start, end, was, (new[0].people if new and new[0].start <= start else ())


def by_person(rows: Sequence[Shift]) -> dict[EscalationContact, list[tuple[datetime, datetime]]]:
    """When each person is on call, teams resolved to their members; stretches that touch are one."""
    members: dict[tuple[int, ...], list[EscalationContact]] = {}
    held: dict[EscalationContact, list[tuple[datetime, datetime]]] = {}
    for shift in rows:
        key = tuple(one.pk for one in shift.people)
        if key not in members:
            members[key] = people.persons(shift.people)[0]
        for person in members[key]:
            mine = held.setdefault(person, [])
            if mine and mine[-1][1] == shift.start:
                mine[-1] = (mine[-1][0], shift.end)
            else:
                mine.append((shift.start, shift.end))
    return held


def _overlaps(first: list[tuple[datetime, datetime]], second: list[tuple[datetime, datetime]]) -> Iterator[tuple]:
    for a_start, a_end in first:
        for b_start, b_end in second:
            if (start := max(a_start, b_start)) < (end := min(a_end, b_end)):
                yield start, end
