"""The tickets of an incident: what the tracker keeps, what it was told, and what a person can press."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from incidents import beside
from incidents.models import IllegalMove, Incident
from incidents.seeing import visible
from notifications.models import Delivery, Purpose
from oncall.people import contact_of

from . import keeping, reading
from .models import Ticket, TicketPlan

view_permission = permission_required("incidents.view_incident", raise_exception=True)
respond_permission = permission_required("incidents.respond_incident", raise_exception=True)
TOLD = 50


class LinkForm(forms.Form):
    """A ticket that is there already."""

    key = forms.CharField(required=False, max_length=200, label="Its key", help_text="Such as OPS-12.")
    url = forms.URLField(required=False, max_length=1000, label="Its address", assume_scheme="https")

    def __init__(self, *args, plans: list[TicketPlan], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "Only link it"), *((str(plan.pk), f"Keep it in step as “{plan.key}”") for plan in plans)]
        self.plans = {str(plan.pk): plan for plan in plans}
        self.fields["plan"] = forms.ChoiceField(required=False, choices=choices, label="And then")

    def clean_url(self) -> str:
        url = self.cleaned_data["url"]
        if url and not beside.is_safe(url):
            raise forms.ValidationError("Give a web address, http or https.")
        return url


def _get(request, number: int) -> Incident:
    related = ("policy", "severity", "service", "acknowledged_by")
    return get_object_or_404(visible(request.user).select_related(*related), pk=number)


@login_required
@view_permission
@never_cache
def tickets(request, number: int):
    """The tickets of one incident with what each was told."""
    return _page(request, _get(request, number))


def _page(request, incident: Incident, *, form: LinkForm | None = None, status: int = 200):
    rows = list(incident.tickets.select_related("plan", "by"))
    told = Delivery.objects.filter(purpose=Purpose.TICKET, thread__startswith=f"{incident.thread}:").order_by("-pk")
    plans = list(TicketPlan.objects.of_incidents(incident.policy_id))
    taken = {row.plan_key for row in rows if row.state not in (Ticket.State.WAITING, Ticket.State.DROPPED)}
    places = {(row.tracker, row.project) for row in rows if row.plan_key in taken and not row.is_linked}
    free = [plan for plan in plans if plan.key not in taken and (plan.tracker, plan.project) not in places]
    context = {
        "incident": incident, "tickets": rows, "told": told[:TOLD], "plans": free, "at": timezone.now(),
        "responds": request.user.has_perm("incidents.respond_incident"),
        "form": form or LinkForm(plans=free),
    }  # fmt: skip
    return render(request, "tickets/tickets.html", context, status=status)


@login_required
@respond_permission
@require_POST
def make(request, number: int, plan: int):
    """Have the ticket of a plan made now."""
    incident = _get(request, number)
    wanted = get_object_or_404(TicketPlan.objects.of_incidents(incident.policy_id).select_related("policy"), pk=plan)
    try:
        keeping.make_by_hand(incident, wanted, by=contact_of(request.user), at=timezone.now())
        messages.success(request, "The ticket is on its way to the tracker.")
    except IllegalMove as refusal:
        messages.warning(request, str(refusal))
    return redirect("incident-tickets", number)


@login_required
@respond_permission
@require_POST
def link(request, number: int):
    """Link a ticket that is there already."""
    incident = _get(request, number)
    form = LinkForm(request.POST, plans=list(TicketPlan.objects.of_incidents(incident.policy_id)))
    if not form.is_valid():
        return _page(request, incident, form=form, status=422)
    data = form.cleaned_data
    plan = form.plans.get(data["plan"])
    try:
        by = contact_of(request.user)
        keeping.link_by_hand(incident, data["key"], data["url"], plan=plan, by=by, at=timezone.now())
        messages.success(request, "Linked.")
    except IllegalMove as refusal:
        form.add_error(None, str(refusal))
        return _page(request, incident, form=form, status=409)
    return redirect("incident-tickets", number)


@login_required
@respond_permission
@require_POST
def do(request, number: int, ticket: int, deed: str):
    """Try a refused ticket again, or read its state now."""
    incident = _get(request, number)
    found = get_object_or_404(
        incident.tickets.select_related("plan__policy", "plan__account", "incident__policy", "incident__severity"),
        pk=ticket,
    )
    at = timezone.now()
    try:
        if deed == "again":
            keeping.try_again(found, by=contact_of(request.user), at=at)
            messages.success(request, "It is tried again.")
        elif deed == "read":
            if found.key and found.plan and reading.read(found, at=at):
                messages.success(request, f"{found} was read.")
            else:
                messages.warning(request, f"The tracker did not tell the state of {found}; look there yourself.")
        else:
            raise Http404(f"There is nothing called {deed!r} to do with a ticket.")
    except IllegalMove as refusal:
        messages.warning(request, str(refusal))
    return redirect("incident-tickets", number)
