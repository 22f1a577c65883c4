"""A schedule's calendar as rows and bars: weeks of seven local days, in each who is on call and what that is made of.

Bars stand on a grid of 24 columns a day, by the clock on the wall: a day of 23 or 25 hours is as wide as any other.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from . import roster, shifts
from .layers import layer_between
from .models import EscalationContact, Override, Schedule
from .turns import instant
from .wording import length, moment, names

HOURS = 24
COLUMNS = 7 * HOURS
COLOURS = 10
"""How many colours of persons the style sheet knows; they return after that, and every bar is labelled."""
Shift = shifts.Shift[EscalationContact]
WORDS = {
    "everybody": "override", "one": "override", "add": "beside", "remove": "steps out", "shadow": "shadow",
}  # fmt: skip
SOURCES = {"layer": "", "feed": "override calendar"}
KINDS: dict[str, set[str]] = defaultdict(set)
KINDS |= {"override": {"override", "beside", "steps out"}, "swap": {"swap"}, "temporary": {"temporary"}}
"""The marks of edits that may stand behind a shift with a mark."""


@dataclass(frozen=True)
class Stretch:
    """Who has it from `start` to `end`, UTC, with what marks it; nobody in a gap."""

    start: datetime
    end: datetime
    people: tuple[EscalationContact, ...]
    mark: str = ""
    reason: str = ""
    at: str = ""
    note: str = ""
    whose: int = 0

    @property
    def who(self) -> str:
        """In words; `at` is where it is changed, below the schedule's own page, `note` what else there is to say.

        `whose` is the contact who may change it as well as those who plan: who steps in by an override; 0 nobody else.
        """
        said = names(self.people) if self.people else "" if self.note else "Nobody"
        return f"{said} {self.note}".strip()


@dataclass(frozen=True)
class Bar:
    """A piece of a row: `span` columns of `stretch`, or of nothing at all when it is None."""

    span: int
    stretch: Stretch | None = None
    style: str = ""
    when: str = ""
    now: bool = False


@dataclass(frozen=True)
class Row:
    """One line of a week; `kind` is final, edit or layer."""

    title: str
    kind: str
    bars: list[Bar]


@dataclass(frozen=True)
class Week:
    """Seven days; `now` is the column at which the present stands, or None."""

    days: list[date]
    rows: list[Row]
    now: int | None

    @property
    def after_now(self) -> int:
        """The columns right of the mark of the present, which is one wide."""
        return COLUMNS - 1 - (self.now or 0)


@dataclass(frozen=True)
class Entry:
    """A line of the list under the calendar: a whole shift or gap."""

    stretch: Stretch
    style: str
    from_: str
    until: str
    lasts: str
    now: bool


@dataclass(frozen=True)
class CalendarPage:
    """All that the page shows: `first` and `last` are its first and last local day."""

    weeks: list[Week]
    entries: list[Entry]
    edits: list[Entry]
    first: date
    last: date
    zone: ZoneInfo
    people: list[tuple[EscalationContact, str]]


def of(schedule: Schedule, *, first: date, weeks: int, zone: ZoneInfo, at: datetime) -> CalendarPage:
    """The calendar of `schedule` for `weeks` weeks from the Monday `first`, on the clock of `zone`; `at` is now."""
    start, end = midnight(first, zone), midnight(first + timedelta(weeks=weeks), zone)
    definition = roster.define(schedule, since=start)
    final = shifts.shifts_between(definition, start, end)
    edits = edits_of(schedule, start, end)
    lines: list[tuple[str, str, list[Stretch]]] = [("Who is on call", "final", _joined(final, edits))]
    lines += [("Changes" if not index else "", "edit", lane) for index, lane in enumerate(lanes(edits))]
    watching = [Stretch(one.start, one.end, one.shadows, "shadow") for one in final if one.shadows]
    lines += [("Shadows", "layer", watching)] if watching else []
    for layer in sorted(definition.layers, key=lambda layer: -layer.precedence):
        for index, lane in enumerate(lanes([Stretch(*_span(one)) for one in layer_between(layer, start, end)]) or [[]]):
            lines.append((layer.name if not index else "", "layer", lane))
    styles = _styles(stretch for _, _, row in lines for stretch in row)
    drawn = [
        _week(first + timedelta(weeks=number), lines, styles, zone=zone, at=at) for number in range(weeks)
    ]  # fmt: skip
    entries = [_entry(one, styles, zone, at) for one in lines[0][2]]
    known = {one.pk: one for _, _, row in lines for stretch in row for one in stretch.people}
    legend = sorted(((known[pk], style) for pk, style in styles.items()), key=lambda pair: pair[0].name)
    made = [_entry(one, styles, zone, at) for one in edits]
    return CalendarPage(drawn, entries, made, first, first + timedelta(weeks=weeks, days=-1), zone, legend)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When `day` begins in `zone`, UTC."""
    return instant(datetime.combine(day, time()), zone)


def edits_of(schedule: Schedule, start: datetime, end: datetime) -> list[Stretch]:
    """Overrides, swaps and temporary schedules that touch [start, end), as they were asked for, in order of start."""
    near = {"starts_at__lt": end, "ends_at__gt": start}
    found = [
        Stretch(one.starts_at, one.ends_at, people_of(one), WORDS[one.effect], one.reason,
                f"overrides/{one.pk}/", f"without {one.replaces}" if one.replaces else "", one.contact_id or 0)
        for one in schedule.overrides.filter(**near).select_related("contact", "replaces")
    ]  # fmt: skip
    found += [
        Stretch(one.starts_at, one.ends_at, (one.person, one.partner), "swap", one.reason, f"swaps/{one.pk}/")
        for one in schedule.swaps.filter(**near).select_related("person", "partner")
    ]  # fmt: skip
    found += [
        Stretch(one.starts_at, one.ends_at, (), "temporary", "", f"temporary/{one.pk}/", one.name)
        for one in schedule.temporaries.filter(**near)
    ]
    return sorted(found, key=lambda one: one.start)


def people_of(override: Override) -> tuple[EscalationContact, ...]:
    return (override.contact,) if override.contact else ()


def lanes(rows: Sequence[Stretch]) -> list[list[Stretch]]:
    """`rows` spread over as few lines as they need, so that none hides another."""
    spread: list[list[Stretch]] = []
    for one in rows:
        lane = next((lane for lane in spread if lane[-1].end <= one.start), None)
        if lane is None:
            spread.append(lane := [])
        lane.append(one)
    return spread


def _span(one: Any) -> tuple[datetime, datetime, tuple[EscalationContact, ...]]:
    return one.start, one.end, one.people


def _joined(final: Sequence[Shift], edits: Sequence[Stretch]) -> list[Stretch]:
    """The shifts, those of the same people with the same mark made one; who put them there is named."""
    rows: list[Stretch] = []
    for shift in final:
        mark = SOURCES.get(shift.source, shift.source) if shift.people else "gap"
        behind = [one for one in edits if one.start <= shift.start and one.end >= shift.end and one.mark in KINDS[mark]]
        asked = behind[-1] if behind else None
        one = Stretch(
            shift.start, shift.end, shift.people, mark, asked.reason if asked else "", asked.at if asked else "",
            whose=asked.whose if asked else 0,
        )  # fmt: skip
        last = rows[-1] if rows else None
        if last and (last.people, last.mark, last.at) == (one.people, one.mark, one.at):
            rows[-1] = replace(last, end=one.end)
        else:
            rows.append(one)
    return rows


def _styles(rows: Iterable[Stretch]) -> dict[int, str]:
    people = sorted({person.pk for row in rows for person in row.people})
    return {pk: f"person-{number % COLOURS}" for number, pk in enumerate(people)}


def _style(stretch: Stretch, styles: dict[int, str]) -> str:
    if stretch.people:
        return styles[stretch.people[0].pk]
    return "gap" if stretch.mark == "gap" else "plain-bar"


def _entry(stretch: Stretch, styles: dict[int, str], zone: ZoneInfo, at: datetime) -> Entry:
    return Entry(
        stretch, _style(stretch, styles), moment(stretch.start, zone), moment(stretch.end, zone),
        length(stretch.end - stretch.start), stretch.start <= at < stretch.end,
    )  # fmt: skip


def _week(monday: date, lines, styles, *, zone: ZoneInfo, at: datetime) -> Week:
    days = [monday + timedelta(days=number) for number in range(7)]
    start, end = midnight(monday, zone), midnight(monday + timedelta(days=7), zone)
    rows = [
        Row(title, kind, _bars(stretches, styles, monday, zone, at))
        for title, kind, stretches in lines
        if kind != "edit" or any(one.start < end and one.end > start for one in stretches)
    ]
    return Week(days, rows, _column(at, monday, zone) if start <= at < end else None)


def _column(moment_: datetime, monday: date, zone: ZoneInfo) -> int:
    wall = moment_.astimezone(zone).replace(tzinfo=None) - datetime.combine(monday, time())
    return min(max(round(wall / timedelta(hours=1)), 0), COLUMNS)


def _bars(rows: Sequence[Stretch], styles, monday: date, zone: ZoneInfo, at: datetime) -> list[Bar]:
    """What `rows` fill of the week that begins on `monday`, in order, with empty bars between."""
    start, end = midnight(monday, zone), midnight(monday + timedelta(days=7), zone)
    bars: list[Bar] = []
    filled = 0
    for one in rows:
        if one.end <= start or one.start >= end:
            continue
        from_ = max(_column(max(one.start, start), monday, zone) if one.start > start else 0, filled)
        to = COLUMNS if one.end >= end else _column(one.end, monday, zone)
        to = min(max(to, from_ + 1), COLUMNS)  # an hour wide at least, so that a short one is seen
        if from_ >= COLUMNS:
            break
        if from_ > filled:
            bars.append(Bar(from_ - filled))
        when = f"{moment(one.start, zone)} to {moment(one.end, zone)}"
        bars.append(Bar(to - from_, one, _style(one, styles), when, one.start <= at < one.end))
        filled = to
    if filled < COLUMNS:
        bars.append(Bar(COLUMNS - filled))
    return bars


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def weeks_of_month(day: date) -> tuple[date, int]:
    """The Monday on or before the first of the month of `day`, and how many weeks hold that month."""
    first = monday_of(day.replace(day=1))
    last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return first, (last - first).days // 7 + 1


def today(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(UTC).astimezone(zone).date()
