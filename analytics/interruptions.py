"""How often each person was interrupted, and in which hours of their own life, in one statement for all pages.

An interruption is a page to a person that a provider took: what the on-call figures call a page, drills left out. The
hours are those of `oncall.hours`, on the person's own clock, with the holidays of the schedules.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache

from django.db.models import QuerySet

from incidents.models import Page
from oncall import fairness, hours
from oncall.models import EscalationContact, Schedule
from oncall.personal import zone_of

from . import kept
from .periods import Period


@dataclass
class Hours:
    """The interruptions of one person in one period."""

    total: int = 0
    business: int = 0
    sleep: int = 0

    @property
    def off(self) -> int:
        return self.total - self.business - self.sleep


@dataclass
class Line:
    """One person: as it is now, and as it was in the period before."""

    person: EscalationContact
    now: Hours = field(default_factory=Hours)
    before: Hours = field(default_factory=Hours)


def find(period: Period, *, team: str = "") -> list[Line]:
    """Everybody who was interrupted in `period` or in the one before, most often first.

    team   only the members of the team with this name
    """
    return kept.answer(("interruptions", period, team), lambda: _find(period, team))


def _find(period: Period, team: str) -> tuple[list[Line], int]:
    people = EscalationContact.objects.exclude(kind=EscalationContact.Kind.VENDOR)
    if team:
        people = people.filter(member_of__name=team)
    zones = {person.pk: (Line(person), zone_of(person)) for person in people}
    is_holiday = cache(fairness.holidays_of(Schedule.objects.select_related("policy") if zones else ()))
    rows = pages(period.before.begin, period.end).order_by().values_list("contact_id", "at")
    for pk, at in rows.iterator() if zones else ():
        if pk in zones:
            line, zone = zones[pk]
            _count(line.now if at >= period.begin else line.before, at.astimezone(zone), is_holiday)
    found = [line for line, _ in zones.values() if line.now.total or line.before.total]
    read = sum(line.now.total + line.before.total for line in found)
    return sorted(found, key=lambda line: (-line.now.total, -line.before.total, line.person.name)), read


def pages(begin: datetime, end: datetime) -> QuerySet[Page]:
    """The interruptions in [`begin`, `end`)."""
    return Page.objects.filter(state=Page.State.REACHED, at__gte=begin, at__lt=end, incident__drill=False)


def _count(said: Hours, local: datetime, is_holiday: Callable[[date], bool]) -> None:
    """One interruption, at `local` on the person's own clock: every edge of the hours of life is a full hour."""
    said.total += 1
    if local.hour >= hours.SLEEP[0].hour or local.hour < hours.SLEEP[1].hour:
        said.sleep += 1
    elif local.weekday() < hours.SATURDAY and hours.BUSINESS[0].hour <= local.hour < hours.BUSINESS[1].hour:
        said.business += not is_holiday(local.date())
