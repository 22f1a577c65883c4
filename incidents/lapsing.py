"""An acknowledgement that nobody works on lapses: people are asked anew, whoever had acknowledged among them."""

from datetime import datetime

from django.db.models import Max

from policies.claims import locked, sweep
from policies.durations import format_duration

from . import escalation
from .models import Escalation, Incident, Status


def lapse_due(*, at: datetime) -> int:
    """Look at every acknowledgement whose time is up; return how many were looked at."""
    due = Escalation.objects.lapse_due(at).select_related("incident")
    return sweep(due, due="lapse_at", at=at, work=_look)


def _look(run: Escalation, *, at: datetime) -> None:
    rows_of_it = Incident.objects.select_related("policy", "severity", "acknowledged_by").filter(pk=run.incident_id)
    incident = locked(rows_of_it).first()
    if incident is None:  # somebody moves it now, and may wait for our run: it is looked at in the next pass
        return
    rows = Escalation.objects.filter(pk=run.pk)
    if incident.status != Status.ACKNOWLEDGED or run.ack_timeout is None:
        rows.update(lapse_at=None)
        return
    worked_at = _worked_at(incident)
    if worked_at is not None and worked_at + run.ack_timeout > at:
        rows.update(lapse_at=worked_at + run.ack_timeout)
        return
    rows.update(lapse_at=None)
    who = incident.acknowledged_by
    incident.move(Status.DETECTED, acknowledged_at=incident.acknowledged_at, acknowledged_by=None)
    text = f"{who or 'Somebody'} acknowledged, and nothing was done for {format_duration(run.ack_timeout)}: "
    incident.log("ack_lapsed", text + "people are asked anew.", at=at)
    escalation.start(incident, at=at, again=who, why="the acknowledgement lapsed")


def _worked_at(incident: Incident) -> datetime | None:
    """When somebody last did anything to it: took it, wrote, moved it, ticked a step."""
    counts = incident.timeline.exclude(by=None) | incident.timeline.filter(kind="acknowledged")
    return counts.aggregate(last=Max("at"))["last"]
