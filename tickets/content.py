"""What a ticket says: the incident, its labels, what the alert told, who has it and when it is expected to be over."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from incidents.models import Incident, ResponseTarget
from incidents.notices import link
from notifications.own_words import BadWording, render

from .models import Ticket, TicketPlan

UNKNOWN, NOT_TOLD = "not known yet", "not told"
PRIVATE = "This incident is private: what it is about stands in Opscenter, for those who may see it."
MOST_ALERTS, LONGEST_PAYLOAD = 5, 8_000  # alerts that are shown whole; characters of them together
FIRST = ("queue",)
"""Labels that come before the others, since people look for them first."""


def label_of(ticket: Ticket) -> str:
    """What tells the ticket from every other of ours, also from one of an installation before this."""
    incident = ticket.incident
    salt = f"{settings.BASE_URL} {incident.detected_at.astimezone(UTC).isoformat()}"
    return f"opscenter-{hashlib.sha256(salt.encode()).hexdigest()[:8]}-incident-{incident.pk}-{ticket.plan_key}"


def first_responder(incident: Incident) -> str:
    """Who holds that role, else who acknowledged; empty while nobody has."""
    held = incident.roles.filter(role="first responder", until=None).select_related("contact").first()
    return str(held.contact if held else incident.acknowledged_by or "")


def expected_resolution(incident: Incident) -> str:
    """The estimate that people gave, else the deadline for resolving; empty when there is neither."""
    if incident.eta.strip():
        return incident.eta.strip()
    due = incident.targets.filter(kind="resolve", due_at__isnull=False).exclude(state=ResponseTarget.State.CANCELLED)
    target = due.order_by("due_at").first()
    return f"{target.due_at:%Y-%m-%d %H:%M} UTC (target)" if target and target.due_at else ""


def known(incident: Incident) -> dict[str, str]:
    """First responder and expected resolution as far as they are known; what was told last is compared with it."""
    return {"first_responder": first_responder(incident), "expected_resolution": expected_resolution(incident)}


def labels_of(incident: Incident, plan: TicketPlan | None) -> dict[str, str]:
    """The labels a ticket names, what is looked for first in front; what the plan requires is always among them."""
    labels = {name: str(value) for name, value in incident.labels.items()}
    for label in incident.alerts.order_by("-firing", "-starts_at")[:MOST_ALERTS]:  # type: ignore[attr-defined]
        for name, value in label.alert.labels.items():
            labels.setdefault(name, str(value))
    wanted = {name: labels.get(name) or NOT_TOLD for name in (plan.require if plan else [])}
    first = {name: labels[name] for name in FIRST if labels.get(name)}
    return {**wanted, **first, **{name: labels[name] for name in sorted(labels)}}


def description(ticket: Ticket) -> str:
    """The whole text of a ticket; that of a private incident says only where to read it."""
    if ticket.incident.private:
        return f"{PRIVATE}\nOpscenter: {link(ticket.incident)}"
    incident, told = ticket.incident, known(ticket.incident)
    lines = [
        incident.summary.strip() or incident.title,
        f"Incident: #{incident.pk} {incident.title}",
        f"Level: {incident.severity}",
        f"Service: {incident.service or NOT_TOLD}",
        f"Status: {incident.get_status_display()}",
        f"Detected: {incident.detected_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        *(f"{name.capitalize()}: {value}" for name, value in labels_of(incident, ticket.plan).items()),
        f"First responder: {told['first_responder'] or UNKNOWN}",
        f"Expected resolution: {told['expected_resolution'] or UNKNOWN}",
        *([f"Impact: {incident.impact.strip()}"] if incident.impact.strip() else []),
        *([f"Root cause: {incident.cause.strip()}"] if incident.cause.strip() else []),
        f"Opscenter: {link(incident)}",
    ]
    if payload := payloads(incident):
        lines += ["Alert payload:", payload]
    if incident.drill:
        lines.insert(0, "This is a drill.")
    return "\n".join(lines)


def payloads(incident: Incident) -> str:
    """What the alerts of the incident said, as JSON; the incident's own labels when nobody sent an alert."""
    rows = incident.alerts.select_related("alert").order_by("-firing", "-starts_at")  # type: ignore[attr-defined]
    told = [
        {
            "alert": str(row.alert), "labels": row.alert.labels, "annotations": row.alert.annotations,
            "starts_at": row.starts_at.isoformat(), "firing": row.firing,
        }
        for row in rows[:MOST_ALERTS]
    ] or ([{"labels": incident.labels}] if incident.labels else [])  # fmt: skip
    return json.dumps(told, ensure_ascii=False, indent=1)[:LONGEST_PAYLOAD] if told else ""


def follow_up(ticket: Ticket, words: str, *, at_end: bool = False) -> str:
    """What is added to a ticket: what happened, and who has it and until when."""
    if ticket.incident.private:
        return f"Status: {ticket.incident.get_status_display()}"
    told = known(ticket.incident)
    lines = [
        words,
        f"First responder: {told['first_responder'] or UNKNOWN}",
        f"Expected resolution: {told['expected_resolution'] or UNKNOWN}",
    ]
    if at_end:
        lines = [words, f"Root cause: {ticket.incident.cause.strip() or 'not stated'}"]
    return "\n".join(lines)


def subject(incident: Incident) -> str:
    title = f"Private incident #{incident.pk}" if incident.private else incident.title
    return f"{'DRILL ' if incident.drill else ''}[{incident.severity.key}] {title}"


def values(incident: Incident) -> dict[str, Any]:
    """What the templates of further fields may use."""
    own = {
        "number": incident.pk, "title": incident.title, "severity": incident.severity.key,
        "service": str(incident.service or ""), "summary": incident.summary, "impact": incident.impact,
        "cause": incident.cause, "eta": incident.eta, "status": incident.get_status_display(), "url": link(incident),
        "detected_at": f"{incident.detected_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000+0000}", **known(incident),
    }  # fmt: skip
    return {**labels_of(incident, None), **own, "labels": incident.labels}


def fields(ticket: Ticket) -> tuple[dict[str, Any], str]:
    """The further fields of the plan with their values, and what is wrong with one that cannot be filled."""
    if ticket.plan is None or not ticket.plan.fields or ticket.incident.private:
        return {}, ""
    names, faults = values(ticket.incident), []

    def filled(value: Any) -> Any:
        if isinstance(value, str):
            try:
                return render(value, names)
            except BadWording as error:
                faults.append(f"{value}: {error}")
                return ""
        if isinstance(value, dict):
            return {name: filled(one) for name, one in value.items()}
        return [filled(one) for one in value] if isinstance(value, list) else value

    made = {name: filled(value) for name, value in ticket.plan.fields.items()}
    return {name: value for name, value in made.items() if value not in ("", {})}, "; ".join(faults)


def said_at(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M:%S} UTC"
