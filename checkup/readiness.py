"""How ready a service is: the share of its checklist that holds, live items looked at and the rest confirmed."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from alerts import samples
from alerts.models import AlertRule
from flags import register
from oncall.models import EscalationContact
from policies.models import Policy
from sources.probes import ProbeError
from sources.probes.base import text_of

from . import probing
from .models import ReadinessItem, ReadinessTick

GOOD = [AlertRule.State.INACTIVE, AlertRule.State.PENDING]
LINKS = ("http://", "https://")


class TickRefused(Exception):
    """The item cannot be ticked so; the text says what is missing."""


@dataclass(frozen=True)
class Standing:
    """How one item stands.

    holds   True, False, or None when a person has not said so yet
    says    why, in words
    shown   the field of the reading that the item shows
    """

    item: ReadinessItem
    holds: bool | None
    says: str
    shown: str = ""
    tick: ReadinessTick | None = None


@dataclass(frozen=True)
class Score:
    """The checklist of a policy: `at` is when the last item came to hold, once all do."""

    policy: Policy
    items: list[Standing] = field(default_factory=list)
    at: datetime | None = None

    @property
    def done(self) -> int:
        return sum(one.holds is True for one in self.items)

    @property
    def percent(self) -> int:
        """Whole percent, rounded down, so that only all of them read 100."""
        return self.done * 100 // len(self.items) if self.items else 100

    @property
    def complete(self) -> bool:
        return self.done == len(self.items)


def score(policy: Policy, *, at: datetime, ask: bool = False) -> Score:
    """The checklist as it stands; `ask` asks the sources of live items now."""
    rows = list(policy.readiness_items.order_by("position", "pk"))
    keys = sorted({key for row in rows for key in row.rules})
    asked = {one.rule: one for one in probing.ask(policy, at=at, keys=keys)} if ask and keys else {}
    rules = {rule.key: rule for rule in policy.rules.filter(key__in=keys)}
    values = {parameter.key: parameter.raw for parameter in policy.parameters.all()}
    ticks: dict[int, ReadinessTick] = {}
    for tick in ReadinessTick.objects.filter(item__in=rows).select_related("by").order_by("at", "pk"):
        ticks[tick.item_id] = tick
    items = [_standing(row, rules, asked, values, ticks.get(row.pk)) for row in rows]
    found = Score(policy, items)
    if not items or not found.complete:
        return found
    times = [tick.at for tick in ticks.values()]
    times += [rule.state_since for rule in rules.values() if rule.state_since and rule.state in GOOD]
    return Score(policy, items, max(times, default=at))


def _standing(
    row: ReadinessItem, rules: dict[str, AlertRule], asked: dict[str, probing.Asked], values: dict[str, str],
    tick: ReadinessTick | None,
) -> Standing:  # fmt: skip
    if not row.is_live:
        if tick is None:
            return Standing(row, None, "Nobody has said yet that it is done.")
        who = f" by {tick.by}" if tick.by else ""
        words = f"{'Done' if tick.done else 'Taken back'}{who} on {tick.at:%Y-%m-%d %H:%M} UTC."
        return Standing(row, True if tick.done else None, words, "", tick)
    faults = [f"{name} is not set." for name in row.requires if not values.get(name)]
    shown: list[str] = []
    told: list[str] = []
    for key in row.rules:
        if key in rules and not rules[key].enabled and key not in asked:
            return Standing(row, None, "It is asked when somebody looks now.")
        fault, says, value = _live(row, key, rules.get(key), asked.get(key))
        faults += [fault] if fault else []
        told += [says] if says else []
        shown += [value] if value else []
    return Standing(row, not faults, " ".join(faults or told or ["It holds."]), ", ".join(shown))


def _live(row: ReadinessItem, key: str, rule: AlertRule | None, asked: probing.Asked | None) -> tuple[str, str, str]:
    """What is wrong by this rule ("" when nothing), what it says, and the value that the item shows."""
    if rule is None:
        return f"There is no rule {key} any more.", "", ""
    if asked:
        state, words = asked.state, asked.fault or asked.says
        levels = [asked.level] if asked.level else []
        readings = [reading["fields"] for reading in asked.readings]
    else:
        state, words, levels = rule.state, rule.verdict, _levels(rule)
        readings = _fields(rule)
    value = next((text_of(one[row.shows]) for one in readings if one.get(row.shows) is not None), "")
    if state == AlertRule.State.FIRING and (not row.levels or set(levels) & set(row.levels)):
        return words, "", value
    if state in (AlertRule.State.UNKNOWN, AlertRule.State.ERROR, AlertRule.State.NODATA):
        return words or f"{rule} was not checked yet.", "", value
    return "", words, value


def _levels(rule: AlertRule) -> list[str]:
    keys = rule.memory.get("keys", {}).values()
    return [key.get("level") or rule.severity.key for key in keys if "fired_at" in key]


def _fields(rule: AlertRule) -> list[dict[str, Any]]:
    rows = samples.latest(rule, most=1)
    read = samples.load(rows[-1].data)[0] if rows else []
    return [] if isinstance(read, ProbeError) else [dict(one.fields) for one in read]


def missing(policy: Policy) -> list[str]:
    """Sentences for what flags that are on need and do not have."""
    return [f"{flag} is on and needs {name}, which is not set." for flag, name in register.missing(policy)]


@transaction.atomic
def tick(item: ReadinessItem, *, by: EscalationContact | None, at: datetime, done: bool = True, note: str = "",
         facts: dict | None = None) -> ReadinessTick:  # fmt: skip
    """Say that an item is done (or not any more); TickRefused in words."""
    note = note.strip()
    if item.is_live:
        raise TickRefused("This item is looked at live; nobody ticks it.")
    if done and item.drill and facts is None:
        raise TickRefused("This item is a drill: begin it, and end it when the service is back.")
    if done and item.needs == ReadinessItem.Needs.NOTE and not note:
        raise TickRefused("This item needs a note or a link that shows what came of it.")
    if done and item.needs == ReadinessItem.Needs.LINK and not note.startswith(LINKS):
        raise TickRefused("This item needs a link that begins with https:// or http://.")
    return item.ticks.create(by=by, at=at, done=done, note=note, facts=facts or {})


def begin_drill(item: ReadinessItem, *, by: EscalationContact | None, at: datetime):
    """Count before something is broken on purpose; TickRefused when it cannot be counted or one is under way."""
    if item.drills.filter(ended_at=None).exists():
        raise TickRefused("A drill of this item is under way; end it first.")
    before = _count(item, at=at)
    try:
        with transaction.atomic():
            return item.drills.create(began_at=at, by=by, before=before)
    except IntegrityError:
        raise TickRefused("A drill of this item is under way; end it first.") from None


def end_drill(item: ReadinessItem, *, by: EscalationContact | None, at: datetime):
    """Count again, work out how long the probe saw the service away, and tick the item with both."""
    row = item.drills.filter(ended_at=None).first()
    if row is None:
        raise TickRefused("No drill of this item is under way.")
    after = _count(item, at=at)
    down = _away(item, since=row.began_at, until=at)
    with transaction.atomic():
        if not type(row).objects.filter(pk=row.pk, ended_at=None).update(ended_at=at, after=after, down_for=down):
            raise TickRefused("Somebody ended this drill at the same moment.")
        facts = {"before": row.before, "after": after, "down_seconds": down.total_seconds()}
        words = f"Before: {_words(row.before)}; after: {_words(after)}; away for {down.total_seconds():g} s."
        return tick(item, by=by, at=at, note=words, facts=facts)


def _count(item: ReadinessItem, *, at: datetime) -> dict[str, Any]:
    """The figure of the counted rule now, by the labels of each reading."""
    key, name = item.drill.get("counts", ""), item.drill.get("field", "value")
    if not key:
        return {}
    found = probing.ask(item.policy, at=at, keys=[key])
    if not found or found[0].fault:
        raise TickRefused(f"{key} could not be read: {found[0].fault if found else 'there is no such rule'}.")
    return {
        ", ".join(dict.fromkeys(map(str, reading["labels"].values()))) or name: reading["fields"].get(name)
        for reading in found[0].readings
    }


def _words(counts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in counts.items()) or "not counted"


def _away(item: ReadinessItem, *, since: datetime, until: datetime) -> timedelta:
    """How long the probe's checks saw trouble between both instants: from the first bad one to the next good one."""
    total, began = timedelta(0), None
    rule = item.policy.rules.filter(key=item.drill.get("probe", "")).first()
    if rule is None:
        return total
    for run in samples.runs(rule, since=since, until=until):
        bad = isinstance(run.read, ProbeError) or run.state == AlertRule.State.FIRING
        for at in run.instants():
            if not since <= at <= until:
                continue
            if bad and began is None:
                began = at
            elif not bad and began is not None:
                total, began = total + (at - began), None
    return total + (until - began) if began else total
