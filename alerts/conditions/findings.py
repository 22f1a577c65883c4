"""What this time's readings say of each key at each level, before anything is remembered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from alerts.conditions.around import Around
from alerts.conditions.history import History
from alerts.conditions.rule import Level, RuleSpec
from alerts.conditions.states import Memory, key_of
from alerts.conditions.streak import Streak
from alerts.conditions.when import CannotJudge, Outcome
from sources.probes.base import ProbeError, Reading, text_of


@dataclass(frozen=True)
class Finding:
    """What one level of one key came to this time: true, false, or None for "leave it as it was".

    off     nothing was judged: the level asks for a parameter that nobody has set
    """

    holds: bool | None
    sentence: str
    reading: Reading | None = None
    doubt: str = ""
    figure: float | None = None
    off: bool = False


Findings = dict[str, Finding]  # by the level's key
Look = tuple[str, dict[str, str], Findings, History]  # a key, its labels, what is found of it, what it remembers


def look(
    rule: RuleSpec,
    known: Mapping[str, Memory],
    readings: Sequence[Reading] | ProbeError,
    around: Around,
) -> Iterator[Look]:
    """Yield each key that the source or the memory knows, with what each level finds of it."""
    present = set()
    for key, labels, findings, history in _present(rule, known, readings, around):
        yield key, labels, _without_off(rule, findings, around), history
        present.add(key)
    calm = rule.on_nodata in (None, "ok") or not rule.group_by
    if isinstance(readings, ProbeError):
        rest = Finding(None, str(readings), doubt="error" if rule.on_error == "error" else "")
    elif not readings and not calm:
        rest = Finding(None, "The source gave nothing.", doubt="nodata" if rule.on_nodata == "nodata" else "")
    else:
        rest = Finding(False, "The source no longer tells of it.")
    for key, remembered in known.items():
        if key not in present:
            findings = _without_off(rule, _everywhere(rule, rest), around)
            yield key, remembered.get("labels", {}), findings, _history(rule, remembered, around)


def _present(rule, known, readings, around: Around) -> Iterator[Look]:
    whole = _history(rule, known.get(key_of({}), {}), around)
    if isinstance(readings, ProbeError):
        if rule.on_error == "fire":
            yield key_of({}), {}, _everywhere(rule, Finding(True, str(readings))), whole
        elif not rule.group_by:
            yield key_of({}), {}, _everywhere(rule, Finding(None, str(readings), doubt="error")), whole
    elif readings:
        for labels, group in _grouped(rule, readings):
            remembered, findings = known.get(key_of(labels), {}), {}
            group, history = _with_past(rule, remembered, group, around)
            for level in rule.levels:
                findings[level.key] = _find(rule, level, streak_of(rule, level, remembered), group, around)
            yield key_of(labels), labels, findings, history
    elif not rule.group_by or rule.on_nodata == "fire":
        finding = _without_data(rule, Outcome(None, "The source gave nothing."), None)
        yield key_of({}), {}, _everywhere(rule, finding), whole


def _history(rule: RuleSpec, remembered: Memory, around: Around) -> History:
    """What is remembered of a key of which nothing was read."""
    return History.load(remembered).take(rule, None, around.at) if rule.over or rule.baseline else History()


def _with_past(
    rule: RuleSpec, remembered: Memory, group: list[Reading], around: Around
) -> tuple[list[Reading], History]:
    """Add to the readings what their figure was before; where a key has several, the largest is remembered."""
    if not (remember := rule.over or rule.baseline):
        return group, History()
    found = [reading.value if remember.field == "value" else reading.fields.get(remember.field) for reading in group]
    figures = [float(one) for one in found if isinstance(one, (int, float)) and not isinstance(one, bool)]
    figure = max(figures) if figures else None
    history = History.load(remembered).take(rule, figure, around.at)
    past = history.figures(rule, figure, around.at)
    return [replace(reading, fields={**reading.fields, "value": reading.value, **past}) for reading in group], history


def _without_off(rule: RuleSpec, findings: Findings, around: Around) -> Findings:
    """Have the levels that ask for a parameter nobody has set find nothing."""
    found = dict(findings)
    for level in rule.levels:
        if unset := around.unset(level.when):
            found[level.key] = Finding(False, off_words(unset), off=True)
    return found


def off_words(unset: Sequence[str]) -> str:
    """Why a level is off."""
    return f"{' and '.join(unset)} {'are' if len(unset) > 1 else 'is'} not set"


def _everywhere(rule: RuleSpec, finding: Finding) -> Findings:
    return {level.key: finding for level in rule.levels}


def _grouped(rule: RuleSpec, readings: Sequence[Reading]) -> list[tuple[dict[str, str], list[Reading]]]:
    groups: dict[tuple[str, ...], list[Reading]] = {}
    for reading in readings:
        values = (reading.labels.get(name) or text_of(reading.fields.get(name)) for name in rule.group_by)
        groups.setdefault(tuple(values), []).append(reading)
    return [(dict(zip(rule.group_by, values, strict=True)), group) for values, group in groups.items()]


def _find(rule, level: Level, streak: Streak, group: list[Reading], around: Around) -> Finding:
    """Judge the readings of one key at one level: one that holds is enough, one unknown leaves it open."""
    found = [_find_one(rule, level, streak, reading, around) for reading in group]
    for wanted in (lambda f: f.holds, lambda f: f.doubt == "error", lambda f: f.holds is None, bool):
        if fitting := [finding for finding in found if wanted(finding)]:
            chosen = max(fitting, key=lambda f: f.figure if f.figure is not None else float("-inf"))
            return _with_origins(chosen, fitting, group)
    raise AssertionError("a group has at least one reading, and the last of these takes any")


def _with_origins(chosen: Finding, fitting: list[Finding], group: list[Reading]) -> Finding:
    """Have a finding that holds say which of several ways to watch told of it."""
    origins = dict.fromkeys(f.reading.origin for f in fitting if f.reading and f.reading.origin)
    if not chosen.holds or not origins or len({reading.origin for reading in group}) < 2:
        return chosen
    return replace(chosen, sentence=f"{chosen.sentence} (by {', '.join(origins)})")


def _find_one(rule, level: Level, streak: Streak, reading: Reading, around: Around) -> Finding:
    if rule.per and outcome_of(rule, reading) == "":
        return _without_data(rule, Outcome(None, f"{rule.per} has no value."), reading)
    outcome = Outcome(True, "")
    if level.when:
        try:
            rules = around.rules_for(level.when, _joint(rule, reading)) if level.when.rules else {}
            outcome = level.when.holds(
                reading.fields, reading.labels, around.params, around.at, rules, around.zone, around.hours
            )
        except CannotJudge as error:
            return Finding(None, str(error), reading, doubt="error")
    if outcome.holds is None:
        return _without_data(rule, outcome, reading)
    sentence = outcome.sentence if outcome.holds else f"{outcome.sentence} does not hold"
    if level.rising is None:
        return Finding(outcome.holds, sentence, reading)
    figure = reading.value if level.rising.field == "value" else reading.fields.get(level.rising.field)
    if figure is None:
        return _without_data(rule, Outcome(None, f"{level.rising.field} has no value."), reading)
    if isinstance(figure, bool) or not isinstance(figure, (int, float)):
        told = f"{level.rising.field} is {figure!r}, and only a number can rise."
        return Finding(None, told, reading, doubt="error")
    climbed, risen = streak.climb(figure, outcome_of(rule, reading), level.rising.times)
    told = f"{level.rising.field} {text_of(figure)} has risen {climbed.rises} times in a row"
    sentence = f"{sentence} and {told}" if sentence else told
    return Finding(outcome.holds and risen, sentence, reading, figure=figure)


def _joint(rule: RuleSpec, reading: Reading) -> dict[str, str]:
    """By which values other rules are asked how they stand for the same thing."""
    return {name: reading.labels.get(name) or text_of(reading.fields.get(name)) for name in rule.same}


def _without_data(rule: RuleSpec, outcome: Outcome, reading: Reading | None) -> Finding:
    match rule.on_nodata:
        case "ok":
            return Finding(False, outcome.sentence, reading)
        case "fire":
            return Finding(True, outcome.sentence, reading)
        case "keep":
            return Finding(None, outcome.sentence, reading)
    return Finding(None, outcome.sentence, reading, doubt="nodata")


def outcome_of(rule: RuleSpec, reading: Reading | None) -> str:
    """Return the name of the outcome that the reading tells of, "" when each reading is one of its own."""
    if not rule.per or reading is None:
        return ""
    return text_of(reading.fields.get(rule.per)) or reading.labels.get(rule.per, "")


def slot(rule: RuleSpec, level: Level) -> str:
    """Return where a level's streak is kept; a rule's only level may be renamed without losing it."""
    return level.key if len(rule.levels) > 1 else ""


def streak_of(rule: RuleSpec, level: Level, remembered: Memory) -> Streak:
    """Return what is remembered of a key at one level."""
    return Streak.load(remembered.get("levels", {}).get(slot(rule, level), {}))
