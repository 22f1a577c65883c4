"""From the plan to the run: which escalation policy fits an incident, and its steps frozen as turns."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Q

from notifications.models import Destination
from oncall.models import EscalationContact
from policies.once import once_a_sweep

from .conditions import not_matched
from .models import Escalation, EscalationPolicy, EscalationStep, Incident, Turn
from .models.escalation import Asks, Condition, Since

LAST_WAIT = timedelta(minutes=10)
"""How long after the last step nobody may have answered before the catch-all is asked, if the plan names no pause."""


def policy_for(incident: Incident) -> EscalationPolicy | None:
    """The first plan that fits: the incident's own policy before plans for all, a named level before any level.

    An incident that pages nobody has a plan only if one names its level: such a plan tells places, and asks nobody.
    """
    fitting = []
    for plan in _plans(incident.policy_id):
        levels = [level.pk for level in plan.severities.all()]
        if incident.severity_id in levels or (not levels and incident.pages):
            fitting.append(((plan.policy_id is None, not levels, plan.position, plan.pk), plan))
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else None


@once_a_sweep
def _plans(policy: int) -> list[EscalationPolicy]:
    plans = EscalationPolicy.objects.filter(Q(policy=policy) | Q(policy=None))
    return list(plans.select_related("catch_all").prefetch_related("severities"))


@once_a_sweep
def _steps(plan: EscalationPolicy) -> list[EscalationStep]:
    related = plan.steps.select_related("schedule", "at_least", "calendar")
    return list(related.prefetch_related("contacts", "destinations"))


@dataclass(frozen=True)
class Planned:
    """A step in time; `wait` is its distance from the one before, when it counts from that."""

    step: EscalationStep
    at: datetime
    wait: timedelta | None


def timetable(plan: EscalationPolicy, steps: list[EscalationStep], at: datetime) -> tuple[list[Planned], datetime]:
    """When each step comes, repeats included, if the escalation begins at `at`; and when the catch-all is asked."""
    found: list[Planned] = []
    begins = at
    for _ in range(plan.repeat + 1 if steps else 0):
        before = last = begins
        for step in steps:
            chained = step.since == Since.STEP
            when = (before if chained else begins) + step.after
            found.append(Planned(step, when, step.after if chained else None))
            for _ in range(step.repeat):
                if step.repeat_every is None:
                    break
                when += step.repeat_every
                found.append(Planned(step, when, step.repeat_every if chained else None))
            before, last = when, max(last, when)
        begins = last + (plan.repeat_after or LAST_WAIT)
    return sorted(found, key=lambda one: one.at), begins


@dataclass(frozen=True)
class Draft:
    """A turn that is not stored yet, whom it asks and which places it tells."""

    turn: Turn
    contacts: list[EscalationContact]
    places: list[Destination]

    @property
    def due(self) -> datetime:
        return self.turn.due_at or self.turn.planned_at


def drafts(
    plan: EscalationPolicy | None, incident: Incident, *, at: datetime, asks: bool = True,
    again: EscalationContact | None = None,
) -> list[Draft]:  # fmt: skip
    """The turns of a run of `plan` that begins at `at`, in their order; the catch-all is the last. Writes nothing.

    asks   whether people are asked; else only what tells places or prompts is taken over
    again  asked first, at once
    """
    steps: list[EscalationStep] = []
    if plan is not None:
        steps = _steps(plan) if asks else tells(plan, incident)
    times, end = timetable(plan, steps, at) if plan else ([], at)
    found: list[Draft] = []
    if again is not None:
        aim = f"{again}, who had acknowledged"
        found.append(Draft(Turn(planned_at=at, condition=Condition.UNACKED, aim=aim[:250]), [again], []))
    found += [_draft(planned, asks) for planned in times]
    if asks:
        found.append(Draft(Turn(planned_at=end, condition=Condition.UNACKED, aim="catch-all", final=True), [], []))
    for position, draft in enumerate(found):
        draft.turn.position, draft.turn.due_at = position, draft.turn.planned_at
    return found


def freeze(
    run: Escalation, plan: EscalationPolicy | None, *, at: datetime, asks: bool = True,
    again: EscalationContact | None = None,
) -> None:  # fmt: skip
    """Write the plan's steps as the run's turns, see `drafts`."""
    for draft in drafts(plan, run.incident, at=at, asks=asks, again=again):
        draft.turn.escalation = run
        draft.turn.save(force_insert=True)
        if draft.contacts:
            draft.turn.contacts.add(*draft.contacts)
        if draft.places:
            draft.turn.destinations.add(*draft.places)


def tells(plan: EscalationPolicy, incident: Incident) -> list[EscalationStep]:
    """The steps that tell places or prompt, for an incident that pages nobody; only those that are for its labels."""
    steps = [step for step in _steps(plan) if step.destinations.all() or step.prompt]
    return [step for step in steps if not not_matched(step.match, incident)]


def _draft(planned: Planned, asks: bool) -> Draft:
    step = planned.step
    people, places = list(step.contacts.all()), list(step.destinations.all())
    contacts = people if asks else []
    schedule = step.schedule if asks else None
    turn = Turn(
        planned_at=planned.at, wait=planned.wait, condition=step.condition,
        at_least=step.at_least.rank if step.at_least else None, hours=step.hours, calendar=step.calendar,
        match=step.match, asks=step.asks, circle=_circle(step) if step.asks == Asks.IN_TURN else "",
        schedule=schedule, prompt=step.prompt, aim=aim_of(schedule, contacts, places, step.prompt),
    )  # fmt: skip
    return Draft(turn, contacts, places)


def aim_of(schedule, contacts, places, prompt: str = "") -> str:
    """Whom and what a step is for, in words."""
    named = [str(schedule)] if schedule else []
    return (", ".join(named + [str(one) for one in [*contacts, *places]]) or prompt)[:250]


def _circle(step: EscalationStep) -> str:
    """Whose order it follows: that of the one team it names, which all steps with this team share, or its own."""
    contacts = list(step.contacts.all())
    if len(contacts) == 1 and step.schedule_id is None:
        return f"contact:{contacts[0].pk}"
    return f"step:{step.pk}"


def carry_on(run: Escalation, before: Escalation, *, at: datetime) -> None:
    """Give `run` the turns behind the last that `before` took, in their distances, the first of them at `at`."""
    taken = before.turns.filter(outcome=Turn.Outcome.PAGED).aggregate(last=Max("position"))["last"]
    left = before.turns.filter(position__gt=-1 if taken is None else taken).order_by("position")
    left = left.prefetch_related("contacts", "destinations")
    first: datetime | None = None
    for position, old in enumerate(left):
        first = first or old.planned_at
        when = at + max(old.planned_at - first, timedelta(0))
        turn = run.turns.create(
            position=position, planned_at=when, due_at=when,
            **{name: getattr(old, name) for name in COPIED},
        )  # fmt: skip
        turn.contacts.add(*old.contacts.all())
        turn.destinations.add(*old.destinations.all())


COPIED = (
    "wait", "condition", "at_least", "hours", "calendar_id", "match", "asks", "circle", "schedule_id", "prompt",
    "final", "aim",
)  # fmt: skip
