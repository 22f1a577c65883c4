"""Asks the sources of many rules at once, without the database: plain values in, plain values out.

Only kinds that read our own rows (`LOCAL`) are asked at once in the caller's thread: they are quick, and a thread would
need a database connection of its own.

Every place (a connection, a host) has up to four threads of its own, or as many as its connection says, so that one
that hangs delays no other. Threads live on between checks, because the SQL probe keeps a session open in each; one that
was idle for a minute ends.
"""

import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sources.probes import KEEPERS, OWN, PROBES, Asker, BadSpec, ProbeError, Reading

PER_PLACE = 4
IDLE = 60.0  # seconds
ANYBODY = Asker()
GONE = ("unreachable", "timeout")
"""Why a place gives no answer at all, so that a second question is no use."""


@dataclass(frozen=True)
class Question:
    """One source of a rule. `cannot` says why it cannot even be asked, such as a parameter that is not set; `variant`
    names the way of watching it is; so many questions are asked its place `at_a_time`."""

    source: int
    kind: str
    spec: Mapping[str, Any]
    place: str
    timeout: timedelta
    fallback: bool = False
    cannot: str = ""
    asker: Asker = ANYBODY
    variant: str = ""
    at_a_time: int = PER_PLACE


@dataclass(frozen=True)
class Answer:
    """What the sources of a rule said.

    readings    of all that answered; when none did, the first one's reason
    faults      source -> why it gave nothing, "" when it answered; sources that were not asked are left out
    reached     places that answered something; gone: those that did not, with the reason
    unset       that there was nothing to ask with: a fault of ours, not of the source
    lacking     why a place elsewhere gave nothing, when only rows of our own answered: they know only what was told
    took        place that answered -> the milliseconds it took
    """

    readings: list[Reading] | ProbeError
    faults: dict[int, str]
    reached: frozenset[str]
    gone: dict[str, str]
    unset: bool = False
    lacking: ProbeError | None = None
    took: Mapping[str, float] = field(default_factory=dict)


Heard = Mapping[int, list[Reading] | ProbeError]
"""What sources of our own said, by the source's id."""


def ask(questions: list[Question], *, at: datetime, heard: Heard | None = None) -> Answer:
    """Ask each source, and a fallback only when the one before it failed.

    heard   what those that read our own rows said already
    """
    readings: list[Reading] = []
    failures: list[ProbeError] = []
    faults: dict[int, str] = {}
    reached: set[str] = set()
    gone: dict[str, str] = {}
    took: dict[str, float] = {}
    lacking: ProbeError | None = None
    before_failed = answered = answered_elsewhere = False
    for question in questions:
        if question.fallback and not before_failed:
            continue
        try:
            if question.cannot:
                raise ProbeError(question.cannot, reason="unset")
            if question.place in gone:
                raise ProbeError(gone[question.place], reason="unreachable")
            began = time.monotonic()
            read = _read(question, at, heard or {})
            readings += [replace(reading, origin=question.variant) for reading in read]
            faults[question.source] = ""
            # a rule may take "unreachable" for a reading; the place did not answer all the same
            if not any(reading.fields.get("reachable") is False for reading in read):
                reached.add(question.place)
                took[question.place] = round((time.monotonic() - began) * 1000, 1)
            answered, before_failed = True, False
            answered_elsewhere |= question.kind not in OWN
        except ProbeError as error:
            faults[question.source] = str(error)
            failures.append(error)
            if question.kind not in OWN and not question.cannot:  # a way that was never set up is not missed
                lacking = lacking or error
            before_failed = True
            if error.reason in GONE:
                gone[question.place] = str(error)
            elif error.reason != "unset":
                reached.add(question.place)
    if answered:
        lacking = None if answered_elsewhere else lacking
        return Answer(readings, faults, frozenset(reached), gone, lacking=lacking, took=took)
    nothing = ProbeError("This rule has no source to ask.", reason="unset")
    first = next((error for error in failures if error.reason != "unset"), failures[0] if failures else nothing)
    return Answer(first, faults, frozenset(reached), gone, unset=first.reason == "unset")


def hear(questions: list[Question], *, at: datetime) -> Heard:
    """Ask the sources that read our own rows, in this thread; a failure of the database is the caller's."""
    heard: dict[int, list[Reading] | ProbeError] = {}
    for question in questions:
        if question.kind in OWN and not question.cannot:
            try:
                heard[question.source] = OWN[question.kind].read(question.spec, at=at, asker=question.asker)
            except BadSpec as error:
                heard[question.source] = _ill_written(error)
            except ProbeError as error:
                heard[question.source] = error
    return heard


def _read(question: Question, at: datetime, heard: Heard) -> list[Reading]:
    if question.kind in OWN:
        said = heard[question.source]
        if isinstance(said, ProbeError):
            raise said
        return said
    try:
        if question.kind in KEEPERS:
            keeper = KEEPERS[question.kind]
            return keeper.read(question.spec, at=at, timeout=question.timeout, asker=question.asker)
        return PROBES[question.kind].read(question.spec, at=at, timeout=question.timeout)
    except BadSpec as error:
        raise _ill_written(error) from None


def _ill_written(error: BadSpec) -> ProbeError:
    return ProbeError(f"This source cannot be asked as it is written: {error}", reason="unset")


@dataclass
class _Place:
    jobs: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)
    waiting: int = 0  # jobs nobody has taken yet
    idle: int = 0
    threads: int = 0
    most: int = PER_PLACE  # jobs that run at once; as the latest one said, since an operator may lower it


class Pool:
    """Threads by place. Daemons: a process that is told to end does not wait for a source that hangs."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.places: dict[str, _Place] = {}

    def submit(self, name: str, job: Callable[[], None], most: int = PER_PLACE) -> None:
        """Run `job`, which never raises, in turn on one of at most `most` threads of the place `name`."""
        with self.lock:
            place = self.places.setdefault(name, _Place())
            place.waiting += 1
            place.most = most
            place.jobs.put(job)
            if place.waiting > place.idle and place.threads < most:
                place.threads += 1
                threading.Thread(target=self._work, args=(name, place), name=f"asks {name}", daemon=True).start()

    def _work(self, name: str, place: _Place) -> None:
        while True:
            with self.lock:
                place.idle += 1
            try:
                job = place.jobs.get(timeout=IDLE)
            except queue.Empty:
                job = None
            with self.lock:
                place.idle -= 1
                if place.threads > place.most:  # fewer may run than there were; the others take the job
                    place.threads -= 1
                    if job is not None:
                        place.jobs.put(job)
                    return
                if job is None:
                    if place.waiting:  # one came in this very moment
                        continue
                    place.threads -= 1
                    if not place.threads:
                        self.places.pop(name, None)
                    return
                place.waiting -= 1
            job()


pool = Pool()


def _after_fork() -> None:
    """A child has none of its parent's threads."""
    global pool
    pool = Pool()


os.register_at_fork(after_in_child=_after_fork)


class Round:
    """Rules that are being asked; answers are taken as they come."""

    def __init__(self) -> None:
        self.answers: queue.SimpleQueue[tuple[Any, Answer | BaseException]] = queue.SimpleQueue()
        self.open = 0

    def put(self, what: Any, questions: list[Question], *, at: datetime) -> None:
        """Ask `questions`, on a thread where they go out; `what` comes back with the answer."""
        heard: Heard = {}
        failed: BaseException | None = None
        try:
            heard = hear(questions, at=at)
        except Exception as error:  # handed on like one of a thread: it is this rule's, not the round's
            failed = error

        def job() -> None:
            try:
                if failed:
                    raise failed
                answer: Answer | BaseException = ask(questions, at=at, heard=heard)
            except BaseException as error:  # handed to the caller's thread, which logs it
                answer = error
            self.answers.put((what, answer))

        self.open += 1
        outside = [question for question in questions if question.kind not in OWN]
        if failed or not outside:
            job()
        else:
            pool.submit(outside[0].place, job, outside[0].at_a_time)

    def take(self, *, wait: float | None) -> list[tuple[Any, Answer | BaseException]]:
        """Return the answers there are, at least one; wait up to `wait` seconds for it (None: as long as it takes)."""
        taken: list[tuple[Any, Answer | BaseException]] = []
        while len(taken) < self.open:
            try:
                taken.append(self.answers.get(block=not taken, timeout=None if taken else wait))
            except queue.Empty:
                break
        self.open -= len(taken)
        return taken
