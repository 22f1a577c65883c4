"""Asking every source of a policy now, in ten seconds at most, without moving any rule's state."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alerts import evaluation
from alerts.conditions import State
from alerts.models import AlertRule
from alerts.reading import Round
from alerts.world import World
from policies.models import Policy
from sources.probes import ProbeError, Reading

PATIENCE = 9.0
READINGS = 20
HEALTH = ("ok", "degraded", "down")
"""What a health endpoint says, the best first; the worst that any says counts."""


@dataclass(frozen=True)
class Asked:
    """What came of asking a rule's sources.

    state   how the rule would stand now
    fault   why nothing was read, "" when something was
    """

    rule: str
    name: str
    state: str
    says: str
    level: str = ""
    rank: int = 99
    fault: str = ""
    readings: list[dict[str, Any]] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """As it is kept in a snapshot."""
        return {"rule": self.rule, "state": self.state, "says": self.says, "level": self.level, "asked": True,
                **({"fault": self.fault} if self.fault else {"readings": self.readings})}  # fmt: skip

    @property
    def status(self) -> str:
        """ok, degraded or down: a service's own word where a reading has one, else how the rule stands."""
        words = [str(reading["fields"].get("status", "")).lower() for reading in self.readings]
        own = [word for word in words if word in HEALTH]
        if own:
            return max(own, key=HEALTH.index)
        if self.state == State.FIRING:
            return "down" if self.rank == 0 else "degraded"
        return "degraded" if self.state in (State.ERROR, State.NODATA) else "ok"

    def __str__(self) -> str:
        return f"{self.status:<8}  {self.rule:<28} {self.fault or self.says}"


def ask(policy: Policy, *, at: datetime, keys: Sequence[str] = ()) -> list[Asked]:
    """Ask the sources of the policy's rules that are on (or of those with these keys) at once."""
    rules = policy.rules.filter(key__in=keys) if keys else policy.rules.filter(enabled=True)
    rules = rules.select_related("severity", "policy").prefetch_related("sources__connection").order_by("key")
    going, world, names = Round(), World(policy), {}
    for rule in rules:
        names[rule.key] = rule
        due, questions = evaluation.prepare(rule, world, at=at, variant=None)
        going.put(due, questions, at=at)
    found, until = {}, time.monotonic() + PATIENCE
    while going.open and (left := until - time.monotonic()) > 0:
        for due, answer in going.take(wait=left):
            if isinstance(answer, BaseException):
                raise answer
            found[due.rule.key] = _asked(due, answer, world, at=at)
    late = f"It did not answer within {PATIENCE:g} s."
    return [found.get(key) or Asked(key, str(rule), State.ERROR, late, fault=late) for key, rule in names.items()]


def _asked(due: evaluation.Due, answer, world: World, *, at: datetime) -> Asked:
    judgement = evaluation.judge_answer(due, answer, at=at)
    rule: AlertRule = due.rule
    levels = [state.level or rule.severity.key for state in judgement.firing]
    level = min(levels, key=lambda key: world.ranks.get(key, 99), default="")
    read = answer.readings
    fault = str(read) if isinstance(read, ProbeError) else ""
    readings = [] if isinstance(read, ProbeError) else plain_readings(read)
    rank = world.ranks.get(level, 99)
    return Asked(rule.key, str(rule), str(judgement.state), judgement.sentence, level, rank, fault, readings)


def plain_readings(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """The first readings as plain values."""
    return [{"labels": dict(one.labels), "fields": dict(one.fields)} for one in readings[:READINGS]]


def worst(asked: Sequence[Asked]) -> str:
    """ok, degraded or down: the worst of them; ok when nothing was asked."""
    return max((one.status for one in asked), key=HEALTH.index, default="ok")
