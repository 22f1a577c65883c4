"""Who may see an incident: everybody with the right to view, unless it is private."""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from oncall.models import EscalationContact

from .models import Incident
from .models.incident import IncidentQuerySet

HIDING: list[Callable[..., None]] = []
"""Called with an incident that has just become private, `by` and `at`: rooms above take back what all could read."""


def visible(user) -> IncidentQuerySet:
    """The incidents that `user` may see: a private one only when it names them, or they may see every private one."""
    if user.has_perm("incidents.see_private_incident") or not Incident.objects.filter(private=True).exists():
        return Incident.objects.all()
    contact = getattr(user, "contact", None)
    if contact is None:
        return Incident.objects.filter(private=False)
    named = Incident.objects.filter(private=True).filter(
        Q(readers=contact) | Q(owners=contact) | Q(acknowledged_by=contact)
        | Q(roles__contact=contact, roles__until=None) | Q(page_rows__contact=contact)
    )  # fmt: skip
    return Incident.objects.filter(Q(private=False) | Q(pk__in=named.order_by().values("pk")))


def may_see(user, incident: Incident) -> bool:
    """Whether `user` may see this incident."""
    return not incident.private or visible(user).filter(pk=incident.pk).exists()


def hidden(user) -> frozenset[int]:
    """The numbers of the private incidents that `user` may not see; for lists that only refer to incidents."""
    private = Incident.objects.filter(private=True)
    if user.has_perm("incidents.see_private_incident"):
        return frozenset()
    return frozenset(
        private.exclude(pk__in=visible(user).filter(private=True).values("pk")).values_list("pk", flat=True)
    )


def threads_hidden(user) -> list[str]:
    """What the messages are filed under that `user` may not see."""
    return [f"incident:{number}" for number in hidden(user)]


@transaction.atomic
def limit(incident: Incident, *, private: bool, readers: Iterable[EscalationContact], by, at: datetime) -> None:
    """Make it private or public, and say who may see it; whoever makes it private still does."""
    named = {contact.pk: contact for contact in readers}
    if private and by is not None:
        named[by.pk] = by
    before = {contact.pk for contact in incident.readers.all()}
    incident.readers.set(named.values())
    changed = Incident.objects.filter(pk=incident.pk).exclude(private=private).update(private=private)
    incident.private = private
    if changed or before != set(named):
        names = ", ".join(sorted(map(str, named.values()))) or "nobody by name"
        text = f"Private, says {by}: seen by {names}." if private else f"Not private any more, says {by}."
        incident.log("private", text, at=at, by=by)
    if changed and private:
        for take_back in HIDING:
            take_back(incident, by=by, at=at)
