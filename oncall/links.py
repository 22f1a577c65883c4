"""Calendars that others read: secret links, and the shifts of a schedule or of a person behind them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import blake2s, sha256
from secrets import token_urlsafe

from django.db.models import Q

from . import ical, people, roster, shifts
from .models import CalendarLink, EscalationContact, Schedule

AHEAD = timedelta(days=184)  # six months
BACK = timedelta(days=31)
NOTE_USE_EVERY = timedelta(minutes=1)
Roster = list[shifts.Shift[EscalationContact]]


class Unknown(LookupError):
    """A link that opens nothing: never made, revoked, or of somebody who left."""


def make(
    *, schedule: Schedule | None = None, contact: EscalationContact | None = None, by, at: datetime, note: str = ""
) -> tuple[CalendarLink, str]:
    """Make a link for a schedule or a person; return its row, and the token, which is kept nowhere."""
    token = token_urlsafe(24)
    row = CalendarLink.objects.create(
        schedule=schedule, contact=contact, digest=_digest(token), made_by=by, created_at=at, note=note[:120]
    )
    return row, token


def revoke(link: CalendarLink, *, at: datetime) -> bool:
    """Let the link open nothing any more; False when it does not already."""
    return bool(CalendarLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=at))


def recognise(token: str, *, at: datetime) -> CalendarLink:
    """Return the link of `token`, and note its use at most once a minute; Unknown when it opens nothing.

    The link of a user who may not sign in any more opens nothing either.
    """
    rows = CalendarLink.objects.select_related("schedule", "contact", "made_by")
    link = rows.filter(digest=_digest(token), revoked_at=None).first()
    left = link is not None and (
        (link.made_by is not None and not link.made_by.is_active)
        or (link.contact is not None and not link.contact.active)
    )
    if link is None or left:
        raise Unknown
    if link.used_at is None or at - link.used_at >= NOTE_USE_EVERY:
        CalendarLink.objects.filter(pk=link.pk).update(used_at=at)
    return link


def text(link: CalendarLink, *, at: datetime) -> str:
    """Return the calendar behind the link: from a month before `at` (aware) to six months after, times in UTC.

    It begins with a calendar day, so that the same shifts make the same text all day.
    """
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    start = (day - BACK).replace(day=1)  # the first of a month: a shift that is cut there keeps its name for as long
    end = day + AHEAD
    if link.schedule:
        events = list(_of_schedule(link.schedule, start, end))
        name = f"On call: {link.schedule}"
    else:
        assert link.contact is not None
        events = [one for row in Schedule.objects.order_by("key") for one in _of_person(row, link.contact, start, end)]
        name = f"On call: {link.contact}"
    return ical.write(name, sorted(events, key=lambda one: (one.start, one.summary, one.uid)), stamp=day)


def _of_schedule(schedule: Schedule, start: datetime, end: datetime) -> Iterator[ical.Event]:
    rows = shifts.shifts_between(roster.define(schedule, since=start), start, end)
    named = {person.pk: person for shift in rows for person in (*shift.people, *shift.shadows)}
    for person in named.values():
        for stretch in _stretches(rows, {person.pk}):
            yield _event(schedule, person, *stretch, summary=f"{person} ({schedule})", shadow=f"{person} watches")
    for shift in rows:
        if not shift.people:
            summary = f"Nobody is on call ({schedule})"
            yield ical.Event(_uid(schedule, "nobody", shift.start), shift.start, shift.end, summary)


def _of_person(schedule: Schedule, contact: EscalationContact, start: datetime, end: datetime) -> Iterator[ical.Event]:
    rows = shifts.shifts_between(roster.define(schedule, since=start), start, end)
    named = {person.pk: person for shift in rows for person in (*shift.people, *shift.shadows)}
    mine = {pk for pk, person in named.items() if contact in people.persons([person])[0]}
    for stretch in _stretches(rows, mine):
        yield _event(schedule, contact, *stretch, summary=f"On call: {schedule}", shadow=f"Watching: {schedule}")


def _stretches(rows: Roster, who: set[int]) -> Iterator[tuple[datetime, datetime, bool, str]]:
    """From when until when one of `who` is on call or watches (True), what adjoins joined, with the first reasons."""
    found: list[tuple[datetime, datetime, bool, str]] = []
    for shift in rows:
        on_call = any(person.pk in who for person in shift.people)
        if not on_call and not any(person.pk in who for person in shift.shadows):
            continue
        if found and found[-1][1] == shift.start and found[-1][2] != on_call:
            begins, _, watches, why = found[-1]
            found[-1] = (begins, shift.end, watches, why)
        else:
            found.append((shift.start, shift.end, not on_call, "; ".join(shift.reasons)))
    yield from found


def _event(
    schedule: Schedule, person: EscalationContact, start: datetime, end: datetime, watches: bool, why: str, *,
    summary: str, shadow: str,
) -> ical.Event:  # fmt: skip
    return ical.Event(_uid(schedule, f"{person.pk}{watches}", start), start, end, shadow if watches else summary, why)


def _uid(schedule: Schedule, who: str, start: datetime) -> str:
    """The same for the same schedule, person and start, whatever else changes."""
    facts = f"{schedule.pk} {who} {start.isoformat()}"
    return f"{blake2s(facts.encode(), digest_size=12).hexdigest()}@opscenter"


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def of_user(user) -> list[CalendarLink]:
    """The links that `user` made or that show the user's shifts, and that open something."""
    mine = Q(made_by=user) | Q(contact__user=user)
    return list(CalendarLink.objects.filter(mine, revoked_at=None).select_related("schedule", "contact"))
