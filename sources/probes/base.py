"""What every probe takes and gives: plain values, so that each is tested without a database of ours."""

import sys
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Protocol

FLOAT_MAX = sys.float_info.max
DEEPEST = 50  # levels of lists and objects
LONGEST_TEXT = 10_000  # characters of one value that are kept


@dataclass(frozen=True)
class Reading:
    """One fact a source answered with.

    fields   name -> None, bool, int, float, text, aware datetime (UTC), date, timedelta, or lists and dicts
             of these; `value` is the figure people mean when they ask "how much?"
    labels   name -> text: what the reading is about
    origin   the way of watching it came by
    """

    fields: dict[str, Any]
    labels: dict[str, str] = field(default_factory=dict)
    origin: str = ""

    @property
    def value(self) -> Any:
        """The field `value`, or the only field there is, else None."""
        if len(self.fields) == 1:
            return next(iter(self.fields.values()))
        return self.fields.get("value")


class ProbeError(Exception):
    """A source that gave no reading; the text is a sentence for an operator, with no secret in it.

    reason   "unreachable" (no connection), "timeout", "query" (the source refused what we asked),
             "limit" (it answered too much) or "answer" (it answered something we cannot read)
    """

    def __init__(self, sentence: str, *, reason: str = "answer") -> None:
        super().__init__(sentence)
        self.reason = reason


class BadSpec(ValueError):
    """A probe's spec that cannot work, found before anything was asked.

    path   the key at fault, "" for the spec as a whole
    """

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}" if path else sentence)
        self.path = path
        self.sentence = sentence


class Probe(Protocol):
    """One way to ask: stateless, safe to call from several threads."""

    kind: str

    def check(self, spec: Mapping[str, Any]) -> None:
        """Raise BadSpec unless `spec`, with its parameters filled in, is one this probe can read."""

    def read(self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta) -> list[Reading]:
        """Ask once and return the readings, in the source's order; raise BadSpec or ProbeError.

        at        aware instant the readings are for
        timeout   for everything together, from connecting to the last byte
        """


@dataclass(frozen=True)
class Asker:
    """The rule that asks a probe of our own rows.

    policy   id of its policy; None: no policy in particular
    since    aware instant of its last check, None when this is the first: nothing told after it may be missed
    group_by names of labels or fields it makes an alert of its own for
    others   what other rules ask the same kind for, only when the source wants to know what nobody asks for
    """

    policy: int | None = None
    since: datetime | None = None
    group_by: tuple[str, ...] = ()
    others: tuple[Mapping[str, Any], ...] = ()


ANYBODY = Asker()


class AskerProbe(Probe, Protocol):
    """A probe of a place that keeps what happened: it looks back as far as the rule did not look yet."""

    def read(
        self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta, asker: Asker = ANYBODY
    ) -> list[Reading]: ...

    def calm_when_empty(self, spec: Mapping[str, Any]) -> bool:
        """Whether no reading is an answer to what `spec` asks, other than from a source that says nothing."""


class LocalProbe(Protocol):
    """One way to read our own database: it asks nobody, is quick, and runs in the thread that writes.

    Other than a `Probe`'s, a failure of the database is raised as it is.
    """

    kind: str

    def check(self, spec: Mapping[str, Any]) -> None:
        """Raise BadSpec unless `spec`, with its parameters filled in, is one this probe can read."""

    def read(self, spec: Mapping[str, Any], *, at: datetime, asker: Asker) -> list[Reading]:
        """Read once and return the readings; raise BadSpec or ProbeError."""


def check_keys(spec: Mapping[str, Any], *, required: Iterable[str], allowed: Iterable[str]) -> None:
    """Raise BadSpec when a required key is missing or a key is none of `allowed`."""
    if not isinstance(spec, Mapping):
        raise BadSpec("", f"A source is a set of keys, and this is {spec!r}.")
    allowed = sorted({*required, *allowed})
    for key in spec:
        if key not in allowed:
            raise BadSpec(str(key), f"There is no such key here. Allowed: {', '.join(allowed)}.")
    for key in required:
        if spec.get(key) in (None, ""):
            raise BadSpec(key, "This key is needed and is missing or empty.")


def check_type(spec: Mapping[str, Any], key: str, kinds: type | tuple[type, ...], what: str) -> None:
    """Raise BadSpec when `spec` has `key` and its value is none of `kinds`; `what` says what it should be."""
    value = spec.get(key)
    wrong_bool = isinstance(value, bool) and kinds is not bool
    if value is not None and (wrong_bool or not isinstance(value, kinds)):
        raise BadSpec(key, f"This should be {what}, and it is {value!r}.")


def plain(value: Any, depth: int = 0) -> Any:
    """Return `value` as one of the kinds a Reading holds.

    Decimals become int when they are whole, else float; NaN becomes None; times become UTC, naive ones are
    taken as UTC already; bytes become hex, what has no plain form its text. Long texts are cut, and what
    is nested deeper than anybody reads is left out.
    """
    if depth > DEEPEST:
        return None
    match value:
        case None | bool() | timedelta():
            return value
        case int() | float() | Decimal():
            return _number(value)
        case str():
            return value if len(value) <= LONGEST_TEXT else value[: LONGEST_TEXT - 1] + "…"
        case datetime():
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        case date():
            return value
        case bytes() | bytearray() | memoryview():
            return plain(bytes(value).hex())
        case Mapping():
            return {str(key): plain(member, depth + 1) for key, member in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(member, depth + 1) for member in value]
        case uuid.UUID() | time():
            return str(value)
    return plain(str(value))


def _number(value: int | float | Decimal) -> int | float | None:
    """Keep to what JSON and every database can hold: whole numbers of 64 bits, finite floats, NaN as none."""
    if value != value:
        return None
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    try:
        return max(-FLOAT_MAX, min(FLOAT_MAX, float(value)))
    except OverflowError:  # a whole number beyond every float
        return FLOAT_MAX if value > 0 else -FLOAT_MAX


def text_of(value: Any) -> str:
    """Return `value` as the text of a label: "" for none, true and false as JSON writes them, 3.0 as "3"."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() | date():
            return value.isoformat()
    return str(value)
