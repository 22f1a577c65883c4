"""What an escalation tells besides paging people: places named by a step, prompts to act, and that nobody answered."""

from collections.abc import Sequence
from datetime import datetime

from notifications import messages, outbox, routing
from notifications.messages import Reader, Words
from notifications.models import Destination, Purpose
from oncall import personal
from oncall.models import EscalationContact, Urgency
from oncall.people import persons

from . import notices
from .models import Escalation, Incident


def tell_places(incident: Incident, places: Sequence[Destination], *, at: datetime, once: str) -> None:
    """Tell each place, at each of its addresses, of the incident; of a private one no place hears."""
    if incident.private:
        incident.log("private", f"{', '.join(map(str, places))} not told: the incident is private.", at=at)
        return
    words = _words(incident, "nobody_yet", incident.summary, notices.reader_of(incident))
    for place in places:
        secret = routing.secret_of(place, incident.policy)
        for part, address in enumerate(routing.addresses_of(place, incident.policy)):
            target = {"kind": place.kind, "address": address, "secret": secret, "destination": place, "to": str(place)}
            _queue(incident, words, target, event="escalated", at=at, once=f"{once}:{place.pk}.{part}")


def prompt(
    incident: Incident, text: str, vendors: Sequence[EscalationContact], *, at: datetime, once: str
) -> str:  # fmt: skip
    """Tell whoever works on it, and its owners, to do what `text` says; return the words.

    vendors  whom to contact: their addresses stand in the message, since nobody but a person contacts a vendor
    """
    told = routing.filled(text, incident.policy)
    lines = [told]
    for vendor in vendors:
        addresses = ", ".join(method.address for method in vendor.methods.all() if method.usable)
        lines += [f"{vendor}: {addresses}"] if addresses else []
    for person in responsible(incident):
        words = _words(incident, "to_do", "\n".join(lines), notices.reader_of(incident, person))
        _to_person(incident, person, words, event="prompt", at=at, once=f"{once}:{person.pk}")
    return told


def responsible(incident: Incident) -> list[EscalationContact]:
    """Whoever works on it, then its owners: persons, each once."""
    commander = incident.roles.filter(role="commander", until=None).select_related("contact").first()
    named = [incident.acknowledged_by] if incident.acknowledged_by else []
    found, _ = persons([*named, *([commander.contact] if commander else []), *incident.owners.all()])
    return found


def prompt_role(incident: Incident, role: str, text: str, *, at: datetime, once: str) -> None:
    """Tell whoever holds `role`; when nobody does, whoever works on it and its owners."""
    held = incident.roles.filter(role=role, until=None).select_related("contact").first()
    people = persons([held.contact], at=at)[0] if held else responsible(incident)
    for person in people:
        words = _words(incident, "to_do", text, notices.reader_of(incident, person))
        _to_person(incident, person, words, event="prompt", at=at, once=f"{once}:{person.pk}")


def tell_people(
    incident: Incident, headline: str, text: str, contacts: Sequence[EscalationContact], *, at: datetime, once: str
) -> list[EscalationContact]:
    """Tell these contacts, teams as their persons; return who has a usable contact method and so is told."""
    reached = []
    for person in persons(contacts, at=at)[0]:
        if personal.first_method(person, Urgency.HIGH) is not None:
            words = _words(incident, headline, text, notices.reader_of(incident, person))
            _to_person(incident, person, words, event="told", at=at, once=f"{once}:{person.pk}")
            reached.append(person)
    return reached


def tell_unanswered(incident: Incident, run: Escalation, *, at: datetime) -> None:
    """Raise the alarm everywhere: the plan ran out and nobody has answered."""
    asked = sorted({str(page.contact) for page in incident.page_rows.select_related("contact")})

    def words(reader: Reader) -> Words:
        answer = reader.say("asked_were", who=", ".join(asked)) if asked else reader.say("none_asked")
        return _words(
            incident, "nobody_answered", f"{reader.say('gone_through', plan=run.policy_name)} {answer}", reader
        )

    everywhere = words(notices.reader_of(incident))
    labels = {**incident.labels, "service": incident.service.key if incident.service else ""}
    places = (
        [] if incident.private else routing.destinations(incident.policy, severity=incident.severity, labels=labels)
    )
    for choice in places:
        once = f"run:{run.pk}:unanswered:{choice.key}"
        _queue(incident, everywhere, choice.target, event="unanswered", at=at, once=once)
    for person in responsible(incident):
        once = f"run:{run.pk}:unanswered:person:{person.pk}"
        _to_person(incident, person, words(notices.reader_of(incident, person)), event="unanswered", at=at, once=once)


def ask_vendor(incident: Incident, vendor: EscalationContact, text: str, *, by, at: datetime) -> bool:
    """Write to a vendor because a person chose to; False when no address of the vendor can be used."""
    method = notices.usable_method(vendor)
    if method is None:
        return False
    reader = notices.reader_of(incident, vendor)
    words = _words(incident, "help_wanted", f"{text}\n{reader.say('from', by=by)}", reader)
    count = incident.timeline.filter(kind="vendor").count()
    once = f"incident:{incident.pk}:vendor:{vendor.pk}:{count}"
    target = {"kind": method.kind, "address": method.address, "secret": method.secret, "to": str(vendor)}
    _queue(incident, words, target, event="vendor", at=at, once=once, linked=False)
    return True


def _to_person(incident: Incident, person: EscalationContact, words: Words, *, event: str, at, once: str) -> None:
    method = personal.first_method(person, Urgency.HIGH)
    if method is not None:
        target = {"kind": method.kind, "address": method.address, "secret": method.secret, "to": str(person)}
        _queue(incident, words, target, event=event, at=at, once=once)


def _words(incident: Incident, headline: str, text: str, reader: Reader) -> Words:
    """The words for one reader; `headline` is a key among the phrases, or itself what is said."""
    return messages.changed(
        number=incident.pk, severity=incident.severity.key, title=incident.title, drill=incident.drill,
        started_at=incident.detected_at, headline=headline, event=headline, summary=text,
        service=str(incident.service or ""), reader=reader,
    )  # fmt: skip


def _queue(incident: Incident, words: Words, target: dict, *, event: str, at, once: str, linked: bool = True) -> None:
    outbox.queue(
        **target, purpose=Purpose.NOTICE, subject=words.subject, text=words.text,
        url=notices.link(incident) if linked else "", thread=incident.thread, at=at, once=once, urgent=True,
        data={"incident": incident.pk, "title": incident.title, "severity": incident.severity.key, "event": event},
    )  # fmt: skip
