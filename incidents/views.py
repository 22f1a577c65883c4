"""The responder's pages: what is open, one incident with its clocks, and the link that acknowledges from a phone."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import IntegrityError
from django.db.models import Prefetch
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from notifications.models import Delivery
from oncall.people import contact_of

from . import escalation, forms, gates, lifecycle, links, updates
from .models import OPEN, IllegalMove, Incident, ResponseTarget, Status

PER_PAGE = 50
TIMELINE_SHOWN = 200
view_permission = permission_required("incidents.view_incident", raise_exception=True)


@login_required
@view_permission
def incident_list(request):
    """Open incidents first, most urgent first; filters by status, level and text."""
    chosen = request.GET.get("status", "open")
    rows = Incident.objects.select_related("severity", "service", "acknowledged_by")
    if chosen == "open":
        rows = rows.open().order_by("severity__rank", "detected_at")
    elif chosen in Status.values:
        rows = rows.filter(status=chosen)
    if text := request.GET.get("q", "").strip():
        rows = rows.filter(pk=int(text)) if text.isdigit() else rows.filter(title__icontains=text)
    pending = ResponseTarget.objects.filter(state="pending", due_at__isnull=False).order_by("due_at")
    rows = rows.prefetch_related(Prefetch("targets", pending, to_attr="clocks"))
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "chosen": chosen, "q": text, "statuses": Status.choices, "at": timezone.now()}
    return render(request, "incidents/list.html", context)


@login_required
@permission_required("incidents.respond_incident", raise_exception=True)
def declare(request):
    """Open an incident by hand."""
    form = forms.DeclareForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        at, by, data = timezone.now(), contact_of(request.user), form.cleaned_data
        opening = lifecycle.Opening(
            policy=data["policy"], severity=data["severity"], scope="person", key=f"declared:{at.timestamp():.6f}",
            title=data["title"], drill=data["drill"], reason=f"Declared by {by}: {data['title']}",
        )  # fmt: skip
        opened = lifecycle.open_incident(opening, at=at, by=by)
        if data["impact"]:
            lifecycle.edit(opened, by=by, at=at, impact=data["impact"])
        return redirect(opened)
    return render(request, "incidents/declare.html", {"form": form})


def _get(number: int) -> Incident:
    related = ("policy", "severity", "service", "alert_class", "acknowledged_by", "merged_into")
    return get_object_or_404(Incident.objects.select_related(*related), pk=number)


def _live_context(request, incident: Incident) -> dict:
    """Everything on the page that changes while one looks at it."""
    at = timezone.now()
    timeline = incident.timeline.select_related("by", "corrects").order_by("-at", "-pk")
    run = incident.escalations.order_by("-pk").first()
    responds = request.user.has_perm("incidents.respond_incident")
    return {
        "incident": incident,
        "at": at,
        "clocks": [t for t in incident.targets.order_by("due_at", "pk") if t.state != "cancelled"],
        "roles": incident.roles.filter(until=None).select_related("contact"),
        "owners": incident.owners.all(),
        "turns": run.turns.order_by("position") if run else [],
        "run": run,
        "pages": incident.page_rows.select_related("contact", "method").order_by("-pk")[:20],
        "deliveries": Delivery.objects.filter(thread=incident.thread).order_by("-pk")[:20],
        "alerts": incident.alerts.select_related("alert").order_by("-firing", "-starts_at")[:20],
        "alert_count": incident.alerts.count(),
        "timeline": timeline[:TIMELINE_SHOWN],
        "updates": incident.updates.select_related("by")[:5],
        "is_open": incident.status in OPEN,
        "responds": responds,
        "close_missing": gates.missing(incident, Status.CLOSED) if incident.status == Status.RESOLVED else [],
        "review": getattr(incident, "review", None) if incident.status not in OPEN else None,
        "overrides": request.user.has_perm("incidents.override_gate"),
    }


@login_required
@view_permission
def incident(request, number: int):
    """One incident: what it is, who has it, its clocks, its timeline, and what can be done now."""
    found = _get(number)
    plan = updates.plan_for(found)
    context = {
        **_live_context(request, found),
        "note_form": forms.NoteForm(),
        "update_form": forms.UpdateForm(initial={"impact": found.impact, "cause": found.cause, "eta": found.eta}),
        "update_fields": plan.fields if plan else [],
        "severity_form": forms.SeverityForm(incident=found, initial={"severity": found.severity_id}),
        "role_form": forms.RoleForm(),
    }
    return render(request, "incidents/incident.html", context)


@login_required
@view_permission
@never_cache
def live(request, number: int):
    """The changing part of the page, fetched every few seconds."""
    return render(request, "incidents/_live.html", _live_context(request, _get(number)))


@login_required
@view_permission
def timeline_json(request, number: int):
    """Every timeline entry once, in order."""
    entries = _get(number).timeline.select_related("by").order_by("at", "pk")
    rows = [
        {"id": e.pk, "at": e.at, "recorded_at": e.recorded_at, "kind": e.kind, "by": e.by and e.by.name,
         "text": e.text, "data": e.data, "corrects": e.corrects_id}
        for e in entries
    ]  # fmt: skip
    return JsonResponse({"incident": number, "timeline": rows})


def _note(incident, request, by, at):
    form = forms.NoteForm(request.POST)
    lifecycle.note(incident, form.data.get("text", ""), by=by, at=at)


def _update(incident, request, by, at):
    form = forms.UpdateForm(request.POST)
    if not form.is_valid():
        raise IllegalMove("; ".join(f"{name}: {error}" for name, errors in form.errors.items() for error in errors))
    fields = {name: form.cleaned_data[name] for name in ("impact", "cause", "eta")}
    updates.post(incident, by=by, at=at, text=form.cleaned_data["text"], fields=fields)
    lifecycle.edit(incident, by=by, at=at, **{name: value for name, value in fields.items() if value})


def _severity(incident, request, by, at):
    form = forms.SeverityForm(request.POST, incident=incident)
    if not form.is_valid():
        raise IllegalMove("Choose a level of this policy and say why it changes.")
    lifecycle.set_severity(incident, form.cleaned_data["severity"], by=by, at=at, reason=form.cleaned_data["reason"])


def _role(incident, request, by, at):
    form = forms.RoleForm(request.POST)
    if not form.is_valid():
        raise IllegalMove("Choose a role and an active person.")
    lifecycle.assign_role(incident, form.cleaned_data["role"], form.cleaned_data["contact"], by=by, at=at)


def _with_override(function):
    def action(incident, request, by, at):
        reason = request.POST.get("override_reason", "")
        if reason and not request.user.has_perm("incidents.override_gate"):
            raise PermissionDenied("Overriding a gate needs the right to do so.")
        function(incident, by=by, at=at, override_reason=reason)

    return action


ACTIONS = {
    "acknowledge": lambda i, request, by, at: lifecycle.acknowledge(i, by=by, at=at),
    "mitigate": _with_override(lifecycle.mitigate),
    "resolve": _with_override(lifecycle.resolve),
    "close": _with_override(lifecycle.close),
    "reopen": lambda i, request, by, at: lifecycle.reopen(i, by=by, at=at, reason=request.POST.get("reason", "")),
    "false-positive": lambda i, request, by, at: lifecycle.mark_false_positive(
        i, by=by, at=at, reason=request.POST.get("reason", "")
    ),
    "escalate": lambda i, request, by, at: escalation.escalate_now(i, by=by, at=at),
    "note": _note,
    "update": _update,
    "severity": _severity,
    "role": _role,
}


@login_required
@permission_required("incidents.respond_incident", raise_exception=True)
@require_POST
def act(request, number: int, action: str):
    """Do one thing to the incident; a refusal is told in words and changes nothing."""
    if action not in ACTIONS:
        raise Http404(f"There is no action {action!r} on an incident.")
    found, at = _get(number), timezone.now()
    status = 200
    try:
        ACTIONS[action](found, request, contact_of(request.user), at)
    except IllegalMove as refusal:
        messages.warning(request, str(refusal))
        status = 409
    except IntegrityError:
        messages.warning(request, "Somebody changed this incident at the same moment; look again and repeat if needed.")
        status = 409
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=204)
        response["HX-Redirect"] = found.get_absolute_url()
        return response
    if status == 409 and "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"error": " ".join(str(m) for m in messages.get_messages(request))}, status=409)
    return redirect(found)


@csrf_exempt  # the signed token is the authority; there is no session to ride on
@never_cache
def acknowledge_link(request, token: str):
    """GET shows whose page this is and of what; POST acknowledges. No login: the link was sent to one person."""
    at = timezone.now()
    try:
        found, contact = links.read_token(token, at=at)
    except links.LinkInvalid as refusal:
        return render(request, "incidents/ack_link.html", {"refusal": str(refusal)}, status=410)
    context = {"incident": found, "contact": contact, "at": at}
    if request.method == "POST":
        try:
            lifecycle.acknowledge(found, by=contact, at=at, via="link")
        except IllegalMove as refusal:
            found.refresh_from_db()
            return render(request, "incidents/ack_link.html", {**context, "notice": str(refusal)}, status=409)
        return render(request, "incidents/ack_link.html", {**context, "done": True})
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET, POST"})
    return render(request, "incidents/ack_link.html", context)
