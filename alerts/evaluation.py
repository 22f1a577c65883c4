"""Rules that are due -> read, judge, move the alert.

Reading goes out over the network and happens on threads, outside any transaction; claiming before it and judging after
it are short transactions in the caller's thread. A rule is claimed by pushing its due time on, so that of two runners
one checks it. When a runner dies the clock gives the rule back (`release_dead`), else the end of its lease does.
"""

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Case, F, QuerySet, When
from django.db.models.functions import Coalesce

from notifications.claimant import gone, me
from policies.claims import lease
from policies.fields import SecretUnreadable
from policies.wake import wake
from sources.addresses import filled
from sources.models import Connection
from sources.probes import KINDS, Asker, calm_when_empty

from . import listening, samples, store, telling
from .conditions import BadRule, Change, Judgement, RuleSpec, State, judge
from .models import Alert, AlertRule, Liveness, RuleChange, RuleSource, firing_keys
from .reading import PER_PLACE, Answer, Question, Round
from .store.facts import KEY_LENGTH
from .world import World

log = logging.getLogger(__name__)
BATCH = 1000
LEASE = timedelta(minutes=1)
TIMEOUT = timedelta(seconds=10)
SHORTEST = timedelta(seconds=1)
MOST_ROUNDS = 4
"""So often rules are checked again because others that they name have changed."""
ERROR_KEY = "error_alert"
"""In a rule's memory: the key of the alert that says its source cannot be read, while there is one."""


@dataclass
class Report:
    """What a round of checks came to.

    states   how many rules ended in each state
    waiting  rules whose sources had not answered when `patience` ran out; they are judged when they do
    failed   rules that a fault of ours kept from being judged; the log says why
    moved    that rules became due because one they name began or ceased to fire
    """

    states: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    failed: int = 0
    moved: bool = False

    @property
    def checked(self) -> int:
        return sum(self.states.values())

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        late = f", {self.waiting} still being read" if self.waiting else ""
        return f"{self.checked} rules checked{f': {states}' if states else ''}{late}"


@dataclass(frozen=True)
class Due:
    """A claimed rule with all that is needed to judge it.

    spec         or why there is none
    error_key    the key of the alert when its source is gone, by place: rules of one connection share an incident
    idle         why there is nobody to ask, "" when there is
    """

    rule: AlertRule
    spec: RuleSpec | str
    world: World
    next_at: datetime
    error_key: dict[str, str]
    idle: str = ""


def check_due(
    *, at: datetime, rules: QuerySet[AlertRule] | None = None, variant: str | None = None, force: bool = False,
    patience: timedelta | None = None, ahead: timedelta = timedelta(),
) -> Report:  # fmt: skip
    """Check every rule whose time has come by `at` and return what came of it.

    rules     only these; None: all
    variant   only rules with sources of this variant, and only those sources
    force     also rules that are not due; disabled ones never
    patience  return after so long although sources have not answered; a thread judges the rest. None: wait for all
    ahead     also rules whose time comes so soon after
    """
    retire_disabled(at=at)
    report = Report()
    _round(report, _claim(at=at, by=at + ahead, rules=rules, variant=variant, force=force), at, variant, patience)
    rounds = 1
    while report.moved and rounds < MOST_ROUNDS:
        report.moved, rounds = False, rounds + 1
        _round(report, _claim(at=at, by=at, rules=rules, variant=variant), at, variant, patience)
    return report


def _round(
    report: Report, claimed: list[AlertRule], at: datetime, variant: str | None, patience: timedelta | None
) -> None:
    going, worlds = Round(), {}
    for rule in claimed:
        if rule.policy_id not in worlds:
            worlds[rule.policy_id] = World(rule.policy)
        due, questions = prepare(rule, worlds[rule.policy_id], at=at, variant=variant)
        going.put(due, questions, at=at)
    until = None if patience is None else time.monotonic() + patience.total_seconds()
    while going.open:
        left = None if until is None else max(0.0, until - time.monotonic())
        taken = going.take(wait=left)
        if not taken:
            report.waiting += going.open
            threading.Thread(target=_settle_late, args=(going, at), name="late rule checks", daemon=True).start()
            break
        _settle(taken, report, at=at)


def _settle_late(going: Round, at: datetime) -> None:
    try:
        while going.open:
            _settle(going.take(wait=None), Report(), at=at)
    finally:
        connection.close()


# claiming and asking


def _claim(
    *, at: datetime, by: datetime, rules: QuerySet | None, variant: str | None, force: bool = False
) -> list[AlertRule]:
    found = AlertRule.objects.filter(enabled=True) if force else AlertRule.objects.due(by)
    if rules is not None:
        found = found.filter(pk__in=rules.order_by().values("pk"))
    if variant is not None:
        found = found.filter(pk__in=RuleSource.objects.filter(variant=variant).values("rule"))
    if not found.exists():  # most ticks: without a transaction, which on SQLite would take the lock
        return []
    whole = found.annotate(planned_at=Coalesce("grid_at", "next_check_at")).prefetch_related(
        "severity", "policy__severities", "policy__parameters", "sources__connection"
    )
    return lease(whole, due="next_check_at", at=at, length=LEASE, batch=BATCH, claimed_by=me())


def release_dead(*, at: datetime) -> int:
    """Make due at once the rules that a process of this machine was checking when it ended; return how many."""
    claims = AlertRule.objects.exclude(claimed_by="").order_by().values_list("claimed_by", flat=True).distinct()
    dead = [claim for claim in claims if gone(claim)]
    return AlertRule.objects.filter(claimed_by__in=dead).update(claimed_by="", next_check_at=at) if dead else 0


def next_check(rule: AlertRule, planned_at: datetime | None, *, at: datetime) -> datetime:
    """When a rule checked at `at` is due again: on its own grid, so that cron's seconds do not shift it.

    The first check sets the grid, at the full minute for rules checked by whole minutes; a late check keeps it.
    """
    every = max(rule.every, SHORTEST)
    if planned_at is None or rule.checked_at is None:
        planned_at = at if every % timedelta(minutes=1) else at.replace(second=0, microsecond=0)
    return planned_at + ((at - planned_at) // every + 1) * every


def prepare(rule: AlertRule, world: World, *, at: datetime, variant: str | None) -> tuple[Due, list[Question]]:
    """The rule as it would be judged at `at`, and what its sources are asked for that."""
    questions, error_key = [], {}
    for source in rule.sources.all():
        if variant is None or source.variant == variant:
            questions.append(question_of(source, world.values, _asker(rule, source, world)))
            if source.connection:
                error_key[questions[-1].place] = f"source:{source.connection.key}"
    next_at = next_check(rule, getattr(rule, "planned_at", None), at=at)
    return Due(rule, spec_of(rule, world), world, next_at, error_key, _idle(rule, questions)), questions


def _idle(rule: AlertRule, questions: list[Question]) -> str:
    """Why nobody watches, when an installation has set up none of the ways there are.

    One way alone is an error, unless the rule only proposes: what makes no alert need not be set up.
    """
    ways = dict.fromkeys(question.variant for question in questions)
    if not ways or (len(ways) < 2 and not rule.proposes) or not all(question.cannot for question in questions):
        return ""
    return f"Nobody watches: none of {', '.join(ways)} is set up. {questions[0].cannot}"


def _asker(rule: AlertRule, source: RuleSource, world: World) -> Asker:
    known = rule.state != AlertRule.State.UNKNOWN  # else it was off meanwhile, and asks of now only
    others = [spec for id, spec in world.claims if id != rule.pk] if source.spec.get("unclaimed") else []
    since = rule.checked_at if known else None
    return Asker(rule.policy_id, since, listening.group_by(rule), tuple(others))


def question_of(source: Any, values: Mapping[str, Any], asker: Asker) -> Question:
    """What `source`, a RuleSource or a row with the same fields, is asked, `values` filled in."""
    base = source.connection
    spec, cannot = {}, ""
    try:
        spec = filled(source.spec, base.url if base else None, values)
    except ValueError as error:  # a parameter that is missing or ill-typed
        cannot = str(error)
    except SecretUnreadable as error:
        cannot = str(error)
    if source.kind not in KINDS:
        cannot = f"There is no kind of source {source.kind!r}; there are {', '.join(KINDS)}."
    place = f"connection:{base.pk}" if base else urlsplit(str(spec.get("url", ""))).netloc or f"source:{source.pk}"
    timeout = (base and base.timeout) or TIMEOUT
    at_a_time = (base and base.concurrency) or PER_PLACE
    return Question(
        source.pk, source.kind, spec, place, timeout, source.fallback, cannot, asker, source.variant, at_a_time
    )


def spec_of(rule: AlertRule, world: World) -> RuleSpec | str:
    """The rule's condition, its levels ranked as the policy ranks them; or why it cannot be used."""
    condition = {**rule.condition, "every": rule.every}
    own = (listening.KIND, listening.RULES)
    if all(source.kind in own or calm_when_empty(source.kind, source.spec) for source in rule.sources.all()):
        condition.setdefault("on_nodata", "ok")  # that nothing happened is calm, not a source that says nothing
    if "levels" in condition:
        levels = condition["levels"]
        condition["levels"] = [{**level, "rank": world.ranks.get(level.get("level"), 99)} for level in levels]
    else:
        condition["level"] = rule.severity.key
    try:
        spec = RuleSpec.parse(condition)
    except (BadRule, AttributeError, TypeError) as error:
        return f"The rule's condition cannot be used: {error}"
    for key in spec.calendars():
        if key not in world.calendars:
            return f"The rule's condition cannot be used: the policy has no calendar {key!r} for in_hours.{key}."
    for when in spec.conditions():
        for name in when.parameters():
            if name in world.wrong:
                return world.wrong[name]
    return spec


# judging and writing


def _settle(taken: list[tuple[Due, Answer | BaseException]], report: Report, *, at: datetime) -> None:
    """Judge rules that were read and write what follows, together; when that fails, each by itself."""
    try:
        with transaction.atomic():
            states, moved = _write(taken, at=at)
    except (OperationalError, InterfaceError):  # the database itself: for the caller, the leases run out
        raise
    except Exception:
        if len(taken) > 1:
            for one in taken:
                _settle([one], report, at=at)
            return
        log.exception("Rule %s could not be checked; looked at again in a minute.", taken[0][0].rule.key)
        report.failed += 1
        return
    report.states.update(states)
    report.moved |= moved


def _write(taken: list[tuple[Due, Answer | BaseException]], *, at: datetime) -> tuple[list[str], bool]:
    """Return the state of each rule, and whether rules that name one of them are due now."""
    states, judged, quiet, moved = [], [], defaultdict(list), defaultdict(list)
    for due, answer in taken:
        if isinstance(answer, BaseException):
            raise answer
        judgement = judge_answer(due, answer, at=at)
        changed = _changed(due.rule, judgement, at=at)
        key = _error_key(due, answer) if judgement.state == State.ERROR else ""
        if key != due.rule.memory.get(ERROR_KEY, ""):
            changed["memory"] = {**judgement.memory, **({ERROR_KEY: key} if key else {})}
        elif key and "memory" in changed:
            changed["memory"] = {**changed["memory"], ERROR_KEY: key}
        if changed:
            row = AlertRule.objects.filter(pk=due.rule.pk, enabled=True)
            if not row.update(**_checked(due.next_at, at), **changed):
                continue  # switched off while it was read
        else:
            quiet[due.next_at].append(due.rule.pk)
        _tell(due, judgement, key, at=at)
        if firing_keys(due.rule.memory) != firing_keys(judgement.memory):
            moved[due.rule.policy_id].append(due.rule.key)
        states.append(str(judgement.state))
        read = answer.lacking if answer.lacking and judgement.state == State.ERROR else answer.readings
        judged.append(samples.Judged(due.rule, read, judgement))
    samples.keep(judged, at=at)
    for next_at, rules in quiet.items():
        AlertRule.objects.filter(pk__in=rules, enabled=True).update(**_checked(next_at, at))
    _note_sources([answer for _, answer in taken if isinstance(answer, Answer)], at=at)
    due_now = [policy for policy, keys in moved.items() if listening.moved(policy, keys, at=at)]
    return states, bool(due_now)


def _checked(next_at: datetime, at: datetime) -> dict[str, Any]:
    """What a check that began at `at` leaves behind: the next turn, or sooner when an event came in the meantime."""
    heard = When(next_check_at__lt=min(next_at, at + LEASE), then=F("next_check_at"))
    return {
        "checked_at": at,
        "next_check_at": Case(heard, default=next_at),
        "grid_at": next_at,
        "claimed_by": "",
    }


def judge_answer(due: Due, answer: Answer, *, at: datetime) -> Judgement:
    """The judgement; its memory without the instant, which is the row's `checked_at`."""
    rule, memory = due.rule, {key: value for key, value in due.rule.memory.items() if key != ERROR_KEY}
    if rule.checked_at:
        memory["at"] = rule.checked_at.isoformat()
    if isinstance(due.spec, str):
        since = rule.state_since if rule.state == AlertRule.State.ERROR and rule.state_since else at
        memory.pop("at", None)
        return Judgement(State.ERROR, since, due.spec, (), memory)
    if due.idle:
        since = rule.state_since if rule.state == AlertRule.State.UNKNOWN and rule.state_since else at
        memory.pop("at", None)
        return Judgement(State.UNKNOWN, since, due.idle, (), memory)
    # that a rule was never set up is no sign that its source is down
    spec = replace(due.spec, on_error="error") if answer.unset else due.spec
    rules = due.world.rules if spec.rules() else {}
    known: dict[str, Any] = {"at": at, "params": due.world.params, "rules": rules, "zone": due.world.zone}
    known["hours"] = due.world.in_hours
    judgement = judge(spec, memory, answer.readings, **known)
    if answer.lacking and judgement.state not in (State.FIRING, State.PENDING):  # calm is only half of the truth
        judgement = judge(replace(spec, on_error="error"), memory, answer.lacking, **known)
    judgement.memory.pop("at", None)
    return _proposing(due, _by_flag(due, spec, judgement), at=at)


def _proposing(due: Due, judgement: Judgement, *, at: datetime) -> Judgement:
    """The same; a rule that only proposes has no alert to say its message, so its verdict does."""
    if not due.rule.proposes or not (firing := judgement.firing):
        return judgement
    said = [telling.message_of(due.rule, key, key.level or due.rule.severity.key, due.world.params, at)
            for key in firing[:3]]  # fmt: skip
    return replace(judgement, sentence="; ".join(said))


def _by_flag(due: Due, spec: RuleSpec, judgement: Judgement) -> Judgement:
    """The same, saying so when the rule is off because of a feature flag that is."""
    if spec.only_if is None or judgement.state != State.INACTIVE or not judgement.sentence.startswith("Off: "):
        return judgement
    off = [f"{name}: {due.world.flags_off[name]}" for name in spec.only_if.parameters() if name in due.world.flags_off]
    return replace(judgement, sentence=f"Inactive: flag off ({'; '.join(off)}).") if off else judgement


def _changed(rule: AlertRule, judgement: Judgement, *, at: datetime) -> dict[str, Any]:
    """The fields of the rule that the judgement changes."""
    says = {
        "state": str(judgement.state),
        "state_since": judgement.since,
        "verdict": judgement.sentence,
        "memory": judgement.memory,
    }
    known = {key: value for key, value in rule.memory.items() if key != ERROR_KEY}
    return {
        name: value for name, value in says.items() if value != (known if name == "memory" else getattr(rule, name))
    }


def _error_key(due: Due, answer: Answer) -> str:
    shared = next((due.error_key[place] for place in answer.gone if place in due.error_key), None)
    return shared or f"{due.rule.key}:error"


def _tell(due: Due, judgement: Judgement, error_key: str, *, at: datetime) -> None:
    """Tell the store what fires, what has ended, and that the source cannot be read (or can again)."""
    rule, before = due.rule, due.rule.memory.get(ERROR_KEY, "")
    if rule.proposes:
        return
    firing = [state for state in judgement.firing if not state.doubt or state.change]
    signals = [telling.firing(rule, state, params=due.world.params, at=at) for state in firing]
    ends = {telling.key_of(rule, state.labels): state.reason for state in judgement.ended}
    if before and before != error_key:
        ends[before] = "The source can be read again."
    if error_key:
        since, level = judgement.since, due.world.least
        signals.append(telling.source_error(rule, error_key, judgement.sentence, level=level, since=since))
    if ends:
        for alert in Alert.objects.filter(rule=rule, key__in=[key[:KEY_LENGTH] for key in ends]):
            signals.append(telling.over(alert, at=at, reason=ends.get(alert.key, "")))
    if not signals:
        return
    stored = store.store(None, signals, at=at, rule=rule)
    raised = [id for id, state in zip(stored.ids, firing, strict=False) if id and state.change == Change.RAISED]
    if raised:  # the incident they have joined takes the graver level
        Liveness.objects.filter(pk__in=raised).update(assign_at=at)
        wake()


def _note_sources(answers: list[Answer], *, at: datetime) -> None:
    """Which sources answered, and what was wrong with the others; their connections too."""
    fine = [source for answer in answers for source, fault in answer.faults.items() if not fault]
    RuleSource.objects.filter(pk__in=fine).update(error="", last_seen_at=at)
    for answer in answers:
        for source, fault in answer.faults.items():
            if fault:
                RuleSource.objects.filter(pk=source).exclude(error=fault).update(error=fault)
    note_connections(answers, at=at)


def note_connections(answers: Iterable[Answer], *, at: datetime) -> None:
    """Which connections answered, how quickly, and what was wrong with the others."""
    answers = list(answers)
    gone = {place: fault for answer in answers for place, fault in answer.gone.items()}
    reached = {place for answer in answers for place in answer.reached} - gone.keys()
    number = {place: int(place.partition(":")[2]) for place in {*gone, *reached} if place.startswith("connection:")}
    Connection.objects.filter(pk__in=[number[place] for place in reached if place in number]).update(
        state=Connection.State.OK, error="", last_seen_at=at
    )
    for place, took in {place: took for answer in answers for place, took in answer.took.items()}.items():
        if place in number:
            Connection.objects.filter(pk=number[place]).update(latency_ms=took)
    for place, fault in gone.items():
        if place in number:
            Connection.objects.filter(pk=number[place]).update(state=Connection.State.ERROR, error=fault)


def retire_disabled(*, at: datetime) -> int:
    """End the alerts of rules that were switched off while they fired; return how many rules that were."""
    rules = list(AlertRule.objects.filter(enabled=False).exclude(state=AlertRule.State.UNKNOWN))
    for rule in rules:
        with transaction.atomic():
            alerts = Alert.objects.filter(rule=rule, liveness__firing=True)
            reason = "The rule was switched off."
            store.store(None, [telling.over(alert, at=at, reason=reason) for alert in alerts], at=at, rule=rule)
            off = AlertRule.State.UNKNOWN
            AlertRule.objects.filter(pk=rule.pk).update(state=off, state_since=at, verdict=reason, memory={})
            RuleChange.objects.create(rule=rule, at=at, before=rule.state, after=off, reason=reason)
    return len(rules)
