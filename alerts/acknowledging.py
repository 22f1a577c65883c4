"""Alerts that somebody has taken elsewhere: their incident is acknowledged here as well."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from incidents import lifecycle
from incidents.models import IllegalMove, Incident, Status
from sources.inbound import LABELS
from sources.models import Integration

from . import grouping
from .models import Liveness
from .store.facts import Scope


@transaction.atomic
def acknowledge(door: Integration, keys: Iterable[str], *, at: datetime) -> list[int]:
    """Acknowledge the incidents of the firing alerts with these keys; return those that were taken now.

    A key under which nothing fires is left out, and so is an alert that is suppressed or whose incident somebody has.
    """
    scope, taken = Scope(f"door:{door.pk}"), []
    for key in keys:
        rows = Liveness.objects.filter(alert__identity=scope.of_key(key))
        # the lock waits for a sweep that is opening the incident at this moment
        life = rows.select_for_update(of=("self",)).first()
        if life is None or not life.fires_at(at):
            continue
        if life.assign_at is not None and life.assign_at <= at:
            grouping.assign([life.pk], at=at)
        incident = Incident.objects.filter(alerts=life.pk).select_related("policy", "severity").first()
        if incident is None or incident.status != Status.DETECTED:
            continue
        try:
            lifecycle.acknowledge(incident, by=None, at=at, via=f"{door.name} ({LABELS.get(door.kind, door.kind)})")
        except IllegalMove:
            continue  # somebody took it, or it ended, at this very moment
        taken.append(incident.pk)
    return taken
