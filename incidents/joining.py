"""Two incidents that are one trouble: merged, so that people work in one place, and taken apart again."""

from datetime import datetime

from django.db import transaction

from policies.wake import wake

from . import escalation, notices, paging, targets, updates
from .models import IllegalMove, Incident, Status

MOST_NOTED = 5000
"""So many alerts a merge remembers by number; a storm of more stays where it went when it is taken apart."""


@transaction.atomic
def merge(incident: Incident, into: Incident, *, by, at: datetime) -> None:
    """`incident` is the same trouble as `into`: its alerts and its people go there, its pages and clocks stop."""
    if incident.pk == into.pk or not into.is_open:
        raise IllegalMove(f"Incident #{incident.pk} can be merged only into another incident that is open.")
    # both in the order of their numbers, lest two who merge crosswise wait for each other
    locked = Incident.objects.select_for_update(of=("self",)).filter(pk__in=[incident.pk, into.pk]).order_by("pk")
    if not {row.pk: row for row in locked}[into.pk].is_open:
        raise IllegalMove(f"Incident #{into.pk} is no longer open; choose another one.")
    incident.move(Status.MERGED, merged_into=into, quiet_until=None, update_due_at=None, remind_at=None)
    Incident.objects.filter(merged_into=incident).update(merged_into=into)
    moved = list(incident.alerts.order_by("pk").values_list("pk", flat=True)[:MOST_NOTED])
    firing = incident.alerts.filter(firing=True).exists()
    incident.alerts.update(incident=into)
    incident.log("merged", f"Merged into #{into.pk} by {by}.", at=at, by=by, data={"alerts": moved})
    count = f" with {len(moved)} alert{'s' if len(moved) != 1 else ''}" if moved else ""
    into.log("merged", f"#{incident.pk} {incident.title} was merged into this one by {by}{count}.", at=at, by=by)
    if firing:
        Incident.objects.filter(pk=into.pk).update(quiet_until=None)
    notices.tell_followers(incident, "merged", at=at, by=str(by))
    let_go(incident, at=at, because=f"merged into #{into.pk}")


@transaction.atomic
def unmerge(incident: Incident, *, by, at: datetime, reason: str = "") -> None:
    """It was another trouble after all: open again with the alerts it brought, its clocks and pages begin anew.

    Nobody has it any more; when it was first acknowledged stays, as that has happened.
    """
    into = incident.merged_into
    if incident.status != Status.MERGED or into is None:
        raise IllegalMove(f"Incident #{incident.pk} is not merged into another one.")
    clash = Incident.objects.open().filter(scope=incident.scope, key=incident.key).first()
    if clash:
        raise IllegalMove(f"Incident #{clash.pk} is open for the same key meanwhile; work there.")
    incident.move(
        Status.DETECTED, merged_into=None, acknowledged_by=None, mitigated_at=None, resolved_at=None, closed_at=None
    )
    brought = incident.timeline.filter(kind="merged", data__has_key="alerts").order_by("-pk").first()
    back = into.alerts.filter(pk__in=brought.data["alerts"] if brought else []).update(incident=incident)
    why = f": {reason.strip()}" if reason.strip() else ""
    incident.log("unmerged", f"Taken apart from #{into.pk} by {by}{why}.", at=at, by=by)
    into.log("unmerged", f"#{incident.pk} {incident.title} was taken apart again by {by}, with {back} alerts.",
             at=at, by=by)  # fmt: skip
    targets.begin_anew(incident, at=at)
    updates.start_cadence(incident, at=at)
    notices.tell(incident, "reopened", at=at)
    if incident.pages:
        escalation.start(incident, at=at)
    wake()


def let_go(incident: Incident, *, at: datetime, because: str) -> None:
    """Nobody is asked for it any more and its clocks stop."""
    paging.cancel(incident, at=at, reason=because)
    escalation.stop(incident, at=at, because=because)
    incident.targets.filter(state="pending").update(state="cancelled", check_at=None, paused_at=None)
    incident.impact_asks.filter(look_at__isnull=False).update(look_at=None)
    incident.impact_stretches.filter(end_at=None).update(end_at=at)
    Incident.objects.filter(pk=incident.pk).update(held_since=None, hold_reason="")
