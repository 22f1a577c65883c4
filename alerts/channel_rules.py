"""Rules that read the state of channels are asked as soon as one is told, not at their next turn."""

from datetime import datetime

from django.db.models import F
from django.db.models.functions import Coalesce, Least

from incidents.models import Incident
from policies.wake import wake

from .models import AlertRule, Liveness, RuleSource

LISTED = 20
KIND = "channels"
"""The kind of a rule's source that reads the state of channels."""


def told(*, at: datetime) -> None:
    """Make these rules due at `at`; in the transaction that stores the state."""
    readers = RuleSource.objects.filter(kind=KIND, rule__enabled=True).values("rule_id")
    rules = AlertRule.objects.filter(pk__in=readers, enabled=True)
    if rules.update(next_check_at=Least(F("next_check_at"), at), grid_at=Coalesce("grid_at", "next_check_at")):
        wake()


def incidents_of(tenant: str) -> list[Incident]:
    """The tenant's incidents, the latest first: those whose alerts all name it."""
    return list(Incident.objects.filter(labels__tenant=tenant, private=False).order_by("-pk")[:LISTED])


def firing_of(tenant: str) -> list[tuple[str, datetime]]:
    """What rules say of the tenant now, and since when: a rule may know of its channels what nobody told here."""
    incidents = Incident.objects.open().filter(labels__tenant=tenant, private=False)
    rows = Liveness.objects.filter(incident__in=incidents, firing=True).select_related("alert")
    rows = rows.order_by("starts_at", "pk")[:LISTED]
    return [(row.alert.annotations.get("summary") or str(row.alert), row.starts_at) for row in rows]
