"""Pages of what people are told: the updates of an incident, one to write, and those that wait for a second person."""

from urllib.parse import quote

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from oncall.people import contact_of
from policies.durations import format_duration

from . import lifecycle, seeing, update_approval, update_publishing, update_sending, update_telling, update_templates
from . import updates as updating
from .models import ChosenCadence, IllegalMove, Incident, ProposedUpdate, UpdateTemplate
from .update_forms import CadenceForm, ReasonForm, TellForm

view_permission = permission_required("incidents.view_incident", raise_exception=True)
respond_permission = permission_required("incidents.respond_incident", raise_exception=True)


def _get(request, number: int) -> Incident:
    related = ("policy", "severity", "service", "acknowledged_by")
    return get_object_or_404(seeing.visible(request.user).select_related(*related), pk=number)


@login_required
@view_permission
@never_cache
def overview(request, number: int):
    """Everything people were told of an incident, what they may be told, and how often they want to hear."""
    return _overview(request, _get(request, number))


def _overview(request, incident: Incident, *, form: CadenceForm | None = None, status: int = 200):
    plan, chosen = updating.plan_for(incident), ChosenCadence.objects.filter(incident=incident).first()
    limit = updating.longest(incident, plan=plan, chosen=chosen)
    every = incident.update_every
    context = {
        "incident": incident, "at": timezone.now(),
        "responds": request.user.has_perm("incidents.respond_incident"),
        "offers": update_templates.of(incident),
        "owed": incident.update_items.open().select_related("template"),
        "proposed": incident.proposed_updates.select_related("template", "by", "decided_by")[:20],
        "sent": incident.updates.select_related("by", "template")[:100],
        "every": format_duration(every) if every else "", "limit": format_duration(limit) if limit else "",
        "chosen": chosen, "form": form or CadenceForm(initial={"every": format_duration(every) if every else ""}),
        "public": update_publishing.address_of(incident), "reason_form": ReasonForm(),
    }  # fmt: skip
    return render(request, "incidents/updates.html", context, status=status)


@login_required
@respond_permission
@require_POST
def cadence(request, number: int):
    """Choose how often people are told."""
    incident, form = _get(request, number), CadenceForm(request.POST)
    if not form.is_valid():
        return _overview(request, incident, form=form, status=422)
    try:
        at, by = timezone.now(), contact_of(request.user)
        updating.choose_cadence(incident, form.cleaned_data["every"], by=by, at=at)
    except IllegalMove as refusal:
        form.add_error("every", str(refusal))
        return _overview(request, _get(request, number), form=form, status=409)
    messages.success(request, "People are told so often from now on.")
    return redirect("incident-updates", number)


@login_required
@respond_permission
@never_cache
def tell(request, number: int, key: str):
    """One update to write: prefilled with what is known; sent, or proposed to a second person."""
    incident = _get(request, number)
    template = get_object_or_404(UpdateTemplate, policy=incident.policy_id, key=key)
    form = TellForm(request.POST if request.method == "POST" else None, incident=incident, template=template)
    if request.method == "POST" and form.is_valid():
        at, by = timezone.now(), contact_of(request.user)
        try:
            with transaction.atomic():
                lifecycle.edit(incident, by=by, at=at, **_learnt(form, incident))
                sent = update_sending.send(
                    incident, template, by=by, at=at, text=form.text, fields=form.given,
                    by_hand="by_hand" in request.POST,
                    component_status=form.cleaned_data.get("component_status", ""),
                )  # fmt: skip
        except IllegalMove as refusal:
            form.add_error(None, str(refusal))
            return _tell(request, _get(request, number), template, form, status=409)
        if isinstance(sent, ProposedUpdate):
            messages.success(request, f"It waits for a second person until {sent.until:%H:%M} UTC.")
        else:
            messages.success(request, "Recorded." if "by_hand" in request.POST else "Sent.")
        return redirect(incident)
    return _tell(request, incident, template, form, status=422 if form.errors else 200)


def _learnt(form: TellForm, incident: Incident) -> dict[str, str]:
    return {name: value for name, value in form.facts().items() if getattr(incident, name) != value}


def _tell(request, incident: Incident, template: UpdateTemplate, form: TellForm, *, status: int):
    try:
        update_sending.may(incident, template, by=contact_of(request.user))
        refusal = ""
    except IllegalMove as error:
        refusal = str(error)
    at, vendors = timezone.now(), update_telling.vendors(template)
    words = form.own_words()
    context = {
        "incident": incident, "template": template, "form": form, "refusal": refusal, "at": at, "vendors": vendors,
        "places": [str(choice.destination) for choice in update_telling.choices(incident, template, at=at)],
        "people": update_telling.people(template, at=at),
        "approval": format_duration(template.approval) if template.approval else "",
        "mails": [_mail(vendor, incident, words) for vendor in vendors],
    }  # fmt: skip
    return render(request, "incidents/tell.html", context, status=409 if refusal and status == 200 else status)


def _mail(vendor, incident: Incident, words: str) -> dict[str, str]:
    """A draft for the sender's own mail program, with the incident's facts."""
    address = next((method.address for method in vendor.methods.all() if method.kind == "email"), "")
    facts = updating.facts(incident)
    lines = [
        words,
        "",
        *(f"{name.capitalize()}: {facts[name]}" for name in ("start", "service", "impact") if facts[name]),
    ]
    subject = f"[{incident.severity.key}] {incident.title}"
    link = f"mailto:{quote(address, safe='@')}?subject={quote(subject)}&body={quote(chr(10).join(lines))}"
    return {"vendor": str(vendor), "address": address, "link": link if address else ""}


@login_required
@respond_permission
@require_POST
def decide(request, number: int, proposed: int, deed: str):
    """Approve or reject what somebody else wrote; its author takes it back."""
    incident = _get(request, number)
    found = get_object_or_404(ProposedUpdate.objects.select_related("template", "by"), pk=proposed, incident=incident)
    found.incident, at, by = incident, timezone.now(), contact_of(request.user)
    if deed not in ("approve", "reject"):
        raise PermissionDenied("A proposed update is approved or rejected.")
    try:
        if deed == "approve":
            update_approval.approve(found, by=by, at=at)
        else:
            update_approval.reject(found, by=by, at=at, reason=request.POST.get("reason", ""))
    except IllegalMove as refusal:
        messages.warning(request, str(refusal))
        return _overview(request, _get(request, number), status=409)
    messages.success(request, "Approved and sent." if deed == "approve" else "It is not sent.")
    return redirect("incident-updates", number)
