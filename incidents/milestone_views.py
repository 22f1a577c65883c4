"""The seven milestones of an incident on one page, set or put right together."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from oncall.people import contact_of

from . import milestones as stones
from .models import IllegalMove
from .room_forms import MilestonesForm
from .views import incident_for, respond_permission


@login_required
@respond_permission
@never_cache
def milestones(request, number: int):
    """GET shows what is known; POST sets the times typed over, all of them or, when one cannot be, none."""
    found = incident_for(request, number)
    form = MilestonesForm(request.POST or None, incident=found)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                reason = form.cleaned_data["reason"]
                changed = stones.put(found, form.times, by=contact_of(request.user), at=timezone.now(), reason=reason)
            except IllegalMove as refusal:
                form.add_error(None, str(refusal))
                status = 409
            else:
                messages.success(request, "Noted on the timeline." if changed else "Nothing was changed.")
                return redirect("incident-more", found.pk)
    return render(request, "incidents/milestones.html", {"incident": found, "form": form}, status=status)
