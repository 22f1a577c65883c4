"""A word to a person about their shifts: no page, and none in their quiet hours."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from notifications import outbox
from notifications.models import Purpose

from . import personal
from .models import EscalationContact, Urgency


def tell(
    people: Iterable[EscalationContact], *, subject: str, text: str, path: str, once: str, at: datetime
) -> list[EscalationContact]:
    """Send each person the message by the first method they want for what can wait; return whom nothing reaches.

    path   of the page that says more, below the address of this installation
    once   its cause: each person hears of it once
    """
    missed = []
    for person in people:
        method = personal.first_method(person, Urgency.LOW)
        if method is None:
            missed.append(person)
            continue
        outbox.queue(
            kind=method.kind, address=method.address, secret=method.secret, purpose=Purpose.NOTICE, subject=subject,
            text=text, to=person.name, url=settings.BASE_URL + path, at=at, once=f"{once}:{person.pk}"[:120],
            not_before=personal.quiet_until(person, at=at), recipient=f"contact:{person.pk}",
        )  # fmt: skip
    return missed
