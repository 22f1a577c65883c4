"""One incident that is two troubles: some of its alerts, or some of its work, become an incident of their own."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from policies.models import Severity

from . import lifecycle
from .models import IllegalMove, Incident


@transaction.atomic
def split(
    incident: Incident, *, title: str, severity: Severity, alerts: Collection[int] = (), by, at: datetime
) -> Incident:
    """Open a new incident with these alerts (by number) of `incident`; what they tell from now on goes there.

    IllegalMove when `incident` is not open or one of the alerts is not in it.
    """
    if not incident.is_open:
        raise IllegalMove(f"Incident #{incident.pk} is over; only an open one can be split.")
    if severity.policy_id != incident.policy_id:
        raise IllegalMove(f"{severity} is a level of another policy than incident #{incident.pk}'s.")
    Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)
    moved = incident.alerts.filter(pk__in=alerts)
    if moved.count() != len(set(alerts)):
        raise IllegalMove("Some of these alerts are not in this incident any more; choose again.")
    number = incident.split_off.count() + 1
    opening = lifecycle.Opening(
        policy=incident.policy, severity=severity, scope=incident.scope, key=f"{incident.key[:230]} (split {number})",
        title=title.strip() or incident.title, labels=incident.labels, service=incident.service,
        alert_class=incident.alert_class, drill=incident.drill, started_at=incident.started_at,
        resolve_after=incident.resolve_after, owners=tuple(incident.owners.all()), private=incident.private,
        split_from=incident, reason=f"Split off from #{incident.pk} by {by}.",
    )  # fmt: skip
    found = lifecycle.open_incident(opening, at=at, by=by)
    found.readers.add(*incident.readers.all())
    count = moved.update(incident=found)
    found.related.add(incident)
    words = f"Split: #{found.pk} {found.title} goes on by itself with {count} alert{'s' if count != 1 else ''}."
    incident.log("split", words, at=at, by=by, data={"incident": found.pk, "alerts": sorted(alerts)})
    return found
