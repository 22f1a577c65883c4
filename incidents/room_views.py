"""The incident's second page, the list of missed targets, and pinned entries of the timeline."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from oncall.people import contact_of
from opscenter.admin import CappedPaginator
from policies.models import Policy, TargetKind

from . import actions, cost, lifecycle, seeing, similar
from .models import ResponseTarget
from .views import PER_PAGE, incident_for, respond_permission, view_permission


@login_required
@view_permission
@never_cache
def more(request, number: int):
    """What is looked at in less of a hurry: past incidents like it, what it costs, who did what, corrections."""
    found, at = incident_for(request, number), timezone.now()
    seen, responds = seeing.visible(request.user), request.user.has_perm("incidents.respond_incident")
    context = {
        "incident": found, "responds": responds, "likes": similar.past(found, seen),
        "related": seen.filter(pk__in=found.related.values("pk")).select_related("severity"),
        "beside": similar.beside(found, seen), "cost": cost.of(found, at=at), "milestones": found.milestones,
        "history": found.roles.select_related("contact").order_by("since", "pk"),
        "tools": actions.more_tools(found) if responds else [],
    }  # fmt: skip
    return render(request, "incidents/more.html", context)


@login_required
@view_permission
def late(request):
    """Targets that were missed, the latest first: who owed what, how late it came, and why."""
    names = ("policy", "kind", "drills")
    asked = {name: request.GET.get(name, "").strip() for name in names}
    rows = ResponseTarget.objects.filter(state=ResponseTarget.State.BREACHED, incident__drill=asked["drills"] == "only")
    rows = rows.exclude(incident__in=seeing.hidden(request.user)).select_related("incident", "met_by")
    if asked["policy"]:
        rows = rows.filter(incident__policy__key=asked["policy"])
    if asked["kind"] in TargetKind.values:
        rows = rows.filter(kind=asked["kind"])
    page = CappedPaginator(rows.order_by("-due_at", "-pk"), PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "asked": asked, "kinds": TargetKind.choices, "policies": Policy.objects.all()}
    return render(request, "incidents/late.html", context)


@login_required
@respond_permission
@require_POST
def pin(request, number: int, entry: int):
    """Keep an entry at the top of the page (pin=on), or let it go (pin=off)."""
    found = incident_for(request, number)
    row = get_object_or_404(found.timeline, pk=entry)
    pinned = request.POST.get("pin") != "off"
    lifecycle.pin(row, pinned=pinned, by=contact_of(request.user), at=timezone.now())
    messages.success(request, "Pinned." if pinned else "No longer pinned.")
    return redirect(found)
