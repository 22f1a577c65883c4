"""The last samples of a rule as a picture: a line of what was read, the limits it is held against, when it fired."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from policies.durations import format_duration
from sources.probes.base import ProbeError, Reading

from . import samples
from .conditions import RuleSpec, State
from .conditions.limits import Limit, limits_of
from .models import Sample

WIDTH, HEIGHT, LEFT, TOP, BASE = 720, 230, 64, 14, 196
TROUBLE = (State.FIRING, State.PENDING, State.ERROR, State.NODATA)
STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Line:
    """A limit: where it runs and what stands beside it."""

    y: float
    label: str
    limit: float
    level: str


@dataclass(frozen=True)
class Shade:
    """A time in which the rule was in a state, as a band."""

    x: float
    width: float
    state: str
    title: str


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    title: str
    state: str


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """All that the template draws; coordinates are in the picture's own units."""

    width: int
    height: int
    left: int
    top: int
    base: int
    paths: list[str]
    dots: list[Dot]
    lines: list[Line]
    shades: list[Shade]
    ticks: list[Tick]
    times: list[Tick]
    words: str
    field: str


def of(
    rows: Sequence[Any], spec: RuleSpec | None, params: Mapping[str, Any], *, words: Mapping[str, str] | None = None
) -> Chart | None:
    """The picture of these rows, oldest first; None when there is no figure in them.

    rows    samples, or what has their fields
    words   what states that are trouble are called
    """
    if not rows:
        return None
    limits = limits_in(spec, params)
    main = limits[0][1] if limits else None
    points = [(row, figure_in(row, main)) for row in rows]
    figures = [figure for _, figure in points if figure is not None]
    if not figures:
        return None
    drawn = [(level, limit) for level, limit in limits if main and (limit.name, limit.age) == (main.name, main.age)]
    low, high, step = scale([*figures, *(limit.limit for _, limit in drawn)])
    begin, end = rows[0].at, max(rows[-1].until, rows[0].at + timedelta(minutes=1))

    def x(at: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT) * ((at - begin) / (end - begin)), 1)

    def y(figure: float) -> float:
        return round(BASE - (BASE - TOP) * (figure - low) / (high - low), 1)

    seconds = bool(main and (main.seconds or main.age))
    name = f"age of {main.name}" if main and main.age else main.name if main else "value"
    newest = figures[-1]
    lines = [Line(y(limit.limit), f"{level} {limit.sign} {_told(limit.limit, seconds)}".strip(), limit.limit, level)
             for level, limit in drawn]  # fmt: skip
    told = f"{name}: {_told(newest, seconds)} at last, {_told(min(figures), seconds)} to {_told(max(figures), seconds)}"
    told += f"; limit {', '.join(line.label for line in lines)}" if lines else ""
    return Chart(
        WIDTH, HEIGHT, LEFT, TOP, BASE,
        paths=_paths(points, x, y), dots=_dots(points, x, y, seconds), lines=lines,
        shades=_shades(rows, x, words or AS_WORDS), ticks=_ticks(low, high, step, y, seconds),
        times=_times(begin, end, x),
        words=f"{told}.", field=name,
    )  # fmt: skip


def limits_in(spec: RuleSpec | None, params: Mapping[str, Any]) -> list[tuple[str, Limit]]:
    """Each level's limits, those of the name that most levels compare first."""
    if spec is None:
        return []
    found = [(level.key, limit) for level in spec.levels if level.when for limit in limits_of(level.when, params)]
    shared = [(limit.name, limit.age) for _, limit in found]
    # a limit of 0 mostly asks whether there is anything at all: the other figure is the one to look at
    return sorted(found, key=lambda one: (one[1].limit == 0, -shared.count((one[1].name, one[1].age))))


def figure_in(row: Sample, limit: Limit | None) -> float | None:
    """The figure of the reading that is worst off; None when it could not be read."""
    read, _ = samples.load(row.data)
    if isinstance(read, ProbeError):
        return None
    found = [figure for reading in read if (figure := figure_of(reading, limit, row.at)) is not None]
    if not found:
        return row.value if limit is None else None
    return min(found) if limit and not limit.upwards else max(found)


def figure_of(reading: Reading, limit: Limit | None, at: datetime) -> float | None:
    if limit is None:
        return samples.number(reading.value)
    value = reading.fields.get(limit.name, reading.value if limit.name == "value" else None)
    if limit.age:
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                return None
        return (at - value).total_seconds() if isinstance(value, datetime) and value.tzinfo else None
    return samples.number(value)


def scale(figures: Sequence[float]) -> tuple[float, float, float]:
    """The lowest and highest figure of the axis and the step between its marks: round numbers, 0 if it is near."""
    low, high = min(figures), max(figures)
    if (low > 0 and low < high * 0.6) or (low == high and low > 0):
        low = 0.0
    if high < 0:
        high = 0.0
    if low == high:
        high = low + 1
    rough, power = (high - low) / 4, 1.0
    while power * 10 <= rough:
        power *= 10
    while power > rough:
        power /= 10
    step = next(power * one for one in STEPS if power * one >= rough)
    low = step * (low // step)
    high = step * -(-high // step)
    return low, high if high > max(figures) else high + step / 2, step


def _ticks(low: float, high: float, step: float, y, seconds: bool) -> list[Tick]:
    count = int((high - low) / step + 1e-9)
    return [Tick(y(low + n * step), _told(low + n * step, seconds)) for n in range(count + 1)]


def _times(begin: datetime, end: datetime, x) -> list[Tick]:
    form = "%H:%M" if end - begin < timedelta(hours=20) else "%-d %b %H:%M"
    return [Tick(x(at), f"{at:{form}}") for at in (begin + (end - begin) * part for part in (0.0, 0.33, 0.67))]


def _told(figure: float, seconds: bool) -> str:
    if seconds and figure >= 1:
        return format_duration(timedelta(seconds=round(figure)))
    text = f"{figure:,.6g}" if abs(figure) < 1_000_000 else f"{figure:,.0f}"
    return text


def _paths(points: Sequence[tuple[Sample, float | None]], x, y) -> list[str]:
    """The line, broken where nothing was read: level while checks read the same, then straight to the next."""
    paths: list[list[str]] = [[]]
    for row, figure in points:
        if figure is None:
            paths.append([])
            continue
        paths[-1].append(f"{x(row.at)},{y(figure)}")
        if row.until > row.at:
            paths[-1].append(f"{x(row.until)},{y(figure)}")
    return [" ".join(path) for path in paths if len(path) > 1]


def _dots(points: Sequence[tuple[Sample, float | None]], x, y, seconds: bool) -> list[Dot]:
    """A mark at what was read last in each state: few enough to be looked at."""
    dots = []
    for place, (row, figure) in enumerate(points):
        last = place + 1 == len(points)
        if figure is not None and (last or row.state != points[place + 1][0].state):
            title = f"{row.until:%-d %b %H:%M:%S}: {_told(figure, seconds)}, {row.get_state_display().lower()}"
            dots.append(Dot(x(row.until), y(figure), title, row.state))
    return dots


def _shades(rows: Sequence[Sample], x, words: Mapping[str, str]) -> list[Shade]:
    """Bands for what was not calm, rows of one state after another as one."""
    spans: list[list[Any]] = []
    for place, row in enumerate(rows):
        end = rows[place + 1].at if place + 1 < len(rows) else row.until
        if spans and spans[-1][0] == row.state:
            spans[-1][2] = end
        else:
            spans.append([row.state, row.at, end])
    return [
        Shade(x(begin), round(max(x(end) - x(begin), 2), 1), state, f"{words[state]} from {begin:%-d %b %H:%M:%S}")
        for state, begin, end in spans
        if state in TROUBLE
    ]


AS_WORDS: dict[str, str] = {
    State.FIRING: "firing", State.PENDING: "pending", State.ERROR: "no answer", State.NODATA: "no data",
}  # fmt: skip
