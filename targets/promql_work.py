"""What PromQL works out: selections, growth of counters, quantiles, operators. See promql for how it is written."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Labels = dict[str, str]
Vector = list[tuple[Labels, float]]
Value = Vector | float
Expression = Callable[["Series", float], Value]
NAME = "__name__"
LOOKBACK = 300.0  # seconds
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
}  # fmt: skip
SUMS: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: divided(a, b),
    "%": lambda a, b: math.fmod(a, b) if b else math.nan, "^": lambda a, b: a**b,
}  # fmt: skip
AGGREGATIONS: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum, "min": min, "max": max, "count": len, "avg": lambda found: math.fsum(found) / len(found),
    "group": lambda found: 1.0,
}  # fmt: skip
Points = list[tuple[float, float]]


class BadQuery(ValueError):
    """The expression is refused; the text is in Prometheus' manner."""


@dataclass(frozen=True)
class Series:
    """Everything that was measured: label set -> (seconds since 1970, number), oldest first."""

    points: dict[tuple[tuple[str, str], ...], Points]

    def find(self, matchers: list[tuple[str, str, str]]) -> list[tuple[Labels, Points]]:
        found = [(dict(labels), points) for labels, points in self.points.items()]
        return [(labels, points) for labels, points in found if all(fits(labels, *one) for one in matchers)]


def fits(labels: Labels, name: str, sign: str, wanted: str) -> bool:
    said = labels.get(name, "")
    equal = bool(re.fullmatch(wanted, said)) if "~" in sign else said == wanted
    return equal == (sign in ("=", "=~"))


@dataclass(frozen=True)
class Selection:
    """A selector, for an instant or, with `length`, for a range of seconds."""

    matchers: list[tuple[str, str, str]]
    length: float = 0.0
    offset: float = 0.0

    def __call__(self, series: Series, at: float) -> Value:
        at -= self.offset
        found = []
        for labels, points in series.find(self.matchers):
            recent = [number for when, number in points if at - LOOKBACK < when <= at]
            if recent:
                found.append((labels, recent[-1]))
        return found

    def ranges(self, series: Series, at: float) -> list[tuple[Labels, Points]]:
        at -= self.offset
        found = []
        for labels, points in series.find(self.matchers):
            if inside := [point for point in points if at - self.length < point[0] <= at]:
                found.append(({n: text for n, text in labels.items() if n != NAME}, inside))
        return found


def increase(points: Points) -> float:
    """What a counter grew by from its first to its last sample; a fall is a restart."""
    return math.fsum(b - a if b >= a else b for (_, a), (_, b) in pairwise(points))


def growth(points: Points, begin: float, end: float) -> float | None:
    """`increase`, extended to the range's edges as Prometheus does."""
    if len(points) < 2:
        return None
    first, last = points[0], points[-1]
    grown, sampled = increase(points), last[0] - first[0]
    step = sampled / (len(points) - 1)
    before, after = first[0] - begin, end - last[0]
    if grown > 0 and first[1] >= 0:
        before = min(before, sampled * first[1] / grown)  # no counter was ever below nothing
    before = before if before < step * 1.1 else step / 2
    after = after if after < step * 1.1 else step / 2
    return grown * (sampled + before + after) / sampled


OVER_TIME: dict[str, Callable[[list[float]], float]] = {
    "avg_over_time": lambda found: math.fsum(found) / len(found), "sum_over_time": math.fsum,
    "min_over_time": min, "max_over_time": max, "count_over_time": len, "last_over_time": lambda found: found[-1],
}  # fmt: skip
GROWTHS = ("rate", "increase", "irate", "delta")
FUNCTIONS = {*OVER_TIME, *GROWTHS, "histogram_quantile", "absent", "abs", "scalar", "vector", "time", "clamp_min"}


def seconds(text: str) -> float:
    return sum(float(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)(ms|[smhdwy])", text))


def function(name: str, given: list[Expression]) -> Expression:
    last = given[-1] if given else None
    if isinstance(last, Selection) and (name in OVER_TIME or name in GROWTHS):
        return lambda series, at: over(name, last, series, at)

    def work(series: Series, at: float) -> Value:
        values = [one(series, at) for one in given]
        match name:
            case "time":
                return at
            case "vector":
                return [({}, number_of(values[0]))]
            case "scalar":
                return values[0][0][1] if isinstance(values[0], list) and len(values[0]) == 1 else math.nan
            case "absent":
                return [] if values[0] else [({}, 1.0)]
            case "histogram_quantile":
                return quantiles(number_of(values[0]), values[1])
            case "clamp_min":
                return [(bare(labels), max(number_of(values[1]), number)) for labels, number in vector(values[0])]
        return [(bare(labels), abs(number)) for labels, number in vector(values[0])]

    return work


def over(name: str, selection: Selection, series: Series, at: float) -> Vector:
    found: Vector = []
    end = at - selection.offset
    for labels, points in selection.ranges(series, at):
        if name in OVER_TIME:
            found.append((labels, float(OVER_TIME[name]([number for _, number in points]))))
        elif name == "delta" and len(points) > 1:
            found.append((labels, points[-1][1] - points[0][1]))
        elif name == "irate" and len(points) > 1:
            found.append((labels, increase(points[-2:]) / (points[-1][0] - points[-2][0])))
        elif name in ("rate", "increase"):
            grown = growth(points, end - selection.length, end)
            if grown is not None:
                found.append((labels, grown / selection.length if name == "rate" else grown))
    return found


def quantiles(share: float, found: Value) -> Vector:
    """The quantile of each histogram, straight lines between its buckets."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for labels, number in vector(found):
        rest = tuple(sorted((n, text) for n, text in labels.items() if n not in ("le", NAME)))
        groups.setdefault(rest, []).append((float(labels.get("le", "nan").replace("+Inf", "inf")), number))
    return [(dict(labels), quantile(share, sorted(buckets))) for labels, buckets in groups.items()]


def quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    if len(buckets) < 2 or buckets[-1][0] != math.inf or not buckets[-1][1]:
        return math.nan
    rank = share * buckets[-1][1]
    place = next((n for n, (_, number) in enumerate(buckets) if number >= rank), len(buckets) - 1)
    if place == len(buckets) - 1:
        return buckets[-2][0]
    begin, below = buckets[place - 1] if place else (0.0, 0.0)
    end, number = buckets[place]
    return begin + (end - begin) * ((rank - below) / (number - below) if number > below else 0)


def grouped(work: Callable[[list[float]], float], how: str, names: list[str], found: Value) -> Vector:
    groups: dict[tuple[tuple[str, str], ...], list[float]] = {}
    for labels, number in vector(found):
        kept = {n: text for n, text in labels.items() if n != NAME and (n in names) == (how == "by")}
        groups.setdefault(tuple(sorted(kept.items())), []).append(number)
    return [(dict(labels), float(work(numbers))) for labels, numbers in groups.items()]


def operation(
    left: Expression, sign: str, right: Expression, as_bool: bool, matching: tuple[str, list[str]] | None
) -> Expression:
    return lambda series, at: combined(left(series, at), sign, right(series, at), as_bool, matching)


def combined(left: Value, sign: str, right: Value, as_bool: bool, matching: tuple[str, list[str]] | None) -> Value:
    def key(labels: Labels) -> tuple[tuple[str, str], ...]:
        how, names = matching or ("ignoring", [])
        return tuple(sorted((n, text) for n, text in labels.items() if n != NAME and (n in names) == (how == "on")))

    if sign in ("and", "or", "unless"):
        there = {key(labels) for labels, _ in vector(right)}
        mine = {key(labels) for labels, _ in vector(left)}
        if sign == "or":
            return [*vector(left), *[pair for pair in vector(right) if key(pair[0]) not in mine]]
        return [pair for pair in vector(left) if (key(pair[0]) in there) == (sign == "and")]
    if isinstance(left, float) and isinstance(right, float):
        if sign in COMPARISONS and not as_bool:
            raise BadQuery("1:1: parse error: comparisons between scalars must use BOOL modifier")
        return float(COMPARISONS[sign](left, right)) if sign in COMPARISONS else SUMS[sign](left, right)
    if isinstance(left, float):
        pairs = [(labels, left, number, number) for labels, number in vector(right)]
    elif isinstance(right, float):
        pairs = [(labels, number, right, number) for labels, number in left]
    else:
        others = {key(labels): number for labels, number in right}
        pairs = [(labels, number, others[key(labels)], number) for labels, number in left if key(labels) in others]
    if sign in COMPARISONS and not as_bool:
        return [(labels, kept) for labels, a, b, kept in pairs if COMPARISONS[sign](a, b)]
    work: Callable[[float, float], Any] = COMPARISONS[sign] if sign in COMPARISONS else SUMS[sign]
    return [(bare(labels), float(work(a, b))) for labels, a, b, _ in pairs]


def divided(a: float, b: float) -> float:
    return a / b if b else math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a)


def vector(value: Value) -> Vector:
    if isinstance(value, float):
        raise BadQuery("1:1: parse error: expected type instant vector, got scalar")
    return value


def number_of(value: Value) -> float:
    if not isinstance(value, float):
        raise BadQuery("1:1: parse error: expected type scalar, got instant vector")
    return value


def bare(labels: Labels) -> Labels:
    return {name: text for name, text in labels.items() if name != NAME}
