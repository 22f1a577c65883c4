"""What a ping makes of a heartbeat, and what it becomes when none comes; pure: no database, no clock.

Instants are whole microseconds since 1970, lengths microseconds: this is the hot path. The rules are those of
Healthchecks: a good ping moves the deadline on to the next expected time plus the grace time; a start sets another
deadline, a grace time away, until the run ends; of runs that overlap the one that began last is watched.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from ..models import Heartbeat
from ..signals import instant, micros
from . import schedules

SUCCESS, START, FAIL, LOG, IGNORED = "success", "start", "fail", "log", "ignored"
NEW, UP, DOWN, PAUSED = "new", "up", "down", "paused"
MISSED, UNFINISHED, FAILED = "missed", "unfinished", "failed"
LONGEST_RUN = 72 * 3600 * 1_000_000
"""A start that is longer ago is not of the same run."""
STARTS_KEPT = 50
TICK = 2_000_000
"""The clock looks at least so often; only what is due before it has to wake it."""


@dataclass(slots=True)
class Beat:
    """One ping as it came; `kind` becomes what it counts as, `duration` the length of the run that it ends."""

    at: int
    kind: str
    rid: UUID | None = None
    exit_status: int | None = None
    method: str = "GET"
    sender: str = ""
    agent: str = ""
    body: str = ""
    duration: int | None = None


@dataclass(slots=True)
class Life:
    """A heartbeat as far as pings need it: first its settings, then what has become of it.

    seen       the version of the row this was read from, on PostgreSQL
    starts     when runs began that have an id, as far as this process has seen them
    between    two expected times that follow each other, in between which the next need not be worked out
    wake       a look is due before the clock's next tick
    """

    id: UUID
    schedule: str
    period: int | None
    expression: str
    timezone: str
    grace: int
    success_words: tuple[str, ...]
    failure_words: tuple[str, ...]
    start_words: tuple[str, ...]
    post_only: bool
    manual_resume: bool

    state: str
    last_ping_at: int | None
    last_success_at: int | None
    last_start_at: int | None
    last_start_rid: UUID | None
    last_duration: int | None
    last_exit_status: int | None
    last_failed: bool
    ping_count: int
    runs: int
    failed_in_a_row: int
    deadline_at: int | None
    due_at: int | None
    trouble: str
    trouble_at: int | None
    untold: bool
    alerting: bool

    seen: bytes
    starts: dict[UUID, int]
    between: tuple[int, int] = (0, 0)
    wake: bool = False


STATE = (
    "state", "last_ping_at", "last_success_at", "last_start_at", "last_start_rid", "last_duration", "last_exit_status",
    "last_failed", "ping_count", "runs", "failed_in_a_row", "deadline_at", "due_at", "trouble", "trouble_at", "untold",
)  # fmt: skip
"""What a ping may change; `alerting` belongs to the sweep."""
INSTANTS = ("last_ping_at", "last_success_at", "last_start_at", "deadline_at", "due_at", "trouble_at")


def of(row: Heartbeat, *, seen: bytes = b"") -> Life:
    """The life of a stored heartbeat."""
    at: dict[str, Any] = {name: None if (when := getattr(row, name)) is None else micros(when) for name in INSTANTS}
    return Life(
        id=row.pk, schedule=row.schedule, period=None if row.period is None else length(row.period),
        expression=row.expression, timezone=row.timezone, grace=length(row.grace),
        success_words=_words(row.success_words), failure_words=_words(row.failure_words),
        start_words=_words(row.start_words), post_only=row.post_only, manual_resume=row.manual_resume, state=row.state,
        last_start_rid=row.last_start_rid,
        last_duration=None if row.last_duration is None else length(row.last_duration),
        last_exit_status=row.last_exit_status, last_failed=row.last_failed, ping_count=row.ping_count, runs=row.runs,
        failed_in_a_row=row.failed_in_a_row, trouble=row.trouble, untold=row.untold, alerting=row.alerting, seen=seen,
        starts={}, **at,
    )  # fmt: skip


def columns(life: Life) -> dict[str, object]:
    """What is stored of a life, in the model's own types."""
    values: dict[str, object] = {name: getattr(life, name) for name in STATE}
    for name in INSTANTS:
        when = getattr(life, name)
        values[name] = None if when is None else instant(when)
    if life.last_duration is not None:
        values["last_duration"] = timedelta(microseconds=life.last_duration)
    return values


def length(time: timedelta) -> int:
    """A length of time in whole microseconds."""
    return time // timedelta(microseconds=1)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip()) if text else ()


def take(life: Life, beat: Beat) -> None:
    """Let a ping count: moves `life` on, and notes in `beat` what it counted as."""
    life.ping_count += 1
    kind = beat.kind = _counts_as(life, beat)
    at = beat.at
    if kind in (LOG, IGNORED):
        return
    lapse(life, at=at)
    if kind == START:
        life.last_start_at, life.last_start_rid = at, beat.rid
        if beat.rid is not None:
            _remember_start(life, beat.rid, at)
    else:
        _end_run(life, beat, failed=kind == FAIL)
    life.deadline_at = deadline(life)
    plan(life, now=at)


def _counts_as(life: Life, beat: Beat) -> str:
    """Words in the body decide about plain pings; whoever says start, fail or log means it."""
    if (life.state == PAUSED and life.manual_resume) or (life.post_only and beat.method != "POST"):
        return IGNORED
    if beat.kind != SUCCESS or not (life.failure_words or life.success_words or life.start_words):
        return beat.kind
    for words, kind in ((life.failure_words, FAIL), (life.success_words, SUCCESS), (life.start_words, START)):
        if any(word in beat.body for word in words):
            return kind
    return IGNORED


def _end_run(life: Life, beat: Beat, *, failed: bool) -> None:
    at = beat.at
    began = life.starts.pop(beat.rid, None) if beat.rid is not None else None
    if life.last_start_at is not None:
        if life.last_start_rid == beat.rid:
            began, life.last_start_at, life.last_start_rid = life.last_start_at, None, None
        elif failed or beat.rid is None:  # the run that began last goes on only if a good end names another one
            life.last_start_at = life.last_start_rid = None
    if began is not None and 0 <= at - began < LONGEST_RUN:
        beat.duration = at - began
    life.last_duration = beat.duration
    life.last_ping_at, life.last_exit_status, life.last_failed = at, beat.exit_status, failed
    life.runs += 1
    if failed:
        life.failed_in_a_row += 1
        life.state, life.trouble, life.trouble_at, life.untold = DOWN, FAILED, at, True
    else:
        life.failed_in_a_row = 0
        life.state, life.last_success_at = UP, at


def _remember_start(life: Life, rid: UUID, at: int) -> None:
    if len(life.starts) >= STARTS_KEPT:
        del life.starts[next(iter(life.starts))]
    life.starts[rid] = at


def wants_start(life: Life, beat: Beat) -> bool:
    """Whether the start of the run that this ping ends has to be looked up among the pings."""
    rid = beat.rid
    return rid is not None and beat.kind in (SUCCESS, FAIL) and rid != life.last_start_rid and rid not in life.starts


def lapse(life: Life, *, at: int) -> bool:
    """Go down if the deadline has passed by `at`; whether it did."""
    if life.deadline_at is None or life.deadline_at > at or life.state == DOWN:
        return False
    if life.state == PAUSED and life.last_start_at is None:
        return False
    life.trouble = UNFINISHED if _watches_run(life) else MISSED
    life.trouble_at, life.untold, life.state = life.deadline_at, True, DOWN
    life.deadline_at = None
    return True


def _watches_run(life: Life) -> bool:
    return life.last_start_at is not None and life.deadline_at == life.last_start_at + life.grace


def expected(life: Life) -> int | None:
    """When the next good ping should come; None when nothing is expected: never pinged, down or paused."""
    if life.state != UP or life.last_ping_at is None:
        return None
    if life.schedule == Heartbeat.Schedule.PERIOD:
        return None if life.period is None else life.last_ping_at + life.period
    if life.between[0] <= life.last_ping_at < life.between[1]:
        return life.between[1]
    after = schedules.next_after(
        instant(life.last_ping_at), kind=life.schedule, expression=life.expression, timezone=life.timezone
    )
    if after is None:
        return None
    life.between = (life.last_ping_at, micros(after))
    return life.between[1]


def deadline(life: Life) -> int | None:
    """When it is down if nothing else comes: the expected ping, or the end of the run that goes on, plus grace."""
    if life.state == DOWN:
        return None
    first = expected(life)
    if life.last_start_at is not None and (first is None or life.last_start_at < first):
        first = life.last_start_at
    return None if first is None else first + life.grace


def plan(life: Life, *, now: int) -> None:
    """Have the sweep look at it in time: at once when there is something to tell, else at the deadline.

    A look that is planned earlier stays: it costs little, while to move it costs an entry in an index with each ping.
    """
    due = now if life.untold or (life.alerting and life.state != DOWN) else life.deadline_at
    if due is not None and (life.due_at is None or due < life.due_at):
        life.due_at, life.wake = due, due <= now + TICK
