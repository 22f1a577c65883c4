"""A marked test message to every place that the routes of a policy name, and what each answered."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from policies.models import Policy

from . import outbox, routing
from .addresses import address_key
from .models import Delivery, DeliveryAttempt, Destination, Purpose, Route

WORDS = "alert-test"
"""What the message says, for whoever looks for it; the body that other programs send as a smoke test has the same."""
STATUS = re.compile(r"\b([1-5]\d\d)\b")
LIMIT = 1000


@dataclass(frozen=True)
class Row:
    """How one message ended.

    status  of the delivery: sent, failed, retrying …
    code    what the far side answered with, None when it gave no number
    detail  in words: what it said, or why nothing was sent
    """

    destination: str
    kind: str
    place: str
    status: str
    code: int | None
    detail: str


def queue(policy: Policy, *, by: str, at: datetime) -> list[Delivery]:
    """Queue one test message to each address of every destination that a route of `policy`, or of all, names.

    Switches and throttles of routes hold no test back; a destination that is switched off is on record as not told.
    """
    thread = f"smoke:{policy.pk}:{at.timestamp():.6f}"
    found: dict[str, Delivery] = {}
    routes = Route.objects.filter(Q(policy=policy) | Q(policy=None)).prefetch_related("destinations__policy")
    for route in routes.order_by("position", "pk"):
        if routing.waits_for(route):
            continue
        for destination in route.destinations.all():
            for address in _addresses(route, destination, policy):
                key = address_key(destination.kind, address)
                if key in found:
                    continue
                found[key] = outbox.queue(
                    kind=destination.kind, address=address, secret=routing.secret_of(destination, policy),
                    to=str(destination), destination=destination, purpose=Purpose.TEST, thread=thread, at=at,
                    subject=f"TEST: {WORDS}", short=f"TEST: {WORDS}",
                    text=f"{WORDS}: a test message from Opscenter for {policy.name}, asked for by {by}. "
                    "Nothing has happened. If you can read this, alerts arrive here.",
                    data={"type": "smoke", "message": WORDS, "policy": policy.key},
                )  # fmt: skip
    return list(found.values())


def send(policy: Policy, *, by: str, at: datetime) -> list[Row]:
    """Queue the test messages of `policy`, try each once now, and return how they stand."""
    queued = queue(policy, by=by, at=at)
    if queued:
        outbox.run(at=at, limit=LIMIT, thread=queued[0].thread)
    return standing(queued)


def standing(queued: list[Delivery]) -> list[Row]:
    """How the messages stand now; what is retried goes on by itself."""
    tries: dict[int, DeliveryAttempt] = {}
    for one in DeliveryAttempt.objects.filter(delivery__in=[row.pk for row in queued]).order_by("pk"):
        tries[one.delivery_id] = one
    rows = Delivery.objects.filter(pk__in=[row.pk for row in queued]).order_by("pk").defer("address", "secret")
    return [_row(row, tries.get(row.pk)) for row in rows]


def _row(row: Delivery, last: DeliveryAttempt | None) -> Row:
    detail = last.detail if last else row.error
    number = STATUS.search(detail)
    return Row(row.to, row.kind, row.hint, row.status, int(number[1]) if number else None, detail or row.error)


def _addresses(route: Route, destination: Destination, policy: Policy) -> list[str]:
    """Where a route leads at this destination: to its addresses, or to the channels that levels have of their own."""
    addresses = routing.addresses_of(destination, policy)
    if not route.by_level:
        return addresses
    channels = [name for names in routing.levels_to_channels(route).values() for name in names]
    found = [routing.in_channel(destination.kind, one, name, among=addresses) for one in addresses for name in channels]
    return [one for one in found if one]
