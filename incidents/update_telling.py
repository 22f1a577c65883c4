"""Who gets an update that follows a template: its places, its people, the routes, the status page."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from notifications import messages, outbox, routing, wordings
from notifications.messages import Words
from notifications.models import Destination, Purpose
from notifications.routing import Choice
from oncall import personal
from oncall.models import ContactMethod, EscalationContact
from oncall.people import persons

from . import notices
from .models import Incident, IncidentUpdate, ProposedUpdate, UpdateTemplate

VENDOR, TEAM = EscalationContact.Kind.VENDOR, EscalationContact.Kind.TEAM


def tell(incident: Incident, update: IncidentUpdate, template: UpdateTemplate, *, at: datetime) -> list[str]:
    """Send `update` to whomever its template names; return who could not be told, each with why."""
    for choice in choices(incident, template, at=at):
        words = _words(incident, update, wordings.reader(incident.policy))
        to = choice.target
        _queue(incident, update, words, to, at=at, once=f"update:{update.pk}:{choice.key}")
    untold = []
    if incident.private and (template.routes or template.destinations.exists()):
        untold.append("its places, since the incident is private")
    for person in people(template, at=at):
        method = _method(incident, person)
        if method is None:
            untold.append(f"{person} has no usable contact method")
            continue
        reader = wordings.reader(incident.policy, language=person.language, zone=person.timezone)
        to = {
            "kind": method.kind, "address": method.address, "secret": method.secret, "to": str(person),
            "recipient": f"contact:{person.pk}",
        }  # fmt: skip
        words = _words(incident, update, reader)
        _queue(incident, update, words, to, at=at, once=f"update:{update.pk}:person:{person.pk}")
    return untold


def choices(incident: Incident, template: UpdateTemplate, *, at: datetime) -> list[Choice]:
    """The addresses that a template reaches: its places whatever the routes say, and where those lead if it wants.

    Of a private incident no place hears, only people.
    """
    if incident.private:
        return []
    found: dict[str, Choice] = {}
    for place in template.destinations.all():
        for choice in of_place(incident, place):
            found.setdefault(choice.key, choice)
    if template.routes:
        for choice in of_routes(incident, at=at):
            found.setdefault(choice.key, choice)
    return list(found.values())


def of_place(incident: Incident, place: Destination) -> list[Choice]:
    """Every address of `place`; of one that is switched off, those of what stands in for it."""
    if not place.enabled:
        place = next(iter(routing.standing_in_for(place)), place)
    secret = routing.secret_of(place, incident.policy)
    addresses = routing.addresses_of(place, incident.policy)
    return [Choice(place, address=address, secret=secret, part=part) for part, address in enumerate(addresses)]


def of_routes(incident: Incident, *, at: datetime) -> list[Choice]:
    if incident.private:
        return []
    labels = {**incident.labels, "service": incident.service.key if incident.service else ""}
    return routing.destinations(incident.policy, severity=incident.severity, labels=labels, at=at)


def people(template: UpdateTemplate, *, at: datetime) -> list[EscalationContact]:
    """Whom a template names, vendors left out: a team with an address of its own is told there, else its people."""
    found: dict[int, EscalationContact] = {}
    for contact in template.contacts.all():
        if contact.kind == VENDOR:
            continue
        if contact.kind == TEAM and notices.usable_method(contact) is not None:
            found[contact.pk] = contact
            continue
        for person in persons([contact], at=at)[0]:
            found.setdefault(person.pk, person)
    return list(found.values())


def vendors(template: UpdateTemplate) -> list[EscalationContact]:
    return [contact for contact in template.contacts.all() if contact.kind == VENDOR]


def _method(incident: Incident, person: EscalationContact) -> ContactMethod | None:
    return personal.first_method(person, personal.urgency_of(incident.severity)) or notices.usable_method(person)


def lines(update: IncidentUpdate) -> dict[str, str]:
    """The fields that its text does not say already."""
    return {name: value for name, value in update.fields.items() if value and value not in update.text}


def _words(incident: Incident, update: IncidentUpdate, reader: messages.Reader) -> Words:
    words = messages.update(
        number=incident.pk, severity=incident.severity.key, title=incident.title, drill=incident.drill,
        url=notices.link(incident), text=update.text, by=str(update.by or ""), fields=lines(update),
        next_at=incident.update_due_at if incident.is_open and not update.closing else None, reader=reader,
    )  # fmt: skip
    if not update.subject:
        return words
    mark = f"{reader.say('drill')} " if incident.drill else ""
    return replace(words, subject=mark + update.subject, short=mark + update.subject)


def _queue(incident: Incident, update: IncidentUpdate, words: Words, to: dict, *, at: datetime, once: str) -> None:
    data = {
        "event": "update", "incident": incident.pk, "key": incident.key, "title": incident.title,
        "status": incident.status, "severity": incident.severity.key, "policy": incident.policy.key,
        "service": incident.service.key if incident.service else "", "labels": incident.labels,
        "detected_at": incident.detected_at.isoformat(), "audience": update.audience, "closing": update.closing,
        "template": update.template.key if update.template else "", "fields": update.fields,
        "public_status": public_status(incident, closing=update.closing),
    }  # fmt: skip
    outbox.queue(
        **to, purpose=Purpose.UPDATE, subject=words.subject, text=words.text, url=notices.link(incident),
        thread=incident.thread, at=at, once=once, data=data, short=words.short, language=words.language,
    )  # fmt: skip


def public_status(incident: Incident, *, closing: bool = False) -> str:
    """Where an incident stands in the words that status pages use."""
    if closing or not incident.is_open:
        return "resolved"
    if incident.status == "mitigated":
        return "monitoring"
    return "identified" if incident.cause.strip() else "investigating"


def ask_approval(incident: Incident, proposed: ProposedUpdate, *, at: datetime) -> None:
    """Ask who may approve it, by role, except the author; when nobody holds such a role, the places of the routes."""
    roles = [role.lower() for role in proposed.template.approvers] or ["commander", "communications"]
    held = incident.roles.filter(until=None, role__in=roles).exclude(contact=proposed.by).select_related("contact")
    asked = {role.contact.pk: role.contact for role in held}
    what, due = f"your approval of “{proposed.template}” by {proposed.by or 'Opscenter'}", proposed.until
    told = 0
    for person in asked.values():
        if (method := _method(incident, person)) is None:
            continue
        reader = wordings.reader(incident.policy, language=person.language, zone=person.timezone)
        to = {
            "kind": method.kind, "address": method.address, "secret": method.secret, "to": str(person),
            "recipient": f"contact:{person.pk}",
        }  # fmt: skip
        _remind(incident, what, to, reader, due=due, at=at, once=f"proposed:{proposed.pk}:person:{person.pk}")
        told += 1
    for choice in [] if told else of_routes(incident, at=at):
        reader = wordings.reader(incident.policy)
        _remind(incident, what, choice.target, reader, due=due, at=at, once=f"proposed:{proposed.pk}:{choice.key}")


def _remind(
    incident: Incident, what: str, to: dict, reader: messages.Reader, *, due: datetime, at: datetime, once: str
) -> None:
    words = messages.reminder(
        number=incident.pk, severity=incident.severity.key, title=incident.title, drill=incident.drill,
        url=notices.link(incident), what=what, due_at=due, at=at, reader=reader,
    )  # fmt: skip
    outbox.queue(
        **to, purpose=Purpose.REMINDER, subject=words.subject, text=words.text, url=notices.link(incident),
        thread=incident.thread, at=at, once=once, short=words.short, language=words.language,
        data={"event": "reminder", "incident": incident.pk, "title": incident.title},
    )  # fmt: skip


def tell_end(incident: Incident, templates: Iterable[UpdateTemplate], *, text: str, at: datetime) -> None:
    """Tell the places of `templates` that it is over, except those that hear of it by the routes anyway."""
    if incident.private:
        return
    by_route = {choice.key for choice in of_routes(incident, at=at)}
    found = {
        choice.key: choice
        for template in templates
        for place in template.destinations.all()
        for choice in of_place(incident, place)
        if choice.key not in by_route
    }
    if not found:
        return
    update = incident.updates.create(at=at, by=None, text=text, closing=True)
    incident.log("update", f"Closing message: {text}", at=at, data={"update": update.pk})
    words = _words(incident, update, wordings.reader(incident.policy))
    for choice in found.values():
        _queue(incident, update, words, choice.target, at=at, once=f"update:{update.pk}:{choice.key}")
