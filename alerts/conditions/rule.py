"""What a rule asks of its readings, as values: read once from the rule's row or a pack, checked with it."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from alerts.conditions.when import CALENDARS, BadCondition, When, compile_when
from policies.durations import BadDuration, parse_duration

NODATA = ("nodata", "ok", "fire", "keep")
ERROR = ("error", "fire")
LEVEL_KEYS = ("when", "for", "times", "rising", "mark")
RULE_KEYS = (
    *LEVEL_KEYS, "level", "levels", "group_by", "per", "every", "resolve_after", "keep_firing_for", "on_nodata",
    "on_error", "only_if", "over", "baseline", "same",
)  # fmt: skip
MOST_TIMES = 1_000
LONGEST_MARK = 40  # characters
CIRCUMSTANCES = frozenset({"params", "rules", "now", "local", CALENDARS})
LONGEST_WINDOW, LONGEST_BASELINE = timedelta(days=7), timedelta(weeks=8)
STEPS = {"week": 168, "day": 24, "": 1}


class BadRule(ValueError):
    """A condition that cannot work; path names the key at fault, such as levels[1].for."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}" if path else sentence)
        self.path, self.sentence = path, sentence


@dataclass(frozen=True)
class Rising:
    """A figure that climbs: `times` strict rises in a row."""

    field: str
    times: int


@dataclass(frozen=True)
class Level:
    """One threshold of a rule. It begins to fire when all that it asks is met.

    rank         0 is the gravest; of the levels that fire, the lowest rank is the alert's
    when         must hold (None: only `rising` counts)
    sustained    for this long without a break
    times        in this many outcomes in a row
    rising       and the figure must climb
    mark         a word for what is watched while the level fires, beneath a graver one too: "stale"; "" for none
    """

    key: str
    rank: int
    when: When | None
    sustained: timedelta
    times: int
    rising: Rising | None
    mark: str = ""


@dataclass(frozen=True)
class Over:
    """The samples of the last `length` of the figure `field`, for `window.avg` and its like."""

    field: str
    length: timedelta


@dataclass(frozen=True)
class Baseline:
    """What the figure `field` usually is, for `usual` and `ratio`.

    length   how far back
    same     week: the same hour of the same day of the week; day: the same hour of the day; "": all hours
    least    so many of those hours are needed
    """

    field: str
    length: timedelta
    same: str
    least: int

    @property
    def step(self) -> int:
        """Hours from one that counts to the next."""
        return STEPS[self.same]


@dataclass(frozen=True)
class RuleSpec:
    """All that `judge` needs to know of a rule.

    levels           gravest first, at least one
    group_by         names of labels or fields: each combination of values is a key with a state of its own
    per              a field that names the outcome (a run's id or time): read again, it is the same outcome and
                     counts once for `times` and `rising`; "" when each reading is an outcome of its own
    every            how often the rule is read, to tell a gap by; None when that is unknown
    resolve_after    quiet time: how long a condition must be seen false before the alert ends
    keep_firing_for  how long after it last held the alert stays, whatever is seen
    on_nodata        nodata: stays as it is, the rule says so; ok: counts as false; fire: counts as true;
                     keep: stays as it is, silently. None: as nodata, but a grouped source without a row is calm
    on_error         error: stays as it is, the rule says so; fire: that the source cannot be read counts as true
    only_if          while this does not hold the rule is off: nothing fires, and what fired is over
    same             of the names in `group_by`, those by which other rules are asked how they stand for the same thing;
                     all of them unless it is said
    over, baseline   what is remembered of a figure, for `window`, `usual` and `ratio`
    """

    levels: tuple[Level, ...]
    group_by: tuple[str, ...] = ()
    per: str = ""
    every: timedelta | None = None
    resolve_after: timedelta = timedelta()
    keep_firing_for: timedelta = timedelta()
    on_nodata: str | None = None
    on_error: str = "error"
    only_if: When | None = None
    over: Over | None = None
    baseline: Baseline | None = None
    same: tuple[str, ...] = ()

    @classmethod
    def parse(cls, data: Mapping[str, Any], *, known: Set[str] | None = None) -> "RuleSpec":
        """Return the rule that `data` describes; raise BadRule, which names the key at fault.

        data    {"when": "value >= 1", "for": "10m", "times": 3, "resolve_after": "5m", …}, or with
                "levels": [{"level": "P1", "when": "value > 90"}, {"level": "P2", "when": "value > 80"}],
                gravest first unless each has its "rank". Lengths are texts or timedeltas; None means not given.
        known   the fields that the source gives, when they are known
        """
        if not isinstance(data, Mapping):
            raise BadRule("", f"A rule's condition is a set of keys, and this is {data!r}.")
        data = {key: value for key, value in data.items() if value is not None}
        _check_keys(data, RULE_KEYS, "")
        group_by = _group_by(data.get("group_by", ()))
        return cls(
            levels=_levels(data, known and {*known, *_remembered(data)}),
            group_by=group_by,
            per=_name(data, "per"),
            every=_length(data, "every", "") if "every" in data else None,
            resolve_after=_length(data, "resolve_after", ""),
            keep_firing_for=_length(data, "keep_firing_for", ""),
            on_nodata=_choice(data, "on_nodata", NODATA, None),
            on_error=_choice(data, "on_error", ERROR, "error") or "error",
            only_if=_only_if(data["only_if"]) if "only_if" in data else None,
            over=_over(data["over"]) if "over" in data else None,
            baseline=_baseline(data["baseline"]) if "baseline" in data else None,
            same=_same(data["same"], group_by) if "same" in data else group_by,
        )

    def rules(self) -> list[str]:
        """Return the keys of the rules whose state its conditions ask for."""
        return list(dict.fromkeys(key for when in self.conditions() for key in when.rules))

    def calendars(self) -> list[str]:
        """Return the keys of the calendars whose hours its conditions ask for."""
        return list(dict.fromkeys(key for when in self.conditions() for key in when.calendars))

    def conditions(self) -> list[When]:
        """Return all its expressions."""
        return [when for when in (self.only_if, *(level.when for level in self.levels)) if when]

    def fields(self) -> set[str]:
        """Return the names that the rule reads of a reading, labels included."""
        names = {self.per, *self.group_by} - {""}
        names |= {remembered.field for remembered in (self.over, self.baseline) if remembered}
        for level in self.levels:
            names |= level.when.names if level.when else set()
            names |= {level.rising.field} if level.rising else set()
        return names


def _only_if(text: Any) -> When:
    try:
        when = compile_when(text)
    except BadCondition as error:
        raise BadRule("only_if", str(error)) from error
    if strange := sorted(when.names - CIRCUMSTANCES):
        allowed = ", ".join(sorted(CIRCUMSTANCES))
        raise BadRule("only_if", f"This is asked before anything is read, and knows no {strange[0]}: only {allowed}.")
    return when


def _remembered(data: Mapping[str, Any]) -> set[str]:
    return ({"window"} if "over" in data else set()) | ({"usual", "ratio"} if "baseline" in data else set())


def _over(data: Any) -> Over:
    data = data if isinstance(data, Mapping) else {"window": data}
    _check_keys(data, ("window", "field"), "over.")
    length = _length(data, "window", "over.")
    if not timedelta() < length <= LONGEST_WINDOW:
        raise BadRule("over", "A window of samples is longer than nothing and at most 7 days, such as 10m.")
    return Over(_name(data, "field", "over.") or "value", length)


def _baseline(data: Any) -> Baseline:
    data = data if isinstance(data, Mapping) else {"window": data}
    _check_keys(data, ("window", "field", "same", "least"), "baseline.")
    length = _length(data, "window", "baseline.")
    if not timedelta(hours=1) <= length <= LONGEST_BASELINE:
        raise BadRule("baseline", "What is usual is taken from the last hour up to 8 weeks, such as 4w.")
    same = _name(data, "same", "baseline.")
    if same not in STEPS:
        raise BadRule("baseline.same", f"There is no choice {same!r}. Allowed: week, day.")
    least = _count(data.get("least", 1), "baseline.least")
    return Baseline(_name(data, "field", "baseline.") or "value", length, same, least)


def _levels(data: Mapping[str, Any], known: Set[str] | None) -> tuple[Level, ...]:
    if "levels" not in data:
        return (_level(data, _name(data, "level"), 0, "", known),)
    rows = data["levels"]
    for key in ("when", "rising", "mark", "level"):
        if key in data:
            raise BadRule(key, "Write it within each of `levels`, or leave `levels` out.")
    if not isinstance(rows, (list, tuple)) or not rows:
        raise BadRule("levels", f"This should be a list of levels, and it is {rows!r}.")
    levels: list[Level] = []
    for place, row in enumerate(rows):
        path = f"levels[{place}]"
        if not isinstance(row, Mapping):
            raise BadRule(path, f"A level is a set of keys, and this is {row!r}.")
        row = {key: value for key, value in row.items() if value is not None}
        _check_keys(row, ("level", "rank", *LEVEL_KEYS), f"{path}.")
        key = _name(row, "level", f"{path}.")
        if not key or any(key == level.key for level in levels):
            raise BadRule(f"{path}.level", "Each level needs a key of its own, such as P1.")
        rank = row.get("rank", place)
        if not isinstance(rank, int) or isinstance(rank, bool):
            raise BadRule(f"{path}.rank", f"A rank is a whole number, 0 the gravest, and this is {rank!r}.")
        given = {name: data[name] for name in ("for", "times") if name in data}
        levels.append(_level(given | row, key, rank, f"{path}.", known))
    return tuple(sorted(levels, key=lambda level: level.rank))


def _level(data: Mapping[str, Any], key: str, rank: int, path: str, known: Set[str] | None) -> Level:
    if "when" not in data and "rising" not in data:
        raise BadRule(f"{path}when", "A condition is needed, such as value >= 1.")
    when = None
    if "when" in data:
        try:
            when = compile_when(data["when"], None if known is None else frozenset(known))
        except BadCondition as error:
            raise BadRule(f"{path}when", str(error)) from error
    return Level(
        key=key,
        rank=rank,
        when=when,
        sustained=_length(data, "for", path),
        times=_count(data.get("times", 1), f"{path}times"),
        rising=_rising(data["rising"], f"{path}rising") if "rising" in data else None,
        mark=_mark(data, path),
    )


def _mark(data: Mapping[str, Any], path: str) -> str:
    mark = _name(data, "mark", path).strip()
    if len(mark) > LONGEST_MARK or len(mark.splitlines()) > 1:
        words = f"A mark is a short word such as stale, of at most {LONGEST_MARK} characters on one line."
        raise BadRule(f"{path}mark", words)
    return mark


def _rising(data: Any, path: str) -> Rising:
    if not isinstance(data, Mapping):
        return Rising("value", _count(data, path))
    _check_keys(data, ("field", "times"), f"{path}.")
    return Rising(_name(data, "field", f"{path}.") or "value", _count(data.get("times", 3), f"{path}.times"))


def _check_keys(data: Mapping[str, Any], allowed: tuple[str, ...], path: str) -> None:
    for key in data:
        if key not in allowed:
            raise BadRule(f"{path}{key}", f"There is no such key here. Allowed: {', '.join(sorted(allowed))}.")


def _length(data: Mapping[str, Any], key: str, path: str) -> timedelta:
    value = data.get(key, timedelta())
    if isinstance(value, timedelta) and value >= timedelta():
        return value
    try:
        return parse_duration(value)
    except BadDuration as error:
        raise BadRule(f"{path}{key}", str(error)) from None


def _count(value: Any, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_TIMES:
        raise BadRule(path, f"This should be a whole number from 1 to {MOST_TIMES:,}, and it is {value!r}.")
    return value


def _name(data: Mapping[str, Any], key: str, path: str = "") -> str:
    value = data.get(key, "")
    if not isinstance(value, str):
        raise BadRule(f"{path}{key}", f"This should be a name, and it is {value!r}.")
    return value


def _group_by(value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (list, tuple)) else (None,)
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise BadRule("group_by", f"This should be names of labels or fields, each once, and it is {value!r}.")
    return names


def _same(value: Any, group_by: tuple[str, ...]) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (list, tuple)) else (None,)
    if strange := [name for name in names if name not in group_by]:
        have = f"it is grouped by {', '.join(group_by)}" if group_by else "the rule has no group_by"
        raise BadRule("same", f"This should be names of group_by, and {strange[0]!r} is none: {have}.")
    return names


def _choice(data: Mapping[str, Any], key: str, allowed: tuple[str, ...], default: str | None) -> str | None:
    value = data.get(key, default)
    if value is not None and value not in allowed:
        raise BadRule(key, f"There is no choice {value!r}. Allowed: {', '.join(allowed)}.")
    return value
