"""Sweeps over due rows: each row is worked exactly once, whoever else sweeps, and one bad row holds up nobody.

Two forms. `sweep` is for work that is database alone: rows stay locked until their effect is committed, so a crash
gives them back at once. `lease` is for work that goes out over the network: the row's due time is pushed on in a short
transaction of its own, and a lease that runs out makes the row due again.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import OperationalError, connection, models, transaction

from .once import a_sweep

log = logging.getLogger(__name__)
PUSH_ON = timedelta(minutes=1)
SLICE = 0.25
"""Seconds of work in one transaction. What it caused is seen by others only at its end, on SQLite nobody else can write
meanwhile, other sweeps wait for their turn, and after a crash it is done once more."""


class Slice:
    """The time that one transaction of a sweep may take; `over` once it is up."""

    def __init__(self) -> None:
        self.until = time.monotonic() + SLICE

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.until


def locked(rows: models.QuerySet) -> models.QuerySet:
    """`rows` locked for this transaction, without those another sweep holds; SQLite's transaction is its own lock."""
    if connection.vendor == "postgresql":
        return rows.select_for_update(skip_locked=True, of=("self",))
    return rows


def sweep(rows: models.QuerySet, *, due: str, at: datetime, work: Callable[..., None], batch: int = 200) -> int:
    """Run `work(row, at=at)` for up to `batch` of `rows`, at least one; return how many were worked.

    It stops when its slice of time is over, so a count below `batch` does not say that nothing is left. `work` must
    move the row's `due` field on (or empty it). A row whose work fails is rolled back alone, logged, and pushed on by a
    minute.
    """
    done, slice = 0, Slice()
    with transaction.atomic(), a_sweep():
        for row in list(locked(rows)[:batch]):
            if done and slice.over:
                break
            try:
                with transaction.atomic():
                    work(row, at=at)
                done += 1
            except OperationalError:
                # another transaction was in the way: the row stays due, the next sweep tries it
                log.warning("%s %s is worked again: the database was busy", row._meta.label, row.pk, exc_info=True)
            except Exception:
                log.exception("%s %s could not be worked; looked at again in a minute", row._meta.label, row.pk)
                type(row)._base_manager.filter(pk=row.pk).update(**{due: at + PUSH_ON})
    return done


def lease(rows: models.QuerySet, *, due: str, at: datetime, length: timedelta, batch: int, **marks) -> list:
    """Claim up to `batch` of `rows` by pushing `due` on by `length` (and setting `marks`); return the rows claimed."""
    with transaction.atomic():
        claimed = list(locked(rows)[:batch])
        rows.model._base_manager.filter(pk__in=[row.pk for row in claimed]).update(**{due: at + length}, **marks)
    for row in claimed:
        setattr(row, due, at + length)
    return claimed
