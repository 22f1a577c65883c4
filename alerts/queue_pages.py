"""The page of queues, and the button that reads them again after something was done by hand."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from incidents import seeing
from incidents.models import OPEN
from oncall.people import contact_of

from . import queues
from .models import QueueCard

BECAUSE = {"flush": "flushed by hand and read again", "read": "read again"}


@login_required
@permission_required("alerts.view_liveness", raise_exception=True)
def queue_list(request: HttpRequest) -> HttpResponse:
    """Every card of queues, of one policy when it is named."""
    chosen, incident = request.GET.get("policy", ""), request.GET.get("incident", "")
    found = [card for card in queues.cards() if chosen in ("", card.policy.key)]
    context = {"boards": queues.boards(found), "chosen": chosen, "at": timezone.now(),
               "incident": incident if incident.isdecimal() else ""}  # fmt: skip
    return render(request, "alerts/queues.html", context)


@login_required
@permission_required("incidents.respond_incident", raise_exception=True)
@require_POST
def refresh(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the sources now; with `incident`, what came of it stands on its timeline."""
    card = get_object_or_404(QueueCard.objects.select_related("policy"), pk=pk)
    number = request.POST.get("incident", "")
    incident = seeing.visible(request.user).filter(pk=number, status__in=OPEN).first() if number.isdecimal() else None
    because = BECAUSE.get(request.POST.get("because", ""), BECAUSE["read"])
    found = queues.refresh(card, at=timezone.now(), by=contact_of(request.user), incident=incident, because=because)
    if found.fault:
        messages.warning(request, f"{card} could not be read: {found.fault}")
    else:
        messages.success(request, f"{card} was read again.")
    address = card.get_absolute_url()
    return redirect(address.replace("#", f"&incident={incident.pk}#") if incident else address)
