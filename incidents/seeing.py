"""Who may see an incident: everybody with the right to view, unless it is private."""

from django.db.models import Q, QuerySet

from .models import Incident


def visible(user) -> QuerySet[Incident]:
    """The incidents that `user` may see: a private one only when it names them, or they may see every private one."""
    if user.has_perm("incidents.see_private_incident"):
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
