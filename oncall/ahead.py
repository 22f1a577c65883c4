"""What will go wrong with cover: holes, double bookings, people who left, feeds that fail, shifts that are too long."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from django.urls import reverse

from policies.claims import sweep

from . import cover, hours, people, roster, telling
from .cover import Finding
from .models import CalendarFeed, EscalationContact, LayerMember, Schedule
from .personal import zone_of
from .wording import length, stretch

AGAIN = timedelta(hours=6)
"""How often each schedule is looked at; whoever makes a hole by hand is told at once."""
DAY = timedelta(days=1)
LINES = 20
HOLES = ("gap", "double", "left", "unreachable", "feed")
LABELS = {
    "gap": "gap", "double": "double booking", "left": "left", "unreachable": "unreachable", "feed": "feed",
    "long": "long shift", "nights": "nights",
}  # fmt: skip


def findings(schedules: Iterable[Schedule], at: datetime, until: datetime) -> list[Finding]:
    """Everything that will be wrong from `at` to `until` (aware), first what comes first.

    Gaps of a schedule that means to have them are left out.
    """
    at = at.astimezone(UTC)
    schedules = list(schedules)
    rosters = cover.between(schedules, at, until)
    found = [one for one in cover.gaps(rosters) if not one.schedule.gaps_meant]
    found += cover.double_bookings(rosters)
    for schedule, rows in rosters.items():
        found += _left(schedule, at, until)
        found += _unreachable(schedule, rows)
        found += _feeds(schedule, at, until)
        found += _burdens(schedule, at, until)
    return sorted(found, key=lambda one: (one.start, one.schedule.name, one.kind, one.text))


def _left(schedule: Schedule, at: datetime, until: datetime) -> Iterator[Finding]:
    """Who is named in a layer, and may not be asked."""
    zone = roster.zone_of(schedule)
    places = LayerMember.objects.filter(layer__schedule=schedule).select_related("layer", "contact__backup")
    told = set()
    for place in places:
        one = place.contact
        leaves = at if not one.active else one.valid_until
        if leaves is None or leaves >= until or (one.pk, place.layer_id) in told:
            continue
        told.add((one.pk, place.layer_id))
        when = "is not active" if not one.active else f"leaves on {leaves.astimezone(zone):%Y-%m-%d %H:%M}"
        then = people.available(one.backup) if one.backup else None
        instead = f"the back-up {then} has those turns" if then else "those turns reach nobody"
        text = f"{one} {when} and is still in {place.layer.name} of {schedule}: {instead}."
        yield Finding("left", schedule, max(leaves, at), until, (one,), text)


def _unreachable(schedule: Schedule, rows: list[cover.Shift]) -> Iterator[Finding]:
    for person, stretches in cover.by_person(rows).items():
        if not any(method.usable for method in person.methods.all()):
            when = stretch(*stretches[0], roster.zone_of(schedule))
            text = f"{person} is on call on {schedule} and no address works: {when}."
            yield Finding("unreachable", schedule, stretches[0][0], stretches[-1][1], (person,), text)
    for shift in rows:
        if shift.people and not people.persons(shift.people)[0]:
            when = stretch(shift.start, shift.end, roster.zone_of(schedule))
            who = ", ".join(str(one) for one in shift.people)
            text = f"{who} is on call on {schedule}, and no person stands behind it: {when}."
            yield Finding("unreachable", schedule, shift.start, shift.end, shift.people, text)


def _feeds(schedule: Schedule, at: datetime, until: datetime) -> Iterator[Finding]:
    named = {schedule.override_feed_id, *schedule.layers.values_list("feed_id", flat=True)}
    used = [feed for feed in named if feed is not None]
    for feed in CalendarFeed.objects.filter(pk__in=used, failing_since__isnull=False):
        since = feed.failing_since or at
        kept = f"the copy of {feed.fetched_at:%Y-%m-%d %H:%M} UTC counts" if feed.fetched_at else "there is no copy yet"
        text = f"The calendar {feed} of {schedule} fails since {since:%Y-%m-%d %H:%M} UTC, {kept}. {feed.failure}"
        yield Finding("feed", schedule, since, until, (), text.strip())


def _burdens(schedule: Schedule, at: datetime, until: datetime) -> Iterator[Finding]:
    """Shifts that are too long, and too many nights one after the other; what began before `at` is counted on."""
    longest = timedelta(hours=schedule.longest_shift_hours) if schedule.longest_shift_hours else None
    nights = schedule.nights_in_a_row
    if longest is None and nights is None:
        return
    back = max(longest or timedelta(), (nights or 0) * DAY) + DAY
    ((_, rows),) = cover.between([schedule], at - back, until).items()
    for person, stretches in cover.by_person(rows).items():
        for start, end in stretches:
            if longest is not None and end - start > longest and end > at:
                when = stretch(start, end, roster.zone_of(schedule))
                text = f"{person} has {schedule} for more than {length(longest)} at a stretch: {when}."
                yield Finding("long", schedule, start, end, (person,), text)
        if nights is not None:
            yield from _night_rows(schedule, person, stretches, nights, at)


def _night_rows(
    schedule: Schedule, person: EscalationContact, stretches: list[hours.Span], most: int, at: datetime
) -> Iterator[Finding]:
    zone = zone_of(person)
    row: list[date] = []
    for night in [*sorted(hours.taken(stretches, zone, lambda day: False).nights), None]:
        if row and (night is None or night - row[-1] != DAY):
            start, end = hours.night_of(row[0], zone)[0], hours.night_of(row[-1], zone)[1]
            if len(row) > most and end > at:
                text = f"{person} has {len(row)} nights one after the other on {schedule}, from {row[0]} to {row[-1]}."
                yield Finding("nights", schedule, start, end, (person,), text)
            row = []
        if night is not None:
            row.append(night)


def look_due(*, at: datetime) -> int:
    """Look ahead for each schedule that is due, and tell its owners of what is new; return how many were looked at."""
    due = Schedule.objects.filter(look_at__lte=at).order_by("look_at", "pk")
    return sweep(due, due="look_at", at=at, work=_look, batch=20)


def _look(schedule: Schedule, *, at: datetime) -> None:
    until = at + schedule.warn_days * DAY
    others = Schedule.objects.exclude(pk=schedule.pk)
    found = [one for one in findings([schedule], at, until) if one.start < until]
    mixed = cover.double_bookings(cover.between([schedule, *others], at, until)) if schedule.warn_days else []
    found += [one for one in mixed if one.schedule == schedule and one not in found]
    known = [_stored(schedule, one) for one in schedule.told]
    new = [one for one in found if not any(had.same_as(one) for had in known)]
    if new and schedule.warn_days:
        _tell(schedule, new, at=at)
    told = [_kept(one) for one in found] if schedule.warn_days else []
    Schedule.objects.filter(pk=schedule.pk).update(look_at=at + AGAIN, told=told)


def _tell(schedule: Schedule, new: list[Finding], *, at: datetime) -> None:
    owners, _ = people.persons(schedule.owners.select_related("backup"))
    lines = [one.text for one in sorted(new, key=lambda one: one.start)]
    more = [f"and {len(lines) - LINES} more."] if len(lines) > LINES else []
    telling.tell(
        owners or people.catch_all(),
        subject=f"{schedule}: {len(new)} warning{'s' if len(new) > 1 else ''} for the next {schedule.warn_days} days",
        text="\n".join([*lines[:LINES], *more]), path=reverse("on-call-warnings"),
        once=f"ahead:{schedule.pk}:{at:%Y%m%d%H%M%S}", at=at,
    )  # fmt: skip


def _kept(one: Finding) -> list:
    return [one.kind, one.start.isoformat(), one.end.isoformat(), [who.pk for who in one.who]]


def _stored(schedule: Schedule, kept: list) -> Finding:
    kind, start, end, who = kept
    people_ = tuple(EscalationContact(pk=pk) for pk in who)
    return Finding(kind, schedule, datetime.fromisoformat(start), datetime.fromisoformat(end), people_, "")
