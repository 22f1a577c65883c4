"""What is told to whom, and when the next update is due."""

from datetime import datetime, timedelta

from django.db import transaction

from policies.claims import sweep
from policies.durations import format_duration
from policies.models import CadencePlan
from policies.once import once_a_sweep
from policies.wake import wake

from . import notices, targets
from .models import ChosenCadence, IllegalMove, Incident, IncidentUpdate, UpdateTemplate

JUST_AFTER = timedelta(microseconds=1)


class UpdateRefused(IllegalMove):
    """An update lacks a field that the policy demands, or may not be sent by this person or at this time."""


def plan_for(incident: Incident) -> CadencePlan | None:
    """The cadence of the incident's level, else the policy's cadence for every level."""
    fitting = [plan for plan in _cadences(incident.policy_id) if plan.severity_id in (None, incident.severity_id)]
    return min(fitting, key=lambda plan: plan.severity_id is None, default=None)


@once_a_sweep
def _cadences(policy: int) -> list[CadencePlan]:
    return list(CadencePlan.objects.filter(policy=policy))


def start_cadence(
    incident: Incident, *, at: datetime, plan: CadencePlan | None = None, after_update: bool = False
) -> None:
    """Count the time to the next update from `at`, as the present level (or `plan`, if known) and people want it.

    after_update  an update went out at `at`: a plan that wants one only is content
    """
    plan = plan or plan_for(incident)
    chosen = ChosenCadence.objects.filter(incident=incident).first()
    every = chosen.every if chosen else plan.every if plan else None
    if after_update and chosen is None and plan is not None and plan.once:
        every = None
    limit = longest(incident, plan=plan, chosen=chosen)
    if every and limit:
        every = min(every, limit)  # a level that wants to hear more often than somebody chose
    _due(incident, every, at + every if every else None)


def _due(incident: Incident, every: timedelta | None, due: datetime | None) -> None:
    incident.update_every, incident.update_due_at = every, due
    incident.remind_at = due + JUST_AFTER if due else None
    incident.save(update_fields=["update_every", "update_due_at", "remind_at"])


def longest(
    incident: Incident, *, plan: CadencePlan | None = None, chosen: ChosenCadence | None = None
) -> timedelta | None:
    """The longest time between two updates that may be chosen; None: nobody says."""
    bounds = [plan.at_most or plan.every if plan else None, chosen.at_most if chosen else None]
    return min((bound for bound in bounds if bound), default=None)


@transaction.atomic
def choose_cadence(
    incident: Incident, every: timedelta, *, by, at: datetime, at_most: timedelta | None = None
) -> None:  # fmt: skip
    """People are told at least so often from now on. UpdateRefused when that is longer than the policy allows.

    at_most  an upper bound for this incident besides the policy's, such as while disaster recovery runs
    """
    plan, chosen = plan_for(incident), ChosenCadence.objects.filter(incident=incident).first()
    if every <= timedelta(0):
        raise UpdateRefused("The time between updates must be longer than nothing.")
    if not incident.is_open:
        raise UpdateRefused(f"Incident #{incident.pk} is over; nobody waits for updates any more.")
    bounds = [longest(incident, plan=plan, chosen=chosen), at_most]
    limit = min((bound for bound in bounds if bound), default=None)
    if limit and every > limit:
        raise UpdateRefused(
            f"At most {format_duration(limit)} may lie between two updates; "
            f"{format_duration(every)} is too long. Choose a shorter time."
        )
    kept = min((bound for bound in (chosen.at_most if chosen else None, at_most) if bound), default=None)
    facts = {"every": every, "at_most": kept, "by": by, "at": at}
    ChosenCadence.objects.update_or_create(incident=incident, defaults=facts)
    incident.log("cadence", f"{by or 'Opscenter'} wants an update every {format_duration(every)}.", at=at, by=by)
    since = at
    if incident.update_due_at is not None and incident.update_every is not None:
        since = incident.update_due_at - incident.update_every
    _due(incident, every, max(since + every, at))
    wake()


@transaction.atomic
def post(
    incident: Incident, *, by, at: datetime, text: str, audience: str = "", fields: dict | None = None
) -> IncidentUpdate:
    """Tell people where the routes lead; the next update is then due one interval later.

    UpdateRefused names a required field left empty. What follows a template goes through update_sending.send.
    """
    plan = plan_for(incident)
    fields = {name: str(value).strip() for name, value in (fields or {}).items()}
    filled = fill(incident, plan.fields if plan else [], fields)
    if not text.strip() and not filled:
        raise UpdateRefused("Write what people should know.")
    update = record(
        incident, by=by, at=at, text=text.strip(), audience=audience or (plan.audience if plan else ""),
        fields={**fields, **filled},
    )  # fmt: skip
    notices.tell_update(incident, update, at=at)
    return update


def fill(incident: Incident, wanted: list[str], given: dict[str, str]) -> dict[str, str]:
    """The `wanted` fields with what was given, else what is known of the incident; UpdateRefused names empty ones."""
    known = facts(incident)
    filled = {name: given.get(name) or known.get(name, "") for name in wanted}
    if empty := [name for name, value in filled.items() if not value]:
        raise UpdateRefused(f"Fill in {', '.join(empty)} before you post: the policy demands it in every update.")
    return filled


def facts(incident: Incident) -> dict[str, str]:
    """What an update may be filled with by itself."""
    began = incident.started_at or incident.detected_at
    due = incident.update_due_at
    return {
        "status": str(incident.get_status_display()),
        "start": f"{began:%Y-%m-%d %H:%M} UTC",
        "impact": incident.impact.strip(),
        "cause": incident.cause.strip(),
        "eta": incident.eta.strip(),
        "estimate": incident.eta.strip(),
        "severity": incident.severity.key,
        "title": incident.title,
        "summary": incident.summary,
        "service": str(incident.service or ""),
        "number": str(incident.pk),
        "next_update": f"{due:%Y-%m-%d %H:%M} UTC" if due else "",
        "url": notices.link(incident),
    }


def record(
    incident: Incident, *, by, at: datetime, text: str, audience: str, fields: dict, subject: str = "",
    template: UpdateTemplate | None = None, approved_by=None,
) -> IncidentUpdate:  # fmt: skip
    """Keep what was told: on the timeline, towards the target of an update, and for the time of the next one."""
    update = incident.updates.create(
        at=at, by=by, text=text, subject=subject, audience=audience, fields=fields, template=template,
        closing=bool(template and template.closing), published=bool(template and template.publish),
    )  # fmt: skip
    said = text or ", ".join(f"{name}: {value}" for name, value in fields.items())
    what = f"{template.name} by" if template else "Update by"
    approved = f", approved by {approved_by}" if approved_by else ""
    data = {"update": update.pk, **({"template": template.key} if template else {})}
    incident.log("update", f"{what} {by or 'Opscenter'}{approved}: {said}", at=at, by=by, data=data)
    if template is None or template.counts:
        targets.meet(incident, "update", at=at, by=by)
        if incident.is_open:
            start_cadence(incident, at=at, after_update=True)
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
