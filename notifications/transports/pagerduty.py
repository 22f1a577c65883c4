"""PagerDuty and whatever takes its Events API: an incident of ours is an incident there, kept in step by one key."""

import json
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from .base import AddressRefused, Message, Receipt, WebTransport
from .facts import cut
from .http import Answer, ask, judge

EVENTS = "https://events.pagerduty.com/v2/enqueue"
KEY = re.compile(r"[A-Za-z0-9]{16,64}", re.ASCII)
TRIGGERS = frozenset({"opened", "reopened", "page", "again", "raised", "lowered"})
SEVERITIES = ("critical", "error", "warning", "info")
LONGEST_SUMMARY, LONGEST_KEY, LONGEST_TEXT = 1024, 255, 10_000  # characters


class PagerDuty(WebTransport):
    """Source: PagerDuty, "Events API v2: send an alert event" (202 taken, 400 bad request, 429 too many, 5xx)."""

    kind, label = "pagerduty", "PagerDuty service (Events API v2)"
    in_order = follows = True
    test_facts = {"event": "resolved"}  # the end of what never began tries the key, and wakes nobody
    options: Mapping[str, str] = {
        "base_url": "another place that takes Events v2, such as https://events.eu.pagerduty.com",
        "severities": 'severity there by our level: {"P1": "critical"}; without it by how urgent the level is',
    }

    def check_address(self, address: str) -> None:
        if not KEY.fullmatch(address):
            super().check_address(address)

    def hint(self, address: str) -> str:
        return f"…{address[-4:]}" if KEY.fullmatch(address) else super().hint(address)

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        key, url = (address, EVENTS) if KEY.fullmatch(address) else (secret, address)
        if base := message.sender.option("base_url"):
            url = base.rstrip("/") + "/v2/enqueue"
        if not key:
            raise AddressRefused("This PagerDuty destination has no routing key; enter it as the address or secret.")
        event = event_of(message, key)
        if event is None:
            return Receipt(f"PagerDuty keeps no {message.event or 'such'} messages; nothing was to be sent.")
        answer = ask("POST", url, json.dumps(event).encode(), {"Content-Type": "application/json"}, service="PagerDuty")
        if answer.status == 400:
            _refuse(answer)
        judge(answer, "PagerDuty")
        return Receipt(f"PagerDuty answered {answer.status} to {event['event_action']}.", event["dedup_key"])


def event_of(message: Message, routing_key: str) -> dict | None:
    """The event that says the same; None for what it keeps no event of, such as updates of an incident that is over."""
    action = _action(message)
    if action is None:
        return None
    event: dict = {"routing_key": routing_key, "event_action": action, "dedup_key": dedup_key(message)}
    if action != "trigger":
        return event
    data = message.data
    payload = {
        "summary": cut(" ".join(message.subject.split()) or "-", LONGEST_SUMMARY),
        "source": str(data.get("service") or data.get("policy") or "opscenter"),
        "severity": _severity(message),
        "timestamp": str(data.get("detected_at") or message.at.isoformat()),
        "component": str(data.get("service") or ""),
        "group": str(data.get("policy") or ""),
        "class": str(data.get("key") or ""),
        "custom_details": {"text": cut(message.text, LONGEST_TEXT), "labels": data.get("labels") or {},
                           "level": str(data.get("severity") or "")},
    }  # fmt: skip
    event["payload"] = {name: value for name, value in payload.items() if value}
    event["client"] = "Opscenter"
    if message.url:
        event["client_url"] = message.url
    event["links"] = [{"href": action.url, "text": action.label} for action in message.links]
    return event


def dedup_key(message: Message) -> str:
    """The same for every message of one incident, and of no other, here or elsewhere."""
    host = urlsplit(message.url).netloc
    return cut(f"{host}/{message.thread or message.id}", LONGEST_KEY)


def _action(message: Message) -> str | None:
    if message.event == "acknowledged":
        return "acknowledge"
    if message.event in ("resolved", "false positive", "merged"):
        return "resolve"
    # the same key again is a note on the open incident there, and would open one anew where it is over
    return "trigger" if message.event in TRIGGERS or not (message.thread and message.is_over) else None


def _severity(message: Message) -> str:
    chosen = message.sender.options.get("severities")
    level = str(message.data.get("severity") or "")
    if isinstance(chosen, Mapping) and chosen.get(level) in SEVERITIES:
        return str(chosen[level])
    rank = message.data.get("rank")
    return SEVERITIES[min(rank, len(SEVERITIES) - 1)] if isinstance(rank, int) and rank >= 0 else "error"


def _refuse(answer: Answer) -> None:
    errors = answer.json.get("errors")
    said = "; ".join(str(error) for error in errors[:3]) if isinstance(errors, list) else ""
    if "routing_key" in said or "routing key" in said.lower():
        raise AddressRefused("PagerDuty does not know this routing key; take it anew from the service's integration.")
    judge(answer, "PagerDuty")
