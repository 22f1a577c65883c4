"""What happened when, as marks on a chart and as annotations for Grafana: one list, so that both tell the same.

An annotation has the form of Grafana's HTTP API ("Annotations HTTP API": time and timeEnd in milliseconds since 1970,
text, tags) with a title and an address beside it, which its JSON data sources show too.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.urls import reverse

from incidents import deploys
from incidents.models import Incident, TimelineEntry
from notifications.models import Delivery
from policies.models import Policy
from sources.models import Change

MOST = 300
KINDS = {
    "acknowledged": "acknowledge", "acknowledged_too": "acknowledge", "detected": "move", "mitigated": "move",
    "resolved": "move", "closed": "move", "reopened": "move", "false_positive": "move", "merged": "move",
    "severity": "severity", "escalated": "escalation", "step_skipped": "escalation", "note": "note",
    "update": "update", "paged": "page", "page_failed": "page", "target_breached": "target", "assessed": "note",
    "dr": "recovery", "runbook": "step", "step": "step", "action": "step", "decision": "note", "probe": "note",
    "milestone": "note", "impact": "impact",
}  # fmt: skip
"""Of the timeline what is worth a mark, and the kind of mark it is."""
LABELS = {
    "alert": "Alert", "acknowledge": "Acknowledged", "move": "Moved", "severity": "Severity",
    "escalation": "Escalation", "note": "Note", "update": "Update", "page": "Page", "target": "Target missed",
    "recovery": "Recovery", "step": "Step", "impact": "Impact", "delivery": "Message", "deploy": "Deploy",
    "change": "Change", "incident": "Incident",
}  # fmt: skip


@dataclass(frozen=True)
class Mark:
    """One thing that happened; `until` for what lasted. `number` is its place among those of a chart, from 1."""

    id: str
    at: datetime
    kind: str
    text: str
    until: datetime | None = None
    url: str = ""
    tags: list[str] = field(default_factory=list)
    number: int = 0

    @property
    def label(self) -> str:
        return LABELS.get(self.kind, self.kind.capitalize())

    def annotation(self, base: str = "") -> dict[str, Any]:
        """As Grafana takes it; `base` is put before an address of ours."""
        told: dict[str, Any] = {
            "id": self.id, "time": _milliseconds(self.at), "title": self.label, "text": self.text,
            "tags": [self.kind, *self.tags], "kind": self.kind, "at": self.at.isoformat().replace("+00:00", "Z"),
        }  # fmt: skip
        if self.until and self.until > self.at:
            told |= {"timeEnd": _milliseconds(self.until), "isRegion": True}
        if self.url:
            told["url"] = self.url if "://" in self.url else base + self.url
        return told


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def of_incident(incident: Incident, *, begin: datetime, end: datetime) -> list[Mark]:
    """The marks of one incident in that time, in order: its alerts, what people did, what was sent, deploys."""
    tags = [f"incident:{incident.pk}", incident.severity.key, incident.policy.key]
    found = [
        *_of_alerts(incident, tags), *_of_timeline(incident, tags), *_of_messages(incident, tags),
        *of_changes(_changes(incident, begin, end), tags[:1]),
    ]  # fmt: skip
    return _in_order(one for one in found if one.at <= end and (one.until or one.at) >= begin)


def _in_order(marks: Iterable[Mark]) -> list[Mark]:
    order = list(KINDS.values())
    ranked = sorted(marks, key=lambda one: (one.at, order.index(one.kind) if one.kind in order else -1, one.id))
    return [Mark(**{**vars(one), "number": number}) for number, one in enumerate(ranked[:MOST], start=1)]


def _of_alerts(incident: Incident, tags: list[str]) -> list[Mark]:
    rows = incident.alerts.select_related("alert").order_by("starts_at")  # type: ignore[attr-defined]
    return [
        Mark(f"alert-{row.alert_id}", row.starts_at, "alert",
             str(row.alert.annotations.get("summary") or row.alert),
             until=None if row.firing else row.ends_at, url=reverse("alert", args=[row.alert_id]),
             tags=[*tags, "firing" if row.firing else "ended"])
        for row in rows[:MOST]
    ]  # fmt: skip


def _of_timeline(incident: Incident, tags: list[str]) -> list[Mark]:
    rows: QuerySet[TimelineEntry] = incident.timeline.filter(kind__in=KINDS).select_related("by").order_by("at", "pk")
    return [
        Mark(f"timeline-{row.pk}", row.at, KINDS[row.kind], row.text, tags=[*tags, row.kind],
             url=f"{incident.get_absolute_url()}#entry-{row.pk}")
        for row in rows[:MOST]
    ]  # fmt: skip


def _of_messages(incident: Incident, tags: list[str]) -> list[Mark]:
    rows = Delivery.objects.filter(thread=incident.thread).select_related("destination").order_by("pk")
    return [
        Mark(f"delivery-{row.pk}", row.ended_at or row.created_at, "delivery",
             f"{row.shown_subject} ({row.kind} to {row.to or row.hint or row.destination}: {row.get_status_display()})",
             url=reverse("delivery", args=[row.pk]), tags=[*tags, row.kind, row.status])
        for row in rows.defer("address", "secret", "text")[:MOST]
    ]  # fmt: skip


def _changes(incident: Incident, begin: datetime, end: datetime) -> QuerySet[Change]:
    names = {"", *deploys.names_of(incident)}
    return changes_of(names, begin=begin, end=end)


def changes_of(names: Iterable[str], *, begin: datetime, end: datetime) -> QuerySet[Change]:
    """What was changed of a service called so, or of none that was named."""
    rows = Change.objects.annotate(of=Lower("service")).filter(at__gte=begin, at__lte=end, of__in=set(names))
    return rows.defer("data", "images", "links").order_by("-at", "-pk")


def of_changes(rows: QuerySet[Change], tags: list[str]) -> list[Mark]:
    """Deploys and other changes as marks."""
    found = []
    for row in rows[:MOST]:
        text = row.summary + (f" {row.version}" if row.version and row.version not in row.summary else "")
        kind = "deploy" if row.kind == Change.Kind.DEPLOY else "change"
        more = [told for told in (row.service, row.version, row.outcome) if told]
        safe = row.url if row.url.startswith(("http://", "https://")) else ""
        found.append(Mark(f"change-{row.pk}", row.at, kind, text, url=safe, tags=[*tags, *more]))
    return found


def of_policy(policy: Policy, incidents: QuerySet[Incident], *, begin: datetime, end: datetime) -> list[Mark]:
    """Marks for the curves of a policy's dashboards: its incidents from detection to end, and its service's changes.

    incidents   those that whoever looks may see
    """
    rows = incidents.filter(
        policy=policy, drill=False, detected_at__lte=end, detected_at__gte=begin - timedelta(days=7)
    )
    told = []
    for row in rows.select_related("severity").order_by("-detected_at")[:MOST]:
        over = row.resolved_at or row.closed_at
        if over is not None and over < begin:
            continue
        told.append(
            Mark(f"incident-{row.pk}", row.detected_at, "incident", f"#{row.pk} {row.title}", until=over,
                 url=row.get_absolute_url(), tags=[f"incident:{row.pk}", row.severity.key, policy.key, row.status])
        )  # fmt: skip
    names = deploys.names_of_service(policy.service)
    changes = of_changes(changes_of(names, begin=begin, end=end), [policy.key]) if names else []
    return _in_order(one for one in [*told, *changes] if one.at >= begin or one.until is None or one.until >= begin)
