"""Where one shift ends and the next begins: when other people are on call, or the rotation comes to its next turn.

A rotation of one person has shifts too: each of its turns is one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from oncall.models import EscalationContact
from oncall.shifts import ScheduleDefinition, answer_at, shifts_between
from oncall.turns import NEVER, handoff_at, turn_at

Definition = ScheduleDefinition[EscalationContact]
LONGEST = timedelta(days=35)
"""How far the end, and the beginning, of a shift is looked for."""
TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Stretch:
    """Who is on shift from `start`, UTC; `people` is empty in a gap."""

    start: datetime
    people: tuple[EscalationContact, ...]


def next_change(definition: Definition, at: datetime, *, until: datetime) -> datetime | None:
    """Return the first instant after `at` and not after `until` (both aware) at which a shift ends or begins, UTC."""
    at, until = at.astimezone(UTC), until.astimezone(UTC)
    answer = answer_at(definition, at)
    found = [turn for turn in _turns(definition, answer.layers, at) if turn <= until] if answer.people else []
    for shift in shifts_between(definition, at, until + TICK):
        if set(shift.people) != set(answer.people):
            found.append(shift.start)
            break
    return min(found, default=None)


def _turns(definition: Definition, named: tuple[str, ...], at: datetime) -> list[datetime]:
    """When the next turn of each rotation begins that now says who is on call."""
    begins = []
    for layer in definition.layers:
        if layer.name in named and not layer.calendar and not layer.shadow:
            turn = turn_at(at, **layer.turns)
            if turn is not None and (next_one := handoff_at(turn + 1, **layer.turns)) != NEVER:
                begins.append(next_one)
    return begins


def since(definition: Definition, *, after: datetime, at: datetime) -> list[Stretch]:
    """Return the shifts and gaps that began after `after` and not after `at`, the oldest first."""
    found, here = [], after
    while (change := next_change(definition, here, until=at)) is not None:
        found.append(Stretch(change, people_at(definition, change)))
        here = change
    return found


def people_at(definition: Definition, at: datetime) -> tuple[EscalationContact, ...]:
    """Who is on shift at `at` (aware)."""
    return tuple(answer_at(definition, at).people)


def began(definition: Definition, at: datetime) -> datetime:
    """Return when the shift that lasts at `at` (aware) began, UTC; LONGEST before it at most.

    `definition` must know what was since then.
    """
    at = at.astimezone(UTC)
    length = timedelta(days=1)
    while True:
        known = since(definition, after=at - length, at=at)
        if known:
            return known[-1].start
        if length >= LONGEST:
            return at - LONGEST
        length = min(length * 6, LONGEST)
