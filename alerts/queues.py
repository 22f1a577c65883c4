"""How queues stand: depth, age, dead letters, how fast they drain and when they will be empty; read again on demand."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from incidents.models import Incident
from policies.models import Policy
from sources.probes import ProbeError, Reading
from sources.probes.base import text_of

from . import evaluation, samples
from .models import AlertRule, QueueCard

WINDOW = timedelta(minutes=10)
"""How far back the drain rate looks."""
LATEST = 60
"""Samples that are read for it."""
PATIENCE = timedelta(seconds=9)


@dataclass(frozen=True)
class Queue:
    """One queue as it was read last.

    rate   jobs a minute by which it gets shorter, negative when it grows; None with one reading only
    left   until it is empty at that rate; None when it does not drain
    level  key of the gravest level at which a rule fires for it, "" for none
    """

    name: str
    depth: float | None
    active: float | None = None
    age: timedelta | None = None
    dead: float | None = None
    rate: float | None = None
    left: timedelta | None = None
    level: str = ""
    rank: int = 99

    @property
    def pace(self) -> str:
        """`20/min, 3 min left`, `grows by 5/min`, `steady`; "" when that is not known."""
        if self.rate is None:
            return ""
        if self.rate > 0:
            return f"{figure(self.rate)}/min, {_minutes(self.left)} left" if self.left else f"{figure(self.rate)}/min"
        return f"grows by {figure(-self.rate)}/min" if self.rate < 0 else "steady"


@dataclass(frozen=True)
class Board:
    """The queues of a card; `fault` when they could not be read, with what was read before."""

    card: QueueCard
    queues: list[Queue]
    read_at: datetime | None
    fault: str = ""


def cards(policy: Policy | None = None) -> list[QueueCard]:
    """The cards of a policy, of all policies without one."""
    rows = QueueCard.objects.select_related("policy__service").order_by("policy__name", "position", "pk")
    return list(rows.filter(policy=policy) if policy else rows)


def boards(found: Iterable[QueueCard]) -> list[Board]:
    return [board(card) for card in found]


def board(card: QueueCard) -> Board:
    """How the queues of a card were read last."""
    rules = {rule.key: rule for rule in card.policy.rules.filter(key__in=card.rules).select_related("severity")}
    first = next((rules[key] for key in card.rules if key in rules), None)
    if first is None:
        return Board(card, [], None, f"There is no rule {' or '.join(card.rules)} any more.")
    points, newest, read_at, fault = _history(first)
    levels = _levels(card, rules.values())
    queues = []
    for reading in newest:
        name = _name(card, reading)
        queues.append(_queue(card, name, reading, points, levels.get(name, ("", 99))))
    return Board(card, sorted(queues, key=lambda one: (one.rank, one.name)), read_at, fault)


def refresh(
    card: QueueCard, *, at: datetime, by=None, incident: Incident | None = None, because: str = "read again"
) -> Board:
    """Ask the sources of the card's rules now, whatever their turn; told on the incident it is for."""
    before = {one.name: one.depth for one in board(card).queues}
    evaluation.check_due(at=at, rules=card.policy.rules.filter(key__in=card.rules), force=True, patience=PATIENCE)
    found = board(card)
    if incident is not None:
        moves = [f"{one.name} {figure(before.get(one.name))} → {figure(one.depth)}" for one in found.queues]
        words = f"{card}: {because}. {', '.join(moves) or found.fault or 'No queue was read'}."
        incident.log("queue", words, at=at, by=by, data={"card": card.key})
    return found


def _history(rule: AlertRule) -> tuple[dict[str, list[tuple[datetime, Reading]]], list[Reading], datetime | None, str]:
    """Readings by the text of their labels over time, the newest ones, when that was, and why none is newer."""
    points: dict[str, list[tuple[datetime, Reading]]] = {}
    newest: list[Reading] = []
    read_at, fault = None, ""
    for row in samples.latest(rule, most=LATEST):
        read, _ = samples.load(row.data)
        if isinstance(read, ProbeError):
            fault = str(read)
            continue
        newest, read_at, fault = read, row.until, ""
        for reading in read:
            line = points.setdefault(_slot(reading), [])
            line.append((row.at, reading))
            if row.until > row.at:
                line.append((row.until, reading))
    return points, newest, read_at, fault


def _slot(reading: Reading) -> str:
    return repr(sorted(reading.labels.items()))


def _name(card: QueueCard, reading: Reading) -> str:
    found = reading.labels.get(card.queue, reading.fields.get(card.queue))
    return text_of(found) if found is not None else str(card)


def _queue(card: QueueCard, name: str, reading: Reading, points: dict, level: tuple[str, int]) -> Queue:
    depth, age = _number(reading, card.depth), _number(reading, card.age)
    rate = _rate(card, points.get(_slot(reading), []))
    left = None
    if rate is not None and rate > 0 and depth:
        left = timedelta(minutes=depth / rate)
    unit = timedelta(milliseconds=1) if card.age_unit == QueueCard.Unit.MS else timedelta(seconds=1)
    return Queue(
        name, depth, _number(reading, card.active), None if age is None else _whole(age * unit),
        _number(reading, card.dead), rate, left, *level,
    )  # fmt: skip


def _whole(length: timedelta) -> timedelta:
    return timedelta(seconds=round(length.total_seconds()))


def _rate(card: QueueCard, line: list[tuple[datetime, Reading]]) -> float | None:
    """Jobs a minute over the window, from its first reading to the last; what came before a rise is left out."""
    known = [(at, depth) for at, reading in line if (depth := _number(reading, card.depth)) is not None]
    if not known:
        return None
    end = known[-1][0]
    recent = [(at, depth) for at, depth in known if at >= end - WINDOW]
    (began, first), (ended, last) = recent[0], recent[-1]
    minutes = (ended - began) / timedelta(minutes=1)
    return round((first - last) / minutes, 1) if minutes > 0 else None


def _levels(card: QueueCard, rules: Iterable[AlertRule]) -> dict[str, tuple[str, int]]:
    """The gravest level that fires for each queue, by its name."""
    ranks = {level.key: level.rank for level in card.policy.levels}
    found: dict[str, tuple[str, int]] = {}
    for rule in rules:
        for key in rule.memory.get("keys", {}).values():
            if "fired_at" not in key:
                continue
            level = key.get("level") or rule.severity.key
            name = key.get("labels", {}).get(card.queue, str(card))
            graver = (level, ranks.get(level, 99))
            found[name] = min(found.get(name, graver), graver, key=lambda pair: pair[1])
    return found


def _number(reading: Reading, name: str) -> float | None:
    if not name:
        return None
    value: Any = reading.fields.get(name)
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def figure(value: float | None) -> str:
    """`7`, `7.5`, `?` for what is not known."""
    return "?" if value is None else f"{value:g}" if value != int(value) else f"{int(value)}"


def _minutes(left: timedelta | None) -> str:
    """`45 s`, `3 min`, `2 h 10 min`: rounded up."""
    seconds = int(left.total_seconds() + 0.999) if left else 0
    if seconds < 60:
        return f"{seconds} s"
    minutes = -(-seconds // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
