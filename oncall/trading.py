"""What people agree on between them: cover asked for and taken, turns swapped, a schedule for a while."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.urls import reverse

from . import people, roster, telling
from .models import CoverRequest, EscalationContact, Override, Schedule, TemporarySchedule
from .wording import stretch


class Refused(ValueError):
    """What was asked cannot be done; the text says why and what to do."""


@transaction.atomic
def ask_cover(
    schedule: Schedule, *, asked_by: EscalationContact, starts_at: datetime, ends_at: datetime, note: str, at: datetime
) -> CoverRequest:
    """Ask everybody else of the schedule to take the place of `asked_by`; nothing changes until somebody does."""
    taken = schedule.cover_requests.filter(
        state=CoverRequest.State.OPEN, asked_by=asked_by, starts_at__lt=ends_at, ends_at__gt=starts_at
    )
    if one := taken.first():
        raise Refused(f"{asked_by} asks for cover in this time already: {_when(one)}. Withdraw that first.")
    request = CoverRequest.objects.create(
        schedule=schedule, asked_by=asked_by, starts_at=starts_at, ends_at=ends_at, note=note, created_at=at
    )
    others = [one for one in colleagues(schedule) if one.pk != asked_by.pk]
    text = f"{asked_by} asks for cover on {schedule}: {_when(request)}.{f' {note}' if note else ''} Who takes it?"
    telling.tell(
        others, subject=f"{asked_by} asks for cover on {schedule}", text=text, path=path_of(request),
        once=f"cover:{request.pk}:asked", at=at,
    )  # fmt: skip
    return request


@transaction.atomic
def take_cover(request: CoverRequest, *, by: EscalationContact, at: datetime) -> Override:
    """Put `by` in the place of who asked; of two who take it at once one gets Refused."""
    if by.pk == request.asked_by_id:
        raise Refused("Nobody can cover their own turn; withdraw the request instead.")
    if request.ends_at <= at:
        raise Refused("This is over already.")
    _settle(request, CoverRequest.State.TAKEN, at=at, taken_by=by)
    reason = f"Covers for {request.asked_by}{f': {request.note}' if request.note else ''}"
    override = Override.objects.create(
        schedule=request.schedule, effect=Override.Effect.ONE, contact=by, replaces=request.asked_by,
        starts_at=max(request.starts_at, min(at, request.ends_at)), ends_at=request.ends_at, reason=reason[:250],
    )  # fmt: skip
    request.override = override
    request.save(update_fields=["override"])
    telling.tell(
        [request.asked_by], subject=f"{by} covers for you on {request.schedule}",
        text=f"{by} takes your place on {request.schedule}: {_when(request)}.", path=path_of(request),
        once=f"cover:{request.pk}:taken", at=at,
    )  # fmt: skip
    return override


@transaction.atomic
def withdraw_cover(request: CoverRequest, *, at: datetime) -> None:
    """Nobody needs to take it any more; what was taken stays an override."""
    _settle(request, CoverRequest.State.WITHDRAWN, at=at)


def _settle(request: CoverRequest, state: str, *, at: datetime, **facts: Any) -> None:
    rows = CoverRequest.objects.select_for_update().filter(pk=request.pk, state=CoverRequest.State.OPEN)
    row = rows.first()
    if row is None:
        now = CoverRequest.objects.select_related("taken_by").get(pk=request.pk)
        by = f" by {now.taken_by}" if now.taken_by else ""
        raise Refused(f"This request was {now.get_state_display().lower()}{by} already.")
    for name, value in {"state": state, "settled_at": at, **facts}.items():
        setattr(row, name, value)
        setattr(request, name, value)
    row.save()


@transaction.atomic
def stand_in(
    schedule: Schedule, *, name: str, starts_at: datetime, ends_at: datetime,
    shifts: Iterable[tuple[EscalationContact, datetime, datetime]], row: TemporarySchedule | None = None,
) -> TemporarySchedule:  # fmt: skip
    """Make, or make anew, a temporary schedule with its shifts."""
    row = row or TemporarySchedule(schedule=schedule)
    row.name, row.starts_at, row.ends_at = name, starts_at, ends_at
    row.save()
    for old in row.shifts.all():
        old.delete()  # one by one: the audit log hears of each
    for contact, begins, ends in shifts:
        row.shifts.create(contact=contact, starts_at=begins, ends_at=ends)
    return row


def colleagues(schedule: Schedule) -> list[EscalationContact]:
    """The persons of all layers of the schedule, each once."""
    rows = EscalationContact.objects.filter(layers__schedule=schedule).select_related("backup").distinct()
    return people.persons(rows.order_by("name"))[0]


def path_of(request: CoverRequest) -> str:
    return reverse("cover", args=[request.schedule.key, request.pk])


def _when(request: CoverRequest) -> str:
    return stretch(request.starts_at, request.ends_at, roster.zone_of(request.schedule))
