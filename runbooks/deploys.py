"""Deploys and rollbacks of a run's service: what was last, and the marker that a step leaves."""

from datetime import datetime

from incidents import deploys
from oncall.models import EscalationContact
from policies.models import Service
from sources.models import Change

from .models import Run


def service_of(run: Run) -> Service | None:
    """Whose deploys they are."""
    return run.service or (run.incident.service if run.incident else None) or run.runbook.service


def names_of(run: Run) -> set[str]:
    """How pipelines may call the run's service, in small letters."""
    return deploys.names_of_service(service_of(run)) | (deploys.names_of(run.incident) if run.incident else set())


def last(run: Run, *, by: datetime) -> Change | None:
    return deploys.last(names_of(run), by=by)


def previous_commit(run: Run, *, by: datetime) -> str:
    """The commit of the deploy before the last one, "" when none is known."""
    return deploys.previous_version(names_of(run), by=by)


def mark(run: Run, commit: str, kind: str, *, by: EscalationContact | None, at: datetime) -> Change:
    """Write the marker that a deploy, or a rollback, was made; it stands beside the incidents of the service."""
    service = service_of(run)
    return deploys.mark(
        service=service.key if service else "", version=commit, kind=kind, by=by, at=at, incident=run.incident
    )
