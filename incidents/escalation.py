"""The clock that climbs an escalation step by step.

A run is a copy of its plan in rows (turns), so an edit of the plan never changes an incident under way. Each turn ends
as paged or skipped, with the reason: a step that was not taken has its answer to "why was I not paged?".
"""

from datetime import datetime, timedelta

from django.db.models import Q

from oncall.models import EscalationContact
from oncall.people import catch_all, persons
from oncall.roster import responders
from policies.claims import sweep

from . import paging
from .models import Escalation, EscalationPolicy, Incident, Page, Status, Turn
from .models.escalation import Condition

LAST_WAIT = timedelta(minutes=10)
"""How long after the last step nobody may have answered before the catch-all is asked, if the plan names no pause."""


def policy_for(incident: Incident) -> EscalationPolicy | None:
    """The first plan that fits: the incident's own policy before plans for all, a named level before any level."""
    plans = EscalationPolicy.objects.filter(Q(policy=incident.policy_id) | Q(policy=None)).prefetch_related(
        "severities"
    )
    fitting = []
    for plan in plans:
        levels = [level.pk for level in plan.severities.all()]
        if not levels or incident.severity_id in levels:
            fitting.append(((plan.policy_id is None, not levels, plan.position, plan.pk), plan))
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else None


def start(incident: Incident, *, at: datetime) -> Escalation:
    """Begin the run: the plan's steps become turns counted from `at`, the catch-all is the last of them."""
    plan = policy_for(incident)
    run = Escalation.objects.create(
        incident=incident, policy=plan, policy_name=plan.name if plan else "no escalation policy",
        catch_all=plan.catch_all if plan else None, started_at=at,
    )  # fmt: skip
    position, round_start = 0, at
    steps = list(plan.steps.select_related("schedule").prefetch_related("contacts")) if plan else []
    for _ in range((plan.repeat if plan else 0) + 1 if steps else 0):
        for step in steps:
            aimed = list(step.contacts.all())
            named = [str(step.schedule)] if step.schedule else []
            when = round_start + step.after
            turn = run.turns.create(
                position=position, planned_at=when, due_at=when, condition=step.condition, schedule=step.schedule,
                aim=", ".join(named + [str(contact) for contact in aimed])[:250],
            )  # fmt: skip
            turn.contacts.set(aimed)
            position += 1
        round_start = round_start + steps[-1].after + ((plan and plan.repeat_after) or LAST_WAIT)
    run.turns.create(
        position=position,
        planned_at=round_start,
        due_at=round_start,
        condition=Condition.UNACKED,
        aim="catch-all",
    )
    return run


def climb_due(*, at: datetime) -> int:
    """Take every turn whose time has come; return how many were taken or skipped."""
    due = Turn.objects.due(at).select_related("escalation", "schedule")
    return sweep(due, due="due_at", at=at, work=take)


def take(turn: Turn, *, at: datetime) -> None:
    """Page the turn's people, or skip it with its reason; when nobody is reached the next turn comes at once."""
    run = turn.escalation
    # The lock orders this turn against an acknowledgement made at the same moment: one sees what the other did.
    incident = (
        Incident.objects.select_for_update(of=("self",)).select_related("policy", "severity").get(pk=run.incident_id)
    )
    run.refresh_from_db(fields=["state", "ended_because"])
    if run.state == Escalation.State.STOPPED:
        return _end(turn, at, skipped=f"Stopped: {run.ended_because}")
    if reason := _unneeded(turn, incident):
        _end(turn, at, skipped=reason)
        return _end_run_if_last(run, at)
    people, notes = _people(turn, at)
    if again := _asked_since_due(turn, people):
        people = [person for person in people if person not in again]
        notes += [f"{person} was asked after this step's time already" for person in again]
    reached = [person for person in people if paging.page(incident, person, at=at, turn=turn)]
    late = at - turn.due_at if turn.due_at else timedelta(0)
    if late > timedelta(seconds=5):
        notes.append(f"{int(late.total_seconds())} s late")
    words = f"Escalation step {turn.position + 1} ({turn.aim}): "
    data = {
        "turn": turn.pk,
        "contacts": [person.pk for person in reached],
        "planned_at": turn.planned_at.isoformat(),
    }
    if reached:
        _end(turn, at, reason="; ".join(notes))
        incident.log("paged", words + ", ".join(map(str, reached)) + _bracket(notes), at=at, data=data)
    elif again:
        _end(turn, at, skipped="; ".join(notes))
        incident.log("step_skipped", words + "asked nobody anew" + _bracket(notes), at=at, data=data)
    else:
        notes = notes or ["nobody on call"] if turn.schedule else notes or ["nobody named"]
        _end(turn, at, skipped="; ".join(notes))
        incident.log("step_skipped", words + "reached nobody" + _bracket(notes), at=at, data=data)
        run.hurry(at)
    _end_run_if_last(run, at)


def _asked_since_due(turn: Turn, people: list[EscalationContact]) -> list[EscalationContact]:
    """Those whom this run has asked at or after the turn's time: after an outage one page does for all missed steps."""
    if not turn.position or turn.due_at is None:
        return []
    pages = Page.objects.filter(turn__escalation=turn.escalation_id, at__gte=turn.due_at, contact__in=people)
    asked = set(pages.exclude(state=Page.State.UNREACHABLE).values_list("contact_id", flat=True))
    return [person for person in people if person.pk in asked]


def _unneeded(turn: Turn, incident: Incident) -> str:
    if not incident.is_open:
        return f"The incident was {Status(incident.status).label.lower()}."
    if turn.condition == Condition.UNACKED and incident.status != Status.DETECTED:
        who = incident.acknowledged_by or "somebody"
        return f"Already acknowledged by {who}."
    if turn.condition == Condition.UNMITIGATED and incident.status == Status.MITIGATED:
        return "Already mitigated."
    if turn.condition == Condition.UNASSIGNED and incident.roles.filter(role="commander", until=None).exists():
        return "A commander has been appointed."
    return ""


def _people(turn: Turn, at: datetime) -> tuple[list[EscalationContact], list[str]]:
    """The persons of the turn at `at`, and notes on who was left out."""
    if turn.aim == "catch-all" and not turn.schedule_id:
        chosen = [turn.escalation.catch_all] if turn.escalation.catch_all else catch_all()
        people, notes = persons(chosen)
        return people, [*notes, "nobody before has answered" if people else "no catch-all contact is named"]
    on_duty = responders(turn.schedule, at) if turn.schedule else []
    people, notes = persons([*on_duty, *turn.contacts.all()])
    if turn.schedule and not on_duty:
        notes.insert(0, f"nobody on call in {turn.schedule}")
    return people, notes


def _end(turn: Turn, at: datetime, *, skipped: str = "", reason: str = "") -> None:
    outcome = Turn.Outcome.SKIPPED if skipped else Turn.Outcome.PAGED
    Turn.objects.filter(pk=turn.pk).update(due_at=None, taken_at=at, outcome=outcome, reason=(skipped or reason)[:250])


def _end_run_if_last(run: Escalation, at: datetime) -> None:
    if run.turns.filter(due_at__isnull=False).exists():
        return
    rows = Escalation.objects.filter(pk=run.pk, state=Escalation.State.RUNNING)
    if rows.update(state=Escalation.State.EXHAUSTED, ended_at=at, ended_because="every step was gone through"):
        incident = run.incident
        if incident.status == Status.DETECTED:
            incident.log("escalation_exhausted", "The escalation has gone through every step.", at=at)


def stop(incident: Incident, *, at: datetime, because: str) -> None:
    """End the run; its waiting turns are skipped with this reason when their time comes."""
    incident.escalations.filter(state=Escalation.State.RUNNING).update(
        state=Escalation.State.STOPPED, ended_at=at, ended_because=because[:250]
    )


def acknowledged(incident: Incident, *, at: datetime, by) -> None:
    """Stop the run unless it has steps that wait for something else than an acknowledgement."""
    others = Turn.objects.filter(
        escalation__incident=incident, escalation__state=Escalation.State.RUNNING, due_at__isnull=False
    ).exclude(condition=Condition.UNACKED)
    if not others.exists():
        stop(incident, at=at, because=f"acknowledged by {by}")


def escalate_now(incident: Incident, *, by, at: datetime) -> None:
    """Take the next step at once because a person asked; who had acknowledged does not hold it any more."""
    run = incident.escalations.filter(state=Escalation.State.RUNNING).first()
    if incident.status == Status.ACKNOWLEDGED:
        incident.move(Status.DETECTED, acknowledged_at=incident.acknowledged_at, acknowledged_by=None)
    if run is None:
        run = start(incident, at=at)
        skip = incident.escalations.exclude(pk=run.pk).order_by("-pk").first()
        # the steps that an earlier run already took are not taken again
        taken = skip.turns.filter(outcome=Turn.Outcome.PAGED).count() if skip else 0
        ahead = list(run.turns.order_by("position"))
        for turn in ahead[: min(taken, len(ahead) - 1)]:
            _end(turn, at, skipped="Taken before.")
    incident.log("escalated", f"Escalated by hand by {by}.", at=at, by=by)
    run.hurry(at)


def _bracket(notes: list[str]) -> str:
    return f" ({'; '.join(notes)})" if notes else ""
