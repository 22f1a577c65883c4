"""Who is on call, from the stored schedules."""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, Q

from . import layers, shifts
from .definitions import DefinitionError, parse_restrictions
from .feeds import Directory, FeedCalendar
from .holidays import Days
from .models import CalendarFeed, EscalationContact, Layer, LayerMember, Schedule, TemporaryShift
from .people import available

logger = logging.getLogger(__name__)
NIGHTS_BACK = timedelta(days=3)
Pages = Callable[[Iterable[EscalationContact], datetime, datetime], Iterable[tuple[int, datetime]]]
Absence = shifts.Absence[EscalationContact]
_pages: list[Pages] = []
"""Tells (contact id, instant) of every page the contacts got between two instants; the room that pages gives it."""


def pages_from(tell: Pages) -> None:
    """Take the pages of layers with rest from `tell`, called once at start-up by the room that pages."""
    _pages[:] = [tell]


def responders(schedule: Schedule, at: datetime) -> list[EscalationContact]:
    """Return whom `schedule` names at `at` (aware), each once; empty when nobody is on call.

    Somebody who is not active is replaced by the back-up, and without one the turn falls through to the next layer.
    Teams, roles and vendors are returned as they are: `people.persons` turns them into persons. Shadows are not among
    them, see `answer`.
    """
    return list(answer(schedule, at).people)


def answer(schedule: Schedule, at: datetime) -> shifts.Answer[EscalationContact]:
    """Return who is on call at `at` (aware), who watches (`shadows`), and the reasons in words."""
    return shifts.answer_at(define(schedule, since=at), at)


def next_handoff(schedule: Schedule, at: datetime) -> datetime | None:
    """Return the first instant after `at` (aware) at which other people are on call, UTC; None beyond LOOK_AHEAD."""
    return shifts.next_change(define(schedule, since=at), at)


def define(schedule: Schedule, *, since: datetime) -> shifts.ScheduleDefinition[EscalationContact]:
    """Return the stored schedule as plain values for questions about `since` (aware) and later.

    What ended before is left out. Five queries, and some more for temporary schedules, feeds, layers with rest and for
    each further link in a chain of back-ups.
    """
    zone, directory = zone_of(schedule), Directory()
    places = LayerMember.objects.select_related("contact__backup")
    rows = list(schedule.layers.select_related("feed", "calendar").prefetch_related(Prefetch("places", places)))
    to_come = Q(ends_at__gt=since)
    made = ("created_at", "pk")
    overrides = schedule.overrides.filter(to_come).order_by(*made).select_related("contact__backup", "replaces__backup")
    swaps = schedule.swaps.filter(to_come).order_by(*made).select_related("person__backup", "partner__backup")
    parts = TemporaryShift.objects.select_related("contact__backup")
    temporaries = schedule.temporaries.filter(to_come).order_by(*made).prefetch_related(Prefetch("shifts", parts))
    feed = CalendarFeed.objects.get(pk=schedule.override_feed_id) if schedule.override_feed_id else None
    named = [place.contact for row in rows for place in row.places.all()]
    named += [one for row in overrides for one in (row.contact, row.replaces) if one]
    named += [one for row in swaps for one in (row.person, row.partner)]
    named += [shift.contact for row in temporaries for shift in row.shifts.all()]
    if feed or any(row.feed for row in rows):
        named += directory.known.values()
    return shifts.ScheduleDefinition(
        schedule.key,
        zone,
        tuple(_layer(row, zone, directory, since) for row in rows),
        tuple(
            shifts.OverrideDefinition(
                row.contact and available(row.contact), row.starts_at, row.ends_at, row.effect,
                row.replaces and available(row.replaces), row.reason,
            )
            for row in overrides
        ),
        tuple(
            shifts.SwapDefinition(available(row.person), available(row.partner), row.starts_at, row.ends_at)
            for row in swaps
        ),
        tuple(
            shifts.TemporaryDefinition(
                row.name, row.starts_at, row.ends_at, tuple(_stretches(row.shifts.all()))
            )
            for row in temporaries
        ),
        FeedCalendar(feed, zone, directory) if feed else None,
        tuple(absences(named)),
    )  # fmt: skip


def absences(contacts: Iterable[EscalationContact]) -> list[Absence]:
    """When the contacts, and those who stand in for them, may not be asked by their validity, and who is instead."""
    found: dict[int, list[Absence]] = {}
    ask = list(contacts)
    while ask:
        here = available(ask.pop())
        if here is None or here.pk in found:
            continue
        bounds = [(shifts.EVER, here.valid_from), (here.valid_until, shifts.NEVER)]
        spans = [(start, end) for start, end in bounds if start is not None and end is not None]
        backup = available(here.backup) if spans and here.backup else None
        found[here.pk] = [shifts.Absence(here, start, end, backup) for start, end in spans]
        ask += [backup] if backup else []
    return [absence for rows in found.values() for absence in rows]


def zone_of(schedule: Schedule) -> ZoneInfo:
    """Return the zone whose clock the schedule follows; one that nobody knows is UTC."""
    try:
        return ZoneInfo(schedule.timezone)
    except (LookupError, ValueError, OSError) as error:  # an unknown name, none at all, a folder
        # Somebody is paged an hour or so off until it is mended; refusing would page nobody at all.
        logger.error("Schedule %s is read in UTC, for its time zone is unknown: %s", schedule.key, error)
        return ZoneInfo("UTC")


def _stretches(rows: Iterable[TemporaryShift]) -> Iterable[layers.Stretch[EscalationContact]]:
    for row in rows:
        if person := available(row.contact):
            yield layers.Stretch(row.starts_at, row.ends_at, (person,))


def _layer(
    layer: Layer, zone: ZoneInfo, directory: Directory, since: datetime
) -> layers.LayerDefinition[EscalationContact]:
    places = _places(layer)
    return layers.LayerDefinition(
        name=layer.name,
        members=places,
        first_handoff=layer.first_handoff_at or since,
        zone=zone,
        rotation=layer.rotation,
        length=layer.length,
        precedence=layer.precedence,
        windows=_windows(layer),
        starts_at=layer.starts_at,
        ends_at=layer.ends_at,
        calendar=FeedCalendar(layer.feed, zone, directory) if layer.feed else None,
        shadow=layer.shadow,
        holidays=_holidays(layer),
        rest=_rest(layer, places, zone, since) if layer.rest else None,
    )


def _places(layer: Layer) -> tuple[layers.Place[EscalationContact], ...]:
    """The places in hand-off order; those with the same turn, wherever they stand, are where the first of them is."""
    order: dict[object, list[EscalationContact | None]] = {}
    for place in layer.places.all():
        order.setdefault(("own", place.pk) if place.turn is None else place.turn, []).append(available(place.contact))
    return tuple(
        crew[0] if len(crew) == 1 else tuple(person for person in crew if person is not None)
        for crew in order.values()
    )  # fmt: skip


def _windows(layer: Layer) -> tuple[layers.Window, ...]:
    try:
        return parse_restrictions(layer.restrictions or [])
    except DefinitionError as error:
        # For the same reason the layer counts always until somebody mends it.
        logger.error("Layer %s (%s) counts always, for its restrictions cannot be read: %s", layer, layer.pk, error)
        return ()


def _holidays(layer: Layer) -> layers.Holidays | None:
    if not layer.on_holidays or layer.calendar is None:
        return None
    try:
        zone = ZoneInfo(layer.calendar.timezone)
    except (LookupError, ValueError, OSError):
        zone = ZoneInfo("UTC")
    only = layer.on_holidays == Layer.OnHolidays.ONLY
    return layers.Holidays(Days(tuple(layer.calendar.holidays)), zone, only)


def _rest(
    layer: Layer, places: tuple[layers.Place[EscalationContact], ...], zone: ZoneInfo, since: datetime
) -> layers.Rest[EscalationContact]:
    """Who of the layer was paged in which night, from three days before `since` on."""
    midnight = datetime.min
    opens = datetime.combine(midnight, layer.night_from) - midnight
    closes = datetime.combine(midnight, layer.night_to) - midnight
    rest: layers.Rest[EscalationContact] = layers.Rest(opens, closes if closes > opens else closes + layers.DAY)
    people = {one.pk: one for place in places for one in (place if isinstance(place, tuple) else (place,)) if one}
    paged: set[tuple[EscalationContact, date]] = set()
    for tell in _pages:
        for pk, at in tell(people.values(), since - NIGHTS_BACK, datetime.max.replace(tzinfo=UTC)):
            if night := rest.night_of(at, zone):
                paged.add((people[pk], night))
    return layers.Rest(rest.opens, rest.closes, frozenset(paged))
