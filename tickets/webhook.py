"""The door at which a tracker tells that a ticket has moved on.

Jira: "Webhooks", event jira:issue_updated; any other tracker: {"key": "OPS-1", "status": "Done"}.
"""

import hashlib
import hmac
import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from notifications.routing import filled
from notifications.transports.tracker import ENDS, KEYS
from notifications.transports.trackers import Seen

from . import others, reading, speaking
from .models import Ticket, TicketPlan


@csrf_exempt  # the signature or the token is the authority; there is no session to ride on
def told(request: HttpRequest, policy: str, key: str) -> HttpResponse:
    """Take over the state of the ticket that the tracker tells of; anything else is taken and left."""
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    plan = TicketPlan.objects.select_related("policy").filter(policy__key=policy, key=key).first()
    if plan is None:
        return JsonResponse({"error": "There is no such ticket plan here."}, status=404)
    if int(request.headers.get("Content-Length") or 0) > settings.WEBHOOK_MAX_BYTES:
        return JsonResponse({"error": "The body is too large."}, status=413)
    body = request.body
    if refusal := _unproven(request, plan, body):
        return JsonResponse({"error": refusal}, status=403)
    try:
        said = json.loads(body or b"{}")
    except ValueError:
        return JsonResponse({"error": "The body is no JSON."}, status=400)
    number, seen = told_in(said)
    found = Ticket.objects.filter(plan=plan, key=number).select_related(
        "plan__policy", "incident__policy", "incident__severity"
    )
    ticket = found.first() if number else None
    if ticket is None and seen is not None and number and others.told_by_webhook(plan, number, seen, at=timezone.now()):
        return JsonResponse({"taken": True, "status": seen.status})
    if ticket is None or seen is None:
        return JsonResponse({"taken": False, "why": "It tells of no ticket of ours, or of no status."}, status=202)
    reading.take_over(ticket, seen, at=timezone.now())
    return JsonResponse({"taken": True, "incident": ticket.incident_id, "status": seen.status})


def _unproven(request: HttpRequest, plan: TicketPlan, body: bytes) -> str:
    secret = speaking.known(filled(plan.webhook_secret, plan.policy))
    if not secret:
        return "This ticket plan has no webhook secret yet; set it in its policy."
    digest = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    signed = request.headers.get("X-Hub-Signature") or request.headers.get("X-Hub-Signature-256") or ""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.GET.get("token", "")
    fits = hmac.compare_digest(digest.encode(), signed.encode()) or hmac.compare_digest(secret.encode(), token.encode())
    return "" if fits else "Neither X-Hub-Signature nor the token is that of this ticket plan."


def told_in(said: Any) -> tuple[str, Seen | None]:
    """Key and state of the ticket that a body tells of; empty and None when it tells of none."""
    said = said if isinstance(said, dict) else {}
    issue = said.get("issue") if isinstance(said.get("issue"), dict) else said
    number = next((str(issue[name]) for name in KEYS if issue.get(name)), "")
    fields = issue.get("fields") if isinstance(issue.get("fields"), dict) else {}
    status = fields.get("status") or issue.get("status") or issue.get("state")
    if isinstance(status, dict):
        category = status.get("statusCategory") or {}
        name = str(status.get("name") or "")
        return number, Seen(name, category.get("key") == "done" if category else name.lower() in ENDS)
    return number, Seen(str(status), str(status).lower() in ENDS) if status else None
