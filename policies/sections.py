"""A section of a pack: how its records are read, found in the database, written and taken away again.

Every room describes its own sections in its `pack.py`; packs/ reads the file, compares and calls these. A record's
values are plain data in the pack's own words (levels by their key, lengths of time as text), so that what the pack
says, what it said last time and what the database holds can be compared field by field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import models

from .durations import format_duration, parse_duration
from .models import Policy
from .shapes import BAD, Anything, Desk, Entry, Many, Path

Values = dict[str, Any]


@dataclass(frozen=True)
class Load:
    """Facts of one load.

    phase     the roll-out phase it goes up to, None: all
    since     the day the pack was first loaded
    variants  the ways of watching that are chosen, empty: all
    """

    phase: int | None
    since: date
    variants: frozenset[str] = frozenset()


class Section:
    """A list of entries, each a record; subclasses say which rows they are.

    name     the word in the file
    thing    what references call a record ("severity"); empty when nothing refers to it
    shared   rows belong to no policy: what people set first stays, and a pack never takes them away
    returns  a record deleted by a person comes back, because others refer to it
    strict   a row that somebody made by hand is not taken over; the pack must choose another key
    listed   the records are kept in the pack's text only; no rows stand for them
    hidden   fields whose value is shown only when it is a reference to parameters
    """

    name = ""
    thing = ""
    shared = returns = strict = listed = False
    hidden: frozenset[str] = frozenset()
    shape: Entry

    def key(self, values: Values) -> str:
        """What tells the record from the others of its section."""
        return values["key"]

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        """Return the records of the section by key; faults go to the desk, what is faulty is left out."""
        entries = Many(Anything()).read(value, path, desk)
        records: dict[str, Values] = {}
        for position, entry in enumerate([] if entries is BAD else entries):
            where = self.path_of(entry, path, position)
            values = self.shape.read(entry, where, desk)
            if values is BAD:
                self._still_name(entry, desk)
                continue
            self.complete(values, position, where, desk)
            key = self.key(values)
            if key in records:
                desk.problem(where, f"There are two entries {key!r} in {self.name}; remove or rename one.")
            records[key] = values
            desk.places[(self.name, key)] = where
        if self.thing:
            desk.names.setdefault(self.thing, set()).update(records)
        return records

    def path_of(self, entry: Any, path: Path, position: int) -> Path:
        return (*path, position)

    def _still_name(self, entry: Any, desk: Desk) -> None:
        """A faulty record still counts as defined, lest one slip be told twice."""
        if self.thing and isinstance(entry, dict) and isinstance(entry.get("key"), str):
            desk.names.setdefault(self.thing, set()).add(entry["key"])

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        """Fill in what depends on the entry's place, and complain about what shape alone cannot see."""

    def settle(self, records: dict[str, Values], everything: dict[str, dict[str, Values]], load: Load) -> None:
        """Fill in what the records take from other sections and from this load; called when all are read."""

    def dump(self, records: dict[str, Values]) -> Any:
        """Return the records as the file would hold them, defaults left out."""
        return [self.shape.trimmed(values) for values in records.values()]

    def rows(self, policy: Policy) -> Mapping[str, models.Model]:
        """The policy's present rows by record key, in the order a file would list them."""
        raise NotImplementedError

    def present(self, row: Any) -> Values:
        """What the row says, as a complete record."""
        raise NotImplementedError

    def write(self, policy: Policy, row: Any, values: Values) -> models.Model:
        """Make the row (None: a new one) say `values`, and return it."""
        raise NotImplementedError

    def connect(self, row: Any, values: Values) -> None:
        """Second pass, when every row of the section is there: what rows of one section say of each other."""

    def remove(self, row: Any) -> str:
        """Take the row away; return what became of it: "removed", "disabled", or "" when it was kept as it is."""
        row.delete()
        return "removed"

    def wrote(self, row: Any, said: Values | None) -> None:
        """Called with every row after a load, with what the pack says of it (None: no longer anything)."""


def length_text(length: Any) -> str | None:
    return None if length is None else format_duration(length)


def length_of(text: str | None) -> Any:
    return None if text is None else parse_duration(text)


def one_named(rows: models.QuerySet, name: str | None, field: str = "key") -> Any:
    """The row called `name`, or None for None; the reference was looked up before, so it is there."""
    return None if name is None else rows.get(**{field: name})


def all_named(rows: models.QuerySet, wanted: list[str], field: str = "key") -> list:
    found = {getattr(row, field): row for row in rows.filter(**{f"{field}__in": wanted})}
    return [found[name] for name in wanted]
