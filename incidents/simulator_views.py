"""The simulator's page: who would be asked, when and how?"""

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from policies.models import Policy, Service

from . import supposing
from .models import EscalationPolicy


@require_safe
@login_required
@permission_required("incidents.view_incident", raise_exception=True)
def simulator(request: HttpRequest) -> HttpResponse:
    """Ask with what is typed in; nothing is written and nobody is told."""
    now, asked = timezone.now(), request.GET
    context = {
        "now": now, "asked": asked, "labels": asked.get("labels", ""), "answer": None, "error": "",
        "plans": EscalationPolicy.objects.order_by("name"), "policies": Policy.objects.order_by("name"),
        "services": Service.objects.order_by("name"),
    }  # fmt: skip
    if "policy" in asked:
        try:
            context["answer"] = supposing.answer(
                policy=asked["policy"], severity=asked.get("severity", ""), service=asked.get("service", ""),
                labels=asked.get("labels", "").splitlines(), at=asked.get("at", ""), now=now,
            )  # fmt: skip
        except supposing.BadQuestion as refusal:
            context["error"] = str(refusal)
    return render(request, "incidents/simulator.html", context)
