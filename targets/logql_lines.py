"""What LogQL does with lines: filters, labels out of JSON, figures over ranges. See logql for how it is written."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

Labels = dict[str, str]
Samples = list[tuple[Labels, float]]
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800,
         "y": 31536000}  # fmt: skip
SIZES = {"B": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
AGGREGATIONS: dict[str, Callable[[list[float]], float]] = {
    "sum": sum, "min": min, "max": max, "count": len, "avg": lambda figures: sum(figures) / len(figures),
}  # fmt: skip
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
}  # fmt: skip
SUMS: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else float("nan"),
}  # fmt: skip


class BadQuery(ValueError):
    """The query is refused; the text is Loki's."""


@dataclass(frozen=True)
class Line:
    """One stored line; `at` in nanoseconds since 1970."""

    at: int
    text: str
    labels: Labels


Stage = Callable[[Line], Line | None]
LabelTest = Callable[[Labels], bool]


@dataclass
class LogQuery:
    """A selector and its pipeline."""

    matchers: list[tuple[str, str, str]]
    stages: list[Stage] = field(default_factory=list)
    unwrap: str = ""

    def run(self, lines: list[Line]) -> Iterator[Line]:
        """The lines that pass, with the labels they have then."""
        for line in lines:
            if not all(matches(line.labels.get(name, ""), sign, wanted) for name, sign, wanted in self.matchers):
                continue
            passed: Line | None = line
            for stage in self.stages:
                passed = stage(passed) if passed else None
            if passed:
                yield passed


Metric = Callable[[list[Line], int], "Samples | float"]


def matches(said: str, sign: str, wanted: str) -> bool:
    """Whether a label or line is as a matcher wants; regular expressions of labels match as a whole."""
    if sign in ("=~", "!~"):
        return bool(re.fullmatch(wanted, said)) == (sign == "=~")
    return (said == wanted) == (sign in ("=", "=="))


def figure(kind: str, text: str) -> float:
    """A number, a length in seconds or a size in bytes."""
    if kind == "length":
        return sum(float(n) * UNITS[unit] for n, unit in re.findall(r"([\d.]+)(ns|us|µs|ms|[smhdwy])", text))
    if kind == "size":
        number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()  # type: ignore[union-attr]
        return float(number) * (1024 ** "KMGT".index(unit[0].upper()) * 1024 if "i" in unit else SIZES[unit[0]])
    return float(text)


def compares(labels: Labels, name: str, kind: str, sign: str, edge: float) -> bool:
    """A label compared as a number. One that is missing does not pass; one that is no number does, with an error."""
    if labels.get("__error__"):
        return True
    if name not in labels:
        return False
    try:
        said = labels[name]
        if kind != "number" and not re.fullmatch(r"[\d.]+", said):
            return COMPARISONS[sign](figure(kind, said), edge)
        return COMPARISONS[sign](float(said), edge)
    except (ValueError, AttributeError):
        labels["__error__"] = "LabelFilterErr"
        return True


def either(left: LabelTest, right: LabelTest) -> LabelTest:
    return lambda labels: left(labels) or right(labels)


def both(left: LabelTest, right: LabelTest) -> LabelTest:
    return lambda labels: left(labels) and right(labels)


def label_stage(test: LabelTest) -> Stage:
    def stage(line: Line) -> Line | None:
        line = replace(line, labels=dict(line.labels))  # a test may leave an error on them
        return line if test(line.labels) else None

    return stage


def line_filter(sign: str, wanted: str) -> Stage:
    """Lines that contain a text or match a pattern anywhere, or that do not."""
    if "~" in sign:
        pattern = re.compile(wanted)
        return lambda line: line if bool(pattern.search(line.text)) == (sign == "|~") else None
    return lambda line: line if (wanted in line.text) == (sign == "|=") else None


def parse_json(line: Line) -> Line:
    """The members of a JSON line as labels, nested ones joined by `_`."""
    try:
        found = json.loads(line.text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return extended(line, {"__error__": "JSONParserErr"})
    return extended(line, dict(flattened(found, "")))


def flattened(value: dict[str, Any], before: str) -> Iterator[tuple[str, str]]:
    for name, member in value.items():
        name = before + re.sub(r"\W", "_", str(name))
        if isinstance(member, dict):
            yield from flattened(member, f"{name}_")
        elif not isinstance(member, list):
            yield name, member if isinstance(member, str) else "" if member is None else json.dumps(member)


def parse_logfmt(line: Line) -> Line:
    pairs = re.findall(r'([\w.]+)=("(?:\\.|[^"])*"|\S*)', line.text)
    return extended(line, {re.sub(r"\W", "_", name): text.strip('"') for name, text in pairs})


def extended(line: Line, more: Labels) -> Line:
    named = {f"{name}_extracted" if name in line.labels else name: text for name, text in more.items()}
    return replace(line, labels={**line.labels, **named})


def over(name: str, query: LogQuery, seconds: float, lines: list[Line], at: int) -> Samples:
    """A function of the lines in (at - range, at], a sample for each label set."""
    after = at - round(seconds * 1e9)
    groups: dict[tuple[tuple[str, str], ...], list[float]] = {}
    for line in query.run([line for line in lines if after < line.at <= at]):
        labels = dict(line.labels)
        if labels.get("__error__"):
            raise BadQuery(f"pipeline error: '{labels['__error__']}' for series: '{shown(labels)}'.")
        size = float(labels.pop(query.unwrap, "nan") if query.unwrap else len(line.text.encode()))
        groups.setdefault(tuple(sorted(labels.items())), []).append(size)
    if name == "absent_over_time":
        plain = {n: wanted for n, sign, wanted in query.matchers if sign == "="}
        return [] if groups else [(plain, 1.0)]
    work: dict[str, Callable[[list[float]], float]] = {
        "count_over_time": len, "rate": lambda found: len(found) / seconds, "bytes_over_time": sum,
        "bytes_rate": lambda found: sum(found) / seconds, "sum_over_time": sum, "max_over_time": max,
        "min_over_time": min, "avg_over_time": lambda found: sum(found) / len(found),
    }  # fmt: skip
    return [(dict(labels), float(work[name](found))) for labels, found in groups.items()]


def aggregate(work: Callable[[list[float]], float], how: str, names: list[str], found: Samples | float) -> Samples:
    if isinstance(found, float):
        raise BadQuery("parse error : an aggregation needs a vector and not a number")
    groups: dict[tuple[tuple[str, str], ...], list[float]] = {}
    for labels, number in found:
        kept = {n: text for n, text in labels.items() if (n in names) == (how == "by")}
        groups.setdefault(tuple(sorted(kept.items())), []).append(number)
    return [(dict(labels), float(work(numbers))) for labels, numbers in groups.items()]


def binary(left: Metric, sign: str, right: Metric, as_bool: bool) -> Metric:
    def work(lines: list[Line], at: int) -> Samples | float:
        return combined(left(lines, at), sign, right(lines, at), as_bool)

    return work


def combined(left: Samples | float, sign: str, right: Samples | float, as_bool: bool) -> Samples | float:
    """Two numbers, a vector and a number, or two vectors with the same labels."""
    if isinstance(left, float) and isinstance(right, float):
        return float(COMPARISONS[sign](left, right)) if sign in COMPARISONS else SUMS[sign](left, right)
    if isinstance(left, float):
        pairs = [(labels, left, number, number) for labels, number in right]  # type: ignore[union-attr]
    elif isinstance(right, float):
        pairs = [(labels, number, right, number) for labels, number in left]
    else:
        others = {tuple(sorted(labels.items())): number for labels, number in right}
        pairs = [
            (labels, number, others[key], number)
            for labels, number in left
            if (key := tuple(sorted(labels.items()))) in others
        ]
    if sign in COMPARISONS and as_bool:
        return [(labels, float(COMPARISONS[sign](a, b))) for labels, a, b, _ in pairs]
    if sign in COMPARISONS:
        return [(labels, kept) for labels, a, b, kept in pairs if COMPARISONS[sign](a, b)]
    return [(labels, SUMS[sign](a, b)) for labels, a, b, _ in pairs]


def shown(labels: Labels) -> str:
    """Labels as Loki writes them."""
    return "{" + ", ".join(f'{name}="{text}"' for name, text in sorted(labels.items())) + "}"
