"""Whether a turn of an escalation is needed when its time comes; if not, why, in words."""

from datetime import datetime
from zoneinfo import ZoneInfo

from notifications import routing
from policies.hours import hours_of
from policies.models import Calendar

from .models import Incident, Page, Status, Turn
from .models.escalation import Condition, Hours


def unneeded(turn: Turn, incident: Incident, *, at: datetime) -> str:
    """Why `turn` is not taken, as a sentence; empty when it is. What a person asked for is taken while it is open."""
    if not incident.is_open:
        return f"The incident was {Status(incident.status).label.lower()}."
    if turn.by_hand:
        return ""
    return _settled(turn, incident) or unfit(turn, incident, at=at)


def unfit(turn: Turn, incident: Incident, *, at: datetime) -> str:
    """Why `turn` is not for this level, these labels or this hour; empty when it is. Neither needs to be stored."""
    return _elsewhere(turn, incident) or _other_hours(turn, at)


def _settled(turn: Turn, incident: Incident) -> str:
    if turn.condition == Condition.UNACKED and incident.status != Status.DETECTED:
        if owing(turn.escalation_id).exists():
            return ""  # some of those who must acknowledge have not
        return f"Already acknowledged by {incident.acknowledged_by or 'somebody'}."
    if turn.condition == Condition.UNASSESSED and incident.timeline.filter(kind="assessed").exists():
        return "Already assessed."
    if turn.condition == Condition.UNMITIGATED and incident.status == Status.MITIGATED:
        return "Already mitigated."
    if turn.condition == Condition.UNASSIGNED and incident.roles.filter(role="commander", until=None).exists():
        return "A commander has been appointed."
    return ""


def wanted(page: Page, incident: Incident) -> bool:
    """Whether `page` still has a cause: nobody has taken the incident, or this person's own answer is awaited."""
    if not incident.is_open or page.answer:
        return False
    if incident.status == Status.DETECTED or page.must or page.turn is None:
        return True
    return page.turn.by_hand or page.turn.condition != Condition.UNACKED


def owing(escalation_id: int):
    """Pages of a run whose persons must acknowledge and have not yet."""
    rows = Page.objects.filter(turn__escalation=escalation_id, must=True, answer="")
    return rows.filter(state__in=[Page.State.TRYING, Page.State.REACHED])


def _elsewhere(turn: Turn, incident: Incident) -> str:
    if turn.at_least is not None and incident.severity.rank > turn.at_least:
        return f"Not for the level {incident.severity.key}."
    return not_matched(turn.match, incident)


def not_matched(match: dict, incident: Incident) -> str:
    """Why an incident is not one of those that `match` is for; empty when it is."""
    rest = {name: value for name, value in match.items() if name != "rules"}
    rules = match.get("rules", [])
    if rules and incident.labels.get("alertname") not in rules:
        return f"Only for {', '.join(rules)}."
    if not rest:
        return ""
    labels = {**incident.labels, "service": incident.service.key if incident.service else ""}
    return "" if routing.matches(rest, incident.severity.key, labels) else "Not for these labels."


def _other_hours(turn: Turn, at: datetime) -> str:
    if not turn.hours:
        return ""
    inside = in_hours(turn.calendar, at)
    if inside == (turn.hours == Hours.INSIDE):
        return ""
    return f"Not {Hours(turn.hours).label}{f' ({turn.calendar.key})' if turn.calendar else ''}."


def in_hours(calendar: Calendar | None, at: datetime) -> bool:
    """Whether `at` (aware) lies in the calendar's hours; without a calendar, in office hours UTC."""
    local = at.astimezone(ZoneInfo(calendar.timezone if calendar else "UTC"))
    clock = local.time().replace(tzinfo=None)
    return any(start <= clock < end for start, end in hours_of(calendar, local.date()))
