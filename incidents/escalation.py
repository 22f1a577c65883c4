"""The clock that climbs an escalation step by step.

A run is a copy of its plan in rows (turns), so an edit of the plan never changes an incident under way. Each turn ends
as paged or skipped, with the reason: a step that was not taken has its answer to "why was I not paged?".
"""

from datetime import datetime, timedelta

from django.db.models import prefetch_related_objects

from oncall.models import EscalationContact
from policies.claims import sweep
from policies.models import Policy, Severity
from policies.once import once_a_sweep

from . import alarms, choosing, circles, paging, plans
from .conditions import owing, unneeded
from .models import Escalation, EscalationPolicy, IllegalMove, Incident, Page, Status, Turn
from .models.escalation import Asks, Condition, OnRise
from .plans import LAST_WAIT, policy_for

__all__ = [
    "LAST_WAIT", "acknowledged", "begin", "climb_due", "escalate_now", "policy_for", "rose", "start", "stop", "take",
]  # fmt: skip

State = Escalation.State


def begin(incident: Incident, *, at: datetime) -> Escalation | None:
    """Start the run of an incident that was opened just now; one that pages nobody has one only to tell places."""
    plan = policy_for(incident)
    if incident.pages:
        run = _run(incident, plan, at=at)
        plans.freeze(run, plan, at=at)
        return run
    if plan is None or not plans.tells(plan, incident):
        return None
    run = _run(incident, plan, at=at)
    plans.freeze(run, plan, asks=False, at=at)
    return run


def start(incident: Incident, *, at: datetime, again: EscalationContact | None = None, why: str = "") -> Escalation:
    """Begin the run anew: the plan's steps become turns counted from `at`, the catch-all is the last of them.

    again  asked at once in any case, because what this person acknowledged was not worked on
    why    what ends the run that is under way
    """
    stop(incident, at=at, because=why or "it begins anew")
    plan = policy_for(incident)
    run = _run(incident, plan, at=at)
    plans.freeze(run, plan, at=at, again=again)
    return run


def _run(incident: Incident, plan: EscalationPolicy | None, *, at: datetime) -> Escalation:
    more = {"ack_timeout": plan.ack_timeout, "on_rise": plan.on_rise, "catch_all": plan.catch_all} if plan else {}
    return Escalation.objects.create(
        incident=incident, policy=plan, policy_name=plan.name if plan else "no escalation policy", started_at=at,
        rank=incident.severity.rank, **more,
    )  # fmt: skip


def climb_due(*, at: datetime) -> int:
    """Take every turn whose time has come; return how many were taken or skipped."""
    due = Turn.objects.due(at).select_related("escalation", "schedule", "calendar")
    due = due.prefetch_related("contacts", "destinations")
    return sweep(due, due="due_at", at=at, work=take)


@once_a_sweep
def _policy(number: int) -> Policy:
    return Policy.objects.get(pk=number)


@once_a_sweep
def _severity(number: int) -> Severity:
    return Severity.objects.get(pk=number)


def take(turn: Turn, *, at: datetime) -> None:
    """Page the turn's people, or skip it with its reason; when nobody is reached the next turn comes at once."""
    run = turn.escalation
    # The lock orders this turn against an acknowledgement made at the same moment: one sees what the other did.
    incident = Incident.objects.select_for_update().get(pk=run.incident_id)
    incident.policy, incident.severity = _policy(incident.policy_id), _severity(incident.severity_id)
    run.incident = incident
    run.refresh_from_db(fields=["state", "ended_because"])
    if run.state == State.STOPPED:
        return _end(turn, at, skipped=f"Stopped: {run.ended_because}")
    if reason := unneeded(turn, incident, at=at):
        _end(turn, at, skipped=reason)
        return _end_run_if_last(run, at)
    prefetch_related_objects([turn], "contacts", "destinations")
    contacts = list(turn.contacts.all())
    people, notes = choosing.people(turn, contacts, run.catch_all, at)
    people, spared = _without_those_who_answered(turn, incident, people)
    notes += spared
    if again := _asked_since_due(turn, people):
        people = [person for person in people if person not in again]
        notes += [f"{person} was asked after this step's time already" for person in again]
    reached = _ask(turn, incident, people, at=at)
    told = _tell(turn, incident, at=at)
    late = at - turn.due_at if turn.due_at else timedelta(0)
    if late > timedelta(seconds=5):
        notes.append(f"{int(late.total_seconds())} s late")
    words = f"Escalation step {turn.position + 1} ({turn.aim}): "
    data = {
        "turn": turn.pk,
        "contacts": [person.pk for person in reached],
        "planned_at": turn.planned_at.isoformat(),
    }
    run.shift(turn, at)
    if reached:
        _end(turn, at, reason="; ".join(notes))
        incident.log("paged", words + ", ".join(map(str, reached)) + _bracket(notes), at=at, data=data)
    elif again or spared:
        _end(turn, at, skipped="; ".join(notes))
        incident.log("step_skipped", words + "asked nobody anew" + _bracket(notes), at=at, data=data)
    elif choosing.empty(turn, contacts, people, bool(told)):
        notes = notes or [choosing.nobody(turn)]
        _end(turn, at, skipped="; ".join(notes))
        incident.log("step_skipped", words + "reached nobody" + _bracket(notes), at=at, data=data)
        run.hurry(at)
    else:
        _end(turn, at, reason="; ".join(told))
    _end_run_if_last(run, at)


def _ask(turn: Turn, incident: Incident, people: list[EscalationContact], *, at: datetime) -> list[EscalationContact]:
    """Page `people` as the turn says; return who could be asked."""
    must = {"must": True} if turn.asks == Asks.ALL_ACK else {}
    if turn.asks != Asks.IN_TURN:
        return [person for person in people if paging.page(incident, person, at=at, turn=turn, **must)]
    for person in circles.in_order(turn.circle, people):
        if paging.page(incident, person, at=at, turn=turn):
            circles.was(turn.circle, person)
            return [person]
    return []


def _tell(turn: Turn, incident: Incident, *, at: datetime) -> list[str]:
    """Tell the turn's places, and prompt whoever works on it; return what was done, in words."""
    told = []
    places = list(turn.destinations.all())
    if places:
        alarms.tell_places(incident, places, at=at, once=f"turn:{turn.pk}")
        told.append(f"told {', '.join(map(str, places))}")
        incident.log("told", f"Escalation step {turn.position + 1}: told {', '.join(map(str, places))}.", at=at)
    wanted, vendors = choosing.prompt(turn, list(turn.contacts.all()))
    if wanted:
        words = alarms.prompt(incident, wanted, vendors, at=at, once=f"turn:{turn.pk}")
        incident.log("prompt", words, at=at, data={"turn": turn.pk, "vendors": [one.pk for one in vendors]})
        told.append("prompted")
    return told


def _without_those_who_answered(turn: Turn, incident: Incident, people: list[EscalationContact]):
    """`people` less those who have it already, and notes on who was left out."""
    if turn.by_hand:
        return people, []
    answered: set[int] = set()
    if turn.position:  # before the first nobody was asked
        pages = Page.objects.filter(turn__escalation=turn.escalation_id, answer=Page.Answer.ACKNOWLEDGED)
        answered.update(pages.values_list("contact", flat=True))
    if incident.status != Status.DETECTED and incident.acknowledged_by_id:
        answered.add(incident.acknowledged_by_id)
    left = [person for person in people if person.pk not in answered]
    return left, [f"{person} has acknowledged" for person in people if person.pk in answered]


def _asked_since_due(turn: Turn, people: list[EscalationContact]) -> list[EscalationContact]:
    """Those whom this run has asked at or after the turn's time: after an outage one page does for all missed steps."""
    if not turn.position or turn.due_at is None:
        return []
    pages = Page.objects.filter(turn__escalation=turn.escalation_id, at__gte=turn.due_at, contact__in=people)
    asked = set(pages.exclude(state=Page.State.UNREACHABLE).values_list("contact_id", flat=True))
    return [person for person in people if person.pk in asked]


def _end(turn: Turn, at: datetime, *, skipped: str = "", reason: str = "") -> None:
    outcome = Turn.Outcome.SKIPPED if skipped else Turn.Outcome.PAGED
    Turn.objects.filter(pk=turn.pk).update(due_at=None, taken_at=at, outcome=outcome, reason=(skipped or reason)[:250])


def _end_run_if_last(run: Escalation, at: datetime) -> None:
    if run.turns.filter(due_at__isnull=False).exists():
        return
    rows = Escalation.objects.filter(pk=run.pk, state=State.RUNNING)
    if rows.update(state=State.EXHAUSTED, ended_at=at, ended_because="every step was gone through"):
        incident = run.incident
        if incident.status == Status.DETECTED and run.turns.filter(final=True).exists():
            incident.log("escalation_exhausted", "The escalation has gone through every step.", at=at)
            alarms.tell_unanswered(incident, run, at=at)


def stop(incident: Incident, *, at: datetime, because: str) -> None:
    """End the run; its waiting turns are skipped with this reason when their time comes."""
    incident.escalations.filter(state=State.RUNNING).update(
        state=State.STOPPED, ended_at=at, ended_because=because[:250]
    )


def acknowledged(incident: Incident, *, at: datetime, by) -> None:
    """Stop the run unless others must acknowledge too, or steps wait for something else than an acknowledgement."""
    run = incident.escalations.order_by("-pk").first()
    if run is None:
        return
    if run.ack_timeout:
        Escalation.objects.filter(pk=run.pk).update(lapse_at=at + run.ack_timeout)
    waiting = run.turns.filter(due_at__isnull=False)
    if not waiting.exclude(condition=Condition.UNACKED).exists() and not owing(run.pk).exists():
        stop(incident, at=at, because=f"acknowledged by {by}")


def escalate_now(incident: Incident, *, by, at: datetime) -> None:
    """Take the next step at once because a person asked; who had acknowledged does not hold it any more.

    IllegalMove while nobody is paged for it because all that fires in it is held back.
    """
    last = incident.escalations.order_by("-pk").first()
    if last is not None and last.state == State.STOPPED and incident.status == Status.DETECTED:
        why = last.ended_because
        raise IllegalMove(f"Nobody is paged for incident #{incident.pk}: {why}. End that first, then escalate.")
    if incident.status == Status.ACKNOWLEDGED:
        incident.move(Status.DETECTED, acknowledged_at=incident.acknowledged_at, acknowledged_by=None)
    if last is None or last.state == State.EXHAUSTED:
        run = start(incident, at=at)
    elif last.state == State.STOPPED:
        run = _run(incident, last.policy, at=at)
        plans.carry_on(run, last, at=at)
    else:
        run = last
    Escalation.objects.filter(incident=incident).update(lapse_at=None)
    incident.log("escalated", f"Escalated by hand by {by}.", at=at, by=by)
    following = run.turns.filter(due_at__isnull=False).order_by("position").first()
    if following is not None:
        Turn.objects.filter(pk=following.pk).update(due_at=at, by_hand=True)


def rose(incident: Incident, *, at: datetime) -> None:
    """The level is graver than before: people are asked anew by the plan of the new level, as that plan says.

    Nobody is asked anew for a level that people were asked for before, nor while all that fires is held back.
    """
    last = incident.escalations.order_by("-pk").first()
    if not incident.pages or incident.status not in (Status.DETECTED, Status.ACKNOWLEDGED):
        return
    if last is not None and incident.status == Status.DETECTED and last.state == State.STOPPED:
        return
    ranks = _asked_for(incident)
    if ranks and incident.severity.rank >= min(ranks):
        return
    plan = policy_for(incident)
    how = plan.on_rise if plan else OnRise.UNACKED
    if how == OnRise.NEVER and last is not None:
        return
    if incident.status == Status.ACKNOWLEDGED:
        if how != OnRise.ALWAYS:
            return
        incident.move(Status.DETECTED, acknowledged_at=incident.acknowledged_at, acknowledged_by=None)
    why = f"the level rose to {incident.severity.key}"
    paging.cancel(incident, at=at, reason=why)
    start(incident, at=at, why=why)


def _asked_for(incident: Incident) -> list[int]:
    """The ranks of the levels that people were asked for since it was opened, or reopened."""
    reopened = incident.timeline.filter(kind="reopened").order_by("-at", "-pk").first()
    runs = incident.escalations.filter(turns__final=True)
    if reopened is not None:
        runs = runs.filter(started_at__gte=reopened.at)
    return [rank for rank in runs.values_list("rank", flat=True) if rank is not None]


def _bracket(notes: list[str]) -> str:
    return f" ({'; '.join(notes)})" if notes else ""
