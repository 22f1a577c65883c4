"""What a pack's values may look like: small kinds that read plain data, fill in defaults and collect every fault.

A kind's `read(value, path, desk)` returns the value as the database side wants it, or BAD after telling the desk why.
Paths are tuples of keys and positions from the top of the pack; who reads the file turns them into lines.
"""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from .durations import BadDuration, format_duration, parse_duration
from .substitute import NAME, names

Path = tuple[str | int, ...]
BAD: Any = type("Bad", (), {"__repr__": lambda self: "BAD"})()
"""Stands for a value that has been complained about; nobody complains about it again."""
UNSAID: Any = type("Unsaid", (), {"__repr__": lambda self: "UNSAID"})()
"""Default of a field that a pack leaves alone unless it names it."""
REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()


@dataclass(frozen=True)
class Problem:
    """One fault, with the place it is at."""

    path: Path
    text: str


@dataclass
class Desk:
    """Where faults and references are collected while a pack is read.

    names    what may be referred to: kind of thing -> its names; references are looked up once everything is read
    places   where each record stands, by section and key
    """

    names: dict[str, set[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    references: list[tuple[str, str, Path]] = field(default_factory=list)
    places: dict[tuple[str, str], Path] = field(default_factory=dict)

    def problem(self, path: Path, text: str) -> Any:
        self.problems.append(Problem(path, text))
        return BAD

    def settle(self) -> None:
        """Complain about every reference to a name that nobody has defined."""
        for kind, name, path in self.references:
            known = self.names.get(kind, set())
            if name not in known:
                self.problem(path, f"There is no {kind} {name!r}{allowed(name, known)}")


def allowed(given: object, known: Iterable[str]) -> str:
    """The end of a sentence about a name nobody knows: the likely one, then all that are allowed."""
    known = sorted(known)
    close = difflib.get_close_matches(str(given), known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ";"
    return f"{hint} allowed: {', '.join(known) or 'none, since none is defined'}."


class Kind(Protocol):
    def read(self, value: Any, path: Path, desk: Desk) -> Any: ...


@dataclass(frozen=True)
class Text:
    """A text; `longest` in characters, `line` for one that may not have line breaks."""

    longest: int = 100_000
    line: bool = False
    empty: bool = True

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if not isinstance(value, str):
            return desk.problem(path, f"This should be a text, and it is {shown(value)}; put quotes around it.")
        if len(value) > self.longest:
            return desk.problem(path, f"This text has {len(value)} characters; {self.longest} are allowed.")
        if self.line and "\n" in value:
            return desk.problem(path, "This text should be one line.")
        if not self.empty and not value.strip():
            return desk.problem(path, "This text is empty.")
        return value


@dataclass(frozen=True)
class Key:
    """A name that others refer to: no spaces, so that it can stand in a command and an address."""

    longest: int = 40
    spaces: bool = False

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        value = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(value, str) or not value.strip() or value != value.strip():
            return desk.problem(path, f"This should be a name, and it is {shown(value)}.")
        if len(value) > self.longest:
            return desk.problem(path, f"This name has {len(value)} characters; {self.longest} are allowed.")
        if not self.spaces and not all(letter.isalnum() or letter in "-_.:" for letter in value):
            return desk.problem(path, f"{value!r} is no name; allowed: letters, digits and the signs - _ . :")
        return value


class Slug(Key):
    """A key that also stands in addresses: Latin letters, digits, - and _."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        value = super().read(value, path, desk)
        if value is not BAD and not all(c.isascii() and (c.isalnum() or c in "-_") for c in value):
            return desk.problem(path, f"{value!r} is no key; allowed: Latin letters, digits, - and _.")
        return value


@dataclass(frozen=True)
class Choice:
    """One of some texts; `also` gives other words for them."""

    values: tuple[str, ...]
    also: dict[str, str] = field(default_factory=dict)

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        value = self.also.get(value, value) if isinstance(value, str) else value
        if value not in self.values:
            return desk.problem(path, f"There is no {shown(value)} here{allowed(value, self.values)}")
        return value


@dataclass(frozen=True)
class Whole:
    """A whole number in a range, both ends included."""

    lowest: int = 0
    highest: int = 32_767

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            return desk.problem(path, f"This should be a whole number, and it is {shown(value)}.")
        if not self.lowest <= value <= self.highest:
            return desk.problem(path, f"{value} is out of range; allowed: {self.lowest} to {self.highest}.")
        return value


class Flag:
    """true or false."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if not isinstance(value, bool):
            return desk.problem(path, f"This should be true or false, and it is {shown(value)}.")
        return value


class Length:
    """A length of time, kept as its shortest text: 60s and 1m are the same."""

    def __init__(self, *, positive: bool = False) -> None:
        self.positive = positive

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        try:
            length = parse_duration("0" if value == 0 and not isinstance(value, bool) else value)
        except BadDuration as error:
            return desk.problem(path, str(error))
        if self.positive and not length:
            return desk.problem(path, "This length of time must be longer than nothing.")
        return format_duration(length)


class Zone:
    """A time zone by its name in the tz database."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        try:
            return ZoneInfo(value).key
        except (ValueError, OSError, TypeError, LookupError):
            return desk.problem(path, f"There is no time zone {shown(value)}; allowed: names such as Asia/Jakarta.")


class Instant:
    """A moment with its offset, such as 2026-01-05T09:00:00+07:00, kept as UTC."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        try:
            moment = datetime.fromisoformat(value)
        except (ValueError, TypeError):
            moment = None
        if moment is None or moment.tzinfo is None:
            return desk.problem(
                path, f"{shown(value)} is no moment; allowed: date, time and offset as in 2026-01-05T09:00:00+07:00."
            )
        return instant_text(moment)


class Day:
    """A date, such as 2026-12-25."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        try:
            return date.fromisoformat(value).isoformat()
        except (ValueError, TypeError):
            return desk.problem(path, f"{shown(value)} is no date; allowed: dates such as 2026-12-25.")


@dataclass(frozen=True)
class Many:
    """A list; each member read by `kind`. One value alone counts as a list of one."""

    kind: Kind
    at_least: int = 0

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if isinstance(value, dict) or value is None:
            return desk.problem(path, f"This should be a list, and it is {shown(value)}.")
        members = value if isinstance(value, list) else [value]
        if len(members) < self.at_least:
            return desk.problem(path, f"This list needs {self.at_least} or more members.")
        read = [self.kind.read(member, (*path, position), desk) for position, member in enumerate(members)]
        return BAD if any(member is BAD for member in read) else read


@dataclass(frozen=True)
class Several(Many):
    """A list whose order says nothing: kept sorted, each member once."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        read = super().read(value, path, desk)
        return BAD if read is BAD else sorted(set(read))


class Anything:
    """Whatever it is; somebody else looks at it."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        return value


@dataclass(frozen=True)
class Table:
    """Names with a value each, the names free (or read by `names`)."""

    kind: Kind
    names: Kind = Key(120, spaces=True)

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if not isinstance(value, dict):
            return desk.problem(path, f"This should be names with values, and it is {shown(value)}.")
        read = {}
        for name, member in value.items():
            read[self.names.read(name, (*path, name), desk)] = self.kind.read(member, (*path, name), desk)
        return BAD if BAD in read or any(member is BAD for member in read.values()) else read


@dataclass(frozen=True)
class Field:
    kind: Kind
    default: Any = REQUIRED


def optional(kind: Kind, default: Any = None) -> Field:
    return Field(kind, default)


class Entry:
    """A mapping with known keys. A key left out, or given as null, takes its field's default.

    then   called with the entry as read, its path and the desk, for what concerns several fields together
    """

    def __init__(self, then: Callable[[dict, Path, Desk], None] | None = None, **fields: Field | Kind) -> None:
        self.fields = {
            name.rstrip("_"): kind if isinstance(kind, Field) else Field(kind) for name, kind in fields.items()
        }
        self.then = then

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if not isinstance(value, dict):
            return desk.problem(
                path, f"This should be an entry with keys, and it is {shown(value)}; allowed: {', '.join(self.fields)}."
            )
        for name in value:
            if name not in self.fields:
                desk.problem((*path, name), f"There is no key {name!r} here{allowed(name, self.fields)}")
        read, fine = {}, set(value) <= set(self.fields)
        for name, wanted in self.fields.items():
            if value.get(name) is not None:
                read[name] = wanted.kind.read(value[name], (*path, name), desk)
                fine = fine and read[name] is not BAD
            elif wanted.default is REQUIRED:
                desk.problem((*path, name) if name in value else path, f"The key {name!r} is needed and is missing.")
                fine = False
            elif wanted.default is not UNSAID:
                read[name] = wanted.default
        if fine and self.then:
            before = len(desk.problems)
            self.then(read, path, desk)
            fine = len(desk.problems) == before
        return read if fine else BAD

    def defaults(self) -> dict:
        """What an entry says that says nothing."""
        unsaid = (REQUIRED, UNSAID)
        return {name: field.default for name, field in self.fields.items() if field.default not in unsaid}

    def trimmed(self, values: dict) -> dict:
        """`values` without those that are the default anyway, in the order of the fields: as a person would write."""
        return {
            name: values[name]
            for name, field in self.fields.items()
            if name in values and values[name] != field.default
        }


@dataclass(frozen=True)
class Ref:
    """The name of something that this pack, the pack it extends, or (for people) Opscenter itself knows."""

    to: str
    longest: int = 120

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        value = Key(self.longest, spaces=True).read(value, path, desk)
        if value is not BAD:
            desk.references.append((self.to, value, path))
        return value


@dataclass(frozen=True)
class Filled:
    """A text with parameters in it, `${NAME}`; each must be a parameter of the pack."""

    longest: int = 100_000

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        value = Text(self.longest, empty=False).read(value, path, desk)
        if value is not BAD:
            refer_to_params(value, path, desk)
        return value


def refer_to_params(value: Any, path: Path, desk: Desk) -> None:
    """Note every `${NAME}` in `value`, however deep, as a reference to a parameter."""
    if isinstance(value, str):
        for name in names(value):
            if NAME.fullmatch(name):
                desk.references.append(("parameter", name, path))
            else:
                desk.problem(path, f"${{{name}}} names no parameter; allowed: letters, digits and underscores.")
    elif isinstance(value, dict):
        for key, member in value.items():
            refer_to_params(member, (*path, key), desk)
    elif isinstance(value, list):
        for position, member in enumerate(value):
            refer_to_params(member, (*path, position), desk)


def instant_text(moment: datetime) -> str:
    """An aware moment as packs keep it: UTC, to the second or finer."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def shown(value: Any) -> str:
    """A value as an error message shows it, in the words of YAML."""
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case dict():
            return "a set of keys"
        case list():
            return "a list"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
