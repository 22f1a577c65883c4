"""How tellings become rows: insert what is new, look up what is stored and merge."""

import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter

from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from policies.wake import wake
from sources.models import Integration
from sources.signals import Signal, micros, printable

from ..models import AlertRule
from . import plain, postgres
from .facts import Scope, Told, encode, facts_of, merge
from .memory import memory, remembered

DEADLOCK_TRIES = 5
IDENTITY = attrgetter("facts.identity")


@dataclass(frozen=True)
class Stored:
    """What became of a batch.

    new       how many began to fire, for the first time or again
    resent    how many went on as they were
    resolved  how many ended now
    ids       the alert of each signal, in their order; None where the end of an unknown alert was told
    faults    (place in the batch, what is wrong with it), for alerts that were refused while others were stored
    """

    new: int = 0
    resent: int = 0
    resolved: int = 0
    ids: tuple[int | None, ...] = ()
    faults: tuple[tuple[int, str], ...] = ()


def store(
    integration: Integration | None,
    signals: Iterable[Signal],
    *,
    at: datetime,
    rule: AlertRule | None = None,
    timeout: timedelta | None = None,
) -> Stored:
    """Store what was told; all of it or, on an error, nothing.

    integration, rule  who tells: a door, or a rule; their keys and label sets do not mix
    timeout            a firing signal without an end is valid so long; None: until told otherwise
    """
    now = micros(at)
    scope = Scope(f"rule:{rule.pk}" if rule else f"door:{integration.pk}" if integration else "")
    told = [_told(signal, scope, index, now, timeout) for index, signal in enumerate(signals)]
    writing = Writing(now, integration=integration.pk if integration else None, rule=rule.pk if rule else None)
    writing.commit(lambda: writing.settle(writing.insert(told)))
    return writing.stored(ids=tuple(writing.ids.get(index) for index in range(len(told))))


def _told(signal: Signal, scope: Scope, index: int, now: int, timeout: timedelta | None) -> Told:
    labels = printable({label: value for label, value in signal.labels.items() if value})
    facts = facts_of(
        scope, labels, encode(printable(signal.annotations)),
        url=signal.url, key=signal.key, name=signal.name, severity_key=signal.severity_key,
    )  # fmt: skip
    ends = None if signal.ends_at is None else micros(signal.ends_at)
    starts = micros(signal.starts_at) if signal.starts_at else now if ends is None else ends
    if ends is None and timeout is not None:
        return Told(facts, starts, now + length(timeout), True, index)
    return Told(facts, starts, ends, False, index, bare=signal.only_ends)


def length(time: timedelta) -> int:
    """A length of time in whole microseconds."""
    return time // timedelta(microseconds=1)


def rows():
    """The statements for the database in use."""
    return postgres if connection.vendor == "postgresql" else plain


@dataclass
class Counts:
    new: int = 0
    resent: int = 0
    resolved: int = 0


class Writing:
    """One batch on its way into the database: who told it, and what has become of it so far.

    ids  the alert of each telling, by its place in the batch
    due  something that was merged is to be looked at by grouping now; `insert` and `end` wake the clock themselves
    """

    def __init__(self, now: int, *, integration: int | None, rule: int | None = None):
        self.now, self.integration, self.rule = now, integration, rule
        self.stamp = random.getrandbits(62)
        self.counts = Counts()
        self.ids: dict[int, int] = {}
        self.due = False

    def stored(self, **more) -> Stored:
        return Stored(self.counts.new, self.counts.resent, self.counts.resolved, **more)

    def commit(self, write: Callable[[], None], *, alone: bool = False) -> None:
        """Run `write` in a transaction; again when the database ended it to break a deadlock.

        alone: it is one statement, which is a transaction of its own
        """
        before = self.counts
        for tries_left in reversed(range(DEADLOCK_TRIES)):
            self.counts, self.due = replace(before), False
            try:
                with nullcontext() if alone else transaction.atomic():
                    write()
                    if self.due:
                        wake()
                return
            except OperationalError as error:
                again = tries_left and isinstance(error.__cause__, DeadlockDetected) and not connection.in_atomic_block
                if not again:
                    raise

    def insert(self, told: Sequence[Told]) -> list[Told]:
        """Store alerts nobody told of before, in one statement; return the tellings that remain, in their order."""
        if not told:
            return []
        first: dict[bytes, Told] = {}
        for one in told:
            first.setdefault(one.facts.identity, one)
        now = self.now
        firing = [one for one in first.values() if one.ends is None or one.ends > now]
        if not firing:
            return list(told)
        # in the same order by everybody: two batches that overlap wait for each other instead of deadlocking
        firing.sort(key=IDENTITY)
        made = rows().insert(firing, integration=self.integration, rule=self.rule, now=now, stamp=self.stamp)
        self.counts.new += len(made)
        keep, stamp, ids = memory.keep, self.stamp, self.ids
        for identity, id in made.items():
            one = first[identity]
            ids[one.index] = id
            if one.memory:
                keep(one.memory, remembered(id, stamp, True, one.starts, None, one.said, one.address))
        if len(made) == len(told):
            return []
        return [one for one in told if one.index not in ids]

    def settle(self, told: Sequence[Told]) -> None:
        """Merge tellings with what is stored. Of several of one alert each sees what the former has left."""
        while told:
            turn: dict[bytes, Told] = {}
            later = [one for one in told if turn.setdefault(one.facts.identity, one) is not one]
            unknown = self._merge(list(turn.values()))
            # the end of an alert we never heard of is taken and changes nothing; any other was deleted just now
            self.insert([one for one in unknown if one.ends is None or one.ends > self.now])
            told = later

    def _merge(self, told: Sequence[Told]) -> list[Told]:
        """Returns the tellings of alerts that are not stored."""
        lives = rows().load([one.facts.identity for one in told])
        changed, restated, unknown = [], [], []
        for one in told:
            life = lives.get(one.facts.identity)
            if life is None:
                unknown.append(one)
                continue
            self.ids[one.index] = life.id
            merged = merge(life, one, self.now)
            self.counts.new += merged.times - life.times
            self.counts.resolved += life.firing and not merged.firing
            self.counts.resent += merged.firing and merged.times == life.times
            self.due |= merged.assign
            if merged == life and not merged.firing:
                continue
            changed.append(merged)
            if merged.facts != life.facts:
                restated.append(merged)
            if one.memory:
                entry = remembered(
                    life.id, self.stamp, merged.firing, merged.starts, merged.ends, one.said, one.address
                )
                memory.keep(one.memory, entry)
        if changed:
            rows().rewrite(changed, now=self.now, stamp=self.stamp)
        if restated:
            rows().restate(restated)
        return unknown
