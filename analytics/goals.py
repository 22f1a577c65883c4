"""What an objective aims at, and what a measure says of it: readings -> Verdict. Pure.

share   of all events so many percent are good:      {"at_least": 95}
value   a figure stays on one side of a limit:       {"below": "5m", "percentile": 99, "field": "seconds"}
bands   a figure falls into one of several ranges:   {"bands": [{"label": "normal", "below": 20}, {"label": "high"}]}

Edges belong to the upper side: 95 of 100 is at least 95 %, 300 s is not below 5m, 20 is in the second band.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from math import ceil
from operator import ge, gt, le, lt
from typing import Any

from policies.durations import BadDuration, format_duration, parse_duration
from sources.probes import Reading


class State(StrEnum):
    """How an objective stands; no data and an error are neither met nor missed."""

    UNKNOWN = "unknown"
    MET = "met"
    WARNING = "warning"
    MISSED = "missed"
    NODATA = "nodata"
    ERROR = "error"


COUNTED = (State.MET, State.WARNING, State.MISSED)
KINDS = ("share", "value", "bands")
GOOD, ALL, BAD, VALUE = "good", "all", "bad", "value"
"""What a source of an objective says."""
SIGNS = {"at_least": ge, "above": gt, "below": lt, "at_most": le}
WORDS = {"at_least": "at least", "above": "above", "below": "below", "at_most": "at most"}
VERDICTS = {State.MET: "met", State.WARNING: "warning", State.MISSED: "missed"}


class BadGoal(ValueError):
    """A goal that cannot be used; `path` names the key at fault, "" for the goal as a whole."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}" if path else sentence)
        self.path, self.sentence = path, sentence


class Unreadable(Exception):
    """Readings that say nothing an objective could be judged by; the text is a sentence for an operator."""


@dataclass(frozen=True)
class Verdict:
    """What one measure came to.

    value        a share in percent, else the figure; None without data
    good, total  the events of a share, or how many figures there were
    label        the band
    """

    state: State
    sentence: str
    value: float | None = None
    good: float | None = None
    total: float | None = None
    label: str = ""


@dataclass(frozen=True)
class Limit:
    """A number, or a length of time, which is held against seconds."""

    number: float
    is_length: bool = False

    @classmethod
    def parse(cls, said: Any, path: str) -> "Limit":
        if isinstance(said, str):
            try:
                return cls(parse_duration(said).total_seconds(), True)
            except BadDuration as error:
                raise BadGoal(path, str(error)) from None
        if isinstance(said, bool) or not isinstance(said, (int, float)) or said != said or abs(said) == float("inf"):
            raise BadGoal(path, f"This should be a number, or a length of time such as 5m, and it is {said!r}.")
        return cls(said)

    def told(self, figure: float | None = None) -> str:
        return told(self.number if figure is None else figure, lengths=self.is_length)


@dataclass(frozen=True)
class Band:
    """A range up to, and without, `below`; the last has no end. `state` is what a figure in it comes to."""

    label: str
    below: Limit | None
    state: State


@dataclass(frozen=True)
class Goal:
    """`sign` and `limit` are those of a share or value; `bands` go upwards."""

    kind: str
    sign: str = ""
    limit: Limit | None = None
    percentile: float | None = None
    field: str = ""
    bands: tuple[Band, ...] = ()
    unit: str = ""

    @classmethod
    def parse(cls, kind: str, said: Mapping[str, Any], unit: str = "") -> "Goal":
        """Read a goal; BadGoal says what is wrong."""
        field, percentile = said.get("field") or "", said.get("percentile")
        if percentile is not None:
            number = Limit.parse(percentile, "percentile")
            if number.is_length or not 0 < number.number < 100:
                raise BadGoal("percentile", f"This should be a number above 0 and below 100, and it is {percentile}.")
        signs = [sign for sign in SIGNS if said.get(sign) is not None]
        if kind == "bands":
            if signs:
                raise BadGoal(signs[0], "An objective has either bands or a limit.")
            return cls(kind, percentile=percentile, field=field, bands=_bands(said.get("bands")), unit=unit)
        if len(signs) != 1:
            raise BadGoal("", f"A goal needs one of {', '.join(SIGNS)}, or bands.")
        sign, limit = signs[0], Limit.parse(said[signs[0]], signs[0])
        if kind == "share":
            if sign != "at_least" or limit.is_length or not 0 <= limit.number <= 100:
                raise BadGoal(sign, "A share of events has `at_least`, in percent from 0 to 100.")
            if percentile is not None:
                raise BadGoal("percentile", "A share of events has no percentile.")
        return cls(kind, sign, limit, percentile, field, unit=unit)

    @property
    def words(self) -> str:
        """The goal in words: `at least 95 %`, `below 5m for 99 % of them`, `normal below 20, warning below 50, …`."""
        if self.kind == "bands":
            of = f", {_ordinal(self.percentile)} percentile" if self.percentile else ""
            return (
                ", ".join(f"{b.label} below {b.below.told()}" if b.below else f"else {b.label}" for b in self.bands)
                + of
            )
        assert self.limit is not None
        if self.kind == "share":
            return f"{WORDS[self.sign]} {self.limit.told()} % good"
        figure = f"{_ordinal(self.percentile)} percentile " if self.percentile else ""
        return f"{figure}{WORDS[self.sign]} {self.told(self.limit.number)}"

    def told(self, figure: float | None) -> str:
        """A figure of this objective as people read it: `95 %`, `4m59s`, `20 campaigns`."""
        if figure is None:
            return ""
        limits = [self.limit] if self.limit else [band.below for band in self.bands if band.below]
        lengths = any(limit.is_length for limit in limits)
        text = told(_rounded(figure, [limit.number for limit in limits]), lengths=lengths)
        unit = "%" if self.kind == "share" else self.unit
        return f"{text} {unit}" if unit and not lengths else text

    def judge(self, said: Mapping[str, Sequence[Reading]]) -> Verdict:
        """What the readings, by what their source says, come to; Unreadable says why they come to nothing."""
        return self._share(said) if self.kind == "share" else self._value(said.get(VALUE, ()))

    def _share(self, said: Mapping[str, Sequence[Reading]]) -> Verdict:
        assert self.limit is not None
        counts = {role: _count(role, readings) for role, readings in said.items()}
        if None in counts.values():
            return Verdict(State.NODATA, "No data: the sources answered and counted nothing.")
        good, bad, total = (counts.get(role) for role in (GOOD, BAD, ALL))
        if total is None:
            total = (good or 0) + (bad or 0)
        if good is None:
            good = total - (bad or 0)
        if not 0 <= good <= total:
            raise Unreadable(
                f"{told(good)} of {told(total)} events cannot be good; the sources count different things or times."
            )
        if not total:
            return Verdict(State.NODATA, "No data: there was no event at all.", good=0, total=0)
        met = Fraction(good) * 100 >= _exact(self.limit.number) * Fraction(total)
        share = 100 * good / total
        sentence = f"{told(good)} of {told(total)} are good: {self.told(share)}, "
        state = State.MET if met else State.MISSED
        return Verdict(state, f"{sentence}{self.limit.told()} % or more are wanted.", share, good, total)

    def _value(self, readings: Sequence[Reading]) -> Verdict:
        figures = [figure for reading in readings if (figure := self._figure(reading)) is not None]
        if not figures:
            return Verdict(State.NODATA, "No data: the source answered and gave no figure.", total=0)
        figures.sort()
        if self.percentile is not None:  # nearest rank: the smallest figure that so many percent do not exceed
            value = figures[ceil(len(figures) * _exact(self.percentile) / 100) - 1]
        else:  # the one that is worst off
            value = figures[0] if self.sign in ("at_least", "above") else figures[-1]
        return self._judged(value, len(figures))

    def _judged(self, value: float, count: int) -> Verdict:
        what = f"the {_ordinal(self.percentile)} percentile of {count} is " if self.percentile else ""
        if self.kind == "bands":
            band = next(band for band in self.bands if band.below is None or value < band.below.number)
            sentence = f"{what}{self.told(value)}: {band.label}."
            return Verdict(band.state, _capital(sentence), value, total=count, label=band.label)
        assert self.limit is not None
        met = SIGNS[self.sign](value, self.limit.number)
        what = what or ("the worst is " if count > 1 else "")
        sentence = f"{what}{self.told(value)}, {WORDS[self.sign]} {self.limit.told()} is wanted."
        return Verdict(State.MET if met else State.MISSED, _capital(sentence), value, total=count)

    def _figure(self, reading: Reading) -> float | None:
        """The number of a reading; None when it says that there is none."""
        value = reading.fields.get(self.field, reading.value)
        if value is None:
            return None
        number = number_of(value)
        if number is None:
            name = self.field or "value"
            raise Unreadable(f"The source gave {value!r} as {name}, which is no number; name another `field`.")
        return number


def _bands(said: Any) -> tuple[Band, ...]:
    if not isinstance(said, Sequence) or isinstance(said, str) or len(said) < 2:
        raise BadGoal("bands", "This should be a list of two bands or more, each with a label.")
    bands: list[Band] = []
    for place, one in enumerate(said):
        path, last = f"bands.{place}", place + 1 == len(said)
        if not isinstance(one, Mapping) or not isinstance(one.get("label"), str) or not one["label"].strip():
            raise BadGoal(path, "A band needs a `label`.")
        if (one.get("below") is None) != last:
            raise BadGoal(path, "Every band but the last ends `below` a number; the last is for all the rest.")
        below = None if last else Limit.parse(one["below"], f"{path}.below")
        before = bands[-1].below if bands else None
        if below and before and (below.number <= before.number or below.is_length != before.is_length):
            raise BadGoal(f"{path}.below", "Bands go upwards, all in numbers or all in lengths of time.")
        usual = State.MET if place == 0 else State.MISSED if last else State.WARNING
        state = one.get("counts_as") or usual
        if state not in VERDICTS:
            raise BadGoal(f"{path}.counts_as", f"There is no {state!r} here; allowed: {', '.join(VERDICTS)}.")
        bands.append(Band(one["label"], below, State(state)))
    return tuple(bands)


def _count(role: str, readings: Sequence[Reading]) -> float | None:
    """How many events these readings count; None when no reading says."""
    numbers = []
    for reading in readings:
        if reading.value is None:
            continue
        number = number_of(reading.value)
        if number is None or number < 0:
            raise Unreadable(f"The source of `{role}` gave {reading.value!r}, which is no number of events.")
        numbers.append(number)
    return sum(numbers) if numbers else None


def number_of(value: Any) -> float | None:
    """`value` as a number, a length of time as its seconds; None when it is none."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        return None
    return value


def _exact(number: float) -> Fraction:
    """As it was written: 99.9 is 999/10."""
    return Fraction(str(number))


def told(number: float, *, lengths: bool = False) -> str:
    if lengths and number >= 0:
        return format_duration(timedelta(seconds=number)) or "0s"
    text = f"{number:,.8f}"
    return text.rstrip("0").rstrip(".")


def _rounded(figure: float, limits: Sequence[float]) -> float:
    """To two places where that leaves it on its side of the limits: 94.996 is not told as 95."""
    for places in (2, 4, 8):
        short = round(figure, places)
        if all((short > limit) - (short < limit) == (figure > limit) - (figure < limit) for limit in limits):
            return short
    return figure


def _ordinal(percentile: float | None) -> str:
    text = told(percentile or 0)
    ends = {"1": "st", "2": "nd", "3": "rd"}
    teen = "." in text or text[-2:] in ("11", "12", "13")
    return f"{text}{'th' if teen else ends.get(text[-1], 'th')}"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
