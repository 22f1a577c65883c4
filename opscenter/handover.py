"""Rule checks and system jobs: handed to the task queue, and done by the clock itself when the queue does not take
them.

A queue can stall while it looks healthy. So nothing is believed of it but what it does: a hand-over is taken within a
few seconds, and what it is asked every half minute it answers.
"""

import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from alerts import evaluation

from . import beat, engine
from .due import Look
from .models import Beat
from .supervisor import RESTART_WORKER

log = logging.getLogger(__name__)
CHECKS = "alerts.evaluation.check_due"
RUN_CHECKS = "opscenter.tasks.run_checks"
ANSWER = "opscenter.tasks.answer"
PATIENCE = timedelta(seconds=5)  # how long a hand-over may lie untaken
ASK_EVERY = timedelta(seconds=30)
SILENT_AFTER = timedelta(seconds=60)  # unanswered so long, the queue is taken for stalled
RESTART_EVERY = timedelta(seconds=120)  # doubles with each restart that did not help
RESTART_AT_MOST = timedelta(minutes=30)
RELOAD_EVERY = timedelta(minutes=1)  # edits of schedules are seen at once; this is for those that bypass Django
CROWDED = 50  # tasks in the queue; more questions would only add to them
SLOW_SOURCES = timedelta(seconds=20)
"""How long one round of checks waits for its sources: the queue must stay able to answer meanwhile."""


def check_rules() -> None:
    """Check the rules that are due, batch after batch, wherever this runs."""
    while evaluation.check_due(at=timezone.now(), patience=SLOW_SOURCES).checked >= evaluation.BATCH:
        pass


class HandOver:
    """What this clock has handed over, and whether the queue keeps up.

    check    starts a rule check in this process, beside the clock
    do_job   runs a job (name, instant of its hand-over) in this process, beside the clock
    """

    def __init__(self, *, check: Callable[[], None], do_job: Callable[[str, datetime], None]) -> None:
        self.check, self.do_job = check, do_job
        self.inline = engine.is_inline()
        self.entries: list[beat.Entry] = []
        self.read_at: datetime | None = None
        self.changed_at: datetime | None = None
        self.forget()

    def forget(self) -> None:
        """Nothing is outstanding: after a start, or when the time has jumped."""
        self.checks_handed_at: datetime | None = None
        self.jobs_handed_at: datetime | None = None
        self.last_asked_at: datetime | None = None
        self.asked: deque[datetime] = deque(maxlen=CROWDED)  # unanswered, oldest first
        self.stalled_at: datetime | None = None
        self.why = ""
        self.restarts = 0
        self.restarted_at: datetime | None = None

    def tick(self, look: Look, *, at: datetime) -> None:
        """Hand over what is due, rescue what was not taken, ask the queue for a sign of life."""
        if not self.inline:
            self._ask(at)
        self._hand_checks(look.due.get(CHECKS), at)
        self._hand_jobs(look.schedules_changed_at, at)

    def next_after(self, at: datetime) -> datetime | None:
        """When the next job is due."""
        return min((e.due_at for e in self.entries if e.due_at and e.due_at > at), default=None)

    def listen(self, *, at: datetime) -> None:
        """Read the queue's answers; while there is none for too long, ask for a fresh worker."""
        if self.inline:
            return
        sign = Beat.objects.filter(key="queue").first()
        if sign and (answered := sign.detail.get("asked_at")):
            self._answered(datetime.fromisoformat(answered))
        if self.asked and at - self.asked[0] >= SILENT_AFTER:
            self._stalled(at, "it does not answer")
            self._restart_worker(at)

    def reasons(self, at: datetime) -> list[str]:
        """Why the queue is not well, in words; empty when it is."""
        found = []
        if self.asked and at - self.asked[0] >= SILENT_AFTER:
            silent = int((at - self.asked[0]).total_seconds())
            found.append(
                f"The task queue has not answered for {silent} s, so the clock does its work. "
                "Look whether the worker (manage.py qcluster) runs."
            )
        elif self.stalled_at:
            since = f"{self.stalled_at:%H:%M:%S} UTC"
            found.append(f"The task queue is behind ({self.why}) since {since}, so the clock does its work.")
        return found

    # rule checks

    def _hand_checks(self, due_at: datetime | None, at: datetime) -> None:
        if due_at is None or due_at > at:
            self.checks_handed_at = None
        elif self.inline or self.stalled_at:
            self.check()
        elif self.checks_handed_at is None or due_at > self.checks_handed_at:
            # either nothing is outstanding, or all that was due at the last hand-over has been taken since
            self.checks_handed_at = at
            if not self._enqueue(RUN_CHECKS, at):
                self.check()
        elif at - self.checks_handed_at >= PATIENCE:
            self._stalled(at, f"rule checks waited {int((at - self.checks_handed_at).total_seconds())} s")
            self.check()

    # system jobs

    def _hand_jobs(self, changed_at: datetime | None, at: datetime) -> None:
        if self.read_at is None or changed_at != self.changed_at or at - self.read_at >= RELOAD_EVERY:
            self._read_schedules(changed_at, at)
            self._rescue_jobs(at)
        due = [entry for entry in self.entries if entry.due_at is not None and entry.due_at <= at]
        for entry in due:
            self._hand_job(entry, at)
        if due:
            self._read_schedules(changed_at, at)
        if self.jobs_handed_at and at - self.jobs_handed_at >= PATIENCE:
            self._rescue_jobs(at)

    def _read_schedules(self, changed_at: datetime | None, at: datetime) -> None:
        self.entries, self.read_at, self.changed_at = beat.entries(), at, changed_at

    def _hand_job(self, entry: beat.Entry, at: datetime) -> None:
        if not (self.inline or self.stalled_at):
            try:
                if beat.hand_over(entry, at=at):
                    self.jobs_handed_at = at
                return
            except engine.QueueAway as error:
                self._stalled(at, str(error))
        if beat.hand_over(entry, at=at, here=True):
            self.do_job(entry.name, at)

    def _rescue_jobs(self, at: datetime) -> None:
        """Run what was handed over, by this clock or one before it, and not begun by anybody."""
        self.jobs_handed_at = None
        for name, handed_at in beat.not_started(before=at - PATIENCE):
            if not self.inline:
                self._stalled(at, f"the job {name} waited {int((at - handed_at).total_seconds())} s")
            self.do_job(name, handed_at)

    # the queue's health

    def _enqueue(self, dotted: str, at: datetime, *args: object) -> bool:
        try:
            engine.enqueue(dotted, *args)
        except engine.QueueAway as error:
            self._stalled(at, str(error))
            return False
        return True

    def _ask(self, at: datetime) -> None:
        """Every half minute, and at once when the queue has just been found behind."""
        last = self.last_asked_at
        if last is None or at - last >= ASK_EVERY or (self.stalled_at is not None and last < self.stalled_at):
            self.last_asked_at = at
            if (engine.waiting() or 0) < CROWDED and self._enqueue(ANSWER, at, at.isoformat()):
                self.asked.append(at)

    def _answered(self, asked_at: datetime) -> None:
        if not self.asked or asked_at < self.asked[0]:
            return
        while self.asked and self.asked[0] <= asked_at:
            self.asked.popleft()
        self.restarts, self.restarted_at = 0, None
        if self.stalled_at and asked_at >= self.stalled_at:
            log.warning("The task queue answers again; it was behind since %s.", self.stalled_at)
            self.stalled_at, self.checks_handed_at = None, None

    def _stalled(self, at: datetime, why: str) -> None:
        if self.stalled_at is None:
            self.stalled_at, self.why = at, why
            log.warning("The task queue is behind: %s. The clock does its work until it answers.", why)

    def _restart_worker(self, at: datetime) -> None:
        """Tell the supervisor, by a file, to replace the worker; ever more rarely when it does not help."""
        pause = min(RESTART_EVERY * 2**self.restarts, RESTART_AT_MOST)
        if (self.restarted_at and at - self.restarted_at < pause) or beat.busy(at):
            return
        self.restarts, self.restarted_at = self.restarts + 1, at
        Path(settings.DATA_DIR, RESTART_WORKER).touch()
        log.error("The task queue has not answered since %s; asking for a fresh worker.", self.asked[0])
