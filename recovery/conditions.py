"""The conditions of a plan: whether one holds for an incident, and when it is worth looking again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from incidents.models import Incident, Status
from policies.durations import BadDuration, format_duration, parse_duration
from policies.substitute import MissingParameter, substitute
from sources.addresses import address_values

LOOK_AGAIN = timedelta(seconds=15)
"""How often what no clock tells is looked at: what fires beside it, whether it gets better."""
JUST_AFTER = timedelta(microseconds=1)
ACTING = (Status.DETECTED, Status.ACKNOWLEDGED)


TRENDS: list[Callable[..., bool | None]] = []
"""Each tells whether a rule stops firing for a level by an instant: `tell(rule, level, end, begin=…, at=…)`; None: it
does not know. The room of the rules registers its own."""


@dataclass(frozen=True)
class Look:
    """What a look at one condition found.

    why    it holds: why, as a sentence; empty: it does not
    again  when to look again; None: not before the incident itself changes
    """

    why: str = ""
    again: datetime | None = None


def look(condition: dict[str, Any], incident: Incident, *, at: datetime) -> Look:
    """Whether `condition` holds for the open `incident` at `at`."""
    levels = condition.get("during") or condition["severity"]
    if incident.severity.key not in levels:
        return Look()
    if condition.get("active"):
        return _lasts(condition, incident, levels, at=at)
    if condition.get("threatens"):
        return _threatens(condition, incident, levels, at=at)
    if condition.get("distinct"):
        return _several(condition, incident, levels, at=at)
    return _beside(condition, incident, at=at)


def _said(condition: dict[str, Any], otherwise: str) -> str:
    return condition.get("text") or otherwise


def _fires(incident: Incident) -> bool:
    """Whether it goes on: nobody has held the harm, and its alerts have not ended."""
    return incident.status in ACTING and incident.quiet_until is None


def since(incident: Incident, levels: Iterable[str]) -> datetime:
    """Since when the incident has been of one of these levels without a break."""
    begin = incident.detected_at
    rows = incident.timeline.filter(kind__in=["severity", "reopened"]).order_by("at", "pk")
    for kind, at, data in rows.values_list("kind", "at", "data"):
        rose = data.get("to") in levels and data.get("from") not in levels
        if kind == "reopened" or rose:
            begin = at
    return begin


def _lasts(condition: dict[str, Any], incident: Incident, levels: list[str], *, at: datetime) -> Look:
    length = parse_duration(condition["active"])
    due = since(incident, levels) + length
    if at <= due:
        return Look(again=due + JUST_AFTER)
    if not _fires(incident):
        return Look(again=at + LOOK_AGAIN)
    return Look(_said(condition, f"{incident.severity.label} for more than {format_duration(length)}."))


def _threatens(condition: dict[str, Any], incident: Incident, levels: list[str], *, at: datetime) -> Look:
    length, lead = (_length(condition[name], incident) for name in ("threatens", "lead"))
    if length is None or lead is None:
        return Look(again=at + LOOK_AGAIN)  # its parameter is not set: off until it is
    begin = since(incident, levels)
    due = begin + max(length - lead, timedelta(0))
    if at < due:
        return Look(again=due)
    if not _fires(incident) or recovers_by(incident, begin + length, begin=begin, at=at):
        return Look(again=at + LOOK_AGAIN)
    words = f"{incident.severity.label} since {format_duration(_whole(at - begin))}, and it does not get better: "
    return Look(_said(condition, f"{words}it threatens to last longer than {format_duration(length)}."))


def _length(said: str, incident: Incident) -> timedelta | None:
    """The length of time, its parameter filled in; None when that has no usable value."""
    try:
        values = address_values(incident.policy) if "${" in said else {}
        return parse_duration(substitute(said, values))
    except (MissingParameter, BadDuration, ValueError):
        return None


def _whole(length: timedelta) -> timedelta:
    return timedelta(seconds=int(length.total_seconds()))


def recovers_by(incident: Incident, end: datetime, *, begin: datetime, at: datetime) -> bool:
    """Whether the figures of all that fires will be back within their limits by `end`, at the present trend."""
    rows = incident.alerts.filter(firing=True).select_related("alert__rule__policy")  # type: ignore[attr-defined]
    rules = {row.alert.rule for row in rows}
    if not rules or None in rules:
        return False  # nobody knows how an alert from outside goes on
    level = incident.severity.key
    return all(any(tell(rule, level, end, begin=begin, at=at) for tell in TRENDS) for rule in rules)


def _several(condition: dict[str, Any], incident: Incident, levels: list[str], *, at: datetime) -> Look:
    found = values_at_once(incident, condition["distinct"], levels)
    if len(found) < condition["gte"] or not _fires(incident):
        return Look(again=at + LOOK_AGAIN)
    words = f"{len(found)} different {condition['distinct']} at once are {levels[0]}: {', '.join(sorted(found))}."
    return Look(_said(condition, words))


def values_at_once(incident: Incident, label: str, levels: list[str]) -> set[str]:
    """The values of `label` over what is open at these levels in the incident's policy and still fires."""
    found: set[str] = set()
    rows = Incident.objects.open().filter(policy=incident.policy_id, drill=incident.drill, quiet_until=None)
    for other in rows.filter(severity__key__in=levels).exclude(status=Status.MITIGATED):
        firing = other.alerts.filter(firing=True, severity_key__in=[*levels, ""])  # type: ignore[attr-defined]
        told = {str(row.alert.labels[label]) for row in firing.select_related("alert") if row.alert.labels.get(label)}
        own = other.labels.get(label)
        found |= told or ({str(own)} if own else set())
    return found


def _beside(condition: dict[str, Any], incident: Incident, *, at: datetime) -> Look:
    rules = incident.policy.rules.filter(key=condition["rule"])  # type: ignore[attr-defined]
    fires = rules.filter(alerts__liveness__firing=True).exclude(alerts__liveness__verdict="suppressed")
    if incident.status not in ACTING or not fires.exists():
        return Look(again=at + LOOK_AGAIN)
    words = f"{rules[0]} fires while #{incident.pk} is {incident.severity.label.lower()}."
    return Look(_said(condition, words))
