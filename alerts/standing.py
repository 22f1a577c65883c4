"""How rules stand, for the symptom table of triage: as they were seen last, or asked for this very question."""

import time
from collections.abc import Collection
from datetime import datetime

from incidents.triage import Stand
from policies.models import Policy

from . import evaluation, telling
from .conditions import Judgement, State
from .models import Alert, AlertRule
from .reading import Answer, Round
from .world import World

PATIENCE = 9.0
"""Seconds that all of them together may take."""


def stands(policy: Policy, keys: Collection[str], *, at: datetime, ask: bool = False) -> dict[str, Stand]:
    """How each of these rules of the policy stands; `ask` asks their sources now, also those of rules that are off."""
    rows = policy.rules.filter(key__in=keys).select_related("severity", "policy").prefetch_related(
        "sources__connection"
    )  # fmt: skip
    rules = {rule.key: rule for rule in rows}
    if ask:
        return _asked(policy, rules, at=at)
    told = _told([rule for rule in rules.values() if rule.fires])
    return {key: _seen(rule, told.get(rule.pk, "")) for key, rule in rules.items()}


def _seen(rule: AlertRule, told: str) -> Stand:
    if not rule.enabled:
        return Stand(rule.key, "", "Not asked yet: it is asked when you want to know.", "off")
    if not rule.fires:
        return Stand(rule.key, "", rule.verdict, rule.state)
    return Stand(rule.key, _level_of(rule), told or rule.verdict, "firing")


def _level_of(rule: AlertRule) -> str:
    """The gravest level at which one of its keys fires."""
    ranks = {level.key: level.rank for level in rule.policy.levels}
    levels = [
        key.get("level") or rule.severity.key for key in rule.memory.get("keys", {}).values() if "fired_at" in key
    ]
    return min(levels, key=lambda level: ranks.get(level, 99), default=rule.severity.key)


def _told(rules: list[AlertRule]) -> dict[int, str]:
    """What the alerts of these rules say that fire, by rule."""
    found: dict[int, list[str]] = {}
    rows = Alert.objects.filter(rule__in=rules, liveness__firing=True).order_by("pk") if rules else []
    for alert in rows:
        if alert.rule_id is not None and (words := alert.annotations.get("summary")):
            found.setdefault(alert.rule_id, []).append(str(words))
    return {rule: "; ".join(words[:3]) for rule, words in found.items()}


def _asked(policy: Policy, rules: dict[str, AlertRule], *, at: datetime) -> dict[str, Stand]:
    """Ask them all at once, on threads where it goes out; one that does not answer in time says so."""
    going, world = Round(), World(policy)
    for rule in rules.values():
        due, questions = evaluation.prepare(rule, world, at=at, variant=None)
        going.put(due, questions, at=at)
    found, until = {}, time.monotonic() + PATIENCE
    while going.open and (left := until - time.monotonic()) > 0:
        for due, answer in going.take(wait=left):
            if isinstance(answer, BaseException):
                raise answer
            found[due.rule.key] = _judged(due, answer, world, at=at)
    late = Stand("", "", f"It did not answer within {PATIENCE:g} s.", "error", True)
    return {key: found.get(key, Stand(key, late.level, late.says, late.state, True)) for key in rules}


def _judged(due: evaluation.Due, answer: Answer, world: World, *, at: datetime) -> Stand:
    judgement: Judgement = evaluation.judge_answer(due, answer, at=at)
    firing = list(judgement.firing)
    if not firing:
        return Stand(due.rule.key, "", judgement.sentence, str(judgement.state), True)
    levels = [state.level or due.rule.severity.key for state in firing]
    words = [telling.message_of(due.rule, state, level, world.params, at)
             for state, level in zip(firing, levels, strict=True)]  # fmt: skip
    gravest = min(levels, key=lambda level: world.ranks.get(level, 99))
    return Stand(due.rule.key, gravest, "; ".join(words[:3]), str(State.FIRING), True)
