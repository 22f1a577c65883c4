"""The outbox: a message waits as a row from the transaction of its cause until it is sent, has failed, or its cause is
gone. Every try is on record."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import IntegrityError, models, transaction
from django.db.models import Case, F, Value, When

from policies.claims import lease, locked
from policies.durations import format_duration
from policies.fields import SecretUnreadable
from policies.wake import wake

from . import routing
from .claimant import gone, me
from .couriers import PER_ADDRESS, Couriers, Outcome
from .models import Delivery, DeliveryAttempt, Destination
from .transports import TRANSPORTS, Action, Message
from .transports.base import URGENT_DELAYS

LEASE = timedelta(minutes=2)  # well over the longest try
LOOK_AGAIN = 0.25  # seconds between looks for new messages while slow receivers are waited for
LONGEST_RUN = 30.0  # seconds, after which a run begins no more tries
PATIENCE = timedelta(hours=6)  # how long a Retry-After may hold a message
PATIENCE_OF_A_PAGE = timedelta(minutes=1)  # … when another method, person or destination can take over
WITH_FALLBACK = 2  # retries before the fallback takes over

REPEATED_IF_CLAIMED = Case(When(claimed_by="", then=F("possibly_repeated")), default=Value(True))

_in_hand: set[int] = set()
"""Rows that a run in this process is sending; a claim of ours outside of it was left behind by an error."""


def queue(
    *,
    kind: str,
    address: str,
    purpose: str,
    subject: str,
    text: str,
    at: datetime,
    thread: str = "",
    to: str = "",
    url: str = "",
    actions: Iterable[Mapping[str, str]] = (),
    data: Mapping | None = None,
    urgent: bool = False,
    once: str | None = None,
    destination: Destination | None = None,
    secret: str = "",
    instead_of: Delivery | None = None,
) -> Delivery:
    """Write a message into the outbox, in the caller's transaction; it goes out after the commit.

    kind, address  the transport and where to; neither is checked here, so that no typing error undoes its cause: what
                   cannot be sent fails in words, and the next method or the fallback takes over
    thread         what it belongs to, for `cancel`
    actions        [{"label": "Acknowledge", "url": …}]
    urgent         sent before others, with shorter waits between its tries
    once           its cause; a second call with the same cause returns the first row and writes nothing
    destination    the named place, whose fallback takes over; one that is switched off gets nothing, which is on record
    """
    channel = TRANSPORTS.get(kind)
    row = Delivery(
        kind=kind, address=address, secret=secret, hint=(channel.hint(address) if channel else "")[:120],
        to=_line(to, 160), destination=destination, purpose=purpose, urgent=urgent, thread=thread,
        subject=_line(subject, 250), text=_clean(text), url=url,
        actions=[{"label": _line(one["label"], 80), "url": one["url"]} for one in actions],
        data=_clean_json(data or {}), once=once, instead_of=instead_of, created_at=at, next_attempt_at=at,
    )  # fmt: skip
    if destination is not None and not destination.enabled:
        row.status, row.next_attempt_at, row.ended_at = Delivery.Status.CANCELLED, None, at
        row.error = f"The destination {destination} is switched off."
    if once is not None and (known := Delivery.objects.filter(once=once).first()):
        return known
    try:
        with transaction.atomic(savepoint=once is not None):
            row.save(force_insert=True)
    except IntegrityError:
        if once is None:
            raise
        return Delivery.objects.get(once=once)  # another transaction was first
    wake()
    return row


def cancel(thread: str, *, purposes: Iterable[str], at: datetime, reason: str) -> int:
    """Take back what waits in `thread`; return how many messages. What is on the wire already cannot be taken back.

    An empty thread is no thread and takes back nothing.
    """
    if not thread:
        return 0
    waiting = Delivery.objects.waiting().filter(thread=thread, purpose__in=list(purposes))
    with transaction.atomic():
        return waiting.filter(pk__in=_held_in_order(waiting)).update(
            status=Delivery.Status.CANCELLED, next_attempt_at=None, ended_at=at, error=_clean(reason), claimed_by=""
        )


def deliver_due(*, at: datetime, limit: int = 100) -> int:
    """Send what is due at `at`, urgent messages first; return how many tries were made."""
    return run(at=at, limit=limit).total()


def run(*, at: datetime, limit: int = 100, thread: str = "") -> Counter[str]:
    """Send what is due, at most `limit` messages, of `thread` alone when given; return how many ended in which status.

    Any number of processes may do this at once. While slow receivers are waited for, messages that fall due meanwhile
    go out, `at` moving on with the time that passes.
    """
    started = time.monotonic()
    told: Counter[str] = Counter()
    begun = 0
    held: set[int] = set()

    def now() -> datetime:
        return at + timedelta(seconds=time.monotonic() - started)

    try:
        with Couriers() as couriers:
            while True:
                if begun < limit and time.monotonic() - started < LONGEST_RUN:
                    for row in _claim(couriers, at=now(), most=limit - begun, thread=thread, held=held, told=told):
                        begun += 1
                        couriers.hand_over(row, _message(row, at=now()))
                if not couriers.busy:
                    return told
                outcomes = couriers.collect(LOOK_AGAIN)
                if outcomes:
                    told.update(_record(outcomes, at=now()))
                    _let_go(held, (outcome.delivery.pk for outcome in outcomes))
    finally:
        _let_go(held, list(held))


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
            locked(claimed.filter(claimed_by__in=dead).exclude(claimed_by=me(), pk__in=list(_in_hand))).defer(
                "address", "secret"
            )
        )
        if not rows:
            return 0
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
            claimed_by="", next_attempt_at=at, possibly_repeated=True
        )
        _note_interrupted(rows, at=at)
        wake()
    return len(rows)


def _claim(
    couriers: Couriers, *, at: datetime, most: int, thread: str, held: set[int], told: Counter[str]
) -> list[Delivery]:
    """Lease as many due rows as couriers are free, so that nothing waits between its claim and its sending."""
    room, pages_only = couriers.room, False
    if room < 1:
        room, pages_only = couriers.room_for_pages, True
    if room < 1:
        return []
    under_way = couriers.by_address()
    full = [hint for hint, count in under_way.items() if count >= PER_ADDRESS]
    due = Delivery.objects.due(at).exclude(hint__in=full)
    due = due.filter(thread=thread) if thread else due
    due = due.filter(urgent=True) if pages_only else due
    picked = []
    for pk, hint in due.values_list("pk", "hint")[: min(room, most)]:
        if under_way[hint] < PER_ADDRESS:
            under_way[hint] += 1
            picked.append(pk)
    if not picked:
        return []
    held.update(picked)
    _in_hand.update(picked)  # before the claim is seen by others: `release_dead` may run in another thread
    try:
        claimed = lease(
            Delivery.objects.due(at).filter(pk__in=picked), due="next_attempt_at", at=at, length=LEASE,
            batch=len(picked), claimed_by=me(), possibly_repeated=REPEATED_IF_CLAIMED,
        )  # fmt: skip
    except SecretUnreadable:
        _let_go(held, picked)
        unreadable = _set_aside_unreadable(picked, at=at)
        told.update(unreadable)
        return _claim(couriers, at=at, most=most, thread=thread, held=held, told=told) if unreadable else []
    _let_go(held, set(picked) - {row.pk for row in claimed})
    interrupted = [row for row in claimed if row.claimed_by]
    if interrupted:
        _note_interrupted(interrupted, at=at)
    return claimed


def _held_in_order(rows: models.QuerySet) -> set[int]:
    """The keys of `rows`, locked in one order by everybody, so that no two of us wait for each other's rows."""
    return set(rows.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))


def _let_go(held: set[int], rows: Iterable[int]) -> None:
    for pk in rows:
        held.discard(pk)
        _in_hand.discard(pk)


def _message(row: Delivery, *, at: datetime) -> Message:
    actions = tuple(Action(action["label"], action["url"]) for action in row.actions)
    # told apart from the row of the same number in another installation, or before a database was made anew
    identity = f"{row.created_at.timestamp() * 1000:.0f}-{row.pk}"
    return Message(row.subject, row.text, row.url, actions, row.data, identity, at)


def _record(outcomes: list[Outcome], *, at: datetime) -> Counter[str]:
    """Write what came of each try and where its delivery stands now, together."""
    with transaction.atomic():
        kept = _held_in_order(Delivery.objects.filter(pk__in=[outcome.delivery.pk for outcome in outcomes]))
        return _record_held([outcome for outcome in outcomes if outcome.delivery.pk in kept], at=at)


def _record_held(outcomes: list[Outcome], *, at: datetime) -> Counter[str]:
    DeliveryAttempt.objects.bulk_create(
        DeliveryAttempt(
            delivery_id=outcome.delivery.pk, at=outcome.started_at, outcome=outcome.word, detail=outcome.detail,
            took_ms=round(outcome.took / timedelta(milliseconds=1)),
        )
        for outcome in outcomes
    )  # fmt: skip
    sent = [outcome.delivery.pk for outcome in outcomes if outcome.word == "sent"]
    if sent:
        # whoever holds the claim by now: it has arrived, and is not to be sent again
        Delivery.objects.waiting().filter(pk__in=sent).update(
            status=Delivery.Status.SENT, next_attempt_at=None, ended_at=at, error="", claimed_by="",
            attempts=F("attempts") + 1,
        )  # fmt: skip
    told = Counter({Delivery.Status.SENT.value: len(sent)}) if sent else Counter()
    for outcome in outcomes:
        if outcome.word != "sent":
            told[_not_sent(outcome, at=at)] += 1
    return told


def _not_sent(outcome: Outcome, *, at: datetime) -> str:
    """Put the delivery off, or end it and hand its message to the fallback; return where it stands."""
    row = outcome.delivery
    # only while the claim is ours: it may have been cancelled, or taken over after our lease
    ours = Delivery.objects.waiting().filter(pk=row.pk, next_attempt_at=row.next_attempt_at)
    places = Destination.objects.select_related("policy", "fallback")
    destination = places.filter(pk=row.destination_id).first() if row.destination_id is not None else None
    wait, why_not = _wait(outcome, has_fallback=destination is not None and destination.fallback is not None)
    if wait is not None:
        moved = ours.update(
            status=Delivery.Status.RETRYING, attempts=F("attempts") + 1, next_attempt_at=at + wait, claimed_by="",
            error=outcome.detail,
        )  # fmt: skip
        return Delivery.Status.RETRYING.value if moved else _standing(row)
    moved = ours.update(
        status=Delivery.Status.FAILED, attempts=F("attempts") + 1, next_attempt_at=None, ended_at=at, claimed_by="",
        error=f"{outcome.detail} {why_not}".strip(), address_refused=outcome.address_refused,
    )  # fmt: skip
    if not moved:
        return _standing(row)
    if destination is not None:
        _hand_to_fallback(row, destination, at=at)
    wake()  # whoever asked for it may have another way
    return Delivery.Status.FAILED.value


def _standing(row: Delivery) -> str:
    return Delivery.objects.values_list("status", flat=True).get(pk=row.pk)


def _wait(outcome: Outcome, *, has_fallback: bool) -> tuple[timedelta | None, str]:
    """How long until the next try; None, and why, when there is none."""
    if outcome.word != "try again":
        return None, ""
    row, replaceable = outcome.delivery, outcome.delivery.urgent or has_fallback
    delays = URGENT_DELAYS if row.urgent else TRANSPORTS[row.kind].delays if row.kind in TRANSPORTS else ()
    delays = delays[:WITH_FALLBACK] if has_fallback else delays
    if row.attempts >= len(delays):
        return None, f"Given up after {row.attempts + 1} tries."
    asked, patience = outcome.after or timedelta(), PATIENCE_OF_A_PAGE if replaceable else PATIENCE
    if asked > patience:
        return None, f"It asks to wait {format_duration(asked)}, longer than we do ({format_duration(patience)})."
    return max(delays[row.attempts], asked), ""


def _hand_to_fallback(row: Delivery, destination: Destination, *, at: datetime) -> None:
    """Queue the message of the failed `row` to the next destination that has not failed it yet."""
    failed: set[int | None] = {destination.pk}
    before = row.instead_of
    while before is not None:
        failed.add(before.destination_id)
        before = before.instead_of
    for stand_in in routing.standing_in_for(destination):
        if stand_in.pk in failed:
            continue
        for part, address in enumerate(routing.addresses_of(stand_in, destination.policy)):
            queue(
                kind=stand_in.kind, address=address, secret=routing.secret_of(stand_in, destination.policy),
                to=str(stand_in), destination=stand_in, purpose=row.purpose, urgent=row.urgent, thread=row.thread,
                subject=row.subject, text=row.text, url=row.url, actions=row.actions, data=row.data, at=at,
                instead_of=row, once=f"fallback:{row.pk}:{part}",
            )  # fmt: skip
        return


def _note_interrupted(rows: list[Delivery], *, at: datetime) -> None:
    """Leave on record that a try of `rows` (as they were claimed) never came back; it counts as one."""
    with transaction.atomic():
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(attempts=F("attempts") + 1)
        DeliveryAttempt.objects.bulk_create(
            DeliveryAttempt(
                delivery=row, at=at, outcome="interrupted",
                detail=f"The process that was sending it ({row.claimed_by}) did not come back; sent again.",
            )
            for row in rows
        )  # fmt: skip
    for row in rows:
        row.attempts += 1


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


def _clean(text: str) -> str:
    """`text` without what PostgreSQL cannot store: NUL and halves of surrogate pairs."""
    return str(text).replace("\x00", "").encode("utf-8", "replace").decode()


def _line(text: str, length: int) -> str:
    text = " ".join(_clean(text).split())
    return text if len(text) <= length else text[: length - 1] + "…"


def _clean_json(value):
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, Mapping):
        return {_clean(name): _clean_json(one) for name, one in value.items()}
    return [_clean_json(one) for one in value] if isinstance(value, list | tuple) else value
