"""How often each person was interrupted, and in which hours of their own life. Counted by the database.

An interruption is a page to a person that a provider took: what the on-call figures call a page, drills left out. The
hours are those of `oncall.hours`, on the person's own clock, with the holidays of the schedules.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import reduce
from operator import or_
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, IntegerField, Q, QuerySet, When
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay

from incidents.models import Page
from oncall import fairness, hours
from oncall.models import EscalationContact, Schedule
from oncall.personal import zone_of

from .periods import DAY, Period

NOW, BEFORE = 0, 1


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
    people = EscalationContact.objects.exclude(kind=EscalationContact.Kind.VENDOR)
    if team:
        people = people.filter(member_of__name=team)
    by_zone: dict[ZoneInfo, list[EscalationContact]] = {}
    for person in people:
        by_zone.setdefault(zone_of(person), []).append(person)
    is_holiday = fairness.holidays_of(Schedule.objects.select_related("policy")) if by_zone else None
    found: dict[int, Line] = {}
    for zone, here in by_zone.items():
        lines = {person.pk: Line(person) for person in here}
        rows = pages(period.before.begin, period.end).filter(contact__in=lines)
        span = Case(When(at__gte=period.begin, then=NOW), default=BEFORE, output_field=IntegerField())
        rows = rows.annotate(span=span).order_by()
        _by_hour(lines, rows, zone)
        free = [day for day in _days(period, zone) if day.isoweekday() <= 5 and is_holiday and is_holiday(day)]
        if free:
            _take_off(lines, rows, [hours.business_of(day, zone) for day in free])
        found |= {pk: line for pk, line in lines.items() if line.now.total or line.before.total}
    return sorted(found.values(), key=lambda line: (-line.now.total, -line.before.total, line.person.name))


def pages(begin: datetime, end: datetime) -> QuerySet[Page]:
    """The interruptions in [`begin`, `end`)."""
    return Page.objects.filter(state=Page.State.REACHED, at__gte=begin, at__lt=end, incident__drill=False)


def _by_hour(lines: dict[int, Line], rows: QuerySet, zone: ZoneInfo) -> None:
    """Count by day of the week and hour on the clock of `zone`: every edge of the hours of life is a full hour."""
    counted = rows.annotate(weekday=ExtractIsoWeekDay("at", tzinfo=zone), hour=ExtractHour("at", tzinfo=zone))
    for pk, span, weekday, hour, count in counted.values_list("contact", "span", "weekday", "hour").annotate(
        count=Count("pk")
    ):
        said = lines[pk].now if span == NOW else lines[pk].before
        said.total += count
        if hour >= hours.SLEEP[0].hour or hour < hours.SLEEP[1].hour:
            said.sleep += count
        elif weekday <= 5 and hours.BUSINESS[0].hour <= hour < hours.BUSINESS[1].hour:
            said.business += count


def _take_off(lines: dict[int, Line], rows: QuerySet, spans: Iterable[hours.Span]) -> None:
    """What came in the business hours of a holiday came in off hours."""
    inside = reduce(or_, (Q(at__gte=start, at__lt=end) for start, end in spans))
    for pk, span, count in rows.filter(inside).values_list("contact", "span").annotate(count=Count("pk")):
        said = lines[pk].now if span == NOW else lines[pk].before
        said.business -= count


def _days(period: Period, zone: ZoneInfo) -> Iterable[date]:
    """The days in `zone` of which the period or the one before has any part."""
    day, last = period.before.begin.astimezone(zone).date(), period.end.astimezone(zone).date()
    while day <= last:
        yield day
        day += DAY
