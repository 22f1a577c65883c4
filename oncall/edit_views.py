"""Changing who is on call by hand: what it would do is shown, and holes it would open, before it is saved."""

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import blake2s

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from . import cover, roster, rules_of_change
from .edit_forms import OverrideForm, StretchForm
from .models import Override, Schedule
from .people import contact_of

HOUR = timedelta(hours=1)
SHOWN = 40
"""Changed stretches that a preview names one by one."""


def allowed(request) -> rules_of_change.Rights:
    """What the user may change; who may cover has a contact of his own from now on."""
    rights = rules_of_change.rights(request.user)
    if not rights.cover:
        raise PermissionDenied("This needs the right to take cover.")
    if rights.me is None:
        contact_of(request.user)
        rights = rules_of_change.rights(request.user)
    return rights


def schedule_of(request, key: str) -> Schedule:
    if not request.user.has_perm("oncall.view_schedule"):
        raise PermissionDenied("This needs the right to view schedules.")
    return get_object_or_404(Schedule, key=key)


def settle(
    request, schedule: Schedule, form: StretchForm | None, save: Callable[[], object], *, title: str, done: str,
    span: tuple[datetime, datetime], back: str = "", context: dict | None = None,
) -> HttpResponse:  # fmt: skip
    """Save, unless a preview is asked for, or it opens a hole that the user has not been shown yet.

    span    what the edit may change: from, until
    back    where to go; empty: the calendar on the day that it begins
    """
    found = cover.what_if(save, Schedule.objects.all, *span)
    seen = digest(found)
    told = {
        "schedule": schedule, "form": form, "title": title, "found": found, "digest": seen, "at": timezone.now(),
        "more": max(len(found.changes) - SHOWN, 0), "shown": found.changes[:SHOWN], "posted": _posted(request, form),
        **(context or {}),
    }  # fmt: skip
    if "preview" in request.POST:
        return render(request, "oncall/edit.html", told)
    if found.troubles and request.POST.get("confirmed") != seen:
        return render(request, "oncall/edit.html", {**told, "must_confirm": True}, status=409)
    with transaction.atomic():
        save()
        Schedule.objects.filter(handoff=True, handoff_at__isnull=False).update(handoff_at=timezone.now())
    messages.success(request, done)
    day = span[0].astimezone(roster.zone_of(schedule)).date().isoformat()
    return redirect(back or f"{reverse('schedule', args=[schedule.key])}?day={day}")


def digest(found: cover.Consequences) -> str:
    """Stands for the troubles that were shown: others that come up meanwhile are shown in their turn."""
    text = "\n".join(one.text for one in found.troubles)
    return blake2s(text.encode(), digest_size=8).hexdigest() if text else ""


def _posted(request, form) -> list[tuple[str, str]]:
    """What a page without a form of its own sends again."""
    if form is not None:
        return []
    once = ("csrfmiddlewaretoken", "confirmed", "preview")
    return [(name, value) for name, value in request.POST.items() if name not in once]


def form_page(request, schedule, form, title: str, **context) -> HttpResponse:
    """The page of a form, empty or with its faults."""
    faults = form.errors or (context.get("formset") is not None and any(context["formset"].errors))
    context |= {"schedule": schedule, "form": form, "title": title, "at": timezone.now()}
    return render(request, "oncall/edit.html", context, status=422 if faults else 200)


@login_required
def override_new(request, key: str):
    """Add an override."""
    schedule, rights, at = schedule_of(request, key), allowed(request), timezone.now()
    initial = {"contact": rights.me, **given_times(request, at)}
    form = OverrideForm(request.POST or None, schedule=schedule, rights=rights, at=at, initial=initial)
    title = f"Override on {schedule}"
    if request.method != "POST" or not form.is_valid():
        return form_page(request, schedule, form, title)
    data = form.cleaned_data
    return settle(
        request, schedule, form, lambda: Override.objects.create(schedule=schedule, **data), title=title,
        done=f"{data['contact'] or 'Nobody'} stands in.", span=(data["starts_at"], data["ends_at"]),
    )  # fmt: skip


@login_required
def override(request, key: str, pk: int):
    """Change an override, end it early, or delete it."""
    schedule, rights, at = schedule_of(request, key), allowed(request), timezone.now()
    found = get_object_or_404(schedule.overrides.select_related("contact", "replaces"), pk=pk)
    if not (rights.plan or (found.contact and rights.for_(found.contact))):
        raise PermissionDenied("You may change only your own overrides; an incident commander may change this one.")
    known = {name: getattr(found, name) for name in ("effect", "reason", "starts_at", "ends_at")}
    initial = {**known, "contact": found.contact, "replaces": found.replaces}
    deed = request.POST.get("deed", "change")
    given = request.POST if request.method == "POST" and deed == "change" else None
    form = OverrideForm(given, schedule=schedule, rights=rights, at=at, initial=initial, instance=found)
    title = f"Override on {schedule}"
    context = {"removable": True, "runs": found.starts_at <= at < found.ends_at, "over": found.ends_at <= at}
    before = (max(found.starts_at, min(at, found.ends_at - HOUR)), found.ends_at)
    if request.method == "POST" and deed == "end":
        if not context["runs"]:
            messages.warning(request, "This override does not run now: delete it, or change its times.")
            return form_page(request, schedule, form, title, **context)
        return settle(
            request, schedule, None, lambda: _end(found.pk, at), title=f"End the override on {schedule} now",
            done="The override has ended.", span=(at, found.ends_at),
        )  # fmt: skip
    if request.method == "POST" and deed == "delete":
        return settle(
            request, schedule, None, lambda: Override.objects.get(pk=found.pk).delete(),
            title=f"Delete the override on {schedule}", done="The override is deleted.", span=before,
        )  # fmt: skip
    if given is None or not form.is_valid():
        return form_page(request, schedule, form, title, **context)
    data = form.cleaned_data
    span = (min(found.starts_at, data["starts_at"]), max(found.ends_at, data["ends_at"]))

    def save() -> None:
        row = Override.objects.select_for_update(of=("self",)).get(pk=found.pk)
        for name, value in data.items():
            setattr(row, name, value)
        row.save()

    return settle(
        request, schedule, form, save, title=title, done="The override is changed.", span=span, context=context
    )


def _end(pk: int, at: datetime) -> None:
    row = Override.objects.select_for_update(of=("self",)).get(pk=pk)
    row.ends_at = at
    row.save(update_fields=["ends_at"])


def given_times(request, at: datetime) -> dict[str, datetime]:
    """From when until when a link of the calendar means; a working day from now on otherwise."""
    start = _instant(request.GET.get("from")) or at.replace(second=0, microsecond=0)
    return {"starts_at": start, "ends_at": _instant(request.GET.get("to")) or start + 8 * HOUR}


def _instant(text: str | None) -> datetime | None:
    """An instant with its offset, as links of the calendar carry it."""
    try:
        found = datetime.fromisoformat((text or "").replace(" ", "+"))
    except ValueError:
        return None
    return found if found.tzinfo else None
