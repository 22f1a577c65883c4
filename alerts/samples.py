"""What each check of a rule read, kept for charts and back-tests, and how the rule's state moved.

A check that reads the same as the one before lengthens that one's row instead of adding one: a calm rule costs a row a
day and one statement for all of them. Which row that is, the process remembers; when it does not, or somebody else has
checked meanwhile, a row more is written and nothing is lost.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import F

from sources.probes.base import ProbeError, Reading

from .conditions import Judgement, State
from .models import AlertRule, RuleChange, Sample

MOST_READINGS = 100
LONGEST_TEXT = 300
LONGEST_LIST = 20
MOST_REMEMBERED = 20_000
Read = list[Reading] | ProbeError


@dataclass(frozen=True)
class Judged:
    """A rule as it was claimed, what its sources said, and what came of it."""

    rule: AlertRule
    read: Read
    judgement: Judgement


@dataclass(frozen=True)
class Run:
    """Checks that read the same, `times` of them from `at` until `until`. `whole` is False when more was read."""

    at: datetime
    until: datetime
    times: int
    read: Read
    state: str
    whole: bool = True

    def instants(self) -> Iterator[datetime]:
        """When the checks were, told apart evenly."""
        pause = (self.until - self.at) / (self.times - 1) if self.times > 1 else timedelta()
        return (self.at + place * pause for place in range(self.times))


@dataclass(frozen=True)
class _Last:
    pk: int
    state: str
    data: str
    until: datetime


_remembered: dict[int, _Last] = {}


def forget() -> None:
    """Forget which rows are the latest, as a new process does."""
    _remembered.clear()


def keep(judged: Sequence[Judged], *, at: datetime) -> None:
    """Store what was read, and which rules came into another state; within the transaction of the checks."""
    longer: dict[int, tuple[Judged, str]] = {}
    fresh: list[tuple[Judged, str]] = []
    for one in judged:
        data, last = dump(one.read, one.judgement), _remembered.get(one.rule.pk)
        same = last is not None and (last.state, last.data) == (one.judgement.state, data)
        # another process may have checked since; a row ends with its day, so that housekeeping finds it by its begin
        if last and same and last.until == one.rule.checked_at and last.until.date() == at.date() and last.until <= at:
            longer[last.pk] = (one, data)
        else:
            fresh.append((one, data))
    if longer:
        rows = Sample.objects.filter(pk__in=longer, rule__in=[one.rule.pk for one, _ in longer.values()])
        if rows.update(until=at, times=F("times") + 1) < len(longer):
            there = set(rows.values_list("pk", flat=True))
            fresh += [longer.pop(pk) for pk in list(longer) if pk not in there]
    added = Sample.objects.bulk_create(
        Sample(rule=one.rule, at=at, until=at, state=one.judgement.state, value=figure(one.judgement), data=data)
        for one, data in fresh
    )
    if len(_remembered) > MOST_REMEMBERED:
        forget()
    for pk, (one, data) in longer.items():
        _remembered[one.rule.pk] = _Last(pk, one.judgement.state, data, at)
    for row, (one, data) in zip(added, fresh, strict=True):
        _remembered[one.rule.pk] = _Last(row.pk, row.state, data, at)
    moved = [one for one in judged if one.judgement.state != one.rule.state]
    if moved:
        RuleChange.objects.bulk_create(
            RuleChange(
                rule=one.rule, at=at, before=one.rule.state, after=one.judgement.state, reason=one.judgement.sentence
            )
            for one in moved
        )


def figure(judgement: Judgement) -> float | None:
    """The figure of the key that is worst off, None when it is no number."""
    rank = {State.FIRING: 0, State.PENDING: 1}
    keys = sorted(judgement.keys, key=lambda key: rank.get(key.state, 2))
    value = next((key.value for key in keys if key.value is not None), None)
    return number(value)


def number(value: Any) -> float | None:
    """`value` as a figure of a chart: true is 1, a length of time its seconds; None when it is none."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (bool, int, float)) and value == value and abs(value) != float("inf"):
        return float(value)
    return None


# as text


def dump(read: Read, judgement: Judgement | None = None) -> str:
    """What was read as JSON, the readings of keys in trouble first: of very many, only the first hundred are kept."""
    if isinstance(read, ProbeError):
        return json.dumps({"error": str(read)[:1000], "reason": read.reason})
    readings = list(read)
    if len(readings) > MOST_READINGS and judgement:
        troubled = {id(key.reading) for key in judgement.keys if key.state in (State.FIRING, State.PENDING)}
        readings.sort(key=lambda reading: id(reading) not in troubled)
    kept = [[_short(reading.fields), reading.labels, reading.origin] for reading in readings[:MOST_READINGS]]
    rest = {"more": len(readings) - MOST_READINGS} if len(readings) > MOST_READINGS else {}
    return json.dumps({"read": kept, **rest}, default=_tagged, separators=(",", ":"), ensure_ascii=False)


def load(data: str) -> tuple[Read, bool]:
    """What was read, and whether that is all of it."""
    said = json.loads(data, object_hook=_untagged)
    if "error" in said:
        return ProbeError(said["error"], reason=said.get("reason", "answer")), True
    return [Reading(fields, labels, origin) for fields, labels, origin in said["read"]], "more" not in said


def _short(value: Any) -> Any:
    match value:
        case str():
            return value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT]
        case dict():
            return {name: _short(member) for name, member in value.items()}
        case list() | tuple():
            return [_short(member) for member in value[:LONGEST_LIST]]
    return value


def _tagged(value: Any) -> Any:
    match value:
        case datetime():
            return {"$at": value.isoformat()}
        case date():
            return {"$day": value.isoformat()}
        case timedelta():
            return {"$seconds": value.total_seconds()}
    return str(value)


def _untagged(value: dict[str, Any]) -> Any:
    if len(value) == 1:
        match next(iter(value.items())):
            case "$at", str(text):
                return datetime.fromisoformat(text)
            case "$day", str(text):
                return date.fromisoformat(text)
            case "$seconds", int() | float() as seconds:
                return timedelta(seconds=seconds)
    return value


# reading them back


def runs(rule: AlertRule, *, since: datetime, until: datetime) -> Iterator[Run]:
    """Yield what the rule's checks read in that time, oldest first; a run that reaches beyond it is not cut."""
    rows = Sample.objects.filter(rule=rule, until__gte=since, at__lte=until, at__gte=since - timedelta(days=1))
    for row in rows.order_by("at", "pk").iterator(chunk_size=2000):
        read, whole = load(row.data)
        yield Run(row.at.astimezone(UTC), row.until.astimezone(UTC), row.times, read, row.state, whole)


def latest(rule: AlertRule, *, most: int) -> list[Sample]:
    """The rule's latest `most` rows, oldest first."""
    return list(Sample.objects.filter(rule=rule).order_by("-at", "-pk")[:most])[::-1]


def states_at(policy_id: int, keys: Sequence[str], at: datetime) -> dict[str, dict[str, Any]]:
    """How these rules of the policy stood at `at`, as conditions that name them see it."""
    found: dict[str, dict[str, Any]] = {}
    for key in keys:
        changes = RuleChange.objects.filter(rule__policy=policy_id, rule__key=key, at__lte=at)
        state = changes.order_by("-at", "-pk").values_list("after", flat=True).first() or "unknown"
        found[key] = {"firing": state == State.FIRING, "state": state}
    return found
