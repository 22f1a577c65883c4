"""The same message once more: a new delivery, while the old one stays on record."""

from datetime import datetime

from policies.fields import SecretUnreadable

from .letters import queue
from .models import Delivery
from .transports import TRANSPORTS


class CannotSend(Exception):
    """This delivery cannot be sent again; the sentence says why."""


def why_not(row: Delivery) -> str:
    """Why `row` cannot be sent again now; empty when it can."""
    if row.next_attempt_at is not None:
        return "It is still under way; it is sent again once it has ended."
    if row.kind not in TRANSPORTS:
        return f"There is no transport {row.kind!r} any more."
    return ""


def send_again(old: Delivery, *, by: str, at: datetime) -> Delivery:
    """Queue what `old` said to the address it went to; CannotSend says why not.

    by   who asked for it
    """
    if reason := why_not(old):
        raise CannotSend(reason)
    try:
        address, secret = old.address, old.secret
    except SecretUnreadable as error:
        raise CannotSend(str(error)) from None
    return queue(
        kind=old.kind, address=address, secret=secret, to=old.to, destination=old.destination, purpose=old.purpose,
        subject=old.subject, text=old.text, url=old.url, actions=old.actions, data={**old.data, "sent_again_by": by},
        thread=old.thread, urgent=old.urgent, at=at, short=old.short, language=old.language, again_of=old,
        recipient=old.recipient,
    )  # fmt: skip
