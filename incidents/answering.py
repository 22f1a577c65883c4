"""What somebody answers from a message: by button, text message, key of a telephone. Registered with the callbacks."""

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from notifications.callbacks import ACKNOWLEDGE, ESCALATE, RESOLVE, START, STOP, Answer, Said
from notifications.callbacks.replies import OPTIONS
from notifications.transports import phone
from notifications.transports.words import answer_in
from oncall.models import ContactMethod, EscalationContact

from . import escalation, lifecycle
from .models import OPEN, IllegalMove, Incident

PHONES = {"sms", "voice", "whatsapp"}
SAID_STOP = "Its owner answered STOP; START from it brings messages back."
DONE = {ACKNOWLEDGE: "acknowledged", RESOLVE: "resolved", ESCALATE: "escalated"}


def act(answer: Answer, *, at: datetime) -> Said:
    """Do what was answered, when the sender is somebody of ours who may; otherwise say why not."""
    if answer.who:
        return _done_there(answer, at=at)
    methods = _methods(answer)
    if not methods:
        return Said(answer_in("en", "nobody"), known=False)
    if answer.word in (STOP, START):
        return _stop_or_start(answer, methods)
    people = list({method.contact_id: method.contact for method in methods}.values())
    incident = _incident(answer.thread, people)
    if incident is None and OPTIONS.get(answer.thread.removeprefix("incident:")) == answer.word:
        incident = _incident("", people)
    if incident is None:
        return Said(answer_in(people[0].language, "no_incident"), language=people[0].language)
    person = next((one for one in people if _may(one, incident, answer)), None)
    if person is None and OPTIONS.get(answer.thread.removeprefix("incident:")) == answer.word:
        return act(replace(answer, thread=""), at=at)  # "1 ack" means the first option, to who has no incident 1
    if person is None:
        said = answer_in(people[0].language, "no_right", number=incident.pk)
        return Said(said, language=people[0].language)
    try:
        _do(answer, incident, person, at=at)
    except IllegalMove as refusal:
        return Said(str(refusal), language=person.language)
    said = answer_in(person.language, DONE[answer.word], number=incident.pk, title=incident.title)
    return Said(said, done=True, language=person.language)


def _do(answer: Answer, incident: Incident, person: EscalationContact, *, at: datetime) -> None:
    if answer.word == ACKNOWLEDGE:
        lifecycle.acknowledge(incident, by=person, at=at, via=answer.via)
    elif answer.word == RESOLVE:
        lifecycle.resolve(incident, by=person, at=at, reason=f"by {answer.via}")
    else:
        escalation.escalate_now(incident, by=person, at=at)


def _done_there(answer: Answer, *, at: datetime) -> Said:
    """Somebody whom only the provider knows has taken or ended it there.

    What was said before the incident was opened or reopened is about an earlier time and changes nothing.
    """
    incident = _incident(answer.thread, [])
    if incident is None:
        return Said(answer_in("en", "no_incident"))
    reopened = incident.timeline.filter(kind="reopened").order_by("-at").values_list("at", flat=True).first()
    if answer.said_at and answer.said_at < (reopened or incident.detected_at):
        return Said(f"It was said before incident #{incident.pk} was opened; nothing is done.")
    who = f"{answer.who} ({answer.via})"
    try:
        if answer.word == ACKNOWLEDGE:
            lifecycle.acknowledge(incident, by=None, at=at, via=who)
        elif answer.word == RESOLVE:
            lifecycle.resolve(incident, at=at, via=who)
    except IllegalMove as refusal:
        return Said(str(refusal))
    return Said(answer_in("en", DONE[answer.word], number=incident.pk, title=incident.title), done=True)


def _methods(answer: Answer) -> list[ContactMethod]:
    """Whose address the sender's is; somebody must stand behind it, but what is switched off still tells who it is."""
    address = _plain(answer.kinds[0], answer.address)
    found = ContactMethod.objects.filter(kind__in=answer.kinds, contact__active=True).select_related("contact__user")
    return [
        method
        for method in found.order_by("pk")
        if address and _plain(method.kind, method.address) == address
        and (method.verified_at is not None or not method.must_verify)
    ]  # fmt: skip


def _plain(kind: str, address: str) -> str:
    return phone.number(address) if kind in PHONES else address.strip()


def _incident(thread: str, people: list[EscalationContact]) -> Incident | None:
    """The incident that is meant: by its number, else the newest open one that one of `people` was paged for."""
    rows = Incident.objects.select_related("policy", "severity", "acknowledged_by")
    number = thread.removeprefix("incident:")
    if thread:
        return rows.filter(pk=int(number)).first() if number.isdecimal() and len(number) < 18 else None
    return rows.filter(status__in=OPEN, page_rows__contact__in=people).order_by("-page_rows__at", "-pk").first()


def _may(person: EscalationContact, incident: Incident, answer: Answer) -> bool:
    """Who was paged for it may answer, and who may act on incidents here; in a chat also who has no account here."""
    if incident.page_rows.filter(contact=person).exists():
        return True
    if person.user is not None:
        return bool(person.user.is_active and person.user.has_perm("incidents.respond_incident"))
    return not PHONES & set(answer.kinds)


@transaction.atomic
def _stop_or_start(answer: Answer, methods: list[ContactMethod]) -> Said:
    language = methods[0].contact.language
    for method in methods:
        if answer.word == STOP and method.enabled:
            ContactMethod.objects.filter(pk=method.pk).update(enabled=False, failure=SAID_STOP)
        if answer.word == START and not method.enabled and method.failure == SAID_STOP:
            ContactMethod.objects.filter(pk=method.pk).update(enabled=True, failure="")
    said = answer_in(language, "stopped" if answer.word == STOP else "started")
    return Said(said, done=True, language=language)
