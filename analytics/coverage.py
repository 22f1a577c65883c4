"""What covers each service, and what is missing: rules, runbooks, owners, a schedule, a drill."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from alerts.models import AlertRule
from incidents.models import EscalationStep, Incident
from oncall.models import Ownership
from policies.models import Service
from runbooks.models import Runbook

DRILL_WITHIN = timedelta(days=180)
"""A drill says something about a service for so long."""
GAPS = {
    "rule": "No rule", "runbook": "No runbook", "owner": "No owner", "schedule": "No schedule", "drill": "No drill",
}  # fmt: skip
WANTED = {
    "rule": "Nothing would tell that it is down: give its policy a rule that is on.",
    "runbook": "Nobody would know what to do: give its policy a runbook, or its rules words of what to do.",
    "owner": "Nobody's business: name owners in its policy, or of its rules.",
    "schedule": "Nobody is on call for it: let a step of its escalation ask a schedule.",
    "drill": f"Nobody has tried it in {DRILL_WITHIN.days} days: open an incident of it as a drill.",
}
"""What each gap means, and what to do about it."""


@dataclass(frozen=True)
class Covered:
    """A service with what there is for it, in numbers; `gaps` names what is missing, of GAPS."""

    service: Any
    rules: int
    bare: int
    runbooks: int
    owners: int
    steps: int
    drilled_at: datetime | None
    gaps: list[str]


def services(*, at: datetime, gap: str = "") -> QuerySet[Any]:
    """Every service with `has_rule` … `has_drill`; with `gap` those alone that lack it, "any": that lack something."""
    rules = AlertRule.objects.filter(policy__service=OuterRef("pk"), enabled=True)
    told = rules.exclude(runbook="")
    books = Runbook.objects.filter(Q(service=OuterRef("pk")) | Q(policy__service=OuterRef("pk")), offered=True)
    owned = Ownership.objects.filter(policy__service=OuterRef("pk"), contacts__isnull=False)
    steps = EscalationStep.objects.filter(schedule__isnull=False)
    drills = Incident.objects.filter(service=OuterRef("pk"), drill=True, detected_at__gt=at - DRILL_WITHIN)
    rows: QuerySet[Any] = Service.objects.annotate(
        has_rule=Exists(rules),
        has_runbook=Exists(books) | Exists(told),
        has_owner=Exists(owned) | Exists(rules.filter(owners__isnull=False)),
        has_schedule=Exists(steps.filter(policy__policy__service=OuterRef("pk")))
        | Exists(steps.filter(policy__policy=None)),
        has_drill=Exists(drills),
    )
    if gap in GAPS:
        rows = rows.filter(**{f"has_{gap}": False})
    elif gap:
        whole = {f"has_{name}": True for name in GAPS}
        rows = rows.exclude(**whole)
    return rows.order_by("key")


def covered(rows: Iterable[Any]) -> list[Covered]:
    """What there is for each of these services (rows of `services`), in six queries whatever their number."""
    rows = list(rows)
    keys = [row.pk for row in rows]
    by = "policy__service"
    rules = AlertRule.objects.filter(policy__service__in=keys, enabled=True)
    counted = _count(rules, by)
    bare = _count(rules.filter(runbook="", no_runbook=""), by)
    books = Runbook.objects.filter(Q(service__in=keys) | Q(policy__service__in=keys), offered=True)
    of: dict[int, set[int]] = {}
    for pk, own, policys in books.values_list("pk", "service", by):
        for key in (own, policys):
            of.setdefault(key, set()).add(pk)
    owners: dict[int, set[int]] = {}
    for key, contact in Ownership.objects.filter(policy__service__in=keys).values_list(by, "contacts"):
        owners.setdefault(key, set()).add(contact)
    for key, contact in rules.filter(owners__isnull=False).values_list(by, "owners"):
        owners.setdefault(key, set()).add(contact)
    steps = EscalationStep.objects.filter(schedule__isnull=False)
    asking = _count(steps.filter(policy__policy__service__in=keys), "policy__policy__service")
    drills = Incident.objects.filter(service__in=keys, drill=True).order_by().values_list("service")
    drilled = dict(drills.annotate(last=Max("detected_at")))
    return [
        Covered(
            row, counted.get(row.pk, 0), bare.get(row.pk, 0), len(of.get(row.pk, ())),
            len(owners.get(row.pk, set()) - {None}), asking.get(row.pk, 0), drilled.get(row.pk),
            [name for name in GAPS if not getattr(row, f"has_{name}")],
        )
        for row in rows
    ]  # fmt: skip


def _count(rows: QuerySet[Any], by: str) -> dict[int, int]:
    return dict(rows.order_by().values_list(by).annotate(Count("pk", distinct=True)))


def totals(*, at: datetime) -> dict[str, int]:
    """How many services there are, and how many lack what."""
    missing = {name: Count("pk", filter=Q(**{f"has_{name}": False})) for name in GAPS}
    return services(at=at).order_by().aggregate(all=Count("pk"), **missing)
