"""Who is on call: every schedule with who has it now, until when and who comes next; one schedule as a calendar."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required, permission_required
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from . import calendar_page, roster, rules_of_change, shifts
from .models import EscalationContact, Schedule
from .people import persons
from .wording import moment, stretch

AHEAD = timedelta(days=14)
SHIFTS_SHOWN = 20
VIEWS = ("month", "week")
YEARS = range(1990, 2200)
"""Dates that the calendar opens; a typing error of the year is no request for one 6,000 years away."""
view_permission = permission_required("oncall.view_schedule", raise_exception=True)


@dataclass(frozen=True)
class Duty:
    """A schedule as it stands: `until` is None when nobody else comes within the time looked ahead."""

    schedule: Schedule
    now: shifts.Answer[EscalationContact]
    until: datetime | None
    following: shifts.Answer[EscalationContact] | None
    ahead: list[shifts.Shift[EscalationContact]]
    reach: list[tuple[EscalationContact, list[str]]]


def duty(schedule: Schedule, at: datetime, *, reach: bool = False) -> Duty:
    """Who has `schedule` at `at` (aware), who is next, and the shifts of the coming fourteen days.

    reach   also how each person is reached: the kinds of address that work, never the addresses
    """
    definition = roster.define(schedule, since=at)
    until = shifts.next_change(definition, at)
    now = shifts.answer_at(definition, at)
    return Duty(
        schedule=schedule,
        now=now,
        until=until,
        following=shifts.answer_at(definition, until) if until else None,
        ahead=shifts.shifts_between(definition, at, at + AHEAD)[:SHIFTS_SHOWN],
        reach=[(one, _ways(one)) for one in persons(now.people)[0]] if reach else [],
    )


def _ways(person: EscalationContact) -> list[str]:
    return list(dict.fromkeys(method.kind for method in person.methods.all() if method.usable))


@login_required
@view_permission
def on_call(request):
    at = timezone.now()
    reach = request.user.has_perm("incidents.respond_incident")
    duties = [duty(one, at, reach=reach) for one in Schedule.objects.select_related("policy").order_by("name")]
    mine = [d.schedule for d in duties if any(person.user_id == request.user.pk for person in d.now.people)]
    empty = [d.schedule for d in duties if not d.now.people]
    context = {"duties": duties, "mine": mine, "empty": empty, "at": at, "reach": reach}
    return render(request, "oncall/on_call.html", context)


@login_required
@view_permission
def calendar(request, key: str):
    """A schedule's calendar: a month or a week, on the schedule's clock or the reader's own."""
    schedule, at = get_object_or_404(Schedule.objects.select_related("policy"), key=key), timezone.now()
    view = request.GET.get("view") if request.GET.get("view") in VIEWS else "month"
    zone, zones = _zone(request, schedule)
    day = _day(request.GET.get("day", "")) or calendar_page.today(at, zone)
    first, weeks = (calendar_page.weeks_of_month(day)) if view == "month" else (calendar_page.monday_of(day), 1)
    page = calendar_page.of(schedule, first=first, weeks=weeks, zone=zone, at=at)

    def link(**changes) -> str:
        known = {"view": view, "day": day.isoformat(), "zone": request.GET.get("zone", ""), **changes}
        return "?" + urlencode({name: value for name, value in known.items() if value})

    now = duty(schedule, at)
    covers = schedule.cover_requests.filter(state="open", ends_at__gt=at).select_related("asked_by")
    coming = [entry for entry in page.entries if entry.stretch.end > at]
    context = {
        "schedule": schedule,
        "page": page,
        "at": at,
        "day": day,
        "today": calendar_page.today(at, zone),
        "view": view,
        "title": f"{day:%B %Y}" if view == "month" else f"{first.day} {first:%b} to {page.last.day} {page.last:%b %Y}",
        "views": [(name, link(view=name), name == view) for name in VIEWS],
        "zones": [(one.key, link(zone=name), one.key == zone.key) for name, one in zones],
        "previous": link(day=_step(day, view, -1).isoformat()),
        "following": link(day=_step(day, view, 1).isoformat()),
        "now_link": link(day=""),
        "duty": now,
        "until": now.until and moment(now.until, zone),
        "may": rules_of_change.rights(request.user),
        "covers": [(one, stretch(one.starts_at, one.ends_at, zone)) for one in covers.order_by("starts_at")],
        "over": page.entries[: -len(coming) or None],
        "coming": coming,
        "gaps": [] if schedule.gaps_meant else [entry for entry in coming if not entry.stretch.people],
    }
    return render(request, "oncall/calendar.html", context)


def _zone(request, schedule: Schedule) -> tuple[ZoneInfo, list[tuple[str, ZoneInfo]]]:
    """The zone in which times are written, and those the reader may choose from."""
    theirs = roster.zone_of(schedule)
    zones = [("", theirs)]
    contact = EscalationContact.objects.filter(user=request.user).first()
    if contact and contact.timezone != theirs.key:
        with suppress(LookupError, ValueError, OSError):  # unknown: only the schedule's own clock is offered
            zones.append(("mine", ZoneInfo(contact.timezone)))
    return dict(zones).get(request.GET.get("zone", ""), theirs), zones


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in YEARS else None


def _step(day: date, view: str, by: int) -> date:
    if view == "week":
        return day + timedelta(weeks=by)
    month = day.year * 12 + day.month - 1 + by
    return date(month // 12, month % 12 + 1, 1)
