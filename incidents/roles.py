"""Who does what in an incident: roles with their hand-overs, the tasks that come with them, and the back-ups."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from oncall.models import EscalationContact
from oncall.people import persons
from oncall.roster import responders
from policies.models import TargetKind
from policies.once import once_a_sweep
from policies.target_pack import ROLES

from . import paging, targets
from .models import IllegalMove, Incident, IncidentTask, ResponseTarget, RolePlan


@dataclass(frozen=True)
class Wanted:
    """A role that an incident has, by its policy or because every incident has it; `plan` None: no policy says more."""

    key: str
    label: str
    description: str = ""
    plan: RolePlan | None = field(default=None, compare=False)


def wanted(incident: Incident) -> list[Wanted]:
    """The roles of the incident's policy at its level, in their order; of a policy that names none, the usual ones."""
    for_level = Q(severities=None) | Q(severities=incident.severity_id)
    plans = list(incident.policy.role_plans.filter(for_level).distinct())
    if not plans and not incident.policy.role_plans.exists():
        return usual_ones()
    return [Wanted(plan.key, str(plan), plan.description, plan) for plan in plans]


def usual_ones() -> list[Wanted]:
    """What every incident has whose policy says nothing of roles."""
    return [Wanted(role, role.capitalize()) for role in ROLES]


def _fits(plan: RolePlan, incident: Incident) -> bool:
    levels = {level.pk for level in plan.severities.all()}
    return not levels or incident.severity_id in levels


def holders(incident: Incident) -> dict[str, EscalationContact]:
    """Who holds each role now."""
    rows = incident.roles.filter(until=None).select_related("contact")
    return {row.role: row.contact for row in rows}


def holds(incident: Incident, contact: EscalationContact | None, *roles: str) -> bool:
    """Whether `contact` holds one of these roles now."""
    return contact is not None and incident.roles.filter(role__in=roles, until=None, contact=contact).exists()


def usual(plan: RolePlan, *, at: datetime) -> list[EscalationContact]:
    """The persons who usually take the role: whoever is on call for it, then those it names."""
    on_call = responders(plan.schedule, at) if plan.schedule else []
    return persons([*on_call, *plan.contacts.all()], at=at)[0]


@transaction.atomic
def assign(incident: Incident, role: str, contact: EscalationContact, *, by, at: datetime) -> None:
    """`contact` holds `role` from now on; who held it before hands over, and its tasks go along."""
    role = role.strip().lower()
    if not role:
        raise IllegalMove("Name the role to assign, for example commander.")
    held = incident.roles.select_for_update().filter(role=role, until=None).select_related("contact").first()
    if held and held.contact_id == contact.pk:
        return
    if held:
        held.until = at
        held.save(update_fields=["until"])
    incident.roles.create(role=role, contact=contact, since=at)
    text = f"{contact} took over as {role} from {held.contact}." if held else f"{contact} is {role}."
    incident.log("role", text, at=at, by=by, data={"role": role, "contact": contact.pk})
    _list_tasks(incident, role, at=at)
    targets.meet(incident, "appoint", at=at, by=contact, role=role)


@transaction.atomic
def release(incident: Incident, role: str, *, by, at: datetime) -> None:
    """Nobody holds `role` any more; IllegalMove when nobody did."""
    held = incident.roles.select_for_update().filter(role=role, until=None).select_related("contact").first()
    if held is None:
        raise IllegalMove(f"Nobody is {role} of incident #{incident.pk}.")
    held.until = at
    held.save(update_fields=["until"])
    incident.log("role", f"{held.contact} is no longer {role}.", at=at, by=by, data={"role": role, "contact": None})


def _list_tasks(incident: Incident, role: str, *, at: datetime) -> None:
    plan = incident.policy.role_plans.filter(key=role).first()
    for position, text in enumerate(plan.tasks if plan else []):
        IncidentTask.objects.get_or_create(
            incident=incident, role=role, text=text, defaults={"position": position, "added_at": at}
        )


def at_opening(incident: Incident, *, at: datetime) -> None:
    """Give the roles that the policy wants given at once to whoever is on call for them or named."""
    for role in _planned(incident, RolePlan.Assign.ON_CALL):
        people = usual(role, at=at)
        if people:
            assign(incident, role.key, people[0], by=None, at=at)
        else:
            incident.log("role", f"Nobody could be made {role.key}: nobody is on call or named.", at=at)


def at_acknowledgement(incident: Incident, by: EscalationContact | None, *, at: datetime) -> None:
    """Give `by` the roles that go to whoever acknowledges first."""
    if by is None:
        return
    held = holders(incident)
    for role in _planned(incident, RolePlan.Assign.FIRST_ACK):
        if role.key not in held:
            assign(incident, role.key, by, by=by, at=at)


def _planned(incident: Incident, how: RolePlan.Assign) -> list[RolePlan]:
    return [plan for plan in _plans(incident.policy_id) if plan.assign == how and _fits(plan, incident)]


@once_a_sweep
def _plans(policy: int) -> list[RolePlan]:
    return list(RolePlan.objects.filter(policy=policy).prefetch_related("severities").select_related("schedule"))


def alert_backups(target: ResponseTarget, *, at: datetime) -> None:
    """Nobody was appointed in time: page the back-ups of the role."""
    if target.kind != TargetKind.APPOINT:
        return
    incident = target.incident
    plan = incident.policy.role_plans.filter(key=target.role).first()
    people = persons(plan.backups.all(), at=at)[0] if plan else []
    reached = [person for person in people if paging.page(incident, person, at=at, words=_ask(target.role))]
    if plan and plan.backups.exists():
        names = ", ".join(map(str, reached)) or "nobody (no usable contact method)"
        incident.log("backup", f"No {target.role} was appointed in time: asked {names} as back-up.", at=at)


def _ask(role: str) -> str:
    return f"No {role} was appointed in time. Take the role, or see that somebody does."


def add_task(
    incident: Incident, text: str, *, role: str = "", contact: EscalationContact | None = None, by, at: datetime
) -> IncidentTask:
    """Put something to do on the incident's list; IllegalMove when it stands there already."""
    text = " ".join(text.split())[:250]
    if not text:
        raise IllegalMove("Write what is to be done.")
    task, is_new = IncidentTask.objects.get_or_create(
        incident=incident, role=role, text=text, defaults={"contact": contact, "added_at": at, "position": 1000}
    )
    if not is_new:
        raise IllegalMove(f"“{text}” stands on the list already.")
    whom = f" for {contact or role}" if contact or role else ""
    incident.log("task", f"To do{whom}: {text}", at=at, by=by, data={"task": task.pk})
    return task


@transaction.atomic
def tick_tasks(incident: Incident, done: Iterable[int], *, by, at: datetime) -> int:
    """Mark these tasks as done by `by`; return how many were not done before."""
    count = 0
    for task in incident.tasks.filter(pk__in=list(done), done_at=None):
        if IncidentTask.objects.filter(pk=task.pk, done_at=None).update(done_at=at, done_by=by):
            incident.log("task_done", f"Done by {by}: {task.text}", at=at, by=by, data={"task": task.pk})
            count += 1
    return count
