"""Which plan an incident is under, and its state; an incident of a level with a plan is on standby from its opening."""

from datetime import datetime

from incidents.models import Incident, Status, TimelineEntry, heard
from policies.models import Policy
from policies.once import once_a_sweep
from policies.wake import wake

from .models import Recovery, RecoveryPlan


def plan_of(incident: Incident) -> RecoveryPlan | None:
    """The plan of the incident's policy, whatever its level; asked once for each policy that is at hand."""
    return _plan(incident.policy)


@once_a_sweep
def _plan(policy: Policy) -> RecoveryPlan | None:
    return getattr(policy, "recovery_plan", None)


def of(incident: Incident) -> Recovery | None:
    """How far the incident's recovery has come; None when its level has no state."""
    return Recovery.objects.filter(incident=incident).select_related("activated_by").first()


def state(incident: Incident) -> str:
    """standby, prompted, active, stood down; empty when the incident has no recovery."""
    found = of(incident)
    return str(found.get_state_display()) if found else ""


@heard("detected", "severity", "reopened", "fires_again")
def look(incident: Incident, entry: TimelineEntry) -> None:
    """Put the incident on standby if its level is one for that, and have every condition of its policy looked at."""
    plan = plan_of(incident)
    if plan is None:
        return
    if not plan.standby or incident.severity.key in plan.standby:
        begin(incident, at=entry.at)
    # what happens to one incident may make a condition of another true
    beside = Recovery.objects.filter(incident__policy=incident.policy_id, incident__status__in=_OPEN)
    beside.update(look_at=entry.at)
    wake()


_OPEN = [Status.DETECTED, Status.ACKNOWLEDGED, Status.MITIGATED]


def begin(incident: Incident, *, at: datetime) -> Recovery:
    """The incident's recovery, on standby if it had none."""
    found, _ = Recovery.objects.get_or_create(incident=incident, defaults={"look_at": at})
    return found
