"""Whether those who are counted on can be reached, and whether every schedule names somebody: what to mend, by whom."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from . import cover, methods, people, roster
from .models import EscalationContact, Schedule, TestPage
from .uses import COUNTED_ON, uses

TRIED_WITHIN = timedelta(days=35)
"""A little more than a month, so that the monthly test page keeps whoever confirms it off the list."""
CONFIRMED_WITHIN = timedelta(days=1)
LOOK_AHEAD = timedelta(days=14)
CHECKS = ("contacts", "cover")


@dataclass(frozen=True)
class Trouble:
    """Something that would keep a page from its person.

    serious   a page sent now would reach nobody there
    check     which of CHECKS found it
    contact   whose it is, None when it is nobody's
    """

    serious: bool
    check: str
    text: str
    contact: EscalationContact | None = None
    schedule: Schedule | None = None


def troubles(*, at: datetime) -> Iterator[Trouble]:
    """Everything there is to mend at `at` (aware), what is serious first."""
    yield from sorted([*_contacts(at), *_cover(at)], key=lambda one: not one.serious)


def counted_on() -> list[EscalationContact]:
    """Those who are asked because a schedule, a plan or another contact names them, directly or as a member."""
    named = Q(catch_all=True)
    for relation in EscalationContact._meta.related_objects:
        if relation.related_model._meta.label_lower in COUNTED_ON and relation.related_model is not EscalationContact:
            rows = relation.related_model._default_manager.exclude(**{relation.field.name: None})
            named |= Q(pk__in=rows.values(relation.field.name))
    chosen = EscalationContact.objects.filter(named).exclude(kind=EscalationContact.Kind.VENDOR).distinct()
    found: dict[int, EscalationContact] = {}
    waiting = list(chosen.select_related("backup").prefetch_related("methods"))
    while waiting:
        contact = waiting.pop(0)
        if contact.pk in found:
            continue
        found[contact.pk] = contact
        waiting += contact.members.select_related("backup").prefetch_related("methods")
        if contact.backup is not None:
            waiting.append(contact.backup)
    return sorted((one for one in found.values() if _answers(one)), key=lambda one: one.name)


def _answers(contact: EscalationContact) -> bool:
    """Whether it is asked itself: a person, or a role or team with an address of its own and nobody in it."""
    if contact.kind == EscalationContact.Kind.PERSON:
        return True
    return bool(contact.methods.all()) and not contact.members.exists()


def _contacts(at: datetime) -> Iterator[Trouble]:
    rows = counted_on()
    tried = methods.worked_at([method for row in rows for method in row.methods.all()])
    on_call = {one.pk for row in Schedule.objects.all() for one in people.persons(roster.responders(row, at), at=at)[0]}
    unconfirmed = _unconfirmed(at)
    for contact in rows:
        if not contact.available_at(at):
            yield from _absent(contact, at)
            continue
        mine = list(contact.methods.all())
        if not any(method.usable for method in mine):
            why = "; ".join(f"{method.kind} is {method.state}" for method in mine) or "there is no contact method"
            text = f"{contact} cannot be paged: {why}. Add a method, or verify one on the person's contact page."
            yield Trouble(contact.pk in on_call, "contacts", text, contact)
            continue
        for method in mine:
            if words := _method(method, tried[method.pk], at):
                yield Trouble(False, "contacts", f"{contact}: {words}", contact)
        if contact.pk in unconfirmed:
            sent = f"{unconfirmed[contact.pk]:%d %b %Y}".lstrip("0")
            text = f"{contact} has not confirmed the test page of {sent}. Ask whether it arrived, or send a test."
            yield Trouble(False, "contacts", text, contact)


def _method(method, tried: datetime | None, at: datetime) -> str:
    """What is to be done about one method; empty when it is as it should be."""
    if method.failed_at is not None:
        return f"{method.kind} was refused ({method.failure or 'no such address'}). Enter another one and verify it."
    if not method.enabled:
        return ""
    if method.verified_at is None:
        used = "is not used before it is verified" if method.must_verify else "is used, but nobody has verified it"
        return f"{method.kind} {used}. Have a code sent on the person's contact page."
    if tried is None or at - tried > TRIED_WITHIN:
        since = f"since {tried:%Y-%m-%d}" if tried else "ever"
        return f"{method.kind} has taken no message {since}. Press Test on the person's contact page."
    return ""


def _absent(contact: EscalationContact, at: datetime) -> Iterator[Trouble]:
    """Somebody who is not asked and whom something still counts on."""
    counted = uses(contact, since=at)
    if not counted:
        return
    backup = next((one for one in [contact.backup] if one is not None and one.available_at(at)), None)
    instead = f"the back-up {backup} is asked instead" if backup else "nobody is asked instead"
    text = f"{contact} is not active and still in {', '.join(counted)}; {instead}. Name somebody else there."
    yield Trouble(backup is None, "contacts", text, contact)


def _unconfirmed(at: datetime) -> dict[int, datetime]:
    """Whose last test page waits for its confirmation for longer than a day, and since when."""
    last: dict[int, TestPage] = {}
    for row in TestPage.objects.order_by("sent_at", "pk"):
        last[row.contact_id] = row
    return {
        pk: row.sent_at for pk, row in last.items() if row.confirmed_at is None and at - row.sent_at > CONFIRMED_WITHIN
    }


def _cover(at: datetime) -> Iterator[Trouble]:
    rosters = cover.between(Schedule.objects.order_by("name"), at, at + LOOK_AHEAD)
    for gap in cover.gaps(rosters):
        text = f"{gap.text} Name somebody, or let another schedule answer then."
        yield Trouble(gap.start <= at, "cover", text, schedule=gap.schedule)
