"""What a person does with the own contact methods: try one, put them in order, and know what it leaves."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max

from notifications import outbox
from notifications.addresses import address_key
from notifications.messages import Reader
from notifications.models import Delivery, Purpose

from .models import ContactMethod, EscalationContact
from .verification import thread_of

AGAIN_AFTER = timedelta(minutes=1)
AT_MOST, WITHIN = 10, timedelta(hours=1)
SHOWN = 20


class Refused(Exception):
    """It is not done; the text says why and what to do."""


def send_test(method: ContactMethod, *, at: datetime) -> Delivery:
    """Send a test message by `method` for its owner; Refused when it cannot be used, or is tried too often."""
    if not method.usable:
        raise Refused(f"It is {method.state}, so nothing is sent to it. Verify it or switch it on first.")
    with transaction.atomic():
        contact = EscalationContact.objects.select_for_update(of=("self",)).get(pk=method.contact_id)
        mine = Delivery.objects.filter(
            recipient=recipient_of(contact), purpose=Purpose.TEST, created_at__gt=at - WITHIN
        )
        if mine.filter(thread=thread_of(method), created_at__gt=at - AGAIN_AFTER).exists():
            raise Refused("It was tried less than a minute ago; look at what came of that first.")
        if mine.count() >= AT_MOST:
            raise Refused(f"You have sent {AT_MOST} test messages within the hour; try again later.")
        reader = Reader(contact.language, contact.timezone)
        return outbox.queue(
            kind=method.kind, address=method.address, secret=method.secret, to=str(contact), purpose=Purpose.TEST,
            thread=thread_of(method), recipient=recipient_of(contact), at=at,
            subject=reader.say("test"), text=reader.say("test_text", who=contact), language=reader.language,
        )  # fmt: skip


def move_up(method: ContactMethod) -> None:
    """Have `method` tried before the one that stands in front of it."""
    with transaction.atomic():
        rows = list(ContactMethod.objects.filter(contact=method.contact_id).order_by("position", "pk"))
        here = next((index for index, row in enumerate(rows) if row.pk == method.pk), 0)
        if here:
            rows[here - 1], rows[here] = rows[here], rows[here - 1]
        for position, row in enumerate(rows):
            ContactMethod.objects.filter(pk=row.pk).exclude(position=position).update(position=position)


def add(contact: EscalationContact, method: ContactMethod) -> None:
    """Store a method that its owner entered: tried last, and not used before it is verified."""
    last = contact.methods.aggregate(last=Max("position"))["last"]
    method.contact, method.position, method.must_verify = contact, 0 if last is None else last + 1, True
    method.save()


def recipient_of(contact: EscalationContact) -> str:
    """How deliveries name the person they are for."""
    return f"contact:{contact.pk}"


def sent_to(contact: EscalationContact) -> list[Delivery]:
    """What was sent to this person lately, newest first; without addresses, and without the text of codes."""
    rows = Delivery.objects.filter(recipient=recipient_of(contact)).defer("address", "secret", "text")
    return list(rows.order_by("-pk")[:SHOWN])


def worked_at(methods: list[ContactMethod]) -> dict[int, datetime | None]:
    """When a provider last took a message for each of `methods`, by key."""
    recipients = {f"contact:{method.contact_id}" for method in methods}
    rows = Delivery.objects.filter(recipient__in=recipients, status=Delivery.Status.SENT)
    last = {
        (row["recipient"], row["address_key"]): row["last"]
        for row in rows.order_by().values("recipient", "address_key").annotate(last=Max("ended_at"))
    }
    found = {}
    for method in methods:
        known = last.get((f"contact:{method.contact_id}", address_key(method.kind, method.address)))
        times = [when for when in (method.worked_at, known) if when is not None]
        found[method.pk] = max(times, default=None)
    return found
