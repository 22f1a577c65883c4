"""The way of a telling that is new to this process: insert it, or look up what is stored and merge."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from policies.wake import wake
from sources.models import Integration
from sources.signals import Signal, micros

from . import plain, postgres
from .facts import Life, Scope, Told, facts_of, merge, unfold
from .memory import known, memory

DEADLOCK_TRIES = 3


@dataclass(frozen=True)
class Stored:
    """What became of a batch.

    new       alerts that began to fire, for the first time or again
    resent    alerts that went on as they were
    resolved  alerts that ended now
    ids       the alert of each signal, in their order; None where the end of an unknown alert was told
    faults    (place in the batch, what is wrong with it), for alerts that were refused while others were stored
    """

    new: int = 0
    resent: int = 0
    resolved: int = 0
    ids: tuple[int | None, ...] = ()
    faults: tuple[tuple[int, str], ...] = ()


@dataclass
class Tally:
    """Counts while a batch is written, and what to remember once it is committed."""

    new: int = 0
    resent: int = 0
    resolved: int = 0
    due: bool = False


def rows():
    """The statements for the database in use."""
    return postgres if connection.vendor == "postgresql" else plain


def fresh_stamp() -> int:
    return random.getrandbits(62)


def store(
    integration: Integration | None,
    signals: Iterable[Signal],
    *,
    at: datetime,
    rule=None,
    timeout: timedelta | None = None,
) -> Stored:
    """Store what was told; all of it or, on an error, nothing.

    integration, rule  who tells: a door, or an AlertRule; their keys and label sets do not mix
    timeout            a firing signal without an end is valid so long; None: until told otherwise
    """
    integration_id, rule_id = integration and integration.pk, rule and rule.pk
    scope = Scope(f"rule:{rule_id}" if rule_id else f"door:{integration_id}")
    now = micros(at)
    told = [_told(signal, scope, index, now, timeout) for index, signal in enumerate(signals)]
    ids: list[int | None] = [None] * len(told)

    def write(tally: Tally) -> None:
        settle(told, tally, now=now, stamp=fresh_stamp(), integration=integration_id, rule=rule_id, ids=ids)

    tally = commit(write)
    return Stored(tally.new, tally.resent, tally.resolved, tuple(ids))


def _told(signal: Signal, scope: Scope, index: int, now: int, timeout: timedelta | None) -> Told:
    facts = facts_of(
        scope, signal.labels, signal.annotations,
        url=signal.url, key=signal.key, name=signal.name, severity_key=signal.severity_key,
    )  # fmt: skip
    ends = None if signal.ends_at is None else micros(signal.ends_at)
    starts = micros(signal.starts_at) if signal.starts_at else now if ends is None else ends
    if ends is None and timeout is not None:
        return Told(facts, starts, now + micros_of(timeout), True, index)
    return Told(facts, starts, ends, False, index)


def micros_of(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def commit(write: Callable[[Tally], None]) -> Tally:
    """Run `write` in a transaction, again when the database broke a deadlock; wake the clock when something is due."""
    for tries_left in reversed(range(DEADLOCK_TRIES)):
        tally = Tally()
        try:
            with transaction.atomic():
                write(tally)
                if tally.due:
                    wake()
            return tally
        except OperationalError as error:
            if connection.in_atomic_block or not tries_left or not isinstance(error.__cause__, DeadlockDetected):
                raise
    raise AssertionError("unreachable")


def settle(
    told: Sequence[Told],
    tally: Tally,
    *,
    now: int,
    stamp: int,
    integration: int | None,
    rule: int | None = None,
    ids: list[int | None] | None = None,
) -> None:
    """Insert what is new, merge what is stored. Of several tellings of one alert each sees what the former left."""
    while told:
        turn: dict[bytes, Told] = {}
        later = []
        for one in told:
            if turn.setdefault(one.facts.identity, one) is not one:
                later.append(one)
        _settle_once(turn, tally, now=now, stamp=stamp, integration=integration, rule=rule, ids=ids)
        told = later


def _settle_once(turn: dict[bytes, Told], tally: Tally, *, now, stamp, integration, rule, ids) -> None:
    firing = [one for one in turn.values() if one.ends is None or one.ends > now]
    firing.sort(key=lambda one: one.facts.identity)  # every batch in the same order, so that two never deadlock
    made = rows().insert(firing, integration=integration, rule=rule, now=now, stamp=stamp) if firing else {}
    tally.new += len(made)
    tally.due |= bool(made)
    for identity, id in made.items():
        one = turn[identity]
        _remember(one, id, unfold(one), stamp)
        if ids is not None:
            ids[one.index] = id
    if len(made) < len(turn):
        _merge([one for identity, one in turn.items() if identity not in made], tally, now=now, stamp=stamp, ids=ids)


def _merge(told: list[Told], tally: Tally, *, now: int, stamp: int, ids: list[int | None] | None) -> None:
    lives = rows().load([one.facts.identity for one in told])
    changed, restated = [], []
    for one in told:
        life = lives.get(one.facts.identity)
        if life is None:
            continue  # the end of an alert we never heard of
        merged = merge(life, one, now)
        tally.new += merged.times - life.times
        tally.resolved += life.firing and not merged.firing
        tally.resent += merged.firing and merged.times == life.times
        tally.due |= merged.assign
        if merged.firing or merged != life:
            changed.append(merged)
            if merged.facts != life.facts:
                restated.append(merged)
            _remember(one, life.id, merged, stamp)
        if ids is not None:
            ids[one.index] = life.id
    if changed:
        rows().rewrite(changed, now=now, stamp=stamp)
    if restated:
        rows().restate(restated)


def _remember(told: Told, id: int, life: Life, stamp: int) -> None:
    if told.memory:
        entry = known(id, stamp, life.firing, life.starts, life.ends, told.said, told.address)
        memory.keep(told.memory, entry)
