"""Lines and marks as a picture: coordinates for the template, which draws them in the page's own colours. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from alerts.rule_chart import scale

from .figures import told
from .marks import Mark
from .series import MOST_LINES, Line
from .spans import Span

WIDTH, HEIGHT, LEFT, TOP, BASE = 720, 220, 60, 22, 188
NARROW, MEDIUM = 400, 470
UPPERMOST = ("deploy", "move", "acknowledge", "incident", "alert")
"""Of marks in one place these are seen, the last of them first."""
CLOSE = 9
"""Marks nearer than so many units share their number's place above the picture."""


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Curve:
    """One line: its pieces, each of two points or more, and points that stand alone."""

    colour: int
    name: str
    value: str
    pieces: list[str]
    dots: list[tuple[float, float, str]]


@dataclass(frozen=True)
class Flag:
    """A mark where it stands; `width` of what lasted. The last of several close together has their numbers."""

    x: float
    width: float
    kind: str
    title: str
    label: str


@dataclass(frozen=True)
class Limit:
    y: float
    label: str
    value: float


@dataclass(frozen=True)
class Chart:
    """All that the template draws; coordinates are in the picture's own units."""

    curves: list[Curve]
    ticks: list[Tick]
    times: list[Tick]
    flags: list[Flag]
    limits: list[Limit]
    words: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    top: int = TOP
    base: int = BASE
    tall: int = field(default=BASE - TOP)


def draw(
    lines: Sequence[Line], span: Span, unit: str, *, marks: Sequence[Mark] = (),
    limits: Sequence[tuple[float, str]] = (), numbered: bool = False, width: int = WIDTH,
) -> Chart | None:  # fmt: skip
    """The picture of the first lines over `span`; None when none of them has a figure.

    numbered   marks bear their numbers, because a list of them stands below
    """
    shown = [line for line in lines if any(value is not None for _, value in line.points)][:MOST_LINES]
    figures = [value for line in shown for _, value in line.points if value is not None]
    if not figures:
        return None
    drawn = [(limit, label) for limit, label in limits if min(figures) >= 0 <= limit <= max(figures) * 4 or numbered]
    low, high, step = scale([*figures, *(limit for limit, _ in drawn)])

    def x(at: datetime) -> float:
        part = min(max((at - span.begin) / span.length, 0.0), 1.0)
        return round(LEFT + (width - LEFT - 2) * part, 1)

    def y(figure: float) -> float:
        return round(BASE - (BASE - TOP) * (figure - low) / (high - low), 1)

    ticks = [Tick(y(low + n * step), told(low + n * step, unit)) for n in range(int((high - low) / step + 1e-9) + 1)]
    curves = [_curve(place, line, unit, x, y) for place, line in enumerate(shown)]
    names = ", ".join(f"{curve.name} {curve.value}".strip() for curve in curves)
    words = f"{names}; from {told(min(figures), unit)} to {told(max(figures), unit)}"
    return Chart(
        curves, ticks, _times(span, x), _flags(marks, span, x, numbered=numbered),
        [Limit(y(limit), f"{label} {told(limit, unit)}".strip(), limit) for limit, label in drawn], f"{words}.", width,
    )  # fmt: skip


def _curve(place: int, line: Line, unit: str, x, y) -> Curve:
    pieces: list[list[tuple[float, float, str]]] = [[]]
    for at, value in line.points:
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append((x(at), y(value), f"{at.astimezone(UTC):%-d %b %H:%M:%S}: {told(value, unit)}"))
    whole = [" ".join(f"{one[0]},{one[1]}" for one in piece) for piece in pieces if len(piece) > 1]
    alone = [piece[0] for piece in pieces if len(piece) == 1]
    last = next((piece[-1] for piece in reversed(pieces) if piece), None)
    return Curve(place, line.name, told(line.value, unit), whole, [*alone, *([last] if last else [])])


def _times(span: Span, x) -> list[Tick]:
    form = (
        "%H:%M"
        if span.length < timedelta(hours=20)
        else "%-d %b %H:%M"
        if span.length < timedelta(days=6)
        else "%-d %b"
    )
    parts = (0.0, 0.25, 0.5, 0.75)
    return [Tick(x(at), f"{at.astimezone(UTC):{form}}") for at in (span.begin + span.length * part for part in parts)]


def _flags(marks: Sequence[Mark], span: Span, x, *, numbered: bool) -> list[Flag]:
    found: list[Flag] = []
    for place, mark in enumerate(marks):
        begin = x(max(mark.at, span.begin))
        width = round(max(x(min(mark.until, span.end)) - begin, 0), 1) if mark.until else 0
        title = f"{mark.at.astimezone(UTC):%-d %b %H:%M:%S} {mark.label}: {mark.text}"
        label = ""
        if numbered:
            following = marks[place + 1] if place + 1 < len(marks) else None
            if following is None or x(max(following.at, span.begin)) - begin > CLOSE:
                label = _together(marks, place, x, span)
        found.append(Flag(begin, width, mark.kind, title, label))
    return sorted(found, key=lambda flag: UPPERMOST.index(flag.kind) if flag.kind in UPPERMOST else -1)


def _together(marks: Sequence[Mark], place: int, x, span: Span) -> str:
    """The numbers of the marks that stand in one place: `3`, or `3–6`."""
    first = place
    while first and x(max(marks[first].at, span.begin)) - x(max(marks[first - 1].at, span.begin)) <= CLOSE:
        first -= 1
    return str(marks[place].number) if first == place else f"{marks[first].number}–{marks[place].number}"
