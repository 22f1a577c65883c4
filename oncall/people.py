"""Who a contact stands for, and who a user is."""

from collections.abc import Iterable

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


def persons(contacts: Iterable[EscalationContact]) -> tuple[list[EscalationContact], list[str]]:
    """Turn contacts into the persons who answer for them, each once and in order, and say who was left out and why.

    Teams and roles become their members; somebody who is not active is replaced by the back-up; vendors are never asked
    automatically.
    """
    found: dict[int, EscalationContact] = {}
    skipped: list[str] = []

    def add(contact: EscalationContact, depth: int, seen: frozenset[int]) -> None:
        if contact.pk in seen or depth > DEPTH:
            return
        seen |= {contact.pk}
        if not contact.active:
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
            if not members:
                skipped.append(f"{contact} has no members")
            for member in members:
                add(member, depth + 1, seen)

    for contact in contacts:
        add(contact, 0, frozenset())
    return list(found.values()), skipped


def catch_all() -> list[EscalationContact]:
    """The persons asked when nobody else is left."""
    people, _ = persons(EscalationContact.objects.filter(catch_all=True).select_related("backup"))
    return people
