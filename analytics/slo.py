"""Objectives that are due -> ask their sources, judge, keep what came of it.

As with rules, asking goes out over the network on threads, outside any transaction; claiming before it and writing
after it are short transactions in the caller's thread. An objective is claimed by pushing its due time on; when its
process dies, the clock gives it back (`release_dead`), else the end of the lease does.

Of several ways to ask (variants), the first that answers counts: its figures are never mixed with those of another.
"""

import logging
import queue
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet

from alerts import reading
from alerts.evaluation import note_connections, question_of
from notifications.claimant import gone, me
from policies.claims import lease
from sources.addresses import address_values
from sources.probes import OWN, Asker, ProbeError, Reading

from . import history
from .goals import BadGoal, Goal, State, Unreadable, Verdict
from .models import Objective, ObjectiveSource

log = logging.getLogger(__name__)
BATCH = 200
LEASE = timedelta(minutes=5)
SHORTEST = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WINDOW_NAMES = ("WINDOW", "WINDOW_START", "WINDOW_END")
"""Filled into sources like parameters: how long the window is, and the instants between which it lies."""


@dataclass(frozen=True)
class Way:
    """The questions of one variant, by what they are about."""

    variant: str
    questions: Mapping[str, list[reading.Question]]

    @property
    def all(self) -> list[reading.Question]:
        return [question for questions in self.questions.values() for question in questions]


@dataclass(frozen=True)
class Task:
    """An objective at an instant: for a day that is over, at its end. `cannot` says why it cannot be asked at all."""

    objective: Objective
    at: datetime
    day: date
    goal: Goal | None
    ways: list[Way]
    heard: reading.Heard
    closing: bool = False
    cannot: str = ""


@dataclass
class Outcome:
    """What a measure came to, which way answered, and all that was answered."""

    verdict: Verdict
    variant: str = ""
    answers: list[reading.Answer] = field(default_factory=list)

    @property
    def faults(self) -> dict[int, str]:
        """What each source that was asked had wrong, "" when nothing."""
        return {source: fault for answer in self.answers for source, fault in answer.faults.items()}


@dataclass
class Report:
    """What a round came to: how many objectives ended in each state, and how many a fault of ours kept from it."""

    measured: list[tuple[Objective, Verdict]] = field(default_factory=list)
    failed: int = 0

    @property
    def states(self) -> list[State]:
        return [verdict.state for _, verdict in self.measured]


def measure_due(*, at: datetime) -> int:
    """Measure the objectives whose time has come by `at`; return how many."""
    report = measure(Objective.objects.due(at), at=at)
    return len(report.measured) + report.failed


def measure(rows: QuerySet[Objective], *, at: datetime, batch: int = BATCH) -> Report:
    """Claim up to `batch` of `rows`, measure them as of `at`, and keep what they came to."""
    if not rows.exists():  # most ticks: without a transaction, which on SQLite would take the lock
        return Report()
    whole = rows.select_related("policy").prefetch_related("policy__parameters", "sources__connection")
    claimed = lease(whole, due="measure_at", at=at, length=LEASE, batch=batch, claimed_by=me())
    report, values = Report(), {row.policy_id: address_values(row.policy) for row in claimed}
    going: queue.SimpleQueue[tuple[list[Task], list[Outcome] | BaseException]] = queue.SimpleQueue()
    for row in claimed:
        _begin(row, values[row.policy_id], going, at=at)
    for _ in claimed:
        tasks, outcomes = going.get()
        row = tasks[0].objective if tasks else None
        try:
            if isinstance(outcomes, BaseException):
                raise outcomes
            with transaction.atomic():
                for task, outcome in zip(tasks, outcomes, strict=True):
                    _write(task, outcome, at=at)
            report.measured.append((tasks[-1].objective, outcomes[-1].verdict))
        except (OperationalError, InterfaceError):  # the database itself: for the caller, the leases run out
            raise
        except Exception:
            log.exception("The objective %s could not be measured; tried again in its turn.", row)
            report.failed += 1
            if row:
                Objective.objects.filter(pk=row.pk).update(measure_at=next_measure(row.every, at), claimed_by="")
    return report


def release_dead(*, at: datetime) -> int:
    """Make due at once the objectives that a process of this machine was measuring when it ended; return how many."""
    claims = Objective.objects.exclude(claimed_by="").order_by().values_list("claimed_by", flat=True).distinct()
    dead = [claim for claim in claims if gone(claim)]
    return Objective.objects.filter(claimed_by__in=dead).update(claimed_by="", measure_at=at) if dead else 0


def next_measure(every: timedelta, at: datetime) -> datetime:
    """The next turn after `at`, on a grid that begins at midnight UTC: every 5m is at :00, :05, …"""
    every = max(every, SHORTEST)
    return EPOCH + ((at - EPOCH) // every + 1) * every


def zone_of(objective: Objective) -> ZoneInfo:
    """Where its days begin and end: its own zone, else its policy's."""
    return ZoneInfo(objective.zone or objective.policy.timezone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When `day` begins there, in UTC: a midnight that does not exist takes the offset before the gap."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def window_begin(objective: Objective, at: datetime) -> datetime:
    """Since when a measure at `at` looks."""
    zone = zone_of(objective)
    return midnight(at.astimezone(zone).date(), zone) if objective.zone else at - (objective.window or timedelta())


def window_values(begin: datetime, end: datetime) -> dict[str, Any]:
    """What WINDOW_NAMES stand for."""
    length = timedelta(seconds=max(1, round((end - begin).total_seconds())))
    return {"WINDOW": length, "WINDOW_START": begin.isoformat(), "WINDOW_END": end.isoformat()}


# asking


def _begin(row: Objective, values: Mapping[str, Any], going: queue.SimpleQueue, *, at: datetime) -> None:
    """Put what `row` comes to into `going`, asked on a thread where it goes out."""
    tasks: list[Task] = []
    try:
        tasks = _tasks(row, values, at=at)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # it is this objective's, not the round's
        going.put(([_nothing(row, at)], error))
        return

    def job() -> None:
        try:
            going.put((tasks, [_ask(task) for task in tasks]))
        except BaseException as error:  # handed to the caller's thread, which logs it
            going.put((tasks, error))

    outside = [one for task in tasks for way in task.ways for one in way.all if one.kind not in OWN and not one.cannot]
    if outside:
        reading.pool.submit(outside[0].place, job, outside[0].at_a_time)
    else:
        job()


def _nothing(row: Objective, at: datetime) -> Task:
    return Task(row, at, at.date(), None, [], {})


def _tasks(row: Objective, values: Mapping[str, Any], *, at: datetime) -> list[Task]:
    """What to ask for: the day that is over and has not had its last measure, then the window of now."""
    zone = zone_of(row)
    today = at.astimezone(zone).date()
    tasks = []
    if row.zone and row.open_day and row.open_day < today:
        end = midnight(row.open_day + timedelta(days=1), zone)
        tasks.append(_task(row, values, begin=midnight(row.open_day, zone), end=end, day=row.open_day, closing=True))
    return [*tasks, _task(row, values, begin=window_begin(row, at), end=at, day=today)]


def _task(
    row: Objective, values: Mapping[str, Any], *, begin: datetime, end: datetime, day: date, closing: bool = False
) -> Task:
    filled = _Windowed(values, window_values(begin, end))
    asker = Asker(row.policy_id)
    found: dict[str, dict[str, list[reading.Question]]] = {}
    for source in row.sources.all():
        question = question_of(source, filled, asker)
        of_role = found.setdefault(source.variant, {}).setdefault(source.role, [])
        of_role.append(question if of_role else replace(question, fallback=False))
    roles = {source.role for source in row.sources.all()}
    ways = [Way(variant, questions) for variant, questions in found.items() if questions.keys() == roles]
    cannot, goal = "", None
    try:
        goal = row.aim
    except BadGoal as error:
        cannot = f"The goal cannot be used: {error}"
    if not ways:
        cannot = cannot or "This objective has no source to ask."
    # a day has its first instant and not that of the next, and who looks back over a length has it the other way round
    asked_at = end - timedelta.resolution if row.zone else end
    heard = reading.hear([question for way in ways for question in way.all], at=asked_at)
    return Task(row, asked_at, day, goal, ways, heard, closing, cannot)


class _Windowed(Mapping):
    """The policy's parameters with those of the window over them, each worked out when it is asked for."""

    def __init__(self, values: Mapping[str, Any], window: Mapping[str, Any]) -> None:
        self._values, self._window = values, window

    def __getitem__(self, key: str) -> Any:
        return self._window[key] if key in self._window else self._values[key]

    def __iter__(self):
        return iter({**dict.fromkeys(self._values), **self._window})

    def __len__(self) -> int:
        return len({*self._values, *self._window})


def _ask(task: Task) -> Outcome:
    """Ask way after way until one answers. No database here."""
    if task.cannot or task.goal is None:
        return Outcome(Verdict(State.ERROR, task.cannot))
    answers: list[reading.Answer] = []
    wrong: list[tuple[str, ProbeError]] = []
    for way in task.ways:
        said, error = _ask_way(way, task, answers)
        if error is None:
            return Outcome(_judged(task.goal, said), way.variant, answers)
        wrong.append((way.variant, error))
    unset = all(error.reason == "unset" for _, error in wrong)
    if unset and len(wrong) > 1:
        names = ", ".join(name for name, _ in wrong)
        return Outcome(Verdict(State.UNKNOWN, f"Nobody watches: none of {names} is set up. {wrong[0][1]}"), "", answers)
    name, error = next((one for one in wrong if one[1].reason != "unset"), wrong[0])
    return Outcome(Verdict(State.ERROR, str(error)), name, answers)


def _ask_way(way: Way, task: Task, answers: list[reading.Answer]) -> tuple[dict[str, list[Reading]], ProbeError | None]:
    said: dict[str, list[Reading]] = {}
    for role, questions in way.questions.items():
        answer = reading.ask(questions, at=task.at, heard=task.heard)
        answers.append(answer)
        if isinstance(answer.readings, ProbeError):
            return said, answer.readings
        said[role] = answer.readings
        if any(one.fields.get("reachable") is False for one in answer.readings):
            return said, ProbeError("The source could not be reached.", reason="unreachable")
        if any(one.fields.get("more") is True for one in answer.readings):
            words = "There are more lines than were looked at; raise `limit`, or have the source count them."
            return said, ProbeError(words, reason="limit")
    return said, None


def _judged(goal: Goal, said: Mapping[str, list[Reading]]) -> Verdict:
    try:
        return goal.judge(said)
    except Unreadable as error:
        return Verdict(State.ERROR, str(error))


# writing


def _write(task: Task, outcome: Outcome, *, at: datetime) -> None:
    row, verdict = task.objective, outcome.verdict
    if task.closing:
        if verdict.state == State.ERROR:
            row.open_day = task.day  # tried again with the next measure
        else:
            history.close(row, verdict, day=task.day)
            row.open_day = None
        return
    facts: dict[str, Any] = {
        "measured_at": at, "measure_at": next_measure(row.every, at), "claimed_by": "", "state": str(verdict.state),
        "value": verdict.value, "good": verdict.good, "total": verdict.total, "verdict": verdict.sentence,
        "measured_by": outcome.variant,
    }  # fmt: skip
    if row.state != verdict.state or row.state_since is None:
        facts["state_since"] = at
    if verdict.state != State.UNKNOWN and (row.open_day is None or row.open_day >= task.day):
        facts["open_day"] = task.day
    elif row.open_day is None:
        facts["open_day"] = None
    if not Objective.objects.filter(pk=row.pk, enabled=True).update(**facts):
        return  # switched off while it was measured
    history.keep(row, verdict, day=task.day, at=at)
    for name, value in facts.items():
        setattr(row, name, value)
    fine = [source for source, fault in outcome.faults.items() if not fault]
    ObjectiveSource.objects.filter(pk__in=fine).update(error="", last_seen_at=at)
    for source, fault in outcome.faults.items():
        if fault:
            ObjectiveSource.objects.filter(pk=source).exclude(error=fault).update(error=fault)
    note_connections(outcome.answers, at=at)
