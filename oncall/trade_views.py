"""Cover requests, swaps and temporary schedules, made and taken back on pages of their own."""

from datetime import datetime, timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from . import roster, trading
from .edit_forms import CoverForm, SwapForm, TemporaryForm, shift_rows
from .edit_views import allowed, form_page, given_times, schedule_of, settle
from .models import CoverRequest, Swap, TemporarySchedule
from .wording import stretch

EXTRA = 6
"""Empty rows for further shifts of a temporary schedule; more come with each preview."""


def _plans(request) -> None:
    if not allowed(request).plan:
        raise PermissionDenied("This needs the right to change who is on call for everybody; ask for cover instead.")


@login_required
def cover_new(request, key: str) -> HttpResponse:
    """Ask for cover."""
    schedule, rights, at = schedule_of(request, key), allowed(request), timezone.now()
    initial = {"asked_by": rights.me, **given_times(request, at)}
    form = CoverForm(request.POST or None, schedule=schedule, rights=rights, at=at, initial=initial)
    title = f"Ask for cover on {schedule}"
    if request.method == "POST" and form.is_valid():
        try:
            trading.ask_cover(schedule, at=at, **form.cleaned_data)
        except trading.Refused as refusal:
            form.add_error("starts_at", str(refusal))
        else:
            messages.success(request, "The others of the schedule have been asked.")
            return redirect("schedule", schedule.key)
    return form_page(request, schedule, form, title, no_preview=True, verb="Ask")


@login_required
def cover(request, key: str, pk: int) -> HttpResponse:
    """A request for cover: take it, or withdraw it."""
    schedule, rights, at = schedule_of(request, key), allowed(request), timezone.now()
    rows = schedule.cover_requests.select_related("asked_by", "taken_by", "schedule", "override")
    asked = get_object_or_404(rows, pk=pk)
    is_open = asked.state == CoverRequest.State.OPEN and asked.ends_at > at
    context = {
        "schedule": schedule, "asked": asked, "at": at, "is_open": is_open, "may": rights,
        "when": stretch(asked.starts_at, asked.ends_at, roster.zone_of(schedule)), "mine": rights.for_(asked.asked_by),
        "theirs": rights.me is None or rights.me.pk != asked.asked_by_id,
    }  # fmt: skip
    if request.method != "POST":
        return render(request, "oncall/cover.html", context)
    try:
        if request.POST.get("deed") == "withdraw":
            if not rights.for_(asked.asked_by):
                raise PermissionDenied("Only who asked for cover, or an incident commander, may withdraw the request.")
            trading.withdraw_cover(asked, at=at)
            messages.success(request, "The request is withdrawn.")
            return redirect("schedule", schedule.key)
        me = rights.me
        if me is None:
            raise PermissionDenied("Your account stands for no active contact, so it cannot be on call.")
        return settle(
            request, schedule, None, lambda: trading.take_cover(asked, by=me, at=at),
            title=f"Cover for {asked.asked_by}", done=f"You cover for {asked.asked_by}.",
            span=(max(asked.starts_at, at), max(asked.ends_at, at)),
        )  # fmt: skip
    except trading.Refused as refusal:
        messages.warning(request, str(refusal))
        return render(request, "oncall/cover.html", context, status=409)


@login_required
def swap_new(request, key: str) -> HttpResponse:
    """Have two people take each other's turns."""
    return _swap(request, key, None)


@login_required
def swap(request, key: str, pk: int) -> HttpResponse:
    """Change a swap or delete it."""
    rows = schedule_of(request, key).swaps.select_related("person", "partner")
    return _swap(request, key, get_object_or_404(rows, pk=pk))


def _swap(request, key: str, row: Swap | None) -> HttpResponse:
    _plans(request)
    schedule, rights, at = schedule_of(request, key), allowed(request), timezone.now()
    if request.POST.get("deed") == "delete" and row:
        return _delete(request, schedule, row, "The swap is deleted.", at)
    names = ("person", "partner", "starts_at", "ends_at", "reason")
    initial = {name: getattr(row, name) for name in names} if row else given_times(request, at)
    form = SwapForm(request.POST or None, schedule=schedule, rights=rights, at=at, initial=initial, instance=row)
    title = f"Swap turns on {schedule}"
    context = _standing(row, at)
    if request.method != "POST" or not form.is_valid():
        return form_page(request, schedule, form, title, **context)

    def save() -> None:
        kept = Swap.objects.get(pk=row.pk) if row else Swap(schedule=schedule)
        for name, value in form.cleaned_data.items():
            setattr(kept, name, value)
        kept.save()

    return settle(
        request, schedule, form, save, title=title, done="The turns are swapped.", span=_span(row, form),
        context=context,
    )  # fmt: skip


@login_required
def temporary_new(request, key: str) -> HttpResponse:
    """Make a schedule for a while."""
    return _temporary(request, key, None)


@login_required
def temporary(request, key: str, pk: int) -> HttpResponse:
    """Change a temporary schedule or delete it."""
    return _temporary(request, key, get_object_or_404(schedule_of(request, key).temporaries, pk=pk))


def _temporary(request, key: str, row: TemporarySchedule | None) -> HttpResponse:
    _plans(request)
    schedule, rights, at = schedule_of(request, key), allowed(request), timezone.now()
    if request.POST.get("deed") == "delete" and row:
        return _delete(request, schedule, row, "The temporary schedule is deleted.", at)
    known = {name: getattr(row, name) for name in ("name", "starts_at", "ends_at")} if row else given_times(request, at)
    fields = ("contact", "starts_at", "ends_at")
    has = [{name: getattr(one, name) for name in fields} for one in row.shifts.select_related("contact")] if row else []
    form = TemporaryForm(request.POST or None, schedule=schedule, rights=rights, at=at, initial=known)
    rows = shift_rows(request.POST or None, schedule, initial=has, extra=EXTRA)
    title = f"Temporary schedule on {schedule}"
    context = {**_standing(row, at), "formset": rows}
    if request.method == "POST" and form.is_valid():
        rows.within = (form.cleaned_data["starts_at"], form.cleaned_data["ends_at"])
    if request.method != "POST" or not form.is_valid() or not rows.is_valid():
        return form_page(request, schedule, form, title, **context)

    def save() -> None:
        kept = TemporarySchedule.objects.get(pk=row.pk) if row else None
        trading.stand_in(schedule, shifts=rows.shifts, row=kept, **form.cleaned_data)

    return settle(
        request, schedule, form, save, title=title, done="The temporary schedule is saved.", span=_span(row, form),
        context=context,
    )  # fmt: skip


def _standing(row: Swap | TemporarySchedule | None, at: datetime) -> dict:
    return {"removable": row is not None, "over": row is not None and row.ends_at <= at}


def _span(row: Swap | TemporarySchedule | None, form) -> tuple[datetime, datetime]:
    start, end = form.cleaned_data["starts_at"], form.cleaned_data["ends_at"]
    return (min(start, row.starts_at), max(end, row.ends_at)) if row else (start, end)


def _delete(request, schedule, row: Swap | TemporarySchedule, done: str, at: datetime) -> HttpResponse:
    span = (max(row.starts_at, min(at, row.ends_at - timedelta(hours=1))), row.ends_at)
    model = type(row)
    return settle(
        request, schedule, None, lambda: model._default_manager.get(pk=row.pk).delete(), title=f"Delete: {row}",
        done=done, span=span,
    )  # fmt: skip
