"""The page of an incident's disaster recovery: decide, meet, ring, sign off; and the door of the voice gateway."""

import json

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from incidents.models import IllegalMove, Incident
from incidents.page import contact_for
from incidents.seeing import visible
from notifications.routing import filled
from oncall.people import contact_of
from policies.substitute import names

from . import bridge, calls, deeds, plans
from .models import Recovery, RecoveryPlan

view_permission = permission_required("incidents.view_incident", raise_exception=True)
respond_permission = permission_required("incidents.respond_incident", raise_exception=True)
LONGEST_BODY = 64 * 1024


def _get(request, number: int) -> tuple[Incident, RecoveryPlan]:
    incident = get_object_or_404(
        visible(request.user).select_related("policy__recovery_plan", "severity", "service"), pk=number
    )
    plan = getattr(incident.policy, "recovery_plan", None)
    if plan is None:
        raise Http404("The policy of this incident has no disaster plan.")
    return incident, plan


@login_required
@view_permission
@never_cache
def recovery(request, number: int):
    """State and prompts, the bridge, the call tree and the checklist of one incident."""
    incident, plan = _get(request, number)
    return _page(request, incident, plan)


def _page(request, incident: Incident, plan: RecoveryPlan, *, typed: dict | None = None, status: int = 200):
    found = plans.of(incident)
    me = contact_for(request.user)
    opened = bridge.of(found) if found else None
    links = opened.links if opened else {}
    checklist = plan.checklist
    where = filled(checklist.get("link", ""), plan.policy) if checklist else ""
    context = {
        "incident": incident, "plan": plan, "dr": found, "at": timezone.now(), "typed": typed or {},
        "responds": request.user.has_perm("incidents.respond_incident"),
        "leads": deeds.holds(incident, me, plan.roles), "leaders": " or ".join(plan.roles),
        "prompts": found.prompts.select_related("answered_by") if found else [],
        "bridge": opened, "can_ask": bool(bridge.webhook_of(plan)),
        "links": [(name, label, links.get(name, "")) for name, label in bridge.links_of(plan).items()],
        "calls": found.calls.select_related("contact", "by", "instead_of__contact") if found else [],
        "call": calls.following(found) if found else None, "gateway": bool(calls.gateway_of(plan)),
        "checklist": checklist, "checklist_items": checklist.get("items", []),
        "document": "" if names(where) else where,
        "signs": bool(checklist) and deeds.holds(incident, me, [checklist.get("role", "")]),
    }  # fmt: skip
    return render(request, "recovery/recovery.html", context, status=status)


@login_required
@respond_permission
@require_POST
def do(request, number: int, deed: str):
    """One deed of the page; a refusal is told in words and loses nothing that was typed."""
    incident, plan = _get(request, number)
    if deed not in DEEDS:
        raise Http404(f"There is nothing called {deed!r} to do here.")
    at, by = timezone.now(), contact_of(request.user)
    found = plans.begin(incident, at=at)
    try:
        said = DEEDS[deed](found, plan, request.POST, by=by, at=at)
    except deeds.NotYours as refusal:
        messages.warning(request, str(refusal))
        return _page(request, incident, plan, typed=request.POST, status=403)
    except IllegalMove as refusal:
        messages.warning(request, str(refusal))
        incident.refresh_from_db()
        return _page(request, incident, plan, typed=request.POST, status=409)
    messages.success(request, said)
    return redirect("incident-recovery", number)


def _activate(found: Recovery, plan: RecoveryPlan, data, *, by, at) -> str:
    deeds.activate(found, plan, reason=data.get("reason", ""), by=by, at=at)
    return f"{plan.name} is active."


def _stand_down(found: Recovery, plan: RecoveryPlan, data, *, by, at) -> str:
    deeds.stand_down(found, plan, reason=data.get("reason", ""), by=by, at=at)
    return f"{plan.name} has stood down."


def _decline(found: Recovery, plan: RecoveryPlan, data, *, by, at) -> str:
    number = data.get("prompt", "")
    prompt = found.prompts.filter(pk=int(number)).first() if number.isdecimal() else None
    if prompt is None:
        raise IllegalMove("There is no such prompt; look again.")
    deeds.decline(found, plan, prompt, reason=data.get("reason", ""), by=by, at=at)
    return "Declined."


def _bridge(found: Recovery, plan: RecoveryPlan, data, *, by, at) -> str:
    opened = bridge.start(found, plan, by=by, at=at)
    if opened.error:
        raise IllegalMove(opened.error)
    return f"“{plan.bridge_name or 'The bridge'}” was asked for."


def _links(found: Recovery, plan: RecoveryPlan, data, *, by, at) -> str:
    typed = {name: data.get(f"link-{name}", "") for name in bridge.links_of(plan)}
    bridge.type_links(found, plan, typed, by=by, at=at)
    return "The links are on the incident."


def _call(found: Recovery, plan: RecoveryPlan, data, *, by, at) -> str:
    if not found.calls.exists():
        calls.begin(found, plan, at=at)
        return "The call tree is open."
    number = data.get("call", "")
    entry = found.calls.filter(pk=int(number)).select_related("contact__backup").first() if number.isdecimal() else None
    if entry is None:
        raise IllegalMove("There is no such call; look again.")
    entry.recovery = found
    after = calls.note(entry, data.get("outcome", ""), plan=plan, by=by, at=at)
    return f"Noted. Next is {after.contact}." if after else "Noted. The call tree is worked through."


def _ring(found: Recovery, plan: RecoveryPlan, data, *, by, at) -> str:
    if not calls.ring(found, plan, at=at):
        raise IllegalMove("The gateway rings already, or there is no number or gateway; dial it yourself.")
    return "The gateway rings."


def _sign(found: Recovery, plan: RecoveryPlan, data, *, by, at) -> str:
    deeds.sign_off(found, plan, items=data.getlist("item"), note=data.get("note", ""), by=by, at=at)
    return "Signed off."


DEEDS = {
    "activate": _activate, "stand-down": _stand_down, "decline": _decline, "bridge": _bridge, "links": _links,
    "call": _call, "ring": _ring, "sign": _sign,
}  # fmt: skip


@csrf_exempt  # the signed token is the authority; there is no session to ride on
def outcome(request, token: str):
    """The voice gateway tells how a call went: {"outcome": "no_answer"}, or as form fields."""
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    entry = calls.read_token(token)
    if entry is None:
        return JsonResponse({"error": "This address was not made by this Opscenter."}, status=403)
    if int(request.headers.get("Content-Length") or 0) > LONGEST_BODY:
        return JsonResponse({"error": "The body is too large."}, status=413)
    word = _word(request)
    if word not in calls.WORDS:
        known = ", ".join(calls.WORDS)
        return JsonResponse({"error": f"outcome is {word!r}; give one of {known}."}, status=422)
    plan = getattr(entry.recovery.incident.policy, "recovery_plan", None)
    if plan is None:
        return JsonResponse({"error": "Its policy has no disaster plan any more."}, status=409)
    try:
        after = calls.note(entry, calls.WORDS[word], plan=plan, by=None, via="the voice gateway", at=timezone.now())
    except IllegalMove as refusal:
        return JsonResponse({"taken": False, "why": str(refusal)}, status=200)
    return JsonResponse({"taken": True, "next": str(after.contact) if after else None})


def _word(request) -> str:
    told = request.POST or {}
    if not told:
        try:
            read = json.loads(request.body or b"{}")
        except ValueError:
            read = {}
        told = read if isinstance(read, dict) else {}
    return str(told.get("outcome") or told.get("CallStatus") or told.get("status") or "").lower()
