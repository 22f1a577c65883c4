"""What a tick does: the sweeps over due rows, in the order that carries a new alert to its outbox row in one pass.

Every sweep is database work alone; what goes over the network (deliveries, rule checks) has its own runners, see
clockwork.py. `run_timers` from cron and the long-running clock call the same list.
"""

import logging
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import OperationalError, connection

from alerts import expiry, grouping, heartbeats, maintenance, silencing
from analytics import threshold_reviews
from checkup import snapshots
from incidents import (
    calls,
    escalation,
    impact,
    lapsing,
    notices,
    paging,
    recovery,
    targets,
    update_approval,
    update_items,
    updates,
)
from oncall import ahead, handoff
from recovery import prompting
from reviews import action_letters, followup
from runbooks import effects
from shifts import watching
from status import exporting
from status import maintenance as announced
from tickets import keeping

log = logging.getLogger(__name__)
Timer = Callable[..., int]
TIMERS: list[Timer] = [
    heartbeats.look_due,
    expiry.expire_due,
    silencing.hold_due,
    maintenance.begin_due,
    grouping.assign_due,
    paging.follow_up_due,
    notices.release_due,
    lapsing.lapse_due,
    escalation.climb_due,
    calls.make_due,
    targets.check_due,
    impact.prompt_due,
    updates.remind_due,
    update_items.remind_due,
    update_approval.lapse_due,
    recovery.resolve_due,
    keeping.look_due,
    prompting.look_due,
    followup.remind_due,
    action_letters.remind_due,
    threshold_reviews.remind_due,
    effects.put_back_due,
    snapshots.freeze_due,
    ahead.look_due,
    handoff.look_due,
    watching.look_due,
    watching.remind_due,
    announced.look_due,
    exporting.refresh_due,
]
ROUNDS = 50
"""How often one pass repeats a sweep that keeps finding rows; the rest waits for the next pass."""
TELL_EVERY = timedelta(minutes=1)


@dataclass
class Outcome:
    """What one pass did: rows worked by each timer that found any, and the timers that failed."""

    done: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [f"{name} {count}" for name, count in self.done.items()]
        parts += [f"{name} FAILED" for name in self.failed]
        return ", ".join(parts) or "nothing was due"


def name_of(timer: Timer) -> str:
    """`incidents.escalation.climb_due`: how a timer is called in logs, metrics and `run_timers --only`."""
    return f"{timer.__module__}.{timer.__name__}"


def run(
    timers: Sequence[Timer],
    *,
    at: datetime,
    due: Container[str] | None = None,
    worked: Callable[[], None] | None = None,
) -> Outcome:
    """Run the timers; one that fails is logged and stops no other.

    due      names of the timers that have work: each does one batch, so that none waits long for its turn; what is left
             and what follows is for the next look. None runs them all until they find nothing, in the order that
             carries a new alert to its outbox row in one pass.
    worked   called after each timer that worked rows
    """
    outcome = Outcome()
    for timer in timers:
        name = name_of(timer)
        if due is not None and name not in due:
            continue
        try:
            count = exhaust(timer, at=at) if due is None else timer(at=at)
        except OperationalError:
            # the database is away or busy; the next pass finds the same rows
            log.warning("%s was cut short by the database; tried again in the next pass.", name, exc_info=True)
            outcome.failed.append(name)
            connection.close_if_unusable_or_obsolete()
            continue
        except Exception:
            _tell(name, at)
            outcome.failed.append(name)
            continue
        if count:
            outcome.done[name] = count
            if worked:
                worked()
    return outcome


_told: dict[str, datetime] = {}


def _tell(name: str, at: datetime) -> None:
    """Log a failure whole, but not the same one every second."""
    if name in _told and timedelta(0) <= at - _told[name] < TELL_EVERY:
        return
    _told[name] = at
    log.exception("%s failed; tried again in every pass, told again in a minute.", name)


def exhaust(timer: Timer, *, at: datetime) -> int:
    """Repeat `timer` while it finds rows, at most ROUNDS times; return how many rows it worked."""
    total = 0
    for _ in range(ROUNDS):
        count = timer(at=at)
        total += count
        if not count:
            break
    return total
