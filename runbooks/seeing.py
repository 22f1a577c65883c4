"""Which runs and incidents a user may see."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from incidents import seeing
from incidents.models import Incident

from .models import Run

OF_RUN = ("runbook__policy", "version", "incident__policy", "incident__severity", "incident__service", "service",
          "started_by", "ended_by")  # fmt: skip


def run_for(user, number: int) -> Run:
    """The run, or 404; PermissionDenied when the user may not see it."""
    found = get_object_or_404(Run.objects.select_related(*OF_RUN), pk=number)
    _check(user, found.incident)
    return found


def incident_for(user, number) -> Incident:
    """The incident, or 404; PermissionDenied when the user may not see it."""
    rows = Incident.objects.select_related("policy", "severity", "service", "alert_class")
    found = get_object_or_404(rows, pk=number if str(number).isdecimal() else 0)
    _check(user, found)
    return found


def _check(user, incident: Incident | None) -> None:
    if not user.has_perm("runbooks.view_runbook" if incident is None else "incidents.view_incident"):
        raise PermissionDenied("This needs the right to view runbooks and incidents.")
    if incident is not None and not seeing.may_see(user, incident):
        raise PermissionDenied("This incident is private; ask one of its people to let you in.")
