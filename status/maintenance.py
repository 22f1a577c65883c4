"""Planned work: announced, begun and ended by the clock, tied to windows that hold alerts back meanwhile."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from policies.claims import sweep
from policies.wake import wake

from . import components, subscribers
from .models import Component, Maintenance

Status = Maintenance.Status
SUPPRESS: list[Callable[..., list[str]]] = []
"""Called with (work, services, at=): make the windows that hold back alerts of these services; returns their names."""
LIFT: list[Callable[..., None]] = []
"""Called with (names, at=): end these windows; what still fires acts at once."""


class MaintenanceRefused(Exception):
    """It cannot be announced or called off; the sentence says why."""


@transaction.atomic
def announce(work: Maintenance, *, at: datetime, components_of: list | None = None) -> None:
    """Announce work that is new or was changed: windows as it says, subscribers told once, begun when it is time.

    components_of  the components it touches; None: as stored
    """
    if sentence := fault(work.starts_at, work.ends_at, at=at):
        raise MaintenanceRefused(sentence)
    new = work.pk is None
    if not new:
        _lift(work, at=at)
    work.status, work.look_at = Status.SCHEDULED, max(work.starts_at, at)
    work.save()
    if components_of is not None:
        work.components.set(components_of)
    if work.suppress:
        services = sorted({key for component in work.components.all() for key in services_of(component)})
        work.windows = [name for suppress in SUPPRESS for name in suppress(work, services, at=at)] if services else []
    work.save(update_fields=["windows"])
    components.touch(at=at)
    subscribers.tell_maintenance(work, "Planned maintenance" if new else "Maintenance changed", at=at)
    if work.starts_at <= at:
        _look(work, at=at)
    wake()


def fault(starts_at: datetime, ends_at: datetime, *, at: datetime) -> str:
    """What is wrong with these times, as a sentence; empty when nothing is."""
    if ends_at <= starts_at:
        return "The work has to end after it begins."
    return "This work would be over already; give a later end." if ends_at <= at else ""


def services_of(component: Component) -> list[str]:
    """The services that a component stands for: those it names, else its policy's own."""
    if component.services:
        return list(component.services)
    policy = component.policy
    return [policy.service.key] if policy and policy.service else []


@transaction.atomic
def call_off(work: Maintenance, *, at: datetime) -> None:
    """It does not take place, or has ended before its time."""
    if work.status in (Status.COMPLETED, Status.CANCELLED):
        raise MaintenanceRefused(f"“{work}” is {str(work.get_status_display()).lower()} already.")
    began = work.status == Status.IN_PROGRESS
    _lift(work, at=at)
    work.status, work.look_at = (Status.COMPLETED if began else Status.CANCELLED), None
    work.save()
    components.settle(at=at)
    subscribers.tell_maintenance(work, "Maintenance completed" if began else "Maintenance called off", at=at)


def _lift(work: Maintenance, *, at: datetime) -> None:
    for lift in LIFT if work.windows else []:
        lift(work.windows, at=at)
    work.windows = []


def look_due(*, at: datetime) -> int:
    """Begin and end announced work whose time has come."""
    return sweep(Maintenance.objects.look_due(at), due="look_at", at=at, work=_look)


def _look(work: Maintenance, *, at: datetime) -> None:
    if work.status == Status.SCHEDULED and work.starts_at <= at < work.ends_at:
        work.status, work.look_at, headline = Status.IN_PROGRESS, work.ends_at, "Maintenance has begun"
    elif work.status in (Status.SCHEDULED, Status.IN_PROGRESS) and work.ends_at <= at:
        work.status, work.look_at, headline = Status.COMPLETED, None, "Maintenance completed"
    else:
        work.look_at, headline = None, ""
    work.save(update_fields=["status", "look_at", "updated_at"])
    if headline:
        components.settle(at=at)
        subscribers.tell_maintenance(work, headline, at=at)
