"""A test message to every destination each day, so that one that stopped working is known before it is needed.

What came of it stands on the page of destinations, as the state of each; nobody is paged, no issue is made, and no
fallback takes a test over.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from policies.substitute import names

from . import app_notices, outbox, routing, standing
from .addresses import CONTACT
from .models import Delivery, Destination, Purpose
from .transports import TRANSPORTS

SUBJECT = "TEST: daily self-test"
TEXT = (
    "This is the daily test of the destination {place} by Opscenter. Nothing has happened, and nothing is to be done. "
    "If you can read this, alerts arrive here."
)


@dataclass(frozen=True)
class Left:
    """A destination that is not tested, and why in words."""

    destination: Destination
    why: str


def run(*, at: datetime, key: str = "") -> tuple[list[Delivery], list[Left]]:
    """Queue the test of the day of `at` (UTC) to each address of each destination; return them and what is left out.

    key   only destinations with this key, at once, those that are spared the daily test too
    A second run on the same day sends nothing again. Administrators are shown whose token or password ends soon.
    """
    sent, left = [], []
    for destination in _destinations(key):
        if why := why_not(destination, asked_for=bool(key)):
            left.append(Left(destination, why))
        else:
            sent += test(destination, at=at, daily=not key)
        _announce_end(destination, at=at)
    return sent, left


def why_not(destination: Destination, *, asked_for: bool = False) -> str:
    """Why `destination` is not tested; empty when it is.

    asked_for  somebody wants this one tested, so that its own switch does not count
    """
    if not destination.enabled:
        return "it is switched off"
    if not destination.self_test and not asked_for:
        return "its daily test is switched off"
    channel = TRANSPORTS.get(destination.kind)
    if channel is None:
        return f"there is no transport {destination.kind!r}"
    if channel.test_facts is None:
        return f"a test by {destination.kind} would make an issue, a call or costs"
    routes = list(destination.routes.all())
    waits = [routing.waits_for(route) for route in routes]
    if routes and all(waits):
        return f"nothing goes there: {waits[0]}"
    if missing := [name for one in routing.addresses_of(destination) for name in names(one)]:
        return f"the parameter {missing[0]} is not set"
    if any(one.startswith(CONTACT) for one in routing.addresses_of(destination)):
        return "nobody it stands for has such an address"
    return ""


def _destinations(key: str) -> list[Destination]:
    rows = Destination.objects.select_related("policy").prefetch_related("routes__policy").order_by("policy", "key")
    return list(rows.filter(key=key) if key else rows)


def test(destination: Destination, *, at: datetime, daily: bool = False) -> list[Delivery]:
    """Queue a test message to each address of `destination`; a daily one at most once a day."""
    channel = TRANSPORTS[destination.kind]
    return [
        outbox.queue(
            kind=destination.kind, address=address, secret=routing.secret_of(destination), to=str(destination),
            destination=destination, purpose=Purpose.TEST, thread=f"self-test:{destination.pk}", at=at,
            subject=SUBJECT, short=SUBJECT, text=TEXT.format(place=destination),
            data={"type": "self-test", **(channel.test_facts or {})},
            once=f"self-test:{destination.pk}:{part}:{at.astimezone(UTC):%Y-%m-%d}" if daily else None,
        )
        for part, address in enumerate(routing.addresses_of(destination))
    ]  # fmt: skip


def _announce_end(destination: Destination, *, at: datetime) -> None:
    left = standing.ends_in(destination, at=at)
    if left is None or not destination.enabled:
        return
    when = f"ended on {destination.expires_at}" if left < 0 else f"ends on {destination.expires_at}"
    text = f"The token of the destination {destination} {when}: enter a new one, and its end."
    app_notices.tell(app_notices.admins(), text, cause=f"expires:{destination.pk}:{destination.expires_at}", at=at)
