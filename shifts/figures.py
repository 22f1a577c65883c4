"""From readings to what a person reads: "20.0 % (6/30)", "4", "3 in 2 tenants". Plain values, no database, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from policies.durations import format_duration
from sources.probes import Reading
from sources.probes.base import text_of

LONGEST = 250
MOST = 100
"""So many groups are kept of a figure; the headline counts them all."""
UP, DOWN, SAME, CHANGED, NEW = "up", "down", "same", "changed", "new"


class Unreadable(Exception):
    """Readings that do not hold the figure; the text is a sentence for an operator."""


@dataclass(frozen=True)
class How:
    """How a figure is made of readings.

    kind    value, rate, count or status
    field   of the reading, empty: its value; of a rate: how many of those in `of`
    by      label by which a count is grouped
    empty   what a value says when there is no reading; empty: that there is no data
    """

    kind: str
    field: str = ""
    of: str = ""
    by: str = ""
    unit: str = ""
    empty: str = ""


@dataclass(frozen=True)
class Figure:
    """One figure of a metric; `label` says which, empty when there is one alone."""

    label: str
    value: float | None
    shown: str
    names: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"label": self.label, "value": self.value, "shown": self.shown}
        return said | ({"names": list(self.names)} if self.names else {})


@dataclass(frozen=True)
class Seen:
    """What a metric came to; `figures` is empty when there was no data, and `shown` then says so."""

    shown: str
    figures: list[Figure] = field(default_factory=list)

    @property
    def has_data(self) -> bool:
        return bool(self.figures)


def see(how: How, readings: Sequence[Reading], *, outside: bool) -> Seen:
    """Return what the readings come to; Unreadable when a field is missing or no number.

    outside   whether a source beyond our own rows answered: then nothing listed means that there is none
    """
    if how.kind == "count":
        return _count(how, readings, outside=outside)
    if not readings and how.kind == "value" and how.empty:
        return Seen(how.empty, [Figure("", None, how.empty)])
    if not readings:
        return Seen("No data: the source answered with no row.")
    if how.kind == "rate":
        return _rate(how, readings)
    if how.kind == "status":
        return _status(how, readings)
    figures = [_value(how, one) for one in readings]
    return Seen(_headline(figures), figures)


def trend(figures: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the figures of now, each with its trend against the one of the same label before."""
    known = {one["label"]: one for one in before}
    told = []
    for one in figures:
        last = known.get(one["label"])
        told.append({**one, "trend": _way(one, last), "before": last["shown"] if last else ""} if before else {**one})
    return told


def overall(how: str, figures: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]) -> str:
    """The trend of a metric as a whole; of several groups only where they can be added up; "" when not known."""
    if not figures or not before:
        return ""
    if how == "count" or (len(figures) == 1 and len(before) == 1):
        if any(one["value"] is None for one in (*figures, *before)):
            same = [one["shown"] for one in figures] == [one["shown"] for one in before]
            return SAME if same else CHANGED
        return _compare(sum(one["value"] for one in figures), sum(one["value"] for one in before))
    return ""


def _way(now: Mapping[str, Any], last: Mapping[str, Any] | None) -> str:
    if last is None:
        return NEW
    if now["value"] is None or last["value"] is None:
        return SAME if now["shown"] == last["shown"] else CHANGED
    return _compare(now["value"], last["value"])


def _compare(now: float, last: float) -> str:
    return UP if now > last else DOWN if now < last else SAME


def _field(reading: Reading, name: str) -> Any:
    if not name:
        if reading.value is None and "value" not in reading.fields and len(reading.fields) != 1:
            raise Unreadable(f"The reading has several fields and none called value; {_known(reading)}")
        return reading.value
    if name not in reading.fields:
        raise Unreadable(f"The reading has no field {name}; {_known(reading)}")
    return reading.fields[name]


def _known(reading: Reading) -> str:
    return f"it has {', '.join(reading.fields) or 'none'}."


def _number(reading: Reading, name: str) -> float:
    value = _field(reading, name)
    if isinstance(value, (int, float)):
        return float(value)
    raise Unreadable(f"{name or 'The value'} is {_text(value)!r}, which is no number.")


def _label(reading: Reading) -> str:
    return ", ".join(text for text in reading.labels.values())[:120]


def _value(how: How, reading: Reading) -> Figure:
    value = _field(reading, how.field)
    number = float(value) if isinstance(value, (int, float)) else None
    if isinstance(value, timedelta):
        number = value.total_seconds()
    unit = f" {how.unit}" if how.unit else ""
    return Figure(_label(reading), number, f"{_text(value)}{unit}"[:LONGEST])


def _status(how: How, readings: Sequence[Reading]) -> Seen:
    figures = [Figure(_label(one), None, _word(one, how.field)[:LONGEST]) for one in readings]
    if any(figure.shown == "none" for figure in figures):
        raise Unreadable("The source answered without saying how it is.")
    return Seen(_headline(figures), figures)


def _word(reading: Reading, name: str) -> str:
    """What the reading says; of an endpoint that says nothing, whether and how it answered."""
    if name in reading.fields or not name:
        return _text(_field(reading, name))
    if reading.fields.get("reachable") is False:
        return "unreachable"
    if code := reading.fields.get("status_code"):
        return f"HTTP {code}"
    return _text(_field(reading, name))


def _rate(how: How, readings: Sequence[Reading]) -> Seen:
    figures = []
    for one in readings:
        some, all_of_them = _number(one, how.field), _number(one, how.of)
        if not 0 <= some <= all_of_them:
            raise Unreadable(f"{how.field} is {some:g} and {how.of} is {all_of_them:g}: that is no share.")
        if all_of_them:
            share = 100 * some / all_of_them
            figures.append(Figure(_label(one), share, f"{share:.1f} % ({some:g}/{all_of_them:g})"))
        else:  # it answered that nothing happened, of which there is no share
            figures.append(Figure(_label(one), None, "none (0/0)"))
    return Seen(_headline(figures), figures)


def _count(how: How, readings: Sequence[Reading], *, outside: bool) -> Seen:
    """Of several ways of watching the one that knows of most counts, group by group: they look at the same things."""
    if not readings and not outside:
        return Seen("No data: nobody told of any.")
    by_way: dict[str, dict[str, Figure]] = {}
    for one in readings:
        groups = by_way.setdefault(one.origin, {})
        label = one.labels.get(how.by, "") if how.by else ""
        value = _number(one, how.field) if how.field or "value" in one.fields else 1.0
        names = one.fields.get("names") or ()
        had = groups.get(label)
        groups[label] = Figure(
            label, value + (had.value or 0 if had else 0), "", (*(had.names if had else ()), *map(str, names))
        )
    found: dict[str, Figure] = {}
    for groups in by_way.values():
        for label, figure in groups.items():
            if label not in found or (figure.value or 0) > (found[label].value or 0):
                found[label] = figure
    here = [Figure(one.label, one.value, f"{one.value:g}", one.names) for one in found.values() if one.value]
    total = sum(one.value or 0 for one in here)
    unit = f" {how.unit}" if how.unit else ""
    where = f" in {len(here)} {how.by}{'s' if len(here) != 1 else ''}" if how.by and here else ""
    here.sort(key=lambda one: (-(one.value or 0), one.label))
    return Seen(f"{total:g}{unit}{where}", here or [Figure("", 0.0, "0")])


def _headline(figures: Sequence[Figure]) -> str:
    if len(figures) == 1:
        return figures[0].shown
    words = ", ".join(f"{one.label} {one.shown}".strip() for one in figures)
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"


def _text(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"{value:g}" if abs(value) < 1_000_000 else f"{value:,.0f}".replace(",", "")
        case timedelta():
            return format_duration(value)
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        case date():
            return value.isoformat()
    return " ".join(text_of(value).split())
