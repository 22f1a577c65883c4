"""Addresses that do not work for now, or for good: known from what came of earlier tries and what providers told.

Whose circuit is open is not asked over and over: what has another way takes it at once, the rest waits until a single
message (the probe) has tried whether it is back. A page without another way is tried all the same.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

from django.db.models import F, Q

from channels_health import history
from policies.claims import locked
from policies.wake import wake

from .couriers import Outcome
from .models import AddressHealth, Delivery, Destination, Purpose

OPENS_AFTER = 5  # tries in a row that the far side did not take
FIRST_PROBE = timedelta(seconds=30)
LONGEST_PROBE = timedelta(minutes=10)
ON_THE_WIRE = timedelta(seconds=30)  # a probe that has not come back by then counts as failed
WAITS = "Waits: "
TENANT, KIND = "opscenter", "destination"
"""Under these a destination stands among the channels."""


def gate(claimed: list[Delivery], *, at: datetime) -> list[Delivery]:
    """Those of `claimed` that may go out now; the others are ended, passed over or put off, and say why."""
    keys = {row.address_key for row in claimed} - {""}
    troubled = AddressHealth.objects.filter(address_key__in=keys).filter(Q(opened_at__isnull=False) | ~Q(barred=""))
    known = {health.address_key: health for health in troubled} if keys else {}
    return [row for row in claimed if row.address_key not in known or _passes(row, known[row.address_key], at=at)]


def _passes(row: Delivery, health: AddressHealth, *, at: datetime) -> bool:
    test = row.purpose == Purpose.TEST
    if health.barred and not (test and health.barred == AddressHealth.Barred.BOUNCED):
        _end(row, Delivery.Status.SUPPRESSED, f"Not sent: {health.barred_why}", at=at)
        return False
    if health.opened_at is None or test:
        return True
    if health.circuit_at(at) == "half-open" and _takes_the_probe(health, at=at):
        return True
    since = f"{health.opened_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    words = f"its circuit is open since {since}, after {health.failures} failures in a row: {health.error}"
    if row.other_way or (row.destination and row.destination.fallback_id is not None):
        _end(row, Delivery.Status.FAILED, f"Passed over: {words}", at=at)
        return False
    if row.urgent:
        return True
    until = max(health.probe_at or at, at + timedelta(seconds=1))
    Delivery.objects.waiting().filter(pk=row.pk).update(
        next_attempt_at=until, held_until=until, claimed_by="", error=f"{WAITS}{words}"
    )
    return False


def _takes_the_probe(health: AddressHealth, *, at: datetime) -> bool:
    """Of all that wait, in whatever process, one goes first."""
    taken = AddressHealth.objects.filter(pk=health.pk, probe_at=health.probe_at).update(probe_at=at + ON_THE_WIRE)
    health.probe_at = at + ON_THE_WIRE
    return bool(taken)


def _end(row: Delivery, status: str, words: str, *, at: datetime, free: bool = False) -> None:
    """End it without a try; `free`: unless somebody is sending it by now."""
    from .outcomes import hand_to_fallback

    waiting = Delivery.objects.waiting().filter(pk=row.pk)
    ended = (waiting.filter(claimed_by="") if free else waiting).update(
        status=status, next_attempt_at=None, ended_at=at, claimed_by="", error=words
    )  # fmt: skip
    if ended:
        hand_to_fallback(row, at=at)
        wake()  # whoever asked for it may have another way


def learn(outcomes: Iterable[Outcome], *, at: datetime) -> None:
    """Take from tries that came back how their addresses stand, in the transaction that records them."""
    failed: defaultdict[str, list[Outcome]] = defaultdict(list)
    answered: dict[str, Outcome] = {}
    for outcome in outcomes:
        key = outcome.delivery.address_key
        if not key:
            continue
        if outcome.word == "try again" and outcome.after is None:
            failed[key].append(outcome)
        elif outcome.word == "sent":
            answered[key] = outcome
    _hold(failed.keys() | answered.keys())
    if answered:
        _recovered(answered, at=at)
    for key in sorted(failed.keys() - answered.keys()):
        _failed_again(key, failed[key], at=at)


def _hold(keys: Collection[str]) -> None:
    """Lock what is known of these addresses, in the same order by everybody, until the transaction ends."""
    known = AddressHealth.objects.filter(address_key__in=keys).order_by("address_key")
    list(known.select_for_update().values_list("pk", flat=True))


def _recovered(answered: dict[str, Outcome], *, at: datetime) -> None:
    troubled = AddressHealth.objects.filter(address_key__in=answered).exclude(failures=0, opened_at=None)
    opened = {health.address_key for health in troubled if health.opened_at is not None} if troubled else set()
    if not troubled:
        return
    AddressHealth.objects.filter(pk__in=[health.pk for health in troubled]).update(
        failures=0, opened_at=None, probe_at=None, probes=0, error=""
    )
    for key in opened:
        waiting = Delivery.objects.waiting().filter(address_key=key, error__startswith=WAITS, claimed_by="")
        # what somebody else has now, to cancel it, is not waited for: he may wait for what we have
        free = list(locked(waiting.order_by("pk")).values_list("pk", flat=True))
        Delivery.objects.filter(pk__in=free).update(next_attempt_at=at, held_until=None, error="")
        tell_channel(answered[key].delivery.destination_id, "connected", at=at, reason="It takes messages again.")
        wake()


def _failed_again(key: str, outcomes: list[Outcome], *, at: datetime) -> None:
    row, error = outcomes[-1].delivery, outcomes[-1].detail
    AddressHealth.objects.get_or_create(address_key=key, defaults={"kind": row.kind, "hint": row.hint})
    AddressHealth.objects.filter(address_key=key).update(
        failures=F("failures") + 1, error=error
    )  # side by side is not in a row
    health = AddressHealth.objects.get(address_key=key)
    if health.failures < OPENS_AFTER:
        return
    if health.opened_at is None:
        AddressHealth.objects.filter(pk=health.pk).update(opened_at=at, probe_at=at + FIRST_PROBE, probes=0)
        tell_channel(row.destination_id, "failing", at=at, reason=error)
    else:
        wait = min(FIRST_PROBE * 2 ** min(health.probes + 1, 10), LONGEST_PROBE)
        AddressHealth.objects.filter(pk=health.pk).update(probe_at=at + wait, probes=health.probes + 1)


def tell_channel(destination_id: int | None, status: str, *, at: datetime, reason: str) -> None:
    """Note among the channels how a destination is; an address of a person is no channel."""
    place = Destination.objects.select_related("policy").filter(pk=destination_id).first() if destination_id else None
    if place is not None:
        key = f"{place.policy.key}/{place.key}" if place.policy else place.key
        history.record(TENANT, key[:120], status, at=at, reason=reason, name=place.key, kind=KIND)


def bar(delivery: Delivery, why: str, words: str, *, at: datetime) -> None:
    """Send nothing more to the address of `delivery`; what waits for it ends here.

    why  bounced or complained
    """
    health, _ = AddressHealth.objects.get_or_create(
        address_key=delivery.address_key, defaults={"kind": delivery.kind, "hint": delivery.hint}
    )
    if health.barred == AddressHealth.Barred.COMPLAINED:
        return
    AddressHealth.objects.filter(pk=health.pk).update(barred=why, barred_at=at, barred_why=words)
    for row in Delivery.objects.waiting().filter(address_key=delivery.address_key, claimed_by=""):
        _end(row, Delivery.Status.SUPPRESSED, f"Not sent: {words}", at=at, free=True)


def lift(keys: Iterable[str]) -> int:
    """Allow messages to these addresses again, by their fingerprints; return how many were barred."""
    return AddressHealth.objects.filter(address_key__in=list(keys)).exclude(barred="").update(
        barred="", barred_at=None, barred_why=""
    )  # fmt: skip


def figures(*, at: datetime) -> Counter[str]:
    """How many addresses are in which state: open, half-open, barred."""
    told: Counter[str] = Counter()
    for health in AddressHealth.objects.filter(Q(opened_at__isnull=False) | ~Q(barred="")):
        told[health.circuit_at(at) if health.opened_at else "barred"] += 1
    return told
