"""How a heartbeat stands at an instant, in one word for people; derived from what is stored, nothing is written."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..models import Heartbeat
from ..signals import instant
from . import life as lives


class Standing(StrEnum):
    DOWN = "down"
    LATE = "late"
    RUNNING = "running"
    UP = "up"
    NEW = "new"
    PAUSED = "paused"


WORST_FIRST = list(Standing)


@dataclass(frozen=True)
class Stand:
    """A heartbeat as it stands.

    expected_at  when its next good ping should come; None: nothing is expected
    deadline_at  when it is down if nothing comes
    runs_since   when the run that goes on began
    """

    heartbeat: Heartbeat
    standing: Standing
    expected_at: datetime | None
    deadline_at: datetime | None
    runs_since: datetime | None

    @property
    def order(self) -> tuple[int, str]:
        return WORST_FIRST.index(self.standing), self.heartbeat.name


def stand(heartbeat: Heartbeat, *, at: datetime) -> Stand:
    """How it stands at `at`, also if the sweep has not looked yet."""
    expected = lives.expected(lives.of(heartbeat))
    expected_at = None if expected is None else instant(expected)
    runs_since = heartbeat.last_start_at
    if heartbeat.state == Heartbeat.State.DOWN or (heartbeat.deadline_at and heartbeat.deadline_at <= at):
        word = Standing.DOWN
    elif expected_at is not None and expected_at <= at:
        word = Standing.LATE
    elif runs_since is not None:
        word = Standing.RUNNING
    else:
        word = Standing(heartbeat.state)
    return Stand(heartbeat, word, expected_at, heartbeat.deadline_at, runs_since)
