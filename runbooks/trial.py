"""A step's test task: handed to the task cluster on a press, and seen to have run, or not within ten seconds."""

from datetime import datetime, timedelta

from oncall.models import EscalationContact
from opscenter import engine

from .models import LiveItem, Run
from .runs import Refused

PLACE = 99
"""Where its result stands among the step's live items."""
PATIENCE = timedelta(seconds=10)
TASK = "runbooks.tasks.sign"


def begin(run: Run, step: str, *, by: EscalationContact, at: datetime) -> None:
    """Hand the task to the cluster; its result is shown when it has run."""
    LiveItem.objects.update_or_create(
        run=run, step=step, place=PLACE,
        defaults={"state": LiveItem.State.WAITS, "shown": "", "asked_at": at, "asked_by": by},
    )  # fmt: skip
    try:
        engine.enqueue(TASK, run.pk, step, at.isoformat())
    except engine.QueueAway as trouble:
        raise Refused(f"The test task was not taken: {trouble}.") from None


def ran(run: int, step: str, *, asked_at: datetime, at: datetime) -> None:
    """Note that it has run; an answer to an earlier press is passed over."""
    took = max((at - asked_at).total_seconds(), 0)
    rows = LiveItem.objects.filter(run=run, step=step, place=PLACE, asked_at=asked_at, state=LiveItem.State.WAITS)
    if not rows.update(state=LiveItem.State.GREEN, shown=f"The test task has run, after {took:.1f} s."):
        return
    found = Run.objects.select_related("incident").get(pk=run)
    if found.incident:
        found.incident.log("probe", f"The test task has run, after {took:.1f} s.", at=at, data={"run": run})


def words(item: LiveItem | None, *, at: datetime) -> tuple[str, str]:
    """(state, words) of the last test task."""
    if item is None or item.asked_at is None:
        return "asked", "not run yet"
    if item.state != LiveItem.State.WAITS:
        return item.state, item.shown
    if at - item.asked_at > PATIENCE:
        return "red", "cluster not running: the test task was not taken within 10 s. Look whether the worker runs."
    return "waits", "handed to the cluster; its answer is awaited"
