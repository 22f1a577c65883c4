"""Which events are meant: one filter for a rule's events, for those that count among them, for those that end them.

    {"stream": "knock", "outcome": ["failed", "bounced"], "match": {"error_type": "~throttle_.*"}, "contains": "lost"}

Everything it says must hold. A value is a text, a list of texts of which one must be equal, or a pattern (RE2, of the
whole text) after a `~`, or a comparison with a number: `>= 10`, whether the event says 10 as number or as text. Whether
letters are upper or lower case does not count, but in patterns.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import re2

from sources.probes.base import BadSpec

COLUMNS = ("stream", "kind", "name", "subject", "outcome", "level")
KEYS = (*COLUMNS, "match", "tagged", "contains", "any", "not")
PATTERN = "~"
COMPARISON = re.compile(r"(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)", re.ASCII)
COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
DEEPEST = 5


class Row(NamedTuple):
    """An event as filters and figures see it."""

    at: datetime
    stream: str
    kind: str
    name: str
    subject: str
    outcome: str
    level: str
    text: str
    labels: dict[str, str]
    duration: float | None  # seconds
    heard_at: datetime

    def late(self, window: timedelta) -> bool:
        """Whether its window had passed when we heard of it."""
        return self.heard_at - self.at >= window

    def named(self, name: str) -> str:
        """The label of that name, else the column, "" when there is neither."""
        return self.labels.get(name) or (getattr(self, name) if name in COLUMNS else "")


@dataclass(frozen=True)
class Wanted:
    """One value that is looked for: any of `texts` (lower case), of `patterns`, or of `comparisons`."""

    texts: frozenset[str]
    patterns: tuple[Any, ...] = ()
    comparisons: tuple[tuple[Callable[[float, float], bool], float], ...] = ()

    def fits(self, value: str) -> bool:
        return (
            value.lower() in self.texts
            or any(pattern.fullmatch(value) for pattern in self.patterns)
            or (bool(self.comparisons) and self._compares(value))
        )

    def _compares(self, value: str) -> bool:
        try:
            number = float(value)
        except ValueError:
            return False
        return any(compare(number, limit) for compare, limit in self.comparisons)


@dataclass(frozen=True)
class Filter:
    """See the top of this file; made by `parse`."""

    columns: tuple[tuple[str, Wanted], ...] = ()
    labels: tuple[tuple[str, Wanted], ...] = ()
    tagged: frozenset[str] = frozenset()
    contains: tuple[str, ...] = ()
    any: tuple["Filter", ...] = ()
    but: tuple["Filter", ...] = ()

    def fits(self, row: Row) -> bool:
        return (
            all(wanted.fits(getattr(row, name)) for name, wanted in self.columns)
            and all(wanted.fits(row.labels.get(name, "")) for name, wanted in self.labels)
            and (not self.tagged or self._is_tagged(row))
            and (not self.contains or any(words in row.text.lower() for words in self.contains))
            and (not self.any or any(one.fits(row) for one in self.any))
            and not any(one.fits(row) for one in self.but)
        )

    def _is_tagged(self, row: Row) -> bool:
        return any(name.lower() in self.tagged or str(row.labels[name]).lower() in self.tagged for name in row.labels)

    def streams(self) -> frozenset[str] | None:
        """The streams its events can come from, None when it names none."""
        for name, wanted in self.columns:
            if name == "stream" and not wanted.patterns:
                return wanted.texts
        several = [one.streams() for one in self.any]
        if several and None not in several:
            return frozenset().union(*(one for one in several if one is not None))
        return None


@lru_cache(maxsize=2_000)
def _pattern(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(text, options)


def parse(spec: Any, path: str = "", depth: int = 0) -> Filter:
    """Return the filter that `spec` describes; keys of other meaning are the caller's and must be gone.

    BadSpec names the key at fault, such as any.0.outcome.
    """
    before = f"{path}." if path else ""
    if not isinstance(spec, Mapping):
        raise BadSpec(path, f"This should be a set of keys such as {{outcome: failed}}, and it is {spec!r}.")
    if depth > DEEPEST:
        raise BadSpec(path, "Filters are nested too deeply here.")
    for key in spec:
        if key not in KEYS:
            raise BadSpec(f"{before}{key}", f"There is no such key here. Allowed: {', '.join(KEYS)}.")
    match = spec.get("match") or {}
    if not isinstance(match, Mapping):
        raise BadSpec(f"{before}match", f"This should be labels with a value each, and it is {match!r}.")
    return Filter(
        columns=tuple((key, _wanted(spec[key], f"{before}{key}")) for key in COLUMNS if spec.get(key) is not None),
        labels=tuple((str(name), _wanted(value, f"{before}match.{name}")) for name, value in match.items()),
        tagged=frozenset(text.lower() for text in texts(spec.get("tagged"), f"{before}tagged")),
        contains=tuple(text.lower() for text in texts(spec.get("contains"), f"{before}contains")),
        any=_several(spec.get("any"), f"{before}any", depth),
        but=_several(spec.get("not"), f"{before}not", depth),
    )


def _several(value: Any, path: str, depth: int) -> tuple[Filter, ...]:
    if value is None:
        return ()
    if isinstance(value, Mapping):
        return (parse(value, path, depth + 1),)
    if not isinstance(value, list) or not value:
        raise BadSpec(path, f"This should be a filter or a list of filters, and it is {value!r}.")
    return tuple(parse(one, f"{path}.{place}", depth + 1) for place, one in enumerate(value))


def _wanted(value: Any, path: str) -> Wanted:
    plain, patterns, comparisons = set(), [], []
    for text in texts(value, path):
        if comparison := COMPARISON.fullmatch(text.strip()):
            comparisons.append((COMPARE[comparison[1]], float(comparison[2])))
            continue
        if not text.startswith(PATTERN):
            plain.add(text.lower())
            continue
        try:
            patterns.append(_pattern(text[1:]))
        except re2.error as error:
            raise BadSpec(path, f"{text[1:]!r} is no pattern that can be used: {error}.") from None
    return Wanted(frozenset(plain), tuple(patterns), tuple(comparisons))


def texts(value: Any, path: str) -> Iterable[str]:
    """`value`, a text or a list of texts, as a list; none for None."""
    if value is None:
        return []
    several = value if isinstance(value, list) else [value]
    found = []
    for one in several:
        if isinstance(one, bool) or not isinstance(one, (str, int, float)):
            raise BadSpec(path, f"This should be a text or a list of texts, and it is {value!r}.")
        found.append(str(one))
    if not found:
        raise BadSpec(path, "An empty list fits no event; leave the key out, or name what is meant.")
    return found
