"""What Opscenter tells people and places about an incident, through the outbox, in the transaction of its cause."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from notifications import messages, outbox, routing
from notifications.messages import Words
from notifications.models import Purpose
from oncall.models import ContactMethod, EscalationContact
from oncall.people import persons

from .models import Incident, IncidentUpdate, Page

MUTABLE = {"opened", "reopened"}
"""Only these are held back by a route's toggle; what follows is told wherever the opening was told."""


def link(incident: Incident) -> str:
    return settings.BASE_URL + incident.get_absolute_url()


def tell(incident: Incident, event: str, *, at: datetime) -> None:
    """Tell the destinations that the routes choose for the incident's level and labels."""
    words = _words(incident, event, at)
    for choice in _choices(incident):
        if choice.muted_by and event in MUTABLE:
            incident.log("muted", f"{choice.destination} was not told: muted by {choice.muted_by}.", at=at)
            continue
        once = f"incident:{incident.pk}:{event}:{incident.reopened}:{incident.severity_id}:{choice.key}"
        _queue(incident, words, choice.target, purpose=Purpose.NOTICE, event=event, at=at, once=once)


def tell_owners(incident: Incident, *, at: datetime) -> None:
    """Tell the persons whose business the incident is, each by the first method that is usable."""
    people, skipped = persons(incident.owners.all())
    words = _words(incident, "opened", at)
    for person in people:
        if method := usable_method(person):
            once = f"incident:{incident.pk}:owner:{person.pk}:{incident.reopened}"
            _queue(incident, words, _to(method, person), purpose=Purpose.NOTICE, event="opened", at=at, once=once)
        else:
            skipped.append(f"{person} has no usable contact method")
    if skipped:
        incident.log("owner_not_told", f"Not told of the opening: {'; '.join(skipped)}.", at=at)


def tell_update(incident: Incident, update: IncidentUpdate, *, at: datetime) -> None:
    """Send what a person wrote for others."""
    words = messages.update(
        **_facts(incident), text=update.text, by=str(update.by or ""), fields=update.fields,
        next_at=incident.update_due_at,
    )  # fmt: skip
    for choice in _choices(incident):
        once = f"update:{update.pk}:{choice.key}"
        _queue(incident, words, choice.target, purpose=Purpose.UPDATE, event="update", at=at, once=once)


def remind(incident: Incident, what: str, *, due_at: datetime, at: datetime, once: str) -> None:
    """Remind whoever works on it that `what` falls due or is late.

    Told is who holds the communications role, else the commander, else who acknowledged, else the routes.
    """
    words = messages.reminder(**_facts(incident), what=what, due_at=due_at, at=at)
    held = {role.role: role.contact for role in incident.roles.filter(until=None).select_related("contact")}
    person = held.get("communications") or held.get("commander") or incident.acknowledged_by
    method = usable_method(person) if person else None
    if person and method:
        _queue(incident, words, _to(method, person), purpose=Purpose.REMINDER, event="reminder", at=at, once=once)
        return
    for choice in _choices(incident):
        cause = f"{once}:{choice.key}"
        _queue(incident, words, choice.target, purpose=Purpose.REMINDER, event="reminder", at=at, once=cause)


def tell_paged(incident: Incident, *, at: datetime, by: EscalationContact | None, via: str = "") -> None:
    """Tell everybody who was paged that `by` has taken it, except `by`, by the method that reached them.

    by  None: the system named by `via` says that somebody has
    """
    who, how = (str(by), via) if by else (via or "Somebody", "")
    words = messages.acknowledged(
        **_facts(incident), by=who, after=max(at - incident.detected_at, timedelta(0)), via=how
    )
    taker = by.pk if by else 0
    told = {taker}
    asked = incident.page_rows.filter(state__in=[Page.State.TRYING, Page.State.REACHED], method__isnull=False)
    for row in asked.select_related("contact", "method").order_by("-pk"):
        if row.contact_id not in told and row.method is not None:
            told.add(row.contact_id)
            once, to = f"page:{row.pk}:acknowledged:{taker}", _to(row.method, row.contact)
            _queue(incident, words, to, purpose=Purpose.NOTICE, event="acknowledged", at=at, once=once)


def page(
    incident: Incident, contact: EscalationContact, method: ContactMethod, *, at, ack_url: str, why: str, once: str
):
    """Ask `contact` by `method`; return the delivery."""
    words = messages.page(
        **_facts(incident), started_at=incident.detected_at, summary=incident.summary, service=_service(incident),
        why_you=why,
    )  # fmt: skip
    actions = [{"label": "Acknowledge", "url": ack_url}]
    to = _to(method, contact)
    return _queue(
        incident, words, to, purpose=Purpose.PAGE, event="page", at=at, once=once, actions=actions, urgent=True
    )


def usable_method(person: EscalationContact, after: ContactMethod | None = None) -> ContactMethod | None:
    """The first method that is usable, behind `after` when given."""
    methods: Iterable[ContactMethod] = (method for method in person.methods.all() if method.usable)
    if after is not None:
        methods = (m for m in methods if (m.position, m.pk) > (after.position, after.pk))
    return next(iter(methods), None)


def _words(incident: Incident, event: str, at: datetime) -> Words:
    facts, since = _facts(incident), incident.detected_at
    if event == "resolved":
        last = incident.timeline.filter(kind="resolved").order_by("-pk").select_related("by").first()
        by = str(last.by) if last and last.by else ""
        return messages.resolved(**facts, lasted=max(at - since, timedelta(0)), by=by)
    summary, service = incident.summary, _service(incident)
    if event == "opened":
        return messages.opened(**facts, started_at=since, summary=summary, service=service)
    headline = event.capitalize()
    return messages.changed(**facts, started_at=since, summary=summary, service=service, headline=headline)


def _choices(incident: Incident) -> list[routing.Choice]:
    labels = {**incident.labels, "service": incident.service.key if incident.service else ""}
    return routing.destinations(incident.policy, severity=incident.severity, labels=labels)


def _to(method: ContactMethod, person: EscalationContact) -> dict:
    return {"kind": method.kind, "address": method.address, "secret": method.secret, "to": str(person)}


def _queue(incident: Incident, words: Words, target: dict, *, purpose, event: str, at, once: str, **more):
    return outbox.queue(
        **target, purpose=purpose, subject=words.subject, text=words.text, url=link(incident), thread=incident.thread,
        at=at, once=once, data={**_data(incident), "event": event}, **more,
    )  # fmt: skip


def _service(incident: Incident) -> str:
    return str(incident.service or "")


def _facts(incident: Incident) -> dict[str, Any]:
    return {
        "number": incident.pk,
        "severity": incident.severity.key,
        "title": incident.title,
        "drill": incident.drill,
    }


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
