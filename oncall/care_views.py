"""Looking after schedules: warnings ahead, figures of who bears what, and the note from shift to shift."""

import csv
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from . import ahead, calendar_page, fairness, handoff, roster, rules_of_change
from .models import HandoffNote, Schedule
from .people import contact_of
from .wording import names

HORIZONS = (7, 30, 90)
PERIOD = timedelta(days=90)
LONGEST = timedelta(days=400)
DAY = timedelta(days=1)
PER_PAGE = 20
view_permission = permission_required("oncall.view_schedule", raise_exception=True)


@login_required
@view_permission
def warnings(request) -> HttpResponse:
    """What will be wrong with cover in the days ahead, of every schedule or of one."""
    at = timezone.now()
    days = int(request.GET["days"]) if request.GET.get("days") in {str(one) for one in HORIZONS} else HORIZONS[1]
    schedules = list(Schedule.objects.select_related("policy").order_by("name"))
    found = ahead.findings(schedules, at, at + days * DAY)
    chosen = request.GET.get("schedule", "")
    if chosen:
        found = [one for one in found if one.schedule.key == chosen]
    context = {
        "at": at, "days": days, "horizons": HORIZONS, "schedules": schedules, "chosen": chosen, "labels": ahead.LABELS,
        "page": Paginator([(one, ahead.LABELS[one.kind]) for one in found], 100).get_page(request.GET.get("page")),
        "told": [(one, names(one.owners.all()) if one.owners.exists() else "") for one in schedules],
    }  # fmt: skip
    return render(request, "oncall/warnings.html", context)


class PeriodForm(forms.Form):
    """Of which schedules, from which day to which, both counted in."""

    schedule = forms.ChoiceField(required=False, label="Schedule")
    from_ = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    to = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def __init__(self, *args, schedules: list[Schedule], **kwargs):
        super().__init__(*args, **kwargs)
        choices = [("", "All schedules"), *((one.key, one.name) for one in schedules)]
        field: Any = self.fields["schedule"]
        field.choices = choices
        for name in ("from_", "to"):
            self.fields[name].error_messages["invalid"] = "Write the day as 2026-12-31."

    def add_prefix(self, field_name: str) -> str:
        return super().add_prefix(field_name.rstrip("_"))

    def clean(self) -> dict:
        data = super().clean() or self.cleaned_data
        start, end = data.get("from_"), data.get("to")
        if start and end and end < start:
            self.add_error("to", "The last day is before the first.")
        elif start and end and end - start > LONGEST:
            self.add_error("to", f"Choose at most {LONGEST.days} days.")
        for name in ("from_", "to"):
            if data.get(name) and data[name].year not in range(1990, 2200):
                self.add_error(name, "Choose a day between 1990 and 2199.")
        return data


@login_required
@view_permission
def figures(request) -> HttpResponse:
    """Who was on call how long, and when: a table, or with `format=csv` a file."""
    at = timezone.now()
    schedules = list(Schedule.objects.select_related("policy").order_by("name"))
    today = calendar_page.today(at, ZoneInfo("UTC"))
    usual = {"schedule": "", "from": (today - PERIOD).isoformat(), "to": today.isoformat()}
    form = PeriodForm({**usual, **request.GET.dict()}, schedules=schedules)
    context: dict[str, Any] = {
        "at": at, "form": form, "words": fairness.DEFINITIONS.values(), "query": request.GET.urlencode(),
    }  # fmt: skip
    if not form.is_valid():
        return render(request, "oncall/figures.html", context, status=422)
    start, end, chosen = form.cleaned_data["from_"], form.cleaned_data["to"], form.cleaned_data["schedule"]
    picked = [one for one in schedules if chosen in ("", one.key)]
    zone = roster.zone_of(picked[0]) if chosen else ZoneInfo("UTC")
    rows = fairness.figures(picked, calendar_page.midnight(start, zone), calendar_page.midnight(end + DAY, zone))
    if request.GET.get("format") == "csv":
        return _csv(rows, start, end, zone)
    context |= {"rows": [(one.person, one.cells()) for one in rows], "zone": zone, "start": start, "end": end}
    return render(request, "oncall/figures.html", context)


def _csv(rows: list[fairness.Figures], start: date, end: date, zone: ZoneInfo) -> HttpResponse:
    name = f"on-call-{start}-{end}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    writer = csv.writer(response)
    writer.writerow(["person", "time_zone", "from", "to", "period_zone", *fairness.DEFINITIONS])
    for one in rows:
        cells = [getattr(one, key) for key in fairness.DEFINITIONS]
        writer.writerow([_harmless(one.person.name), one.person.timezone, start, end, zone.key, *cells])
    return response


def _harmless(text: str) -> str:
    """`text` as a spreadsheet takes it for text, whatever it begins with."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


@login_required
@view_permission
def handoffs(request, key: str) -> HttpResponse:
    """The note to come, as it would be written now, with the words of who leaves; and those before."""
    schedule, at = get_object_or_404(Schedule, key=key), timezone.now()
    if request.method == "POST":
        return _write(request, schedule, lambda: handoff.to_come(schedule), at)
    since = handoff.shift_began(schedule, at)
    note = schedule.handoff_notes.filter(at=None).select_related("written_by").first()
    context = {
        "schedule": schedule, "at": at, "note": note, "since": since, "next": roster.next_handoff(schedule, at),
        "sections": handoff.as_data(handoff.sections(schedule, since, at)),
        "may": rules_of_change.rights(request.user), "people": roster.responders(schedule, at),
        "page": Paginator(_with_people(schedule), PER_PAGE).get_page(request.GET.get("page")),
    }  # fmt: skip
    return render(request, "oncall/handoffs.html", context)


@login_required
@view_permission
def handoff_note(request, key: str, pk: int) -> HttpResponse:
    """A note of a hand-over that has been: its facts as they were; its words may be added to for a day."""
    schedule, at = get_object_or_404(Schedule, key=key), timezone.now()
    note = get_object_or_404(_with_people(schedule), pk=pk)
    may = rules_of_change.rights(request.user)
    writable = note.at is not None and at < note.at + DAY and may.cover
    if request.method == "POST":
        if not writable:
            raise PermissionDenied("This note is kept as it was read: words may be added for a day.")
        return _write(request, schedule, lambda: note, at)
    context = {"schedule": schedule, "note": note, "at": at, "sections": note.facts, "writable": writable, "may": may}
    return render(request, "oncall/handoff.html", context)


def _with_people(schedule: Schedule):
    rows = schedule.handoff_notes.filter(at__isnull=False).select_related("written_by", "schedule")
    return rows.prefetch_related("leaving", "coming").order_by("-at")


def _write(request, schedule: Schedule, note: Callable[[], HandoffNote], at: datetime) -> HttpResponse:
    if not rules_of_change.rights(request.user).cover:
        raise PermissionDenied("This needs the right to take cover.")
    field = HandoffNote._meta.get_field("text")
    text = request.POST.get("text", "")
    if len(text) > (field.max_length or 0):
        messages.error(request, f"The text is longer than {field.max_length} characters; it was not kept.")
    else:
        handoff.write(note(), text, by=contact_of(request.user), at=at)
        messages.success(request, "Your words are kept for who comes.")
    return redirect(request.path)
