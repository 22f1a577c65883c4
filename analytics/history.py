"""What was measured, kept: measures for the curve, days for compliance and the error budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

from django.db.models import F

from .goals import COUNTED, State, Verdict
from .models import Objective, ObjectiveDay, ObjectiveSample

DAYS = 30
"""Compliance and budget look so far back, today included."""


def keep(objective: Objective, verdict: Verdict, *, day: date, at: datetime) -> None:
    """Store a measure; one that came to the same as the last, of the same day, lengthens its row."""
    if verdict.state == State.UNKNOWN:  # nothing was measured
        return
    facts = {"state": str(verdict.state), "value": verdict.value, "good": verdict.good, "total": verdict.total,
             "verdict": verdict.sentence}  # fmt: skip
    row, made = ObjectiveDay.objects.select_for_update().get_or_create(
        objective=objective, day=day, defaults={"last": verdict.state}
    )
    last = objective.samples.first()
    same = last and not made and last.until <= at and all(getattr(last, name) == value for name, value in facts.items())
    if last and same:
        ObjectiveSample.objects.filter(pk=last.pk).update(until=at, times=F("times") + 1)
    else:
        ObjectiveSample.objects.create(objective=objective, at=at, until=at, **facts)
    setattr(row, verdict.state, getattr(row, verdict.state) + 1)
    if verdict.state in COUNTED or row.last not in COUNTED:
        _say(row, verdict)
    row.save()


def close(objective: Objective, verdict: Verdict, *, day: date) -> None:
    """Store what a day that is over came to as a whole; it says more than any measure before."""
    row, _ = ObjectiveDay.objects.select_for_update().get_or_create(
        objective=objective, day=day, defaults={"last": verdict.state}
    )
    setattr(row, verdict.state, getattr(row, verdict.state) + 1)
    _say(row, verdict)
    row.save()


def _say(row: ObjectiveDay, verdict: Verdict) -> None:
    row.last, row.value, row.good, row.total = str(verdict.state), verdict.value, verdict.good, verdict.total


@dataclass(frozen=True)
class Day:
    """How a day went. share is the percent of its measures that were met, None when none counted."""

    day: date
    state: State
    share: float | None = None
    row: ObjectiveDay | None = None


@dataclass(frozen=True)
class Record:
    """The last days of an objective, oldest first, and what they come to.

    compliance  percent: of days that were met where a measure looks back, else of measures; None without any
    budget      percent of the error budget that is left, below 0 when it is overspent; None where there is none
    words       what the budget consists of
    """

    days: list[Day]
    compliance: float | None
    budget: float | None
    words: str = ""

    @property
    def counted(self) -> int:
        return sum(day.state in COUNTED for day in self.days)

    @property
    def met(self) -> int:
        return sum(day.state in (State.MET, State.WARNING) for day in self.days)


def records(objectives: Sequence[Objective], *, today: dict[int, date]) -> dict[int, Record]:
    """The record of each objective, by id; one query. `today` is the date where its days begin and end."""
    if not objectives:
        return {}
    first = min(today.values()) - timedelta(days=DAYS)
    found: dict[int, dict[date, ObjectiveDay]] = {}
    for row in ObjectiveDay.objects.filter(objective__in=objectives, day__gte=first):
        found.setdefault(row.objective_id, {})[row.day] = row
    return {one.pk: record(one, found.get(one.pk, {}), today=today[one.pk]) for one in objectives}


def record(objective: Objective, rows: dict[date, ObjectiveDay], *, today: date) -> Record:
    days = [today - timedelta(days=DAYS - 1 - place) for place in range(DAYS)]
    read = [_day(objective, day, rows.get(day)) for day in days]
    kept = [rows[day] for day in days if day in rows]
    met, counted = sum(row.met + row.warning for row in kept), sum(_counted(row) for row in kept)
    if objective.window:
        fine = sum(one.state in (State.MET, State.WARNING) for one in read)
        of = sum(one.state in COUNTED for one in read)
    else:
        fine, of = met, counted
    budget, words = _budget(objective, met, counted)
    return Record(read, 100 * fine / of if of else None, budget, words)


def _day(objective: Objective, day: date, row: ObjectiveDay | None) -> Day:
    if row is None:
        return Day(day, State.UNKNOWN)
    counted = _counted(row)
    share = 100 * (row.met + row.warning) / counted if counted else None
    if objective.window or not counted:
        return Day(day, State(row.last), share, row)
    return Day(day, _worst(row), share, row)


def _worst(row: ObjectiveDay) -> State:
    """Of a figure of now: a day is as good as its worst measure."""
    return State.MISSED if row.missed else State.WARNING if row.warning else State.MET


def _counted(row: ObjectiveDay) -> int:
    return row.met + row.warning + row.missed


def _budget(objective: Objective, met: int, counted: int) -> tuple[float | None, str]:
    if objective.met_for is not None and counted:
        allowed = _allowed(counted, objective.met_for)
        missed = counted - met
        return _left(missed, allowed), f"{missed} of {counted} measures of {DAYS} days missed, {_few(allowed)} may be"
    if objective.kind == Objective.Kind.SHARE and objective.total and objective.good is not None:
        goal = objective.goal.get("at_least", 100)
        bad, allowed = _exact(objective.total) - _exact(objective.good), _allowed(objective.total, goal)
        unit = f" {objective.unit}" if objective.unit else ""
        return _left(bad, allowed), f"{float(bad):,.6g} of {objective.total:,.6g}{unit} bad, {_few(allowed)} may be"
    return None, ""


def _allowed(counted: float, goal: float) -> Fraction:
    """How many of `counted` may be bad where `goal` percent are to be good; exact, as 99.9 is no number of a float."""
    return _exact(counted) * (100 - _exact(goal)) / 100


def _exact(number: float) -> Fraction:
    return Fraction(str(number))


def _left(spent: Fraction | int, allowed: Fraction) -> float:
    """Percent of the budget, to a tenth."""
    if allowed <= 0:
        return 0.0 if not spent else -100.0
    return round(float(100 * (allowed - spent) / allowed), 1) + 0.0  # -0.04 rounds to -0.0, and that plus 0.0 is 0.0


def _few(number: Fraction) -> str:
    return f"{float(number):,.1f}".rstrip("0").rstrip(".")
