"""Who is on call, from the stored schedules."""

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Prefetch

from . import layers, shifts
from .definitions import DefinitionError, parse_restrictions
from .models import EscalationContact, Layer, LayerMember, Schedule

logger = logging.getLogger(__name__)


def responders(schedule: Schedule, at: datetime) -> list[EscalationContact]:
    """Return whom `schedule` names at `at` (aware), each once; empty when nobody is on call.

    Somebody who is not active is replaced by the back-up, and without one the turn falls through to the next layer.
    Teams, roles and vendors are returned as they are: `people.persons` turns them into persons.
    """
    return shifts.on_call_at(define(schedule, since=at), at)


def next_handoff(schedule: Schedule, at: datetime) -> datetime | None:
    """Return the first instant after `at` (aware) at which other people are on call, UTC; None beyond LOOK_AHEAD."""
    return shifts.next_change(define(schedule, since=at), at)


def define(schedule: Schedule, *, since: datetime) -> shifts.ScheduleDefinition[EscalationContact]:
    """Return the stored schedule as plain values for questions about `since` (aware) and later.

    Overrides that ended before are left out. Three queries, and one for each further link in a chain of back-ups.
    """
    places = LayerMember.objects.select_related("contact__backup")
    rows = schedule.layers.prefetch_related(Prefetch("places", places))
    overrides = schedule.overrides.filter(ends_at__gt=since).order_by("created_at", "pk")
    zone = zone_of(schedule)
    return shifts.ScheduleDefinition(
        schedule.key,
        zone,
        tuple(_layer(layer, zone) for layer in rows),
        tuple(
            shifts.OverrideDefinition(available(override.contact), override.starts_at, override.ends_at)
            for override in overrides.select_related("contact__backup")
        ),
    )


def available(contact: EscalationContact) -> EscalationContact | None:
    """Return `contact` if active, else the first active one along its back-ups, or None."""
    asked: set[int] = set()
    here: EscalationContact | None = contact
    while here is not None and not here.active:
        if here.pk in asked:  # back-ups in a circle
            return None
        asked.add(here.pk)
        here = here.backup
    return here


def zone_of(schedule: Schedule) -> ZoneInfo:
    """Return the zone whose clock the schedule follows; one that nobody knows is UTC."""
    try:
        return ZoneInfo(schedule.timezone)
    except (LookupError, ValueError, OSError) as error:  # an unknown name, none at all, a folder
        # Somebody is paged an hour or so off until it is mended; refusing would page nobody at all.
        logger.error("Schedule %s is read in UTC, for its time zone is unknown: %s", schedule.key, error)
        return ZoneInfo("UTC")


def _layer(layer: Layer, zone: ZoneInfo) -> layers.LayerDefinition[EscalationContact]:
    return layers.LayerDefinition(
        name=layer.name,
        members=tuple(available(place.contact) for place in layer.places.all()),
        first_handoff=layer.first_handoff_at,
        zone=zone,
        rotation=layer.rotation,
        length=layer.length,
        precedence=layer.precedence,
        windows=_windows(layer),
        starts_at=layer.starts_at,
        ends_at=layer.ends_at,
    )


def _windows(layer: Layer) -> tuple[layers.Window, ...]:
    try:
        return parse_restrictions(layer.restrictions or [])
    except DefinitionError as error:
        # For the same reason the layer counts always until somebody mends it.
        logger.error("Layer %s (%s) counts always, for its restrictions cannot be read: %s", layer, layer.pk, error)
        return ()
