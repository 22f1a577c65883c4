"""Panels with a source of their own: those that are due are read, and what was read is kept.

As with rules, asking goes out over the network on threads, outside any transaction; claiming before it and writing
after it are short transactions in the caller's thread. A panel is claimed by pushing its due time on; when its process
dies, the clock gives it back (`release_dead`), else the end of the lease does.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from alerts import reading, samples
from alerts.evaluation import note_connections, question_of
from notifications.claimant import gone, me
from policies.claims import lease
from sources.addresses import address_values
from sources.probes import Asker, ProbeError

from .models import Panel, PanelSample, PanelSource

log = logging.getLogger(__name__)
BATCH = 200
LEASE = timedelta(minutes=5)
SHORTEST = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def sample_due(*, at: datetime) -> int:
    """Read the panels whose time has come by `at`; return how many."""
    rows = Panel.objects.due(at)
    if not rows.exists():  # most ticks: without a transaction, which on SQLite would take the lock
        return 0
    whole = rows.select_related("dashboard__policy").prefetch_related(
        "dashboard__policy__parameters", "sources__connection"
    )
    claimed = lease(whole, due="sample_at", at=at, length=LEASE, batch=BATCH, claimed_by=me())
    going = reading.Round()
    for panel in claimed:
        policy = panel.dashboard.policy
        going.put(panel, _questions(panel, address_values(policy), Asker(policy.pk)), at=at)
    left = len(claimed)
    while left:
        for panel, answer in going.take(wait=None):
            left -= 1
            try:
                if isinstance(answer, BaseException):
                    raise answer
                with transaction.atomic():
                    _keep(panel, answer, at=at)
            except (OperationalError, InterfaceError):  # the database itself: for the caller, the leases run out
                raise
            except Exception:
                log.exception("The panel %s could not be read; tried again in its turn.", panel)
                Panel.objects.filter(pk=panel.pk).update(sample_at=_next(panel.every, at), claimed_by="")
    return len(claimed)


def _questions(panel: Panel, values: Mapping[str, Any], asker: Asker) -> list[reading.Question]:
    """Of several ways the first that answers counts: all after the first are fallbacks of it."""
    found = []
    for place, source in enumerate(panel.sources.all()):  # type: ignore[attr-defined]
        source.fallback = place > 0
        found.append(question_of(source, values, asker))
    return found


def _next(every: timedelta, at: datetime) -> datetime:
    """The next turn after `at`, on a grid that begins at midnight UTC."""
    every = max(every, SHORTEST)
    return EPOCH + ((at - EPOCH) // every + 1) * every


def _keep(panel: Panel, answer: reading.Answer, *, at: datetime) -> None:
    read, fault = answer.readings, ""
    if isinstance(read, ProbeError):
        fault = str(read)
    facts: dict[str, Any] = {"sample_at": _next(panel.every, at), "claimed_by": "", "sampled_at": at, "error": fault}
    if not Panel.objects.filter(pk=panel.pk, sample_at__isnull=False).update(**facts):
        return  # taken away while it was read
    if not answer.unset:  # what was never set up leaves no trail
        _note(panel, read, at=at)
    fine = [source for source, wrong in answer.faults.items() if not wrong]
    PanelSource.objects.filter(pk__in=fine).update(error="", last_seen_at=at)
    for source, wrong in answer.faults.items():
        if wrong:
            PanelSource.objects.filter(pk=source).exclude(error=wrong).update(error=wrong)
    note_connections([answer], at=at)


def _note(panel: Panel, read: samples.Read, *, at: datetime) -> None:
    """Lengthen the last row when it says the same and is of the same day, else add one."""
    data = samples.dump(read)
    last = PanelSample.objects.filter(panel=panel, at__lte=at).order_by("-at", "-pk").first()
    same = last is not None and last.data == data and last.until.date() == at.date()
    # a pause in which nobody read is a gap, not a time in which nothing changed
    if last is not None and same and at - last.until <= 3 * max(panel.every, SHORTEST) + LEASE:
        PanelSample.objects.filter(pk=last.pk).update(until=at, times=F("times") + 1)
        return
    figures = [] if isinstance(read, ProbeError) else [_figure(panel, one) for one in read]
    known = [figure for figure in figures if figure is not None]
    PanelSample.objects.create(panel=panel, at=at, until=at, value=max(known, default=None), data=data)


def _figure(panel: Panel, one: Any) -> float | None:
    return samples.number(one.fields.get(panel.field) if panel.field else one.value)


def release_dead(*, at: datetime) -> int:
    """Make due at once the panels that a process of this machine was reading when it ended; return how many."""
    claims = Panel.objects.exclude(claimed_by="").order_by().values_list("claimed_by", flat=True).distinct()
    dead = [claim for claim in claims if gone(claim)]
    return Panel.objects.filter(claimed_by__in=dead).update(claimed_by="", sample_at=at) if dead else 0
