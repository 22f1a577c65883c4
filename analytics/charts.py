"""An objective's days as bars, and its last measures as a curve drawn as those of rules are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts import rule_chart, samples
from alerts.conditions import RuleSpec
from alerts.conditions import State as RuleState
from sources.probes import ProbeError, Reading

from .goals import Goal, State
from .history import Day, Record
from .models import Objective, ObjectiveSample
from .models import State as Label

BAR, GAP, HIGH, FLAT = 10, 3, 34, 4
AS_RULE = {
    State.MET: RuleState.INACTIVE, State.WARNING: RuleState.PENDING, State.MISSED: RuleState.FIRING,
    State.NODATA: RuleState.NODATA, State.ERROR: RuleState.ERROR,
}  # fmt: skip
TROUBLE: dict[str, str] = {RuleState.FIRING: "missed", RuleState.PENDING: "warning", RuleState.ERROR: "no answer",
           RuleState.NODATA: "no data"}  # fmt: skip
OPPOSITE = {"at_least": "<", "above": "<=", "below": ">=", "at_most": ">"}


@dataclass(frozen=True)
class Bar:
    x: int
    y: float
    height: float
    state: str
    title: str


@dataclass(frozen=True)
class Bars:
    """A bar a day: as high as the day's share of measures that were met, low and of its own colour without data."""

    bars: list[Bar]
    width: int
    words: str
    height: int = HIGH
    bar: int = BAR


def days(objective: Objective, record: Record, goal: Goal | None, *, last: int) -> Bars:
    """The record's last days, the present one at the right."""
    shown = record.days[-last:]
    bars = [_bar(objective, day, place * (BAR + GAP), goal) for place, day in enumerate(shown)]
    counted = [day for day in shown if day.share is not None]
    met = sum(day.state in (State.MET, State.WARNING) for day in counted)
    words = f"{met} of {len(counted)} days with data met, of the last {len(shown)}" if counted else "no day with data"
    return Bars(bars, last * (BAR + GAP) - GAP, words)


def _bar(objective: Objective, day: Day, x: int, goal: Goal | None) -> Bar:
    if day.share is None:
        high = float(FLAT)
    elif objective.window:
        high = float(HIGH) if day.state != State.MISSED else HIGH * 0.6
    else:
        high = round(max(HIGH * day.share / 100, FLAT), 1)
    return Bar(x, HIGH - high, high, day.state, told(objective, day, goal))


def told(objective: Objective, day: Day, goal: Goal | None) -> str:
    """`23 Nov: met, 95 %`: a day in words."""
    label = Label(day.state).label if day.row else "not measured"
    figure = ""
    if day.row and day.row.value is not None and goal:
        figure = f", {goal.told(day.row.value)}"
        if objective.window is None and day.share is not None:
            figure = f", {day.share:.4g} % of its measures met"
    return f"{day.day:%-d %b}: {label}{figure}"


@dataclass(frozen=True)
class _Row:
    """A measure with the fields of a rule's sample."""

    at: datetime
    until: datetime
    state: RuleState
    value: float | None
    data: str
    label: str

    def get_state_display(self) -> str:
        return self.label


def curve(goal: Goal | None, rows: Sequence[ObjectiveSample]) -> rule_chart.Chart | None:
    """The measures, oldest first, against the limits of the goal; None when there is no figure."""
    return rule_chart.of([_row(row) for row in rows], _limits(goal) if goal else None, {}, words=TROUBLE)


def _row(row: ObjectiveSample) -> _Row:
    read: Any = [Reading({"value": row.value})] if row.value is not None else ProbeError(row.verdict)
    label = Label(row.state).label
    return _Row(
        row.at, row.until, AS_RULE.get(State(row.state), RuleState.UNKNOWN), row.value, samples.dump(read), label
    )


def _limits(goal: Goal) -> RuleSpec:
    """The goal as the condition of a rule that fires when it is missed: what the chart takes its limits from."""
    if goal.kind != "bands":
        assert goal.limit is not None
        when = f"value {OPPOSITE[goal.sign]} {_cel(goal.limit.number, goal.limit.is_length)}"
        return RuleSpec.parse({"levels": [{"level": "missed", "rank": 0, "when": when}]})
    levels = [
        {
            "level": over.label,
            "rank": len(goal.bands) - place,
            "when": f"value >= {_cel(b.below.number, b.below.is_length)}",
        }
        for place, (b, over) in enumerate(zip(goal.bands, goal.bands[1:], strict=False))
        if b.below
    ]
    return RuleSpec.parse({"levels": levels})


def _cel(number: float, is_length: bool) -> str:
    return f"duration('{number}s')" if is_length else f"{number}"
