"""Too many incidents of one door at once: beyond its ceiling its alerts share one, counted and never refused."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from incidents import lifecycle
from incidents.models import Incident
from sources.models import Integration

if TYPE_CHECKING:
    from .grouping import Group

KEY = "(storm)"
"""The key of a door's storm among its incidents."""
WITHIN = timedelta(minutes=1)
NAMED = 5  # groups that are named


def room(door: Integration, *, at: datetime) -> int:
    """How many incidents the door may still open at `at`."""
    lately = Incident.objects.filter(scope=f"door:{door.pk}", detected_at__gt=at - WITHIN).exclude(key=KEY)
    return max(0, door.ceiling - lately.count())


def begin(door: Integration, group: "Group", *, at: datetime) -> Incident:
    """Open the door's storm with its first alerts."""
    names = sorted({row.name or row.key or "alert" for row in group.rows})
    shown = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    opening = lifecycle.Opening(
        policy=group.policy, severity=group.severity, scope=group.scope, key=KEY,
        title=title(len(group.rows), door.name), labels=group.common_labels,
        summary=f"{door.name} tells of more trouble than it may open incidents for: {shown}.",
        started_at=min(at, *(row.starts_at for row in group.rows)), resolve_after=door.resolve_after,
        reason=f"{door.name} has reached its ceiling of {door.ceiling} incidents a minute: what else it tells of now "
        f"shares this one ({shown}).",
    )  # fmt: skip
    return lifecycle.open_incident(opening, at=at)


def count(incident: Incident) -> None:
    """Say in the title how many alerts have joined by now."""
    door = Integration.objects.filter(pk=incident.scope.partition(":")[2]).first()
    incident.title = title(incident.alerts.count(), door.name if door else "a door")
    Incident.objects.filter(pk=incident.pk).update(title=incident.title)


def title(alerts: int, door: str) -> str:
    return f"{alerts} alert{'' if alerts == 1 else 's'} of {door}: storm"
