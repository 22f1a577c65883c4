"""Log entries counted in a window that slides, whatever keeps them. Pure.

Between two checks none is missed: beside the window that ends now, the windows are read that ended with each entry
since the last check; it is enough that one of them holds.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sources.probes.base import Asker, Reading, plain, text_of
from sources.probes.event_figures import is_public
from sources.probes.masking import mask

WINDOW = timedelta(minutes=5)
MISSED = timedelta(days=1)
"""So far back the windows between two checks are looked at."""
MOST_WINDOWS = 300
LONGEST_TEXT = 300
SHARED = 30  # labels that go along
collected: ContextVar[list["Entry"] | None] = ContextVar("collected", default=None)
"""Where a look for people wants the entries themselves, besides their count."""
OWN = ("value", "count", "more", "last", "text", "age", "rate")


@dataclass(frozen=True)
class Entry:
    """One line: when it was logged (UTC), its text, what it is labelled with, and its fields where it has some."""

    at: datetime
    text: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """Which windows a check reads: those of length `window` that end at `end` or ended after `since`."""

    window: timedelta
    end: datetime
    since: datetime | None = None

    @property
    def begin(self) -> datetime:
        """Entries after this instant are of interest."""
        return (self.since or self.end) - self.window


def look(asker: Asker, window: timedelta, *, at: datetime, delay: timedelta = timedelta()) -> Look:
    """What a check at `at` looks at; `delay` is how long lines may be on their way."""
    end = at - delay
    since = max(asker.since, at - MISSED) - delay if asker.since else None
    return Look(window, end, since if since and since < end else None)


def readings(entries: Iterable[Entry], looked: Look, *, by: Sequence[str] = (), more: bool = False) -> list[Reading]:
    """Return a reading for each window, of each combination of the labels `by`; the window of now comes first.

    more   there are older entries than these, which were not given: the counts are the least that it can be

    Without `by` there is always one for now, with 0 when there is nothing. With it, entries that lack a label are
    left out, and a combination has one while it has entries.
    """
    groups: dict[tuple[str, ...], list[Entry]] = {} if by else {(): []}
    kept = collected.get()
    for entry in sorted(entries, key=lambda one: one.at):
        if kept is not None and looked.begin < entry.at <= looked.end:
            kept.append(entry)
        values = tuple(_named(entry, name) for name in by)
        if all(values) and looked.begin < entry.at <= looked.end:
            groups.setdefault(values, []).append(entry)
    found = []
    for values, group in groups.items():
        labels, times = dict(zip(by, values, strict=True)), [entry.at for entry in group]
        for end in _ends(times, looked):
            inside = group[bisect_right(times, end - looked.window) : bisect_right(times, end)]
            if inside or not by:
                found.append(reading(inside, looked.window, labels, end=end, more=more))
    return found


def reading(
    inside: Sequence[Entry], window: timedelta, labels: Mapping[str, str], *, end: datetime, more: bool = False,
    count: int | None = None,
) -> Reading:  # fmt: skip
    """A window's reading; `count` where it is known better than from the entries at hand."""
    count = len(inside) if count is None else count
    last = inside[-1] if inside else None
    fields: dict[str, Any] = {name: value for name, value in fields_of(last).items() if name not in OWN}
    fields |= {
        "value": count,
        "count": count,
        "rate": count / (window / timedelta(minutes=1)),
        "last": last.at if last else None,
        "age": (end - last.at).total_seconds() if last else None,
        "text": mask(last.text)[:LONGEST_TEXT] if last and last.text else None,
    }
    if more:
        fields["more"] = True
    return Reading(fields, shared_labels(inside) | dict(labels))


def fields_of(entry: Entry | None) -> dict[str, Any]:
    """The fields of an entry that may be shown: none that is private by its name."""
    return {} if entry is None else _public(plain(entry.data or json_of(entry.text)))


def _public(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _public(value) if isinstance(value, dict) else value for name, value in data.items() if is_public(name)
    }


def json_of(text: str) -> dict[str, Any]:
    """The members of a line that is a JSON object, else nothing."""
    if not text.lstrip().startswith("{"):
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def shared_labels(entries: Sequence[Entry]) -> dict[str, str]:
    """The labels that all entries have with the same value."""
    shared = dict(entries[0].labels) if entries else {}
    for entry in entries[1:]:
        shared = {name: value for name, value in shared.items() if entry.labels.get(name) == value}
    return {name: value for name, value in list(shared.items())[:SHARED] if is_public(name)}


def _named(entry: Entry, name: str) -> str:
    return entry.labels.get(name) or text_of((entry.data or json_of(entry.text)).get(name))


def _ends(times: list[datetime], looked: Look) -> list[datetime]:
    if looked.since is None:
        return [looked.end]
    missed = sorted({time for time in times[bisect_right(times, looked.since) :] if time < looked.end})
    step = -(-len(missed) // MOST_WINDOWS) if missed else 1
    return [looked.end, *missed[::-1][::step]]
