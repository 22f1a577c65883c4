"""What holds back pages from somebody who has had enough of them: a limit warns, or has somebody else asked.

Every page of a person in the last while counts, of whatever incident, drills too: who was woken was woken. A page is
never lost to a limit: when nobody can be asked instead, it goes out. Who is asked by name, as the last, or whose own
acknowledgement is awaited, is asked whatever the limit says; so is who stands in for somebody.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from oncall import hours, personal
from oncall.models import EscalationContact, Urgency
from oncall.people import persons
from policies.durations import format_duration
from policies.hours import hours_of
from policies.models import Calendar, Policy
from policies.once import once_a_sweep

from . import alarms, choosing
from .models import FatigueLimit, FatigueNote, Incident, Page, Turn

COUNTED = [Page.State.TRYING, Page.State.REACHED]
MOST = 1000
"""Pages that are looked at one by one, for limits of certain hours; more than any limit is about."""


@dataclass(frozen=True)
class Verdict:
    """A limit that acts on a page: how many pages there were, and who is asked instead (None: nobody)."""

    limit: FatigueLimit
    pages: int
    instead: EscalationContact | None = None

    @property
    def words(self) -> str:
        """`had 4 pages in 24h, and 3 are enough`."""
        one = self.limit
        hours = "" if one.hours == one.Hours.ANY else f" in {one.get_hours_display()}"
        many = f"{self.pages} page{'s' if self.pages != 1 else ''}{hours}"
        enough = f"{one.pages} {'is' if one.pages == 1 else 'are'} enough"
        return f"had {many} within {format_duration(one.within)}, and {enough}"


def looked_at(
    incident: Incident, contact: EscalationContact, turn: Turn | None, *, at: datetime, must: bool = False
) -> Verdict | None:
    """The limit that acts when `contact` is to be asked at `at`; one that asks somebody else comes before a warning."""
    found = [one for one in limits_for(contact, incident.policy) if _acts_on(one, incident)]
    over = [Verdict(one, had) for one in found if (had := pages_of(contact, one, at=at)) >= one.pages]
    for verdict in over:
        if verdict.limit.act != FatigueLimit.Act.REROUTE or must or choosing.wakes(turn):
            continue
        if instead := _instead(incident, contact, verdict.limit, turn, at=at):
            return Verdict(verdict.limit, verdict.pages, instead)
    return over[0] if over else None


def limits_for(contact: EscalationContact, policy: Policy) -> list[FatigueLimit]:
    """Those that hold for `contact`: the person's own, if there are any, else those for everybody."""
    found = _limits(policy.pk)
    own = [one for one in found if one.contact_id == contact.pk]
    return own or [one for one in found if one.contact_id is None]


@once_a_sweep
def _limits(policy: int) -> list[FatigueLimit]:
    rows = FatigueLimit.objects.filter(Q(policy=policy) | Q(policy=None), enabled=True).select_related("to", "policy")
    return list(rows.prefetch_related("severities").order_by("policy", "key", "pk"))


def pages_of(contact: EscalationContact, limit: FatigueLimit, *, at: datetime) -> int:
    """How many pages `contact` had in the time of `limit` that ends at `at`, in its hours; none outside of them."""
    rows = Page.objects.filter(contact=contact, state__in=COUNTED, at__gt=at - limit.within, at__lte=at)
    if limit.hours == FatigueLimit.Hours.ANY:
        return rows.count()
    if not _in_hours(contact, limit, at):
        return 0
    times = rows.order_by("-at").values_list("at", flat=True)[:MOST]
    return sum(_in_hours(contact, limit, when) for when in times)


def _in_hours(contact: EscalationContact, limit: FatigueLimit, at: datetime) -> bool:
    zone = personal.zone_of(contact)
    if limit.hours == FatigueLimit.Hours.SLEEP:
        return hours.asleep(at, zone)
    local = at.astimezone(zone)
    begin, end = hours.BUSINESS
    return not (local.isoweekday() <= 5 and begin <= local.time() < end and hours_of(_calendar(limit), local.date()))


def _calendar(limit: FatigueLimit) -> Calendar | None:
    """Whose holidays count; the hours are those of everybody's business day."""
    row = limit.policy.calendars.order_by("-default", "key").first() if limit.policy else None
    return Calendar(holidays=row.holidays, hours={}) if row else None


def _acts_on(limit: FatigueLimit, incident: Incident) -> bool:
    levels = {level.pk for level in limit.severities.all()}
    return not levels or incident.severity_id in levels


def _instead(
    incident: Incident, contact: EscalationContact, limit: FatigueLimit, turn: Turn | None, *, at: datetime
) -> EscalationContact | None:
    """The first who can be asked now: whom the limit names, else the back-up; nobody who has had enough too."""
    named, _ = persons([limit.to], at=at) if limit.to else ([], [])
    backup = choosing.stands_in(contact, at=at)
    for person in [*named, *([backup] if backup else [])]:
        if person.pk != contact.pk and _can_be_asked(incident, person, turn, at=at):
            return person
    return None


def _can_be_asked(incident: Incident, person: EscalationContact, turn: Turn | None, *, at: datetime) -> bool:
    if personal.first_method(person, Urgency.HIGH) is None:
        return False
    if choosing.way(person, incident.severity, turn, at=at).quiet_until:
        return False
    return not any(
        pages_of(person, one, at=at) >= one.pages
        for one in limits_for(person, incident.policy)
        if one.act == FatigueLimit.Act.REROUTE and _acts_on(one, incident)
    )


def note(row: Page, verdict: Verdict, *, at: datetime) -> None:
    """Keep what the limit did, say it on the timeline, and tell whom it wants told, once in its time."""
    who, incident, instead, limit = row.contact, row.incident, verdict.instead, verdict.limit
    lately = FatigueNote.objects.filter(limit=limit, contact=who, at__gt=at - limit.within, at__lte=at).exists()
    words = f"{who} {verdict.words}: " + (f"{instead} is asked instead." if instead else "the page goes out.")
    FatigueNote.objects.create(
        limit=limit, page=row, contact=who, at=at, pages=verdict.pages, instead=instead, words=words[:250]
    )
    incident.log("fatigue", words, at=at, data={"contact": who.pk, "instead": instead.pk if instead else None})
    if lately:
        return
    tells = list(limit.tells.all()) or list(incident.owners.all())
    told = [one for one in persons(tells, at=at)[0] if one.pk not in (who.pk, instead and instead.pk)]
    alarms.tell_people(incident, words, "", told, at=at, once=f"fatigue:{row.pk}")


def standing(people: Iterable[EscalationContact], *, at: datetime) -> dict[int, list[tuple[FatigueLimit, int]]]:
    """Every limit that holds for each of `people`, of any policy, and how many pages of it there were at `at`."""
    limits = FatigueLimit.objects.filter(enabled=True).select_related("policy", "to")
    rows = list(limits.order_by("policy", "key", "pk"))
    people = list(people)
    if not rows or not people:
        return {}
    longest = max(limit.within for limit in rows)
    times: dict[int, list[datetime]] = {}
    found = Page.objects.filter(contact__in=people, state__in=COUNTED, at__gt=at - longest, at__lte=at)
    for pk, when in found.values_list("contact", "at"):
        times.setdefault(pk, []).append(when)
    return {person.pk: _stand(person, rows, times.get(person.pk, []), at) for person in people}


def _stand(
    person: EscalationContact, rows: list[FatigueLimit], times: list[datetime], at: datetime
) -> list[tuple[FatigueLimit, int]]:
    own = [one for one in rows if one.contact_id == person.pk]
    shown = []
    for limit in own or [one for one in rows if one.contact_id is None]:
        recent = [when for when in times if when > at - limit.within]
        if limit.hours != FatigueLimit.Hours.ANY:
            recent = [when for when in recent if _in_hours(person, limit, when)]
        shown.append((limit, len(recent)))
    return shown
