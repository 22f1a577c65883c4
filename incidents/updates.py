"""What is told to whom, and when the next update is due."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from policies.claims import sweep
from policies.models import CadencePlan

from . import notices, targets
from .models import IllegalMove, Incident, IncidentUpdate

JUST_AFTER = timedelta(microseconds=1)


class UpdateRefused(IllegalMove):
    """An update lacks a field that the policy demands."""


def plan_for(incident: Incident) -> CadencePlan | None:
    """The cadence of the incident's level, else the policy's cadence for every level."""
    fitting = incident.policy.cadences.filter(Q(severity=None) | Q(severity=incident.severity_id))
    return min(fitting, key=lambda plan: plan.severity_id is None, default=None)


def start_cadence(incident: Incident, *, at: datetime, plan: CadencePlan | None = None) -> None:
    """Count the time to the next update from `at`, as the present level (or `plan`, if known) wants it."""
    plan = plan or plan_for(incident)
    due = at + plan.every if plan else None
    incident.update_every, incident.update_due_at = (plan.every if plan else None), due
    incident.remind_at = due + JUST_AFTER if due else None
    incident.save(update_fields=["update_every", "update_due_at", "remind_at"])


@transaction.atomic
def post(
    incident: Incident, *, by, at: datetime, text: str, audience: str = "", fields: dict | None = None
) -> IncidentUpdate:
    """Tell people; the next update is then due one interval later. UpdateRefused names a required field left empty."""
    plan = plan_for(incident)
    fields = {name: str(value).strip() for name, value in (fields or {}).items()}
    wanted = plan.fields if plan else []
    began = incident.started_at or incident.detected_at
    known = {
        "status": incident.get_status_display(),
        "start": f"{began:%Y-%m-%d %H:%M} UTC",
        "impact": incident.impact,
        "cause": incident.cause,
        "eta": incident.eta,
    }
    filled = {name: fields.get(name) or known.get(name, "") for name in wanted}
    if empty := [name for name, value in filled.items() if not value]:
        raise UpdateRefused(f"Fill in {', '.join(empty)} before you post: the policy demands it in every update.")
    if not text.strip() and not filled:
        raise UpdateRefused("Write what people should know.")
    update = incident.updates.create(
        at=at,
        by=by,
        text=text.strip(),
        audience=audience or (plan.audience if plan else ""),
        fields={**fields, **filled},
    )
    incident.log(
        "update",
        f"Update by {by or 'Opscenter'}: {text.strip() or filled}",
        at=at,
        by=by,
        data={"update": update.pk},
    )
    targets.meet(incident, "update", at=at, by=by)
    if incident.is_open:
        start_cadence(incident, at=at)
    notices.tell_update(incident, update, at=at)
    return update


def remind_due(*, at: datetime) -> int:
    """Remind of updates that are overdue: once when due, then once an interval."""
    due = Incident.objects.update_due(at).select_related("policy", "severity")
    return sweep(due, due="remind_at", at=at, work=_remind)


def _remind(incident: Incident, *, at: datetime) -> None:
    every = incident.update_every or timedelta(hours=1)
    due = incident.update_due_at or at
    missed = max(1, (at - due) // every + 1)
    Incident.objects.filter(pk=incident.pk).update(remind_at=due + missed * every + JUST_AFTER)
    text = f"An update to people is overdue since {due:%H:%M} UTC."
    incident.log("update_overdue", text, at=at)
    once = f"incident:{incident.pk}:update:{due.isoformat()}:{missed}"
    notices.remind(incident, "an update to people", due_at=due, at=at, once=once)
