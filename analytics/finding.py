"""Looks for a change that would have kept a rule quiet when it was wrong, and leaves alone the times it was right.

Tried are a longer `for`, more `times` in a row, and another limit where the condition is one comparison. Each is judged
over the stored samples by the same judge as the checks. Where nothing is stored, the lengths of the alerts themselves
say which of them a longer `for` would have spared. What tells none of them apart ends in "page nobody".
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alerts import backtest, telling
from alerts.models import AlertRule, Firing, Sample
from policies.durations import BadDuration, format_duration, parse_duration
from policies.models import Parameter

from .proposals import PARAM, evidence_of, present
from .tuning import FALSE, USELESS

LADDER = ("1m", "2m", "5m", "10m", "15m", "30m", "1h", "2h")
MORE_TIMES = (2, 3, 5, 10)
MOST_TRIED = 8
MOST_SAMPLES = 5000
"""Of a rule that read something else each time so many are judged at most, the latest: each is, sixteen times."""
NEAR = timedelta(minutes=1)
"""Checks are told apart evenly, which may shift an alert by so much."""
COMPARISON = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(>=|<=|>|<)\s*(?:params\.(\w+)|(-?\d+(?:\.\d+)?))\s*")


@dataclass(frozen=True)
class Found:
    """A change worth proposing.

    spared   alerts that were not worth it and would not have been
    missed   alerts that nobody complained of and would not have been either
    """

    field: str
    value: Any
    spared: int
    missed: int
    wrong: int
    right: int
    evidence: Mapping[str, Any]

    @property
    def why(self) -> str:
        """The reason in a sentence or two."""
        whole = self.wrong + self.right
        words = f"{self.wrong} of {whole} alerts were false or not actionable."
        if self.field == "page":
            return (
                f"{words} No change of its numbers tells them from the others, so until it is mended it pages nobody."
            )
        kept = "and none of the others" if not self.missed else f"and {self.missed} of the {self.right} others"
        return f"{words} This would have spared {self.spared} of them, {kept}."


def best(rule: AlertRule, *, since: datetime, until: datetime) -> Found | None:
    """The change that spares most of the alerts that were not worth it and fewest others; None: none was wrong."""
    fired = list(
        Firing.objects.filter(rule=rule).counted(since, until).judged().order_by("began_at")  # type: ignore[attr-defined]
    )
    wrong = [one for one in fired if one.verdict in (FALSE, USELESS)]
    right = [one for one in fired if one.verdict not in (FALSE, USELESS)]
    if not wrong:
        return None
    kept = Sample.objects.filter(rule=rule, until__gte=since, at__lt=until).order_by("-at")
    stored = kept.exists()
    first = kept.values_list("at", flat=True)[MOST_SAMPLES : MOST_SAMPLES + 1]
    if first and any(one.began_at >= first[0] for one in wrong):
        since = first[0]
        wrong = [one for one in wrong if one.began_at >= since]
        right = [one for one in right if one.began_at >= since]
    ways = list(_ways(rule, wrong, right, since=since, until=until))[:MOST_TRIED] if stored else []
    tried: list[Found] = []
    for field, value in ways:
        try:
            lost = _lost(rule, field, value, since=since, until=until)
        except backtest.BadProposal:
            continue  # not every rule can be judged by every change
        spared = sum(_among(one, rule, lost) for one in wrong)
        missed = sum(_among(one, rule, lost) for one in right)
        tried.append(Found(field, value, spared, missed, len(wrong), len(right), {}))
    if not stored:
        tried = list(_by_length(rule, wrong, right))
    good = [one for one in tried if one.spared * max(len(right), 1) > one.missed * len(wrong)]
    if not good:
        return Found("page", False, 0, 0, len(wrong), len(right), {}) if rule.page is not False else None
    chosen = max(good, key=lambda one: one.spared * max(len(right), 1) - one.missed * len(wrong))
    evidence = evidence_of(rule, chosen.field, chosen.value, at=until)
    return Found(chosen.field, chosen.value, chosen.spared, chosen.missed, len(wrong), len(right), evidence)


def _ways(
    rule: AlertRule, wrong: Sequence[Firing], right: Sequence[Firing], *, since: datetime, until: datetime
) -> Iterator[tuple[str, Any]]:
    """Changes worth trying, the least first: another limit, then a longer `for`, then more `times`."""
    slot = _slot(rule)
    if slot is None:
        return
    peaks = sorted(_peaks(rule, wrong), reverse=True)
    yield from _limits(rule, slot, peaks)
    yield from ((f"{slot}for", text) for text in _longer(rule, slot, wrong))
    now = present(rule, f"{slot}times")
    yield from ((f"{slot}times", times) for times in MORE_TIMES if times > int(now or 1))


def _slot(rule: AlertRule) -> str | None:
    """The prefix of the fields that are tried: none, or that of the mildest level; None when there is no condition."""
    levels = rule.condition.get("levels")
    if not levels:
        return ""
    ranks = {level.key: level.rank for level in rule.policy.levels}
    mildest = max(levels, key=lambda level: ranks.get(level.get("level"), 99))
    return f"{mildest.get('level')}."


def _limits(rule: AlertRule, slot: str, peaks: Sequence[float]) -> Iterator[tuple[str, Any]]:
    text = str(present(rule, f"{slot}when") or "")
    match = COMPARISON.fullmatch(text)
    if match is None or not peaks:
        return
    name, sign, param, number = match.groups()
    rising = sign in (">", ">=")
    ordered = list(peaks) if rising else sorted(peaks)
    picked = dict.fromkeys(ordered[len(ordered) * part // 4] for part in range(3))
    parameter = rule.policy.parameters.filter(key=param).first() if param else None
    whole = parameter.type == Parameter.Type.INT if parameter else all(peak == int(peak) for peak in peaks)
    if param and (parameter is None or parameter.type not in (Parameter.Type.INT, Parameter.Type.FLOAT)):
        return
    for peak in picked:
        limit = _beyond(peak, sign, whole=whole)
        if param:
            yield f"{PARAM}{param}", limit
        elif limit != number:
            yield f"{slot}when", f"{name} {sign} {limit}"


def _beyond(peak: float, sign: str, *, whole: bool) -> str:
    """The least limit at which a value of `peak` no longer holds, as a text."""
    if sign in (">", "<"):
        return f"{peak:.0f}" if whole else f"{peak:g}"
    step = 1 if whole else abs(peak) * 0.01 or 0.01
    limit = peak + step if sign == ">=" else peak - step
    return f"{limit:.0f}" if whole else f"{limit:g}"


def _peaks(rule: AlertRule, firings: Sequence[Firing]) -> list[float]:
    """The worst figure that was read while each of them fired; those of which no figure is stored are left out."""
    text = str(present(rule, f"{_slot(rule)}when") or "")
    match = COMPARISON.fullmatch(text)
    worst = min if match and match.group(2) in ("<", "<=") else max
    found = []
    for one in firings:
        until = one.ended_at or one.began_at + timedelta(days=1)
        read = Sample.objects.filter(rule=rule, until__gte=one.began_at, at__lt=until, value__isnull=False)
        if values := list(read.order_by().values_list("value", flat=True)[:2000]):
            found.append(worst(value for value in values if value is not None))
    return found


def _longer(rule: AlertRule, slot: str, wrong: Sequence[Firing]) -> list[str]:
    """Lengths to wait: longer than now, and longer than some of the alerts that were not worth it."""
    now = _length(present(rule, f"{slot}for"))
    lengths = [one.ended_at - one.began_at for one in wrong if one.ended_at]
    longest = max(lengths, default=timedelta(0)) + now
    return [text for text in LADDER if now < parse_duration(text) and parse_duration(text) <= 2 * longest + rule.every]


def _length(text: Any) -> timedelta:
    try:
        return parse_duration(text) if text else timedelta(0)
    except BadDuration:
        return timedelta(0)


def _lost(rule: AlertRule, field: str, value: Any, *, since: datetime, until: datetime) -> list[backtest.Episode]:
    params = {field.removeprefix(PARAM): str(value)} if field.startswith(PARAM) else None
    changes = {} if params else {field: value}
    return backtest.compare(rule, changes, since=since, until=until, params=params).lost


def _among(firing: Firing, rule: AlertRule, lost: Sequence[backtest.Episode]) -> bool:
    """Whether the alert is one of the episodes."""
    for one in lost:
        ended = one.ended or one.began + timedelta(days=3650)
        over = firing.ended_at or one.began
        if (
            telling.key_of(rule, one.labels)[:255] == firing.key
            and one.began - NEAR <= over
            and (firing.began_at <= ended + NEAR)
        ):
            return True
    return False


def _by_length(rule: AlertRule, wrong: Sequence[Firing], right: Sequence[Firing]) -> Iterator[Found]:
    """What a longer `for` would have spared, by how long the alerts fired."""
    slot = _slot(rule) or ""
    now = _length(present(rule, f"{slot}for"))
    for text in _longer(rule, slot, wrong):
        more = parse_duration(text) - now
        spared, missed = (
            sum(one.ended_at is not None and one.ended_at - one.began_at < more for one in rows)
            for rows in (wrong, right)
        )
        yield Found(f"{slot}for", format_duration(parse_duration(text)), spared, missed, len(wrong), len(right), {})
