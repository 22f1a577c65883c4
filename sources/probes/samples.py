"""Results of PromQL and of LogQL's metric queries, which have the same form, as readings. Pure."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sources.probes.base import ProbeError, Reading, plain

NAME = "__name__"
MOST = 10_000  # series
SAID = 3  # series without a number that a note names
TEXTS = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`')
COMMENT = re.compile(r"#[^\n]*")
LOG_RANGE = re.compile(r"\{[^{}]*\}[^\[\]{}]*\[[^\]]*\]")
SELECTOR = re.compile(r"\{[^{}]*\}")
COMPARISON = re.compile(r"(==|!=|>=|<=|>|<)(?!\s*bool\b)")


def bare(query: str) -> str:
    """The expression without texts, comments, selectors and the pipelines of log ranges."""
    without = COMMENT.sub("", TEXTS.sub('""', query))
    return SELECTOR.sub(" ", LOG_RANGE.sub(" ", without))


def filters(query: str) -> bool:
    """Whether the expression compares, so that no series at all means that the comparison holds for none."""
    return bool(COMPARISON.search(bare(query)))


def readings(data: Any, asked: str, *, grouped: bool, warnings: Iterable[str] = ()) -> list[Reading]:
    """Return a reading for each series of `data`, the member `data` of an answer.

    asked     how errors name the service
    grouped   each series is judged by itself: one that is NaN has a reading without a value. Else it is left out,
              with a note on the others, unless it is the only one

    `value` is the number, of a series over time the last one; infinity is the largest number there is.
    """
    try:
        kind, result = data["resultType"], data["result"]
        if kind in ("vector", "matrix") and len(result) > MOST:
            raise ProbeError(f"{asked} gave more than {MOST:,} series.", reason="limit")
        match kind:
            case "vector":
                found = [_of_series(series, [series["value"]]) for series in result if "value" in series]
                found += [_of_histogram(series) for series in result if "value" not in series]
            case "matrix":
                found = [
                    _of_series(series, series["values"], over_time=True) for series in result if "values" in series
                ]
            case "scalar":
                found = [_of_series({}, [result])]
            case "string":
                found = [Reading({"value": str(result[1]), "at": _instant(result[0])})]
            case _:
                raise ProbeError(
                    f"{asked} answered with {kind!r}, which is neither series nor number.", reason="answer"
                )
    except (TypeError, KeyError, IndexError, ValueError, AttributeError, OverflowError) as error:
        raise ProbeError(f"{asked} answered in a form we cannot read: {error!r}.", reason="answer") from None
    return [_warned(reading, list(warnings)) for reading in (found if grouped else _without_nan(found))]


def _of_series(series: Mapping[str, Any], samples: list, *, over_time: bool = False) -> Reading:
    numbers = [number for _, text in samples if not math.isnan(number := float(text))]
    last_at, last = samples[-1][0], float(samples[-1][1])
    fields: dict[str, Any] = {"value": plain(last), "at": _instant(last_at)}
    if over_time:
        fields |= {
            "min": plain(min(numbers)) if numbers else None,
            "max": plain(max(numbers)) if numbers else None,
            "avg": plain(_average(numbers)) if numbers else None,
            "count": len(numbers),
            "first": plain(float(samples[0][1])),
        }
    labels = {str(name): str(text) for name, text in (series.get("metric") or {}).items() if name != NAME}
    if name := (series.get("metric") or {}).get(NAME):
        fields["metric"] = name
    if math.isnan(last):
        fields["note"] = "It has no number (NaN)."
    elif math.isinf(last):
        fields["note"] = "It is infinite."
    return Reading(fields, labels)


def _average(numbers: list[float]) -> float:
    try:
        return math.fsum(numbers) / len(numbers)
    except (OverflowError, ValueError):  # infinities on both sides
        return math.nan


def _of_histogram(series: Mapping[str, Any]) -> Reading:
    """A native histogram has no number of its own: its count and sum, and the average as value."""
    at, histogram = series["histogram"]
    count, total = float(histogram["count"]), float(histogram["sum"])
    fields = {
        "value": plain(total / count) if count else None,
        "count": plain(count),
        "sum": plain(total),
        "at": _instant(at),
        "note": "It is a histogram; its average is taken.",
    }
    return Reading(fields, {name: str(text) for name, text in series.get("metric", {}).items() if name != NAME})


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


def _without_nan(found: list[Reading]) -> list[Reading]:
    good = [reading for reading in found if reading.fields["value"] is not None]
    bad = [reading for reading in found if reading.fields["value"] is None]
    if not good:
        return bad[:1]
    if not bad:
        return good
    which = "; ".join(", ".join(f"{k}={v}" for k, v in reading.labels.items()) or "one" for reading in bad[:SAID])
    note = f"{len(bad)} series without a number left out: {which}{' …' if len(bad) > SAID else ''}"
    return [Reading({**reading.fields, "left_out": note}, reading.labels) for reading in good]


def _warned(reading: Reading, warnings: list[str]) -> Reading:
    return Reading({**reading.fields, "warnings": "; ".join(warnings)}, reading.labels) if warnings else reading
