"""Writing a message into the outbox."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import IntegrityError, transaction

from policies.wake import wake

from .addresses import address_key
from .models import Delivery, Destination
from .transports import TRANSPORTS


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
    short: str = "",
    language: str = "",
    recipient: str = "",
    may_wait: bool = False,
    not_before: datetime | None = None,
    other_way: bool = False,
    again_of: Delivery | None = None,
) -> Delivery:
    """Write a message into the outbox, in the caller's transaction; it goes out after the commit.

    kind, address  the transport and where to; neither is checked here, so that no typing error undoes its cause: what
                   cannot be sent fails in words, and the next method or the fallback takes over
    thread         what it belongs to, for `cancel`
    actions        [{"label": "Acknowledge", "url": …}]
    urgent         sent before others, with shorter waits between its tries
    once           its cause; a second call with the same cause returns the first row and writes nothing
    short          what fits a text message or a call; empty: the subject
    language       of the words, such as "nl"
    recipient      the person it is for, such as contact:7: pages to one become one message where they meet
    may_wait       a plan may hold it back a while (bundling, at most so many for a person)
    not_before     it waits until then (aware): its reader wants to be left alone
    other_way      its person has another method, so that an address known not to work is passed over
    again_of       the delivery that somebody sends again
    destination    the named place, whose fallback takes over; one that is switched off gets nothing, which is on record
    """
    channel = TRANSPORTS.get(kind)
    row = Delivery(
        kind=kind, address=address, secret=secret, hint=(channel.hint(address) if channel else "")[:120],
        address_key=address_key(kind, address), recipient=recipient[:40], may_wait=may_wait, other_way=other_way,
        again_of=again_of,
        to=_line(to, 160), destination=destination, purpose=purpose, urgent=urgent, thread=thread,
        subject=_line(subject, 250), text=clean(text), short=clean(short), language=language, url=url,
        actions=[{"label": _line(one["label"], 80), "url": one["url"]} for one in actions],
        data=_clean_json(data or {}), once=once, instead_of=instead_of, created_at=at, next_attempt_at=at,
    )  # fmt: skip
    if not_before is not None and not_before > at:
        row.next_attempt_at = row.held_until = not_before
        row.error = "It waits for the end of its reader's quiet hours."
    if destination is not None and not destination.enabled:
        row.status, row.next_attempt_at, row.ended_at = Delivery.Status.CANCELLED, None, at
        row.error = f"The destination {destination} is switched off."
    try:
        with transaction.atomic(savepoint=once is not None):
            row.save(force_insert=True)
    except IntegrityError:
        if once is None:
            raise
        return Delivery.objects.get(once=once)  # another transaction was first
    wake()
    return row


def clean(text: str) -> str:
    """`text` without what PostgreSQL cannot store: NUL and halves of surrogate pairs."""
    return str(text).replace("\x00", "").encode("utf-8", "replace").decode()


def _line(text: str, length: int) -> str:
    text = " ".join(clean(text).split())
    return text if len(text) <= length else text[: length - 1] + "…"


def _clean_json(value):
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(name): _clean_json(one) for name, one in value.items()}
    return [_clean_json(one) for one in value] if isinstance(value, list | tuple) else value
