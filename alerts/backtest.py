"""What a rule would have done with another condition, from what its checks read. Nothing is changed by asking.

Both the condition as it is and the one that is proposed are judged anew, by the same judge as the checks, so that they
are compared on equal terms: with the parameters as they are now, and the other rules as they stood then.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from functools import cache
from typing import Any

from sources.probes.base import ProbeError

from . import evaluation, samples
from .conditions import Change, RuleSpec, judge
from .conditions.states import Memory
from .conditions.when import ALWAYS, CALENDARS
from .models import AlertRule
from .world import World

MOST = 60_000
"""So many checks are judged at most; of a longer time the latest are taken."""
CHANGES = ("when", "for", "times", "resolve_after", "keep_firing_for")
Rules = Mapping[str, Mapping[str, Any]]


class BadProposal(ValueError):
    """What is proposed cannot be judged; the text says what is wrong with it."""


@dataclass(frozen=True)
class Episode:
    """One alert of one key, from when it began to fire until it ended (None: it fires still)."""

    key: str
    labels: Mapping[str, str]
    level: str
    began: datetime
    ended: datetime | None
    value: Any
    reason: str

    def meets(self, other: "Episode") -> bool:
        """Whether both are of one key and fire at the same time, or end as the other begins."""
        if self.key != other.key:
            return False
        return (self.ended is None or other.began <= self.ended) and (other.ended is None or self.began <= other.ended)


@dataclass
class Replay:
    """What a condition makes of a row of checks.

    checks, failed   how many there were, and how many of them got no answer
    cut              some read more than is kept, so that alerts of single keys may be missing
    """

    episodes: list[Episode] = field(default_factory=list)
    checks: int = 0
    failed: int = 0
    cut: bool = False


def replay(
    spec: RuleSpec,
    runs: Iterable[samples.Run],
    *,
    params: Mapping[str, Any],
    rules_at: Callable[[datetime], Rules] | None = None,
    zone: tzinfo | None = None,
    hours: Callable[[str, datetime], bool] | None = None,
) -> Replay:
    """Judge what was read, in order; pure but for `rules_at`, which says how other rules stood."""
    done = Replay()
    memory: Memory = {}
    going: dict[str, Episode] = {}
    moving = rules_at is not None or spec.over is not None or spec.baseline is not None
    moving = moving or any(when.names & {"now", "local", CALENDARS} for when in spec.conditions())
    unset = replace(spec, on_error="error")
    for run in runs:
        done.checks += run.times
        done.failed += run.times if isinstance(run.read, ProbeError) else 0
        done.cut |= not run.whole
        asked = unset if isinstance(run.read, ProbeError) and run.read.reason == "unset" else spec
        instants, place = list(run.instants()), 0
        while place < len(instants):
            at = instants[place]
            others = rules_at(at) if rules_at else {}
            judgement = judge(asked, memory, run.read, at=at, params=params, rules=others, zone=zone, hours=hours)
            before, memory = _settled(memory), judgement.memory
            for state in judgement.keys:
                if state.change is Change.STARTED:
                    began = (dict(state.labels), state.level, state.fired_at or at, state.value, state.reason)
                    going[state.key] = Episode(state.key, *began[:3], None, *began[3:])
                elif state.change is Change.RAISED and state.key in going:
                    going[state.key] = replace(going[state.key], level=state.level)
                elif state.change is Change.ENDED and state.key in going:
                    done.episodes.append(replace(going.pop(state.key), ended=at))
            still = not moving and before is not None and before == _settled(memory)
            if still and place + 1 < len(instants):  # the same is read again and nothing waits: only the last counts
                memory = {**memory, "at": instants[-2].isoformat()}
                place = len(instants) - 1
            else:
                place += 1
    done.episodes += going.values()
    done.episodes.sort(key=lambda episode: episode.began)
    return done


def _settled(memory: Memory) -> Memory | None:
    """What of a memory tells whether time alone can change something; None when it can."""
    for key in memory.get("keys", {}).values():
        for streak in key.get("levels", {}).values():
            if streak.get("quiet_since") or (streak.get("since") and not streak.get("fired_at")):
                return None
    keys = {
        name: {
            **key,
            "levels": {
                slot: {part: value for part, value in streak.items() if part not in ("held_at", "count")}
                for slot, streak in key.get("levels", {}).items()
            },
        }
        for name, key in memory.get("keys", {}).items()
    }
    return {**{name: value for name, value in memory.items() if name != "at"}, "keys": keys}


def proposed(rule: AlertRule, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The rule's condition with `changes`; BadProposal names what there is not.

    changes   {"when": "value > 5", "for": "10m"}, of a rule with levels {"P1.when": "value > 5"}; None takes it away
    """
    condition = {**rule.condition}
    if "levels" in condition:
        condition["levels"] = [dict(level) for level in condition["levels"]]
    for name, value in changes.items():
        level, _, part = name.rpartition(".")
        into = condition
        if level or ("levels" in condition and part in ("when", "for", "times")):
            rows = {row.get("level"): row for row in condition.get("levels", [])}
            if not level and len(rows) == 1:
                level = next(iter(rows))
            if level not in rows:
                have = ", ".join(f"{key}.{part}" for key in rows) or part
                raise BadProposal(f"{name}: there is no such level in this rule. Write {have}.")
            into = rows[level]
        if part not in CHANGES:
            raise BadProposal(f"{name}: this cannot be tried. Allowed: {', '.join(CHANGES)}.")
        if value in (None, ""):
            into.pop(part, None)
        else:
            into[part] = value
    return condition


@dataclass(frozen=True)
class Comparison:
    """What the rule did with its condition, and would have done with the proposed one."""

    rule: AlertRule
    since: datetime
    until: datetime
    now: Replay
    then: Replay
    first: datetime | None
    short: bool = False

    @property
    def lost(self) -> list[Episode]:
        """Alerts there were and would not have been."""
        return [one for one in self.now.episodes if not any(one.meets(other) for other in self.then.episodes)]

    @property
    def gained(self) -> list[Episode]:
        return [one for one in self.then.episodes if not any(one.meets(other) for other in self.now.episodes)]


def compare(
    rule: AlertRule, changes: Mapping[str, Any], *, since: datetime, until: datetime,
    params: Mapping[str, str] | None = None,
) -> Comparison:  # fmt: skip
    """Replay the rule's samples of that time with its condition and with `changes`; BadProposal when it cannot.

    params   values to try in place of the parameters in force, as texts
    """
    world = World(rule.policy)
    spec = evaluation.spec_of(rule, world)
    if isinstance(spec, str):
        raise BadProposal(spec)
    other = copy(rule)
    other.condition = proposed(rule, changes)
    tried = evaluation.spec_of(other, world)
    if isinstance(tried, str):
        raise BadProposal(tried)
    values = {**world.params, **_typed(rule, params or {})}
    rows, taken = list(samples.runs(rule, since=since, until=until)), 0
    _known_names(spec, tried, rows)
    start = len(rows)
    while start and taken < MOST:
        start -= 1
        taken += rows[start].times
    short, rows = bool(start), rows[start:]

    def judged(asked: RuleSpec, known: Mapping[str, Any]) -> Replay:
        keys = tuple(asked.rules())

        @cache
        def stood(at: datetime) -> Rules:
            return samples.states_at(rule.policy_id, keys, at)

        return replay(
            asked, rows, params=known, rules_at=stood if keys else None, zone=world.zone, hours=world.in_hours
        )

    first = rows[0].at if rows else None
    return Comparison(rule, since, until, judged(spec, world.params), judged(tried, values), first, short)


def _known_names(spec: RuleSpec, tried: RuleSpec, rows: Sequence[samples.Run]) -> None:
    """BadProposal for a name that is new in what is tried and was read by no check: mistyped, it would look calm."""
    if tried.over or tried.baseline:
        return  # these make figures of their own, and were read with the condition
    answers = [one for run in rows if not isinstance(run.read, ProbeError) for one in run.read]
    read = {name for one in answers for name in (*one.fields, *one.labels)}
    if read and (unknown := sorted(tried.fields() - spec.fields() - ALWAYS - read)):
        raise BadProposal(f"{unknown[0]}: no check of that time read this; there are {', '.join(sorted(read))}.")


def _typed(rule: AlertRule, given: Mapping[str, str]) -> dict[str, Any]:
    known = {parameter.key: parameter for parameter in rule.policy.parameters.all()}
    values = {}
    for name, text in given.items():
        if name not in known or known[name].type == "secret":
            raise BadProposal(f"{name}: the policy {rule.policy.key} has no such parameter that a condition may see.")
        try:
            values[name] = known[name].typed(text)
        except ValueError:
            raise BadProposal(f"{name}: {text!r} is no {known[name].type}.") from None
    return values


def joined(episodes: Sequence[Episode], *, quiet: timedelta) -> list[list[Episode]]:
    """Episodes that share an incident: of one key, the next begun before the one before was quiet for long enough."""
    groups: dict[str, list[list[Episode]]] = {}
    for episode in episodes:
        mine = groups.setdefault(episode.key, [])
        last = mine[-1][-1] if mine else None
        if last and (last.ended is None or episode.began - last.ended <= quiet):
            mine[-1].append(episode)
        else:
            mine.append([episode])
    return sorted((group for mine in groups.values() for group in mine), key=lambda group: group[0].began)
