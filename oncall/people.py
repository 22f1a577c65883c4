"""Who a contact stands for, and who a user is."""

from collections.abc import Iterable
from datetime import datetime

from .models import EscalationContact

DEPTH = 5  # teams in teams; a circle ends here


def contact_of(user) -> EscalationContact:
    """The contact of a signed-in user, made at first need and given the user's e-mail address as first method."""
    found = EscalationContact.objects.filter(user=user).first()
    if found:
        return found
    name = user.get_full_name() or user.get_username()
    if EscalationContact.objects.filter(name=name).exists():
        unlinked = EscalationContact.objects.filter(name=name, user=None, kind=EscalationContact.Kind.PERSON).first()
        if unlinked:  # a pack or an admin named this person before the account existed
            unlinked.user = user
            unlinked.save(update_fields=["user"])
            return unlinked
        name = f"{name} (user {user.pk})"
    contact = EscalationContact.objects.create(name=name, user=user)
    if user.email:
        contact.methods.create(kind="email", address=user.email)
    return contact


def available(contact: EscalationContact | None) -> EscalationContact | None:
    """Return `contact` if active, else the first active one along its back-ups, or None."""
    asked: set[int] = set()
    here = contact
    while here is not None and not here.active:
        if here.pk in asked:  # back-ups in a circle
            return None
        asked.add(here.pk)
        here = here.backup
    return here


def persons(
    contacts: Iterable[EscalationContact], *, at: datetime | None = None
) -> tuple[list[EscalationContact], list[str]]:
    """Turn contacts into the persons who answer for them, each once and in order, and say who was left out and why.

    Teams and roles become their members, or stand for themselves when they have none and an address of their own, such
    as a duty telephone; somebody who is not active is replaced by the back-up; vendors are never asked
    automatically.

    at   when they are asked (aware): who is not valid then is not active; None: their validity is not looked at
    """
    found: dict[int, EscalationContact] = {}
    skipped: list[str] = []

    def add(contact: EscalationContact, depth: int, seen: frozenset[int]) -> None:
        if contact.pk in seen or depth > DEPTH:
            return
        seen |= {contact.pk}
        if not (contact.active if at is None else contact.available_at(at)):
            if contact.backup:
                skipped.append(f"{contact} is not active, back-up {contact.backup} instead")
                add(contact.backup, depth + 1, seen)
            else:
                skipped.append(f"{contact} is not active and has no back-up")
        elif contact.kind == EscalationContact.Kind.VENDOR:
            skipped.append(f"{contact} is a vendor, never asked automatically")
        elif contact.kind == EscalationContact.Kind.PERSON:
            found.setdefault(contact.pk, contact)
        else:
            members = list(contact.members.select_related("backup").order_by("name"))
            if not members and any(method.usable for method in contact.methods.all()):
                found.setdefault(contact.pk, contact)
            elif not members:
                skipped.append(f"{contact} has no members")
            for member in members:
                add(member, depth + 1, seen)

    for contact in contacts:
        add(contact, 0, frozenset())
    return list(found.values()), skipped


def addresses(kind: str, name: str) -> list[str]:
    """The first usable address by `kind` of each person whom the contact `name` stands for, each address once."""
    people, _ = persons(EscalationContact.objects.filter(name=name).select_related("backup"))
    found: dict[str, None] = {}
    for person in people:
        method = next((one for one in person.methods.all() if one.usable and one.kind == kind), None)
        if method is not None:
            found.setdefault(method.address)
    return list(found)


def catch_all(*, at: datetime | None = None) -> list[EscalationContact]:
    """The persons asked when nobody else is left."""
    people, _ = persons(EscalationContact.objects.filter(catch_all=True).select_related("backup"), at=at)
    return people
