"""Lengths of runs as bars, placed for an SVG of fixed size; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from policies.durations import format_duration

from ..models import Ping

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 160, 64, 10, 20
"""Of the picture, and the room beside the bars for the scale."""
WIDEST = 24
SECOND = timedelta(seconds=1)
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    failed: bool
    title: str


@dataclass(frozen=True)
class Line:
    y: float
    label: str


@dataclass(frozen=True)
class Chart:
    """`bars` from the oldest to the newest, and horizontal lines to read them by."""

    bars: list[Bar]
    lines: list[Line]
    words: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    base: int = HEIGHT - BOTTOM


def of(pings: Sequence[Ping]) -> Chart | None:
    """The runs among `pings` (newest first) that have a length; None when none has."""
    runs = [(ping, ping.duration) for ping in reversed(pings) if ping.duration is not None]
    if not runs:
        return None
    longest = max(length for _, length in runs)
    top = _top(longest)
    room, each = HEIGHT - TOP - BOTTOM, min(WIDEST, (WIDTH - LEFT) / len(runs))
    bars = []
    for place, (ping, length) in enumerate(runs):
        high = max(1.5, room * (length / top))
        failed = ping.kind == Ping.Kind.FAIL
        title = f"{ping.at:%Y-%m-%d %H:%M:%S} UTC: {took(length)}{', failed' if failed else ''}"
        x, y = LEFT + place * each + each * 0.1, HEIGHT - BOTTOM - high
        bars.append(Bar(round(x, 1), round(y, 1), round(each * 0.8, 1), round(high, 1), failed, title))
    lines = [Line(round(HEIGHT - BOTTOM - room * part, 1), took(top * part)) for part in (0.5, 1.0)]
    shortest, typical = min(length for _, length in runs), sorted(length for _, length in runs)[len(runs) // 2]
    words = f"The last {len(runs)} runs took {took(shortest)} to {took(longest)}, the middle one {took(typical)}."
    return Chart(bars, lines, "The last run took " + took(longest) + "." if len(runs) == 1 else words)


def _top(longest: timedelta) -> timedelta:
    """A round length no shorter than the longest bar."""
    for step in STEPS:
        if longest <= step * SECOND:
            return step * SECOND
    days = -(-longest // timedelta(days=1))
    return timedelta(days=days)


def took(length: timedelta | None) -> str:
    """To the second from a minute on, below it to the hundredth."""
    if length is None:
        return ""
    if length >= timedelta(minutes=1):
        return format_duration(length // SECOND * SECOND)
    return f"{length.total_seconds():.3g} s"
