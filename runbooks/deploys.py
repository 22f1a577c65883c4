"""Deploys and rollbacks that a run marks, and the last ones of its service."""

from datetime import datetime

from django.db.models import QuerySet
from django.db.models.functions import Lower

from oncall.models import EscalationContact
from sources.models import Change

from .models import Run

ROLLBACK = "rollback"


def names_of(run: Run) -> set[str]:
    """How pipelines may call the run's service, in small letters."""
    service = run.service or (run.incident.service if run.incident else None) or run.runbook.service
    names = {service.key.lower(), service.name.lower()} if service else set()
    told = str(run.incident.labels.get("service", "")).lower() if run.incident else ""
    return names | ({told} if told else set())


def of(run: Run) -> QuerySet[Change]:
    """The deploys of the run's service, the latest first."""
    rows = Change.objects.annotate(of=Lower("service")).filter(kind=Change.Kind.DEPLOY, of__in=names_of(run))
    return rows.defer("data", "images").order_by("-at", "-pk")


def last(run: Run) -> Change | None:
    return of(run).first()


def previous_commit(run: Run) -> str:
    """The commit of the deploy before the last one, "" when none is known; a rollback's commit counts as deployed."""
    found: list[str] = []
    for version in of(run).exclude(version="").values_list("version", flat=True)[:20]:
        if version not in found:
            found.append(version)
        if len(found) == 2:
            return found[1]
    return ""


def mark(run: Run, commit: str, kind: str, *, by: EscalationContact | None, at: datetime) -> Change:
    """Write the marker that a deploy, or a rollback, was made; it stands beside the incidents of the service."""
    service = run.service or (run.incident.service if run.incident else None) or run.runbook.service
    summary = f"rollback to {commit}" if kind == ROLLBACK else f"deploy of {commit}"
    marker = Change.objects.create(
        kind=Change.Kind.DEPLOY, summary=summary, source=f"runbook, by {by or 'itself'}"[:255],
        service=service.key if service else "", version=commit[:120], outcome="succeeded", labels={"type": kind},
        at=at, received_at=at,
    )  # fmt: skip
    if run.incident:
        run.incident.log("deploy", f"{summary.capitalize()}.", at=at, by=by, data={"change": marker.pk})
    return marker
