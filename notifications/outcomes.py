"""What came of each try: recorded, and the delivery moved on, put off, or handed to its fallback."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import models, transaction
from django.db.models import F

from policies.claims import locked
from policies.durations import format_duration
from policies.wake import wake

from . import circuits, receipts, routing, senders
from .couriers import Outcome
from .letters import queue
from .models import Delivery, DeliveryAttempt, Destination, Purpose
from .transports import TRANSPORTS
from .transports.base import URGENT_DELAYS

PATIENCE = timedelta(hours=6)  # how long a Retry-After may hold a message, and how long they may in all
ASKED_TO_WAIT = 3  # waits that grow while the far side itself says when to come back; then each is as the last
PATIENCE_OF_A_PAGE = timedelta(minutes=1)  # … when another method, person or destination can take over
WITH_FALLBACK = 2  # retries before the fallback takes over


def record(outcomes: list[Outcome], *, at: datetime) -> Counter[str]:
    """Write what came of each try and where its delivery stands now, together."""
    with transaction.atomic():
        kept = held_in_order(Delivery.objects.filter(pk__in=[outcome.delivery.pk for outcome in outcomes]))
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
    told: Counter[str] = Counter()
    if sent:
        # whoever holds the claim by now: it has arrived, and is not to be sent again
        moved = Delivery.objects.waiting().filter(pk__in=sent).update(
            status=Delivery.Status.SENT, next_attempt_at=None, ended_at=at, error="", claimed_by="",
            attempts=F("attempts") + 1, held_until=None,
        )  # fmt: skip
        for outcome in outcomes:
            if outcome.reference or outcome.sent_with:
                Delivery.objects.filter(pk=outcome.delivery.pk).update(
                    reference=outcome.reference[:200], sent_with=outcome.sent_with
                )
            if outcome.reference:
                outcome.delivery.reference = outcome.reference[:200]
                receipts.catch_up(outcome.delivery, at=at)
        told.update({Delivery.Status.SENT.value: moved, Delivery.Status.CANCELLED.value: len(sent) - moved})
    for outcome in outcomes:
        if outcome.word != "sent":
            told[_not_sent(outcome, at=at)] += 1
    _leave_alone((outcome for outcome in outcomes if outcome.after and outcome.word == "try again"), at=at)
    for outcome in outcomes:
        if came_back := receipts.ENDS.get(outcome.delivery.purpose):
            came_back(outcome.delivery, outcome.word, outcome.detail, at=at)
        senders.let_follow(outcome.delivery, at=at)
    circuits.learn((outcome for outcome in outcomes if outcome.sent_with is None), at=at)
    return told


def _leave_alone(asked: Iterable[Outcome], *, at: datetime) -> None:
    """Put off what else waits for addresses that asked to be left alone, without a try: it would be refused as well.

    Not put off are pages, which may have another way, and what is put off further already.
    """
    until: dict[str, tuple[datetime, str]] = {}
    for outcome in asked:
        key, when = outcome.delivery.address_key, at + min(outcome.after or timedelta(), PATIENCE)
        if key and (key not in until or when > until[key][0]):
            until[key] = when, outcome.detail
    for key, (when, detail) in sorted(until.items()):
        waiting = Delivery.objects.waiting().filter(address_key=key, urgent=False, claimed_by="")
        free = list(locked(waiting.filter(next_attempt_at__lt=when).order_by("pk")).values_list("pk", flat=True))
        words = f"Its receiver asks to be left alone until {when.astimezone(UTC):%H:%M:%S} UTC: {detail}"
        Delivery.objects.filter(pk__in=free).update(next_attempt_at=when, held_until=when, error=words)


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
    if outcome.address_refused:
        receipts.refused(row, outcome.detail, at=at)
    hand_to_fallback(row, at=at)
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
    if row.purpose == Purpose.TICKET and delays:
        # a tracker is told in the end, however long it is away; its last wait repeats
        return max(delays[min(row.attempts, len(delays) - 1)], min(outcome.after or timedelta(), PATIENCE)), ""
    if outcome.after and delays and not replaceable and outcome.started_at - row.created_at < PATIENCE:
        # the far side is there and says when: such tries are not counted, lest a burst lose what it delays
        delays = delays[:ASKED_TO_WAIT] + delays[ASKED_TO_WAIT - 1 :][:1] * (row.attempts + 1)
    if row.attempts >= len(delays):
        return None, f"Given up after {row.attempts + 1} tries."
    asked, patience = outcome.after or timedelta(), PATIENCE_OF_A_PAGE if replaceable else PATIENCE
    if asked > patience:
        return None, f"It asks to wait {format_duration(asked)}, longer than we do ({format_duration(patience)})."
    return max(delays[row.attempts], asked), ""


def hand_to_fallback(row: Delivery, *, at: datetime) -> None:
    """Queue the message of the failed `row` to the next destination that has not failed it yet, if there is one."""
    places = Destination.objects.select_related("policy", "fallback")
    destination = places.filter(pk=row.destination_id).first() if row.destination_id is not None else None
    if destination is None or row.purpose == Purpose.TEST:  # what took a test's place would hide what it found
        return
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
                short=row.short, language=row.language,
                instead_of=row, once=f"fallback:{row.pk}:{part}",
            )  # fmt: skip
        return


def note_interrupted(rows: list[Delivery], *, at: datetime) -> None:
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


def held_in_order(rows: models.QuerySet) -> set[int]:
    """The keys of `rows`, locked in one order by everybody, so that no two of us wait for each other's rows."""
    return set(rows.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
