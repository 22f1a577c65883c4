"""What an incident has at all: one statement that says which tables hold rows for it, so that the rest is not asked.

An incident may have runbooks, tickets, flags, updates and more, and most have few of them: a page that asked each
table would spend most of its queries to learn that there is nothing.
"""

from collections.abc import Callable
from typing import Any

from django.db.models import Exists, QuerySet

from .models import Incident, RollbackPlan

ASKED: dict[str, Callable[[Incident], QuerySet]] = {
    "gates": lambda incident: incident.policy.gates.all(),
    "role_plans": lambda incident: incident.policy.role_plans.all(),
    "tasks": lambda incident: incident.tasks.all(),
    "impact": lambda incident: incident.impact_stretches.all(),
    "asks": lambda incident: incident.impact_asks.filter(prompted_at__isnull=False, told_at=None),
    "pins": lambda incident: incident.timeline.filter(starred=True),
    "parts": lambda incident: Incident.objects.filter(merged_into=incident),
    "split": lambda incident: Incident.objects.filter(split_from=incident),
    "related": lambda incident: incident.related.all(),
    "level_targets": lambda incident: incident.policy.target_plans.exclude(severity=None),
    "rollback": lambda incident: RollbackPlan.objects.filter(policy=incident.policy_id),
    "symptoms": lambda incident: incident.policy.symptoms.all(),
    "triage": lambda incident: incident.triages.all(),
    "update_items": lambda incident: incident.update_items.all(),
    "proposed_updates": lambda incident: incident.proposed_updates.all(),
    "update_templates": lambda incident: incident.policy.update_templates.all(),
    "updates": lambda incident: incident.updates.all(),
}
"""By a name: rows whose being there is worth a query; rooms above register theirs at start-up."""


def of(incident: Incident) -> frozenset[str]:
    """The names of what there is for the incident or its policy; one query."""
    row = Incident.objects.filter(pk=incident.pk).values("pk")
    row = row.annotate(**{f"has_{name}": Exists(rows(incident)) for name, rows in ASKED.items()})
    found: dict[str, Any] = dict(row.order_by().first() or {})
    return frozenset(name for name in ASKED if found.get(f"has_{name}"))
