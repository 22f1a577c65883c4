"""A change of level or class: targets, cadence, routes, escalation, roles and prompts are gone through anew."""

from datetime import datetime
from typing import Any

from django.db import transaction

from policies.models import AlertClass, Severity
from policies.wake import wake

from . import escalation, impact, notices, paging, targets, updates
from .models import IllegalMove, Incident, Status

UNSAID: Any = object()
"""The class stays as it is."""


@transaction.atomic
def set_severity(
    incident: Incident, severity: Severity, *, by=None, at: datetime, reason: str = "",
    alert_class: AlertClass | None = UNSAID,
) -> None:  # fmt: skip
    """Another level, or class: what follows from it begins anew; a rise that pages starts paging, a fall may end it.

    alert_class   None: no class; left out: as it is
    """
    if severity.policy_id != incident.policy_id:
        raise IllegalMove(f"{severity} is a level of another policy than incident #{incident.pk}'s.")
    old, old_class = incident.severity, incident.alert_class
    wanted = old_class if alert_class is UNSAID else alert_class
    if wanted and wanted.policy_id != incident.policy_id:
        raise IllegalMove(f"{wanted} is a class of another policy than incident #{incident.pk}'s.")
    if severity.pk == old.pk and wanted == old_class:
        return
    rose, fell = severity.rank < old.rank, severity.rank > old.rank
    paged = incident.pages
    pages = _pages(incident, severity, wanted, fell=fell)
    before = escalation.policy_for(incident)
    rows = Incident.objects.filter(pk=incident.pk, severity=old, alert_class=old_class)
    if not rows.update(severity=severity, alert_class=wanted, pages=pages):
        raise IllegalMove(f"Somebody changed the level of incident #{incident.pk} at the same moment; look again.")
    incident.severity, incident.alert_class, incident.pages = severity, wanted, pages
    _note(incident, old, old_class, by=by, at=at, reason=reason)
    if not incident.is_open:
        return
    targets.start(incident, at=at)
    updates.start_cadence(incident, at=at)
    if rose or fell:
        notices.tell(incident, "raised" if rose else "lowered", at=at)
    impact.again(incident, at=at)
    if pages and not paged and incident.status == Status.DETECTED:
        escalation.start(incident, at=at, why=f"the level rose to {severity.key}")
    elif rose:
        escalation.rose(incident, at=at)
    elif fell and incident.status == Status.DETECTED:
        _fall(incident, before, at=at)
    wake()


def _pages(incident: Incident, severity: Severity, alert_class: AlertClass | None, *, fell: bool) -> bool:
    """Whether it pages at its new level; a fall ends that only when it was the level that wanted it."""
    if alert_class is not None and alert_class.page is not None and alert_class != incident.alert_class:
        return alert_class.page
    if not fell or incident.pages_anyway:
        return incident.pages or severity.page
    return severity.page


def _note(incident: Incident, old: Severity, old_class: AlertClass | None, *, by, at: datetime, reason: str) -> None:
    why = f": {reason}" if reason else ""
    who = by or "Opscenter"
    if incident.severity != old:
        word = "Raised" if incident.severity.rank < old.rank else "Lowered"
        text = f"{word} from {old.key} to {incident.severity.key} by {who}{why}."
        data = {"from": old.key, "to": incident.severity.key}
        incident.log("severity", text, at=at, by=by, data=data)
    if incident.alert_class != old_class:
        text = f"Class changed from {old_class or 'none'} to {incident.alert_class or 'none'} by {who}{why}."
        incident.log("severity", text, at=at, by=by)


def _fall(incident: Incident, before, *, at: datetime) -> None:
    """At a lower level: nobody is asked any more where that does not page, else by the plan of that level."""
    run = incident.escalations.order_by("-pk").first()
    if run is None or run.state != run.State.RUNNING:
        return
    why = f"the level fell to {incident.severity.key}"
    if not incident.pages:
        paging.cancel(incident, at=at, reason=why)
        escalation.stop(incident, at=at, because=why)
        incident.log("escalation", f"Nobody is asked any more: {why}.", at=at)
    elif escalation.policy_for(incident) != before:
        paging.cancel(incident, at=at, reason=why)
        escalation.stop(incident, at=at, because=why)
        escalation.start(incident, at=at, why=why)
