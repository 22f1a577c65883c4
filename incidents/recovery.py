"""Incidents whose trouble has ended: resolved once nothing has fired for their quiet time."""

from datetime import datetime, timedelta

from policies.claims import sweep

from . import gates, lifecycle
from .models import Incident, Status


def quiet_time(incident: Incident) -> timedelta:
    return incident.policy.resolve_after if incident.resolve_after is None else incident.resolve_after


def ended(incident: Incident, *, at: datetime, since: datetime) -> None:
    """Nothing fires in the incident any more since `since`: its quiet time begins."""
    until = since + quiet_time(incident)
    if Incident.objects.open().filter(pk=incident.pk, quiet_until=None).update(quiet_until=until):
        incident.log("recovered", f"Nothing fires any more; resolves at {until:%H:%M:%S} UTC if it stays quiet.", at=at)


def fires_again(incident: Incident, *, at: datetime) -> None:
    """Something fires again before the quiet time was over."""
    if Incident.objects.filter(pk=incident.pk, quiet_until__isnull=False).update(quiet_until=None):
        incident.log("fires_again", "Fires again; the quiet time starts over.", at=at)


def resolve_due(*, at: datetime) -> int:
    """Resolve what has been quiet long enough; a shut gate keeps it open and says so once."""
    due = Incident.objects.quiet(at).select_related("policy", "severity", "acknowledged_by")
    return sweep(due, due="quiet_until", at=at, work=_resolve)


def _resolve(incident: Incident, *, at: datetime) -> None:
    if opens := gates.quiet_until(incident, Status.RESOLVED, at=at):
        # a gate counts from the last end of all alerts, and wants a longer time than the door or the policy
        Incident.objects.filter(pk=incident.pk).update(quiet_until=opens)
    elif missing := gates.missing(incident, Status.RESOLVED, at=at):
        Incident.objects.filter(pk=incident.pk).update(quiet_until=None)
        incident.log("recovered", f"It has recovered, but is not resolved yet: {' '.join(missing)}", at=at)
    else:
        lifecycle.resolve(incident, at=at, reason="nothing has fired for the quiet time")
