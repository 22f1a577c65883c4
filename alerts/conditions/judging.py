"""From readings to states: which keys begin to fire, go on, change level or end. Pure: memory in, memory out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from alerts.conditions.findings import Finding, Findings, look, outcome_of, slot, streak_of
from alerts.conditions.rule import Level, RuleSpec
from alerts.conditions.states import Change, Judgement, KeyState, Memory, State
from alerts.conditions.streak import Streak
from policies.durations import format_duration
from sources.probes.base import ProbeError, Reading, text_of


def judge(
    rule: RuleSpec,
    memory: Memory | None,
    readings: Sequence[Reading] | ProbeError,
    *,
    at: datetime,
    params: Mapping[str, Any] | None = None,
    rules: Mapping[str, Any] | None = None,
) -> Judgement:
    """Judge what was read at the aware instant `at`.

    memory     of the judgement before; empty or None at the first one
    readings   of one asking of the source, or why there are none
    params     what `params.NAME` in the rule's conditions stands for
    rules      how other rules stand, for `rules.KEY.firing`

    A reading that is late counts as seen at `at`: after a night without looking, `for` counts from the first true
    sample, and the reason says how long nobody looked.
    """
    memory = memory or {}
    before = datetime.fromisoformat(memory["at"]) if memory.get("at") else None
    gap = at - before if rule.every and before and at - before > 2 * rule.every else None
    known: dict[str, Memory] = memory.get("keys") or {}
    keys, kept = [], {}
    for key, labels, findings in look(rule, known, readings, at, params or {}, rules or {}):
        state, remembered = _step(rule, key, labels, findings, known.get(key, {}), at, gap or timedelta())
        if remembered:
            kept[key] = remembered
        if state.state is not State.INACTIVE or not rule.group_by:
            keys.append(state)
    own, sentence = _own_state(rule, keys, readings)
    since = datetime.fromisoformat(memory["since"]) if memory.get("state") == own else at
    now_known = {"at": at.isoformat(), "state": own.value, "since": since.isoformat(), "keys": kept}
    return Judgement(own, since, sentence, tuple(keys), now_known, gap)


def _step(
    rule: RuleSpec,
    key: str,
    labels: dict[str, str],
    findings: Findings,
    remembered: Memory,
    at: datetime,
    unseen: timedelta,
) -> tuple[KeyState, Memory]:
    """Take one key a step further; return how it stands and what to remember of it, {} for nothing."""
    streaks: dict[str, Streak] = {}
    for level in rule.levels:
        streaks[level.key] = _advance(rule, level, findings[level.key], streak_of(rule, level, remembered), at, unseen)
    firing = [level for level in rule.levels if streaks[level.key].fired_at]
    waiting = [level for level in rule.levels if streaks[level.key].since]
    was = remembered.get("level")
    now = firing[0] if firing else None
    told = now or next((level for level in rule.levels if level.key == was), None) or (waiting or rule.levels)[0]
    finding, streak = findings[told.key], streaks[told.key]
    value = finding.reading.value if finding.reading else remembered.get("value")
    fired_at = _fired_at(remembered, at) if now or was is not None else None
    state = KeyState(
        key=key,
        labels=labels,
        state=_key_state(now, was, waiting, finding),
        change=_change(rule, now, was),
        level=now.key if now else was or "",
        since=streak.since,
        fired_at=fired_at,
        value=value,
        reading=finding.reading,
        reason=_reason(told, finding, streak, rule, at, ended=was is not None and now is None),
        doubt=finding.doubt,
    )
    levels = {slot(rule, level): data for level in rule.levels if (data := streaks[level.key].dump())}
    if not levels:
        return state, {}
    kept: Memory = {"labels": labels, "levels": levels}
    if now and fired_at:
        kept |= {"level": now.key, "fired_at": fired_at.isoformat()}
    if value is not None:
        kept["value"] = value if isinstance(value, (bool, int, float, str)) else text_of(value)
    return state, kept


def _advance(rule, level: Level, finding: Finding, streak: Streak, at: datetime, unseen: timedelta) -> Streak:
    if finding.holds is None:
        return streak
    outcome = outcome_of(rule, finding.reading)
    if level.rising and finding.figure is not None:
        streak, _ = streak.climb(finding.figure, outcome, level.rising.times)
    elif finding.reading is None:
        streak = streak.forget()
    if not finding.holds:
        return streak.break_off(at, outcome, rule)
    streak = streak.hold(at, outcome, unseen)
    if streak.fired_at is None and streak.is_due(level, at):
        streak = replace(streak, fired_at=at)
    return streak


def _fired_at(remembered: Memory, at: datetime) -> datetime:
    return datetime.fromisoformat(remembered["fired_at"]) if remembered.get("fired_at") else at


def _key_state(now: Level | None, was: str | None, waiting: list[Level], finding: Finding) -> State:
    if now:
        return State.FIRING
    if was is not None:
        return State.RESOLVED
    if finding.doubt:
        return State(finding.doubt)
    return State.PENDING if waiting else State.INACTIVE


def _change(rule: RuleSpec, now: Level | None, was: str | None) -> Change | None:
    if now is None:
        return None if was is None else Change.ENDED
    if was is None:
        return Change.STARTED
    if now.key == was:
        return None
    before = next((level.rank for level in rule.levels if level.key == was), None)
    return Change.RAISED if before is None or now.rank < before else Change.LOWERED


def _reason(level: Level, finding: Finding, streak: Streak, rule: RuleSpec, at: datetime, *, ended: bool) -> str:
    """Why the key stands as it does, with what it waits for and what was not seen."""
    parts = [finding.sentence.rstrip(".")]
    if ended and rule.resolve_after:
        parts.append(f"quiet for {format_duration(rule.resolve_after)}")
    elif streak.fired_at and finding.holds is None:
        parts.append("it goes on firing, as nothing says that it is over")
    elif streak.fired_at and streak.quiet_since:
        quiet = format_duration(at - streak.quiet_since)
        parts.append(f"quiet for {quiet} of {format_duration(max(rule.resolve_after, rule.keep_firing_for))}")
    elif streak.since:
        if level.sustained:
            held = format_duration(at - streak.since)
            parts.append(f"for {held}" if streak.fired_at else f"for {held} of {format_duration(level.sustained)}")
        if level.times > 1:
            times = f"{streak.count} times in a row"
            parts.append(times if streak.fired_at else f"{times} of {level.times}")
        if streak.unseen:
            parts.append(f"of which nobody looked for {format_duration(streak.unseen)}")
    return ", ".join(parts)


def _own_state(rule: RuleSpec, keys: list[KeyState], readings) -> tuple[State, str]:
    if isinstance(readings, ProbeError) and rule.on_error == "error":
        return State.ERROR, str(readings)
    for doubt in (State.ERROR, State.NODATA):
        doubtful = [key for key in keys if key.doubt == doubt]
        if doubtful:
            return doubt, _sentence(doubtful)
    for state in (State.FIRING, State.PENDING):
        there = [key for key in keys if key.state is state]
        if there:
            return state, _sentence(there)
    if keys:
        return State.INACTIVE, _sentence(keys)
    return (
        State.INACTIVE,
        "No key of the source is in trouble." if readings else "The source gave nothing: all is calm.",
    )


def _sentence(keys: list[KeyState]) -> str:
    first = keys[0]
    name = ", ".join(f"{name}={value}" for name, value in first.labels.items())
    more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
    return f"{name}: {first.reason}{more}" if name else f"{first.reason}{more}"
