"""The outbox: a message waits as a row from the transaction of its cause until it is sent, has failed, or its cause is
gone. Every try is on record."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import transaction

from policies.claims import locked
from policies.wake import wake

from .claimant import gone, me
from .letters import clean, queue
from .models import Delivery
from .outcomes import held_in_order, note_interrupted
from .rounds import Round, in_hand

__all__ = ["cancel", "deliver_due", "queue", "release_dead", "run"]


def cancel(
    thread: str, *, purposes: Iterable[str], at: datetime, reason: str, keep: Collection[int | None] = ()
) -> int:
    """Take back what waits in `thread`; return how many messages. What is on the wire already cannot be taken back.

    keep  numbers of deliveries that go out all the same
    An empty thread is no thread and takes back nothing.
    """
    if not thread:
        return 0
    waiting = Delivery.objects.waiting().filter(thread=thread, purpose__in=list(purposes))
    if keep:
        waiting = waiting.exclude(pk__in=[number for number in keep if number is not None])
    with transaction.atomic():
        return waiting.filter(pk__in=held_in_order(waiting)).update(
            status=Delivery.Status.CANCELLED, next_attempt_at=None, ended_at=at, error=clean(reason), claimed_by=""
        )


def deliver_due(*, at: datetime, limit: int = 100) -> int:
    """Send what is due at `at`, urgent messages first; return how many tries were made."""
    return run(at=at, limit=limit).total()


def run(*, at: datetime, limit: int = 100, thread: str = "") -> Counter[str]:
    """Send what is due, at most `limit` messages, of `thread` alone when given; return how many ended in which status.

    Any number of processes may do this at once. While slow receivers are waited for, messages that fall due meanwhile
    go out, `at` moving on with the time that passes.
    """
    return Round(at=at, limit=limit, thread=thread).run()


def release_dead(*, at: datetime) -> int:
    """Make due at once what a process that has ended was sending; return how many messages.

    They may have arrived, so they are marked as possibly repeated. Claims of other machines run out by themselves.
    """
    claimed = Delivery.objects.filter(next_attempt_at__isnull=False).exclude(claimed_by="")
    claims = claimed.order_by().values_list("claimed_by", flat=True).distinct()
    dead = [claim for claim in claims if claim == me() or gone(claim)]
    if not dead:
        return 0
    with transaction.atomic():
        rows = list(
            locked(claimed.filter(claimed_by__in=dead).exclude(claimed_by=me(), pk__in=list(in_hand))).defer(
                "address", "secret"
            )
        )
        if not rows:
            return 0
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
            claimed_by="", next_attempt_at=at, possibly_repeated=True
        )
        note_interrupted(rows, at=at)
        wake()
    return len(rows)
