"""One round of sending: rows are claimed, handed to couriers, and what comes back is recorded.

Healthy receivers are fed from batches, since to claim or record fifty rows costs little more than one. A row that has
waited behind others is looked at again just before it goes out, and given back when it would wait for long.
"""

import logging
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Case, F, Value, When

from policies.claims import lease
from policies.fields import SecretUnreadable
from policies.wake import wake

from . import bundles, circuits
from .claimant import me
from .couriers import ORDINARY, PER_ADDRESS, Couriers, Outcome
from .models import Delivery
from .outcomes import note_interrupted, record
from .senders import hold_back, message_of

log = logging.getLogger(__name__)
LEASE = timedelta(minutes=2)  # well over the longest try
LONGEST = 30.0  # seconds, after which a round begins no more tries
LOOK_AGAIN = 0.25  # seconds between looks for new rows while receivers are waited for
FRESH = 0.02  # seconds for which a row counts as still waiting
HOLD = 1.0  # seconds until a row that could not be handed over is given back
LARGEST_BATCH = 64
LONGEST_ERROR = 300  # characters of an error that is told
TOGETHER, TOGETHER_FOR = 48, 0.02  # outcomes, or seconds, until they are recorded in one transaction

REPEATED_IF_CLAIMED = Case(When(claimed_by="", then=F("possibly_repeated")), default=Value(True))

in_hand: set[int] = set()
"""Rows that a round of this process has claimed; a claim of ours that is not in it was left behind by an error."""


class Round:
    """Sends what is due at `at`, at most `limit` messages, of `thread` alone unless it is empty."""

    def __init__(self, *, at: datetime, limit: int, thread: str) -> None:
        self.at, self.limit, self.thread = at, limit, thread
        self.started = time.monotonic()
        self.told: Counter[str] = Counter()
        self.couriers = Couriers()
        self.ready: list[Delivery] = []  # claimed, not yet handed over
        self.along: dict[int, list[Delivery]] = {}  # what goes out in the message of another, by that one's key
        self.back: list[Outcome] = []  # not yet recorded
        self.held: set[int] = set()
        self.begun, self.batch = 0, ORDINARY
        self.look_at = self.claimed_at = self.checked_at = self.back_since = 0.0

    def now(self) -> datetime:
        return self.at + timedelta(seconds=time.monotonic() - self.started)

    def run(self) -> Counter[str]:
        """Send until nothing is due; return how many messages ended in which status."""
        try:
            with self.couriers:
                while self._step():
                    pass
        finally:
            self._let_go(list(self.held))
        return self.told

    def _step(self) -> bool:
        self._claim_more()
        self._hand_over()
        if not (self.couriers.busy or self.ready or self.back):
            return False
        waited = time.monotonic() - self.back_since
        arrived = self.couriers.collect(max(TOGETHER_FOR - waited, 0) if self.back else LOOK_AGAIN)
        if arrived and not self.back:
            self.back_since = time.monotonic()
        self.back += arrived
        # who asks to be left alone is, at once: what is ready for it goes back, to be put off with the rest
        asked = {one.delivery.address_key for one in arrived if one.after and one.word == "try again"} - {""}
        self._give_back([row for row in self.ready if row.address_key in asked and not row.urgent])
        waited = time.monotonic() - self.back_since
        if self.back and (asked or len(self.back) >= TOGETHER or waited >= TOGETHER_FOR or not self.couriers.busy):
            outcomes, self.back = [one for outcome in self.back for one in self._of_all(outcome)], []
            self.told.update(record(outcomes, at=self.now()))
            self._let_go(outcome.delivery.pk for outcome in outcomes)
        return True

    def _of_all(self, outcome: Outcome) -> list[Outcome]:
        """The outcome, and the same for every page that was in the message."""
        first = outcome.delivery
        return [outcome] + [
            replace(outcome, delivery=row, sent_with=first, detail=f"{outcome.detail} In one message with {first.pk}.")
            for row in self.along.pop(first.pk, [])
        ]

    def _claim_more(self) -> None:
        """Fill up what is ready, when it runs short and a look is due."""
        clock = time.monotonic()
        if clock - self.started > LONGEST or (clock < self.look_at and self.couriers.busy):
            return
        room, pages = self.couriers.room, self.couriers.room_for_pages
        counts = self.couriers.by_address()
        able = sum(counts[row.hint] < PER_ADDRESS for row in self.ready)
        if room > able:
            wanted = max(room, self.batch) - able
        else:
            wanted = pages if room < 1 else 0
        wanted = min(wanted, self.limit - self.begun)
        if wanted < 1:
            return
        full = [hint for hint, n in counts.items() if n >= PER_ADDRESS]
        claimed: list[Delivery] | None = None
        while claimed is None:
            claimed = self._claim(wanted, full=full, urgent=room < 1)
        if len(claimed) < wanted:
            self.look_at = clock + LOOK_AGAIN
        if claimed:
            self.begun += len(claimed)
            self.ready = sorted([*self.ready, *claimed], key=lambda row: not row.urgent)
            self.claimed_at = self.checked_at = time.monotonic()

    def _claim(self, wanted: int, *, full: list[str], urgent: bool) -> list[Delivery] | None:
        """Lease up to `wanted` rows that are due, but for addresses that are `full`; None: none of them goes out now.

        Of pages that go out as one message the first is returned, the others are kept beside it.
        """
        at = self.now()
        due = Delivery.objects.due(at).exclude(hint__in=full)
        due = due.filter(thread=self.thread) if self.thread else due
        # asked apart, each is a range of the index: what is due later is not read, however much it is
        picked = bundles.foremost(due.filter(urgent=True), wanted, at=at)
        if len(picked) < wanted and not urgent:
            picked += due.filter(urgent=False).values_list("pk", flat=True)[: wanted - len(picked)]
        if not picked:
            return []
        self._take(picked)
        try:
            claimed = lease(
                Delivery.objects.due(at).filter(pk__in=picked), due="next_attempt_at", at=at, length=LEASE,
                batch=len(picked), claimed_by=me(), possibly_repeated=REPEATED_IF_CLAIMED,
            )  # fmt: skip
        except SecretUnreadable:
            self._let_go(picked)
            unreadable = _set_aside_unreadable(picked, at=at)
            self.told.update(unreadable)
            return None if unreadable else []
        self._let_go(set(picked) - {row.pk for row in claimed})
        if interrupted := [row for row in claimed if row.claimed_by]:
            note_interrupted(interrupted, at=at)
        place = {pk: place for place, pk in enumerate(picked)}
        claimed.sort(key=lambda row: place[row.pk])
        ready = bundles.hold(circuits.gate(hold_back(claimed, at=at), at=at), at=at)
        self._let_go({row.pk for row in claimed} - {row.pk for row in ready})
        if claimed and not ready:
            return None
        messages = bundles.gather(ready, at=at, lease_until=at + LEASE, take=self._take)
        self.along |= {first.pk: others for first, *others in messages if others}
        return [rows[0] for rows in messages]

    def _hand_over(self) -> None:
        """Give couriers what they have room for, unless its cause has gone meanwhile."""
        if not self.ready or self.couriers.room_for_pages < 1:
            return
        clock = time.monotonic()
        if clock - self.checked_at > FRESH:
            self._drop_what_no_longer_waits()
        counts, kept = self.couriers.by_address(), []
        for row in self.ready:
            room = self.couriers.room_for_pages if row.urgent else self.couriers.room
            if room > 0 and counts[row.hint] < PER_ADDRESS:
                counts[row.hint] += 1
                self._send([row, *self.along.pop(row.pk, [])])
            else:
                kept.append(row)
        waited = clock - self.claimed_at
        if not kept:
            quicker, slower = min(self.batch * 2, LARGEST_BATCH), max(self.batch // 2, ORDINARY)
            self.batch = quicker if waited < 0.05 else slower if waited > 0.1 else self.batch
        self.ready = kept
        if kept and waited > HOLD:
            self._give_back(kept)
            self.batch = ORDINARY

    def _send(self, rows: list[Delivery]) -> None:
        """Hand over the one message of `rows`; what cannot be made ready has failed this try, and keeps back no other.

        When it is several rows together that cannot, each goes out by itself, so that only the faulty one fails.
        """
        first, *others = rows
        at = self.now()
        try:
            message = bundles.message(rows, message_of(first, at=at))
        except Exception as surprise:
            if others:
                for row in rows:
                    self._send([row])
                return
            self.back.append(_not_ready(first, surprise, at=at))
            return
        if others:
            self.along[first.pk] = others
        self.couriers.hand_over(first, message)

    def _drop_what_no_longer_waits(self) -> None:
        messages = [[row, *self.along.pop(row.pk, [])] for row in self.ready]
        claimed = [row.pk for rows in messages for row in rows]
        ours = Delivery.objects.waiting().filter(pk__in=claimed, claimed_by=me())
        waiting = set(ours.values_list("pk", flat=True))
        self._let_go(pk for pk in claimed if pk not in waiting)
        self.ready = []
        for rows in messages:
            if left := [row for row in rows if row.pk in waiting]:
                self.ready.append(left[0])
                self.along |= {left[0].pk: left[1:]} if left[1:] else {}
        self.checked_at = time.monotonic()

    def _give_back(self, rows: list[Delivery]) -> None:
        """Let others send what we hold and do not: those of `rows`, which are ready."""
        if not rows:
            return
        pks = [one.pk for row in rows for one in [row, *self.along.pop(row.pk, [])]]
        Delivery.objects.waiting().filter(pk__in=pks, claimed_by=me()).update(next_attempt_at=self.now(), claimed_by="")
        self.begun -= len(rows)
        self.ready = [row for row in self.ready if row not in rows]
        self._let_go(pks)

    def _take(self, pks: list[int]) -> None:
        """To be called before others can see the claim: dead claims may be released in another thread meanwhile."""
        self.held.update(pks)
        in_hand.update(pks)

    def _let_go(self, pks: Iterable[int]) -> None:
        for pk in list(pks):
            self.held.discard(pk)
            in_hand.discard(pk)


def _not_ready(row: Delivery, surprise: Exception, *, at: datetime) -> Outcome:
    """A try that ended before anything was sent. Its error is told without the address and the secret of `row`."""
    said = " ".join(str(surprise).split())
    for hidden in filter(None, (row.address, row.secret)):
        said = said.replace(hidden, "…")
    words = f"{type(surprise).__name__}: {said[:LONGEST_ERROR]}".rstrip(": .")
    where = "".join(traceback.format_tb(surprise.__traceback__))
    log.error("Delivery %s could not be made ready: %s\n%s", row.pk, words, where)
    # its receiver was not asked, so it counts as none of its failures: nought to wait says that it is there
    return Outcome(row, at, "try again", f"It could not be made ready: {words}.", timedelta(), after=timedelta())


def _set_aside_unreadable(rows: list[int], *, at: datetime) -> Counter[str]:
    """End those of `rows` whose address or secret cannot be decrypted, so that they hold up no other."""
    told: Counter[str] = Counter()
    for pk in rows:
        row = Delivery.objects.filter(pk=pk)
        try:
            row.first()
        except SecretUnreadable as error:
            told[Delivery.Status.FAILED.value] += row.waiting().update(
                status=Delivery.Status.FAILED, next_attempt_at=None, ended_at=at, claimed_by="", error=str(error)
            )
            wake()
    return +told
