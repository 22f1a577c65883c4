"""Who hears of a prompt, an activation, or that an incident has reached a level: people and places of the plan."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from incidents.models import Incident
from incidents.notices import link, usable_method
from notifications import outbox, routing
from notifications.models import Destination, Purpose
from oncall.models import EscalationContact
from oncall.people import persons


def tell(
    incident: Incident, subject: str, text: str, *, contacts: Iterable[str], destinations: Iterable[str], once: str,
    event: str, at: datetime,
) -> int:  # fmt: skip
    """Queue the words to contacts (by name) and places (by key); return how many messages that made.

    Of a private incident no place hears, only the people of the plan.
    """
    facts: dict[str, Any] = {
        "purpose": Purpose.NOTICE, "subject": subject, "text": text, "url": link(incident), "thread": incident.thread,
        "at": at, "urgent": True,
        "data": {
            "event": event, "incident": incident.pk, "title": incident.title, "severity": incident.severity.key,
            "status": incident.status, "labels": incident.labels,
        },
    }  # fmt: skip
    told = 0
    told_places = [] if incident.private else list(destinations)
    places = Destination.objects.filter(key__in=told_places, policy=incident.policy_id)
    for place in places.select_related("policy"):
        for part, address in enumerate(routing.addresses_of(place, incident.policy)):
            outbox.queue(
                kind=place.kind, address=address, secret=routing.secret_of(place, incident.policy), to=str(place),
                destination=place, once=f"{once}:{place.pk}.{part}", **facts,
            )  # fmt: skip
            told += 1
    people, skipped = persons(EscalationContact.objects.filter(name__in=list(contacts)), at=at)
    for person in people:
        method = usable_method(person)
        if method is None:
            skipped.append(f"{person} has no usable contact method")
            continue
        outbox.queue(
            kind=method.kind, address=method.address, secret=method.secret, to=str(person),
            recipient=f"contact:{person.pk}", once=f"{once}:contact:{person.pk}", **facts,
        )  # fmt: skip
        told += 1
    if skipped:
        incident.log("dr", f"Not told: {'; '.join(skipped)}.", at=at)
    return told


def handles(names: Iterable[str]) -> list[str]:
    """How contacts are called in chat: their handle (@ic-oncall), else their name; in the given order."""
    known = {c.name: c for c in EscalationContact.objects.filter(name__in=list(names)).prefetch_related("methods")}
    return [_handle(known[name]) for name in names if name in known]


def _handle(contact: EscalationContact) -> str:
    found = next((method.address for method in contact.methods.all() if method.address.startswith("@")), "")
    return f"{contact.name} ({found})" if found else contact.name
