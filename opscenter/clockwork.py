"""The long-running clock: one tick a second, and at once when something has become due.

It sweeps by itself (clock.py), delivers and measures objectives on threads of their own, and hands rule checks and jobs
to the task queue (handover.py). Nothing that waits for the network holds up a tick. All it knows is in the database: it
may be killed at any moment, and what fell due while it was away is worked once when it is back.
"""

import logging
import os
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import connection
from django.utils import timezone

from alerts import evaluation
from analytics import slo
from dashboards import sampling
from notifications import outbox
from runbooks import live
from shifts import capturing

from . import beat, clock, outside
from .due import Look, look
from .handover import HandOver, check_rules
from .models import Beat
from .waking import Pipe, PostgresWaker, SqliteWaker, waker

log = logging.getLogger(__name__)
DELIVERIES = "notifications.outbox.deliver_due"
LIVE = "runbooks.live.ask_due"
FIGURES = "shifts.capturing.capture_due"
OBJECTIVES = "analytics.slo.measure_due"
PANELS = "dashboards.sampling.sample_due"
BEAT_EVERY = timedelta(seconds=5)
AWAY = timedelta(seconds=60)  # a longer gap between two ticks is told
BACKWARDS = timedelta(seconds=1)
STAND_BY = 1.0  # seconds between two tries to become the only clock
LONGEST_BACKOFF = 5.0  # seconds between two tries to reach the database
TELL_EVERY = 60.0  # seconds between two log lines about a database that stays away
AT_ONCE = 20  # ticks in a row without sleep, while each finds work
SWITCH = 0.001  # seconds a thread may keep the others from running: a page must not wait for a tick's next sweep
STOP_WAIT = 5.0  # seconds for the threads to end


class Helper(threading.Thread):
    """Runs `work` beside the clock whenever it is poked; a poke while it works makes it run once more."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self.work = work
        self.wanted = threading.Event()
        self.stopping = False

    def poke(self) -> None:
        self.wanted.set()

    def run(self) -> None:
        while not self.stopping:
            self.wanted.wait()
            self.wanted.clear()
            if self.stopping:
                break
            try:
                self.work()
            except DatabaseTrouble as trouble:
                log.warning("%s was cut short by the database (%s); tried again when due.", self.name, trouble)
                connection.close()
            except Exception:
                log.exception("%s failed; tried again when due.", self.name)
        connection.close()

    def stop(self) -> None:
        self.stopping = True
        self.wanted.set()


class Clockwork:
    """Ticks until `stop` is called, from a signal handler or another thread."""

    def __init__(self) -> None:
        self.pipe = Pipe()
        self.stopping = False
        self.waker: PostgresWaker | SqliteWaker | None = None
        self.jobs: deque[tuple[str, datetime]] = deque()
        self.deliverer = Helper("deliveries", self._deliver)
        self.checker = Helper("rule checks", self._check)
        self.looker = Helper("live items of runbooks", self._ask_live)
        self.measurer = Helper("objectives", self._measure)
        self.capturer = Helper("figures of shift reviews", self._capture)
        self.jobber = Helper("system jobs", self._do_jobs)
        self.teller = Helper("outside heartbeat", self._tell_outside)
        self.hands = HandOver(check=self.checker.poke, do_job=self._do_job)
        self.failing: dict[str, datetime] = {}  # timers, since when
        self.last_at: datetime | None = None
        self.beat_at: datetime | None = None
        self.told_outside_at: datetime | None = None
        self.facts: dict = {"pid": os.getpid(), "host": socket.gethostname(), "engine": settings.ENGINE}

    @property
    def helpers(self) -> list[Helper]:
        return [self.deliverer, self.checker, self.looker, self.measurer, self.capturer, self.jobber, self.teller]

    def stop(self) -> None:
        self.stopping = True
        self.pipe.poke()

    def run(self) -> bool:
        """Tick until stopped; whether every thread ended in time."""
        sys.setswitchinterval(SWITCH)
        for helper in self.helpers:
            helper.start()
        backoff, away_since, told_at = 0.0, 0.0, 0.0
        while not self.stopping:
            try:
                if self._begin():
                    if away_since:
                        log.warning("The database is back after %.0f s.", time.monotonic() - away_since)
                    backoff = away_since = 0.0
                    while not self.stopping:
                        self._tick_on()
            except DatabaseTrouble as trouble:
                now = time.monotonic()
                away_since = away_since or now
                if now - told_at >= TELL_EVERY:
                    told_at = now
                    log.error("The database cannot be used: %s Trying again until it can.", one_line(trouble))
                self._let_go()
                backoff = min(max(backoff * 2, 0.25), LONGEST_BACKOFF)
                self._pause(backoff)
        return self._end()

    # beginning and end

    def _begin(self) -> bool:
        """Connect and become the only clock of this database; False when stopped before."""
        if self.waker is None:
            self.waker = waker(self.pipe)
        told = False
        while not self.waker.acquire():
            if not told:
                log.info("Another clock runs on this database; standing by to take over.")
                told = True
            self._pause(STAND_BY)
            if self.stopping:
                return False
        at = timezone.now()
        last = Beat.objects.filter(key="clock").first()
        give_back(at)
        if self.last_at is None and last is not None:
            self._mind_the_gap(last.at, at)
            self.last_at = at
        log.info("The clock runs (process %s, %s).", os.getpid(), connection.vendor)
        return True

    def _let_go(self) -> None:
        connection.close()
        if self.waker is not None:
            self.waker.close()
            self.waker = None

    def _end(self) -> bool:
        for helper in self.helpers:
            helper.stop()
        until = time.monotonic() + STOP_WAIT
        for helper in self.helpers:
            helper.join(max(0.0, until - time.monotonic()))
        self._let_go()
        late = [helper.name for helper in self.helpers if helper.is_alive()]
        log.info(
            "The clock has stopped%s.", f"; still under way and left to the next: {', '.join(late)}" if late else ""
        )
        return not late

    def _pause(self, seconds: float) -> None:
        """Sleep, unless stopped; for when there is nothing to be woken by."""
        until = time.monotonic() + seconds
        while not self.stopping and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))

    # ticking

    def _tick_on(self) -> None:
        """Tick until a tick finds nothing, then sleep until the next instant or a wake-up."""
        assert self.waker is not None
        for _ in range(AT_ONCE):
            mark = self.waker.mark()  # before the look, so that nothing committed after it is slept through
            at = timezone.now()
            found, worked = self._tick(at)
            if not worked or self.stopping:
                break
        else:
            return  # there is more to do: no sleep
        whole = 1 - at.microsecond / 1_000_000
        ahead = [when for when in (found.next_after(at), self.hands.next_after(at)) if when]
        soonest = min((when - at).total_seconds() for when in ahead) if ahead else whole
        spent = (timezone.now() - at).total_seconds()
        self.waker.wait(min(whole, soonest) - spent, mark)

    def _tick(self, at: datetime) -> tuple[Look, bool]:
        """One look and the work it shows; what it found, and whether rows were worked."""
        if self.last_at is not None:
            self._mind_the_gap(self.last_at, at)
        self.last_at = at
        found = look(self.waker.ask if self.waker else None)
        due = found.by(at)
        outcome = clock.run(clock.TIMERS, at=at, due=due, worked=self.deliverer.poke)
        if DELIVERIES in due:
            self.deliverer.poke()
        if LIVE in due:
            self.looker.poke()
        if OBJECTIVES in due or PANELS in due:
            self.measurer.poke()
        if FIGURES in due:
            self.capturer.poke()
        self._note_failures(due, outcome, at)
        self.hands.tick(found, at=at)
        if self.beat_at is None or not timedelta(0) <= at - self.beat_at < BEAT_EVERY:
            self._sign_of_life(at)
        if outside.due(self.told_outside_at, at=at):  # at the end: a tick that cannot be done is not told as one
            self.told_outside_at = at
            self.teller.poke()
        return found, bool(outcome.done)

    def _mind_the_gap(self, last: datetime, at: datetime) -> None:
        """Tell of a night of downtime or a jump of the time. Nothing else is needed: rows are due or they are not."""
        gap = at - last
        if gap >= AWAY:
            log.warning("The clock was away for %s, since %s; what fell due meanwhile is worked now, once.", gap, last)
            self.facts["caught_up"] = {"at": at.isoformat(), "away_s": int(gap.total_seconds())}
        elif gap < -BACKWARDS:
            log.warning("The time of this machine went back by %s; what is due waits until it comes round.", -gap)
        if not -BACKWARDS <= gap < AWAY:
            self.hands.forget()

    def _note_failures(self, due: set[str], outcome: clock.Outcome, at: datetime) -> None:
        for name in outcome.failed:
            self.failing.setdefault(name, at)
        for name in [name for name in self.failing if name in due and name not in outcome.failed]:
            del self.failing[name]

    def _sign_of_life(self, at: datetime) -> None:
        assert self.waker is not None
        self.beat_at = at
        self.waker.check()
        give_back(at)
        self.hands.listen(at=at)
        reasons = [
            f"The sweep {name} fails since {since:%H:%M:%S} UTC; the clock's log says why."
            for name, since in self.failing.items()
        ]
        Beat.note("clock", at, self.facts | {"reasons": reasons, "queue": self.hands.reasons(at)})

    # on threads of their own

    def _deliver(self) -> None:
        while not self.stopping and outbox.deliver_due(at=timezone.now()):
            self.pipe.poke()  # pages want to know how their delivery ended

    def _check(self) -> None:
        check_rules()
        self.pipe.poke()

    def _ask_live(self) -> None:
        while not self.stopping and live.ask_due(at=timezone.now()):
            self.pipe.poke()
        connection.close()  # minutes may pass until the next

    def _measure(self) -> None:
        while not self.stopping and slo.measure_due(at=timezone.now()):
            self.pipe.poke()
        while not self.stopping and sampling.sample_due(at=timezone.now()):
            self.pipe.poke()
        connection.close()  # minutes may pass until the next

    def _capture(self) -> None:
        while not self.stopping and capturing.capture_due(at=timezone.now()):
            self.pipe.poke()
        connection.close()  # hours may pass until the next

    def _tell_outside(self) -> None:
        outside.send(at=timezone.now())
        connection.close()

    def _do_job(self, name: str, handed_at: datetime) -> None:
        self.jobs.append((name, handed_at))
        self.jobber.poke()

    def _do_jobs(self) -> None:
        while self.jobs and not self.stopping:
            name, handed_at = self.jobs.popleft()
            try:
                beat.run_job(name, handed_at, at=timezone.now())
            except Exception:
                log.exception("The job %s failed.", name)
        connection.close()  # hours may pass until the next


def give_back(at: datetime) -> None:
    """Make due at once what a killed process held: worker, a command from cron, or the clock before this one."""
    outbox.release_dead(at=at)
    evaluation.release_dead(at=at)
    slo.release_dead(at=at)
    sampling.release_dead(at=at)


def one_line(error: Exception) -> str:
    """The first line of a database's message, as a sentence."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return text if text.endswith(".") else text + "."
