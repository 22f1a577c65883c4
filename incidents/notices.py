"""What Opscenter tells people and places about an incident, in words, through the outbox."""

from datetime import datetime

from django.conf import settings

from notifications import outbox, routing
from notifications.models import Purpose
from oncall.models import EscalationContact
from oncall.people import persons

from .models import Incident, Page

HEADLINES = {
    "opened": "New incident",
    "mitigated": "Mitigated",
    "resolved": "Resolved",
    "reopened": "Reopened",
    "raised": "Raised",
    "lowered": "Lowered",
}
MUTABLE = {"opened", "reopened"}
"""Only these are held back by a route's toggle; what follows is told wherever the opening was told."""


def link(incident: Incident) -> str:
    return settings.BASE_URL + incident.get_absolute_url()


def page_text(incident: Incident, contact: EscalationContact, *, at: datetime) -> dict:
    """Subject, text, url and data of a page, as keyword arguments of outbox.queue."""
    lines = [incident.title, *_facts(incident)]
    return {
        "subject": f"[{incident.severity.key}] #{incident.pk} {incident.title}"[:250],
        "text": "\n".join(lines),
        "url": link(incident),
        "data": {**_data(incident), "event": "page", "contact": contact.name},
    }


def tell(incident: Incident, event: str, *, at: datetime) -> None:
    """Tell the destinations that the routes choose for the incident's level and labels."""
    for choice in _choices(incident):
        if choice.muted_by and event in MUTABLE:
            incident.log("muted", f"{choice.destination} was not told: muted by {choice.muted_by}.", at=at)
            continue
        _queue(
            incident, choice, purpose=Purpose.NOTICE, at=at, event=event,
            subject=f"{HEADLINES[event]}: [{incident.severity.key}] #{incident.pk} {incident.title}"[:250],
            text="\n".join([incident.title, *_facts(incident)]),
            once=f"incident:{incident.pk}:{event}:{incident.reopened}:{incident.severity_id}:{choice.key}",
        )  # fmt: skip


def tell_owners(incident: Incident, *, at: datetime) -> None:
    """Tell the persons whose business the incident is, each by the first method that is usable."""
    people, skipped = persons(incident.owners.all())
    for person in people:
        if method := next((m for m in person.methods.all() if m.usable), None):
            outbox.queue(
                kind=method.kind, address=method.address, secret=method.secret, to=str(person), purpose=Purpose.NOTICE,
                subject=f"New incident of yours: [{incident.severity.key}] #{incident.pk} {incident.title}"[:250],
                text="\n".join([incident.title, *_facts(incident)]), url=link(incident), thread=incident.thread, at=at,
                once=f"incident:{incident.pk}:owner:{person.pk}:{incident.reopened}",
                data={**_data(incident), "event": "opened"},
            )  # fmt: skip
        else:
            skipped.append(f"{person} has no usable contact method")
    if skipped:
        incident.log("owner_not_told", f"Not told of the opening: {'; '.join(skipped)}.", at=at)


def tell_update(incident: Incident, update, *, at: datetime) -> None:
    """Send what a person wrote for others."""
    fields = [f"{name}: {value}" for name, value in update.fields.items() if value]
    for choice in _choices(incident):
        _queue(
            incident, choice, purpose=Purpose.UPDATE, at=at, event="update",
            subject=f"Update: [{incident.severity.key}] #{incident.pk} {incident.title}"[:250],
            text="\n".join([update.text, *fields]).strip(), once=f"update:{update.pk}:{choice.key}",
        )  # fmt: skip


def remind(incident: Incident, text: str, *, at: datetime, once: str) -> None:
    """Remind whoever works on it: the holder of the communications or commander role, who took it, else the routes."""
    holder = (
        incident.roles.filter(until=None, role__in=["communications", "commander"]).order_by("-role").first()
    )  # commander sorts before communications, which is asked first
    person = holder.contact if holder else incident.acknowledged_by
    subject = f"[{incident.severity.key}] #{incident.pk}: {text}"[:250]
    method = next((m for m in person.methods.all() if m.usable), None) if person else None
    if method:
        outbox.queue(
            kind=method.kind, address=method.address, secret=method.secret, to=str(person), purpose=Purpose.REMINDER,
            subject=subject, text=f"{incident.title}\n{text}", url=link(incident), thread=incident.thread, at=at,
            once=once, data={**_data(incident), "event": "reminder"},
        )  # fmt: skip
        return
    for choice in _choices(incident):
        _queue(
            incident, choice, purpose=Purpose.REMINDER, at=at, event="reminder", subject=subject,
            text=f"{incident.title}\n{text}", once=f"{once}:{choice.key}",
        )  # fmt: skip


def tell_paged(incident: Incident, text: str, *, at: datetime, but: EscalationContact) -> None:
    """Tell everybody who was paged, except the one who acted, by the method that reached them."""
    told = {but.pk}
    pages = incident.page_rows.filter(state__in=[Page.State.TRYING, Page.State.REACHED], method__isnull=False)
    for page in pages.select_related("contact", "method").order_by("-pk"):
        if page.contact_id in told:
            continue
        told.add(page.contact_id)
        outbox.queue(
            kind=page.method.kind, address=page.method.address, secret=page.method.secret, to=str(page.contact),
            purpose=Purpose.NOTICE, subject=f"#{incident.pk}: {text}"[:250], text=f"{incident.title}\n{text}",
            url=link(incident), thread=incident.thread, at=at, data={**_data(incident), "event": "acknowledged"},
            once=f"page:{page.pk}:acknowledged:{but.pk}",
        )  # fmt: skip


def _choices(incident: Incident) -> list:
    labels = {**incident.labels, "service": incident.service.key if incident.service else ""}
    return routing.destinations(incident.policy, severity=incident.severity.key, labels=labels)


def _queue(incident: Incident, choice, *, purpose, at, event, subject, text, once) -> None:
    outbox.queue(
        **choice.target,
        purpose=purpose, subject=subject, text=text, url=link(incident), thread=incident.thread, at=at, once=once,
        data={**_data(incident), "event": event},
    )  # fmt: skip


def _facts(incident: Incident) -> list[str]:
    lines = [
        f"Severity {incident.severity}, {incident.get_status_display().lower()}, "
        f"since {incident.detected_at:%Y-%m-%d %H:%M:%S} UTC."
    ]
    if incident.service:
        lines.append(f"Service: {incident.service}.")
    if incident.summary and incident.summary != incident.title:
        lines.append(incident.summary)
    return lines


def _data(incident: Incident) -> dict:
    return {
        "incident": incident.pk,
        "key": incident.key,
        "title": incident.title,
        "status": incident.status,
        "severity": incident.severity.key,
        "policy": incident.policy.key,
        "labels": incident.labels,
        "detected_at": incident.detected_at.isoformat(),
    }
