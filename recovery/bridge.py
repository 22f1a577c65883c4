"""The bridge: one webhook asks for the places where people meet; their links come back, or are typed."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from incidents import beside
from incidents.models import IllegalMove
from incidents.notices import link
from notifications.routing import filled
from notifications.transports import TryAgain, Undeliverable
from notifications.transports.http import ask, judge
from oncall.models import EscalationContact
from policies.substitute import names

from .models import Bridge, Prompt, Recovery, RecoveryPlan

LINKS = {"huddle": "Huddle", "notes": "Notes", "channel": "Incident channel"}
WRAPPERS = ("links", "data", "result", "outputs")
LONGEST = 1000
UNDER_WAY = timedelta(seconds=30)
"""So long after a press its answer may still be on its way; a second press is refused."""
State = Bridge.State


def of(recovery: Recovery) -> Bridge:
    found, _ = Bridge.objects.get_or_create(recovery=recovery)
    return found


def links_of(plan: RecoveryPlan) -> dict[str, str]:
    """The named links that a bridge has, with their labels."""
    return plan.bridge_links or LINKS


def webhook_of(plan: RecoveryPlan) -> str:
    """Where the bridge is asked for; empty while it is not set up, so that its links are typed."""
    address = filled(plan.bridge_webhook, plan.policy)
    return "" if names(address) else address


def start(recovery: Recovery, plan: RecoveryPlan, *, by: EscalationContact, at: datetime) -> Bridge:
    """Ask for the bridge; it is asked for once, and again only after a try that failed or was not answered.

    IllegalMove in words when it is open already, asked for by somebody else just now, or not set up.
    """
    bridge, incident, url = of(recovery), recovery.incident, webhook_of(plan)
    if not url:
        raise IllegalMove(f"{_name(plan)} has no webhook yet: set its parameter, or type the links.")
    rows = Bridge.objects.filter(pk=bridge.pk, tries=bridge.tries).exclude(state=State.OPEN)
    rows = rows.exclude(state=State.ASKED, asked_at__gt=at - UNDER_WAY)
    if not rows.update(state=State.ASKED, tries=F("tries") + 1, asked_at=at, asked_by=by, error=""):
        raise IllegalMove(f"{_name(plan)} was asked for already; its links are on the incident.")
    incident.log("dr", f"{by} asked for “{_name(plan)}”.", at=at, by=by)
    try:
        answer = _ask(recovery, plan, url, by=by, tries=bridge.tries)
    except (TryAgain, Undeliverable) as trouble:
        words = f"{trouble} Type the links, or try again."
        state = State.ASKED if getattr(trouble, "unsure", False) else State.FAILED
        Bridge.objects.filter(pk=bridge.pk).update(state=state, error=words)
        incident.log("dr", f"“{_name(plan)}” failed: {words}", at=at)
    else:
        _opened(recovery, plan, found_in(answer, links_of(plan)), by=by, at=at)
    bridge.refresh_from_db()
    return bridge


def _name(plan: RecoveryPlan) -> str:
    return plan.bridge_name or "the bridge"


def _ask(recovery: Recovery, plan: RecoveryPlan, url: str, *, by: EscalationContact, tries: int) -> Any:
    """Source: Slack, "Create a workflow that starts from a webhook": flat variables whose values are texts."""
    incident = recovery.incident
    body = {
        "incident": str(incident.pk), "incident_id": str(incident.pk), "title": incident.title,
        "severity": incident.severity.key, "service": str(incident.service or ""), "url": link(incident),
        "workflow": _name(plan), "requested_by": str(by), "detected_at": incident.detected_at.isoformat(),
    }  # fmt: skip
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": f"bridge-{incident.pk}-{incident.detected_at.timestamp():.0f}",
    }
    answer = ask("POST", url, json.dumps(body).encode(), headers, service=_name(plan))
    judge(answer, _name(plan))
    return answer.json


def found_in(answer: Any, wanted: Mapping[str, str]) -> dict[str, str]:
    """The named links in an answer: at its top, as `<name>_url`, or under links, data, result or outputs."""
    told_in = [answer, *(answer.get(name) for name in WRAPPERS)] if isinstance(answer, dict) else []
    found: dict[str, str] = {}
    for place in (one for one in told_in if isinstance(one, dict)):
        for name in wanted:
            told = place.get(name) or place.get(f"{name}_url") or place.get(f"{name}_link")
            told = told.get("url") if isinstance(told, dict) else told
            if isinstance(told, str) and beside.is_safe(told) and len(told) <= LONGEST:
                found.setdefault(name, told)
    return found


def _opened(recovery: Recovery, plan: RecoveryPlan, links: dict[str, str], *, by, at: datetime) -> None:
    bridge, labels = of(recovery), links_of(plan)
    known = {**bridge.links, **links}
    with transaction.atomic():
        Bridge.objects.filter(pk=bridge.pk).update(state=State.OPEN, links=known, error="")
        told = "; ".join(f"{labels[name]} {address}" for name, address in known.items() if name in labels)
        missing = [label for name, label in labels.items() if name not in known]
        words = f"“{_name(plan)}” is open{f': {told}' if told else ''}."
        words += f" Still to be typed: {', '.join(missing)}." if missing else ""
        recovery.incident.log("dr", words, at=at, by=by, data={"links": known})
        waiting = recovery.prompts.filter(answer=Prompt.Answer.OPEN, asks="bridge")
        waiting.update(answer=Prompt.Answer.FOLLOWED, answered_at=at, answered_by=by)


def type_links(
    recovery: Recovery, plan: RecoveryPlan, links: Mapping[str, str], *, by: EscalationContact, at: datetime
) -> None:
    """A person gives the links; an empty one takes it away."""
    labels, typed = links_of(plan), {name: str(value).strip() for name, value in links.items()}
    for name, value in typed.items():
        if value and (not beside.is_safe(value) or len(value) > LONGEST):
            raise IllegalMove(f"{labels.get(name, name)} is no web address; give one that begins with https.")
    bridge = of(recovery)
    kept = {name: value for name, value in {**bridge.links, **typed}.items() if value and name in labels}
    if kept == bridge.links:
        raise IllegalMove("Nothing was changed: type at least one link.")
    bridge.links = kept
    Bridge.objects.filter(pk=bridge.pk).update(links=kept)
    _opened(recovery, plan, {}, by=by, at=at)
