"""Pings on their way into the database: those that wait together in one process are written together.

While one thread writes, the others put their pings in line; then one of them writes all that stand there. So a ping
alone is written at once, and a crowd shares one statement and one wait for the disk. `ping` returns when its ping is
committed. What is remembered of heartbeats from ping to ping is a short cut only: see postgres.py for how a row that
somebody else has changed is noticed.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    connections,
    transaction,
)  # fmt: skip
from django.db.backends.base.base import BaseDatabaseWrapper

from policies.dbconnection import tidy

from ..models import Ping
from ..signals import instant, micros
from . import life as lives
from . import plain, postgres
from .life import Beat, Life

log = logging.getLogger(__name__)
TOGETHER = 200
"""Pings in one statement."""
REMEMBERED = 50_000
TRIES = 5


@dataclass(slots=True, eq=False)
class Waiting:
    """A ping in line; `wakes` is released when it is done or has to write itself and those behind it."""

    id: UUID
    beat: Beat
    asked: str
    wakes: threading.Lock = field(default_factory=threading.Lock)
    done: bool = False
    stored: bool | None = None  # False: there is no such heartbeat
    error: Exception | None = None


_guard = threading.Lock()
_line: list[Waiting] = []
_writing = False
_memory: dict[UUID, Life] = {}  # only whoever writes looks at it


def ping(id: UUID, beat: Beat) -> bool:
    """Store one ping; False when there is no such heartbeat. It is committed when this returns."""
    global _writing
    mine = Waiting(id, beat, beat.kind)
    mine.wakes.acquire()
    with _guard:
        _line.append(mine)
        first, _writing = not _writing, True
    if not first:
        mine.wakes.acquire()
    if not mine.done:
        _write_line(mine)
    if mine.error is not None:
        raise mine.error
    if mine.stored is None:
        raise InterfaceError("The thread that was to store this ping has ended.")
    return mine.stored


def _write_line(mine: Waiting) -> None:
    """Write everything in line, `mine` among it, and hand over to whoever came meanwhile."""
    global _writing
    with _guard:
        batch = _line[:TOGETHER]
        del _line[:TOGETHER]
    try:
        _commit(batch)
    finally:
        with _guard:
            follows = _line[0] if _line else None
            if follows is None:
                _writing = False
        if follows is not None:
            follows.wakes.release()
        for one in batch:
            one.done = True
            if one is not mine:
                one.wakes.release()


def forget() -> None:
    """Drop what is remembered of heartbeats: the next ping of each asks the database."""
    _memory.clear()


def _commit(batch: Sequence[Waiting]) -> None:
    """Store a batch; whatever fails is noted in each ping. One that cannot be stored holds up no other."""
    try:
        _connected(batch)
    except (OperationalError, InterfaceError) as error:
        _fail(batch, error)
    except Exception as error:
        if len(batch) == 1:
            _fail(batch, error)
        else:
            log.warning("%s pings could not be stored together (%s); storing each by itself.", len(batch), error)
            for one in batch:
                _commit([one])


def _fail(batch: Sequence[Waiting], error: Exception) -> None:
    for one in batch:
        one.error = error


def _connected(batch: Sequence[Waiting]) -> None:
    """Store a batch on this thread's connection, on a new one if that is broken."""
    django = connections[DEFAULT_DB_ALIAS]
    tidy(django)
    for left in reversed(range(TRIES)):
        try:
            _store([one for one in batch if one.stored is None], django)
            return
        except (OperationalError, InterfaceError):
            if django.in_atomic_block or not left:
                raise
            if not django.is_usable():  # else it was a deadlock or a lock that is held
                django.close()
                if left < TRIES - 1:
                    raise


def _store(batch: Sequence[Waiting], django: BaseDatabaseWrapper) -> None:
    if django.vendor != "postgresql":
        with transaction.atomic():
            stored, _ = _apply(batch, plain.load({one.id for one in batch}), django)
    else:
        # taken out, as a life that is moved on and then not written is true no more
        found = {id: _memory.pop(id, None) for id in {one.id for one in batch}}
        known = {id: life for id, life in found.items() if life is not None}
        if django.in_atomic_block:  # what was seen may be rolled back, and its rows all have the same version
            known = {}
        if len(known) < len(found):
            known |= postgres.load(found.keys() - known.keys())
        stored, left = _apply(batch, known, django)
        _note(stored, known, django)
        if left:  # somebody else moved them in between: now they wait for us
            with transaction.atomic():
                again, _ = _apply(left, postgres.load({one.id for one in left}, lock=True), django)
            stored += again
    for one in batch:
        one.stored = False
    for one in stored:
        one.stored = True


def _apply(
    batch: Sequence[Waiting], known: dict[UUID, Life], django: BaseDatabaseWrapper
) -> tuple[list[Waiting], list[Waiting]]:
    """Let the pings count and write what follows; returns those stored, and those whose heartbeat had changed."""
    statements = postgres if django.vendor == "postgresql" else plain
    moved: dict[UUID, Life] = {}
    counted: list[Waiting] = []
    for one in batch:
        life = known.get(one.id)
        if life is None:
            continue
        beat = one.beat
        beat.kind, beat.duration = one.asked, None
        if lives.wants_start(life, beat):
            _look_up_start(life, beat)
        lives.take(life, beat)
        moved[one.id] = life
        counted.append(one)
    if not moved:
        return [], []
    written = statements.write(list(moved.values()), [(one.id, one.beat) for one in counted])
    if any(moved[id].wake for id in written):
        statements.wake()
    return [one for one in counted if one.id in written], [one for one in counted if one.id not in written]


def _note(written: Sequence[Waiting], known: dict[UUID, Life], django: BaseDatabaseWrapper) -> None:
    """Remember the heartbeats that are committed, and that their pings are."""
    if len(_memory) > REMEMBERED:
        _memory.clear()
    for one in written:
        one.stored = True
        if not django.in_atomic_block:
            life = _memory[one.id] = known[one.id]
            life.wake = False


def _look_up_start(life: Life, beat: Beat) -> None:
    """Find when the run that ends now began, if it is not the one that began last."""
    since = instant(beat.at) - timedelta(microseconds=lives.LONGEST_RUN)
    last = Ping.objects.filter(heartbeat_id=life.id, rid=beat.rid, at__gte=since, at__lte=instant(beat.at))
    found = last.exclude(kind__in=[lives.LOG, lives.IGNORED]).order_by("-at", "-pk").values_list("kind", "at").first()
    if found and found[0] == lives.START and beat.rid is not None:
        life.starts[beat.rid] = micros(found[1])
