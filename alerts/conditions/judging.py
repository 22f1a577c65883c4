"""From readings to states: which keys begin to fire, go on, change level or end. Pure: memory in, memory out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from alerts.conditions.around import Around
from alerts.conditions.findings import Finding, Findings, look, off_words, outcome_of, slot, streak_of
from alerts.conditions.history import History
from alerts.conditions.rule import Level, RuleSpec
from alerts.conditions.states import Change, Judgement, KeyState, Memory, State
from alerts.conditions.streak import Streak
from alerts.conditions.when import CannotJudge
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
    zone: tzinfo | None = None,
    hours: Callable[[str, datetime], bool] | None = None,
) -> Judgement:
    """Judge what was read at the aware instant `at`.

    memory     of the judgement before; empty or None at the first one
    readings   of one asking of the source, or why there are none
    params     what `params.NAME` in the rule's conditions stands for; None: nobody has set it, and levels that ask
               for it are off
    rules      how other rules stand, for `rules.KEY.firing`
    zone       where the `local` of conditions is told, UTC when not given
    hours      whether an instant lies in the hours of a calendar, for `in_hours.KEY`

    A reading that is late counts as seen at `at`: after a night without looking, `for` counts from the first true
    sample, and the reason says how long nobody looked.
    """
    memory = memory or {}
    before = datetime.fromisoformat(memory["at"]) if memory.get("at") else None
    gap = at - before if rule.every and before and at - before > 2 * rule.every else None
    known: dict[str, Memory] = memory.get("keys") or {}
    around = Around(at, params or {}, rules or {}, zone, hours)
    off = {level.key: unset for level in rule.levels if (unset := around.unset(level.when))}
    idle, doubt = _idle(rule, off, around)
    judged = rule
    if idle:
        readings, judged = [], replace(rule, resolve_after=timedelta(), keep_firing_for=timedelta())
    keys, kept = [], {}
    for key, labels, findings, history in look(rule, known, readings, around):
        if idle:
            nothing = Finding(None, idle, doubt=doubt) if doubt else Finding(False, idle, off=True)
            findings = dict.fromkeys(findings, nothing)
        state, remembered = _step(judged, key, labels, findings, known.get(key, {}), at, gap or timedelta())
        if remembered or history != History():
            kept[key] = {"labels": labels} | remembered | history.dump()
        if state.state is not State.INACTIVE or not rule.group_by:
            keys.append(state)
    if idle:
        own = doubt or State.INACTIVE
        sentence = idle if doubt else f"Off: {idle}."
    else:
        own, sentence = _own_state(rule, keys, readings)
        for level, unset in off.items():
            sentence = f"{sentence.rstrip('.')}. The level {level} is off: {off_words(unset)}."
    since = datetime.fromisoformat(memory["since"]) if memory.get("state") == own else at
    now_known = {"at": at.isoformat(), "state": own.value, "since": since.isoformat(), "keys": kept}
    return Judgement(own, since, sentence, tuple(keys), now_known, gap)


def _idle(rule: RuleSpec, off: Mapping[str, list[str]], around: Around) -> tuple[str, State | None]:
    """Why nothing is judged, "" when something is; and the state when that cannot even be told."""
    if rule.only_if:
        if unset := around.unset(rule.only_if):
            return off_words(unset), None
        try:
            outcome = rule.only_if.holds({}, {}, around.params, around.at, around.rules, around.zone, around.hours)
        except CannotJudge as error:
            return str(error), State.ERROR
        if not outcome.holds:
            return f"{outcome.sentence} does not hold", None
    if len(off) == len(rule.levels):
        return off_words(list(dict.fromkeys(name for unset in off.values() for name in unset))), None
    return "", None


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
    judged = [level for level in rule.levels if not findings[level.key].off]
    told = now or next((level for level in rule.levels if level.key == was), None)
    told = told or (waiting or judged or rule.levels)[0]
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
    fired = ((level.mark, streaks[level.key].fired_at) for level in firing if level.mark)
    if marks := {mark: since.isoformat() for mark, since in fired if since}:
        kept["marks"] = marks
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
