"""Who is on call: every schedule with who has it now."""

from django.contrib.auth.decorators import login_required, permission_required
from django.shortcuts import render
from django.utils import timezone

from .models import Schedule
from .roster import responders


@login_required
@permission_required("oncall.view_schedule", raise_exception=True)
def on_call(request):
    at = timezone.now()
    schedules = [(schedule, responders(schedule, at)) for schedule in Schedule.objects.select_related("policy")]
    return render(request, "oncall/on_call.html", {"schedules": schedules, "at": at})
