"""How the burden is shared: what each person's time on call was made of, and how often they were paged."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from . import cover, facts, hours
from .holidays import Days
from .models import EscalationContact, Schedule
from .personal import zone_of

HOUR = timedelta(hours=1)
DEFINITIONS = {
    "on_call": ("Hours on call", "Time in which at least one of the schedules names the person, counted once. A team "
                "counts as its members; the time of somebody who left goes to the back-up; shadows do not count."),
    "business": ("Business hours", "Of these, Monday to Friday from 09:00 to 17:00 on the person's own clock, holidays "
                 "left out."),
    "sleep": ("Sleep hours", "Of these, every night from 23:00 to 07:00 on the person's own clock."),
    "off": ("Off hours", "The rest: hours on call that are neither business hours nor sleep hours."),
    "nights": ("Nights", "Nights (23:00 to 07:00, own clock) of which the person had any part."),
    "weekends": ("Weekends", "Weekends (Saturday 00:00 to Monday 00:00, own clock) of which the person had any part."),
    "holidays": ("Holidays", "Days of which the person had any part that are holidays in the calendars of the "
                 "schedules' policies and layers."),
    "pages": ("Pages", "Pages to this person that a provider took in the period, on any schedule or none; those of "
              "drills are left out."),
    "pages_asleep": ("Pages in sleep hours", "Of these, sent between 23:00 and 07:00 on the person's own clock."),
}  # fmt: skip
"""Each figure with its name and what it says, in words."""


@dataclass(frozen=True)
class Figures:
    """One person's figures; hours are elapsed ones, rounded to a tenth."""

    person: EscalationContact
    on_call: float
    business: float
    sleep: float
    off: float
    nights: int
    weekends: int
    holidays: int
    pages: int
    pages_asleep: int

    def cells(self) -> list[tuple[str, Any]]:
        """(name, value) in the order of DEFINITIONS."""
        return [(words[0], getattr(self, key)) for key, words in DEFINITIONS.items()]


def figures(schedules: Iterable[Schedule], start: datetime, end: datetime) -> list[Figures]:
    """The figures of everybody whom one of `schedules` names in [start, end) (aware), most hours first."""
    schedules = list(schedules)
    rosters = cover.between(schedules, start, end)
    held: dict[EscalationContact, list[hours.Span]] = {}
    for rows in rosters.values():
        for person, stretches in cover.by_person(rows).items():
            held.setdefault(person, []).extend(stretches)
    is_holiday, paged = holidays_of(schedules), facts.pages(held, start, end)
    found = []
    for person, stretches in held.items():
        zone = zone_of(person)
        had = hours.taken(_united(stretches), zone, is_holiday)
        pages = paged.get(person.pk, [])
        found.append(
            Figures(
                person,
                on_call=round(had.total / HOUR, 1),
                business=round(had.business / HOUR, 1),
                sleep=round(had.sleep / HOUR, 1),
                off=round(had.off / HOUR, 1),
                nights=len(had.nights),
                weekends=len(had.weekends),
                holidays=len(had.holidays),
                pages=len(pages),
                pages_asleep=sum(hours.asleep(at, zone) for at in pages),
            )
        )
    return sorted(found, key=lambda one: (-one.on_call, one.person.name))


def holidays_of(schedules: Iterable[Schedule]) -> Callable[[date], bool]:
    """Whether a date is a holiday for the schedules: in their policy's default calendar, or in that of a layer."""
    entries: list[str] = []
    for schedule in schedules:
        if schedule.policy is not None and (main := schedule.policy.calendars.order_by("-default", "key").first()):
            entries += main.holidays
        for layer in schedule.layers.filter(calendar__isnull=False).select_related("calendar"):
            entries += layer.calendar.holidays if layer.calendar else []
    return Days(tuple(dict.fromkeys(entries)))


def _united(stretches: Iterable[hours.Span]) -> list[hours.Span]:
    """`stretches` without what overlaps."""
    found: list[hours.Span] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
