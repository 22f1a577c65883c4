"""PagerDuty calls: somebody took or ended there what we had opened there.

Our own acknowledge and resolve events come back here as well; their agent is our integration, not a person, and they
are passed over. Source: PagerDuty, "Webhooks v3: overview, event types, verifying signatures".
"""

import json
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from notifications.models import Account, Delivery
from sources.inbound.times import instant

from . import ACKNOWLEDGE, RESOLVE, Answer, proofs, take
from .door import door, secret_of

DEEDS = {"incident.acknowledged": ACKNOWLEDGE, "incident.resolved": RESOLVE}
PERSON = "user_reference"


@door("pagerduty", "POST")
def webhook(request: HttpRequest, account: Account, at: datetime) -> HttpResponse:
    """200 to whatever is genuine, acted upon or not; PagerDuty would send anything else again."""
    proofs.pagerduty(request.headers, request.body, secret_of(account))
    try:
        said = json.loads(request.body)
    except ValueError:
        return HttpResponse("The body is not JSON.\n", status=400, content_type="text/plain")
    event = _part(said, "event")
    agent, data = _part(event, "agent"), _part(event, "data")
    word = DEEDS.get(str(event.get("event_type") or ""))
    thread = _thread(str(data.get("incident_key") or ""))
    if word and thread and agent.get("type") == PERSON:
        name = str(agent.get("summary") or agent.get("id") or "Somebody")[:80]
        when = instant(event.get("occurred_at"))
        id = f"{account.pk}:{event['id']}" if event.get("id") else ""
        take(Answer(word, ("pagerduty",), "", thread, "PagerDuty", id, name, when), at=at)
    return HttpResponse(status=200)


def _thread(key: str) -> str:
    """The incident for which we have sent an event with this key; empty when it is none of ours."""
    sent = Delivery.objects.filter(kind="pagerduty", reference=key).exclude(thread="") if key else None
    return sent.values_list("thread", flat=True).first() or "" if sent is not None else ""


def _part(said: Any, name: str) -> dict[str, Any]:
    part = said.get(name) if isinstance(said, dict) else None
    return part if isinstance(part, dict) else {}
