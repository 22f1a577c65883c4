"""Who is on call: every schedule with who has it now, until when, and who comes next."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.decorators import login_required, permission_required
from django.shortcuts import render
from django.utils import timezone

from . import roster, shifts
from .models import EscalationContact, Schedule

AHEAD = timedelta(days=14)
SHIFTS_SHOWN = 20


@dataclass(frozen=True)
class Duty:
    """A schedule as it stands: `until` is None when nobody else comes within the time looked ahead."""

    schedule: Schedule
    now: shifts.Answer[EscalationContact]
    until: datetime | None
    following: shifts.Answer[EscalationContact] | None
    ahead: list[shifts.Shift[EscalationContact]]


def duty(schedule: Schedule, at: datetime) -> Duty:
    """Who has `schedule` at `at` (aware), who is next, and the shifts of the coming fourteen days."""
    definition = roster.define(schedule, since=at)
    until = shifts.next_change(definition, at)
    return Duty(
        schedule=schedule,
        now=shifts.answer_at(definition, at),
        until=until,
        following=shifts.answer_at(definition, until) if until else None,
        ahead=shifts.shifts_between(definition, at, at + AHEAD)[:SHIFTS_SHOWN],
    )


@login_required
@permission_required("oncall.view_schedule", raise_exception=True)
def on_call(request):
    at = timezone.now()
    duties = [duty(schedule, at) for schedule in Schedule.objects.select_related("policy").order_by("name")]
    mine = [d.schedule for d in duties if any(person.user_id == request.user.pk for person in d.now.people)]
    return render(request, "oncall/on_call.html", {"duties": duties, "mine": mine, "at": at})
