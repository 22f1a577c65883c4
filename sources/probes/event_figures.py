"""What a window of events comes to, as the fields of a reading. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, isfinite
from typing import Any

from sources.probes.event_filter import Filter, Row

OK = "ok"
LONGEST_TEXT = 300
SHARED = 30
"""So many labels that all counted events have in common go along."""
PRIVATE = ("email", "mail", "phone", "token", "secret")
"""Labels of such a name stay with the event: what a rule reads is seen by everybody who sees its alert."""


@dataclass(frozen=True)
class Measure:
    """What is worked out of a window beside the plain counts.

    of         which events count among those that happened; None: all
    minimum    with fewer events than this there is no share, no percentile and no ratio
    distinct   a label or column whose different values are counted, "" for none
    until      what ends the wait of a subject; None when nobody waits
    each       labels or columns, of which the first that an event has names what is counted: a message of three events
               is one, and counts if any of them does. Empty: each event is one
    top        a label or column: which of its values most of what counts has, "" for none
    figure     a label with a number, whose average, percentiles and maximum are worked out; "" for the duration
    """

    of: Filter | None = None
    minimum: int = 1
    distinct: str = ""
    until: Filter | None = None
    each: tuple[str, ...] = ()
    top: str = ""
    figure: str = ""


def figures(rows: Sequence[Row], measure: Measure, *, at: datetime, window: timedelta) -> dict[str, Any]:
    """The figures of `rows`, oldest first, as a rule's condition names them; docs/packs.md says what each means."""
    counted = [row for row in rows if measure.of.fits(row)] if measure.of else list(rows)
    count, total = _number(counted, measure.each), _number(rows, measure.each)
    enough = total >= max(1, measure.minimum)
    last = counted[-1] if counted else None
    fields: dict[str, Any] = {
        "value": count,
        "count": count,
        "total": total,
        "ok": _number([row for row in rows if row.outcome == OK], measure.each),
        "share": 100 * count / total if enough else None,
        "rate": count / (window / timedelta(minutes=1)),
        "in_a_row": _in_a_row(rows, measure.of),
        "last": last.at if last else None,
        "age": (at - last.at).total_seconds() if last else None,
    }
    figures_of = [number_of(row, measure.figure) for row in counted]
    fields |= durations([figure for figure in figures_of if figure is not None], measure.minimum)
    if measure.top:
        fields |= dominant(counted, measure)
    if measure.distinct:
        fields["distinct"] = len({value for row in counted if (value := row.named(measure.distinct))})
    if measure.until:
        fields |= waits(rows, measure.until, at=at)
    for name in ("name", "subject", "outcome", "level", "text"):
        fields[name] = (getattr(last, name)[:LONGEST_TEXT] if last else None) or None
    return fields


def number_of(row: Row, name: str) -> float | None:
    """The event's duration, or the number that its label `name` holds; None when there is none."""
    if not name:
        return row.duration
    try:
        number = float(row.labels.get(name, ""))
    except ValueError:
        return None
    return number if isfinite(number) else None


def dominant(rows: Sequence[Row], measure: Measure) -> dict[str, Any]:
    """The value that most of `rows` have, how many do, and which share of all that is; None with too few of them."""
    found = Counter(value for row in rows if (value := row.named(measure.top)))
    if not found or len(rows) < measure.minimum:
        return {"top": None, "top_count": 0, "top_share": None}
    value, count = min(found.items(), key=lambda item: (-item[1], item[0]))
    return {"top": value, "top_count": count, "top_share": 100 * count / len(rows)}


def _number(rows: Sequence[Row], each: tuple[str, ...]) -> int:
    """How many things `rows` are about; an event that names none is one of its own."""
    if not each:
        return len(rows)
    named = [next((value for name in each if (value := row.named(name))), "") for row in rows]
    return len(set(named) - {""}) + named.count("")


def durations(seconds: list[float], minimum: int) -> dict[str, float | None]:
    """Average, largest and percentiles (nearest rank: the smallest figure that so many percent do not exceed)."""
    ordered = sorted(seconds)
    known = len(ordered) >= max(1, minimum)
    found: dict[str, float | None] = {
        "avg": sum(ordered) / len(ordered) if known else None,
        "max": ordered[-1] if ordered else None,
    }
    for percent in (50, 95, 99):
        found[f"p{percent}"] = ordered[ceil(len(ordered) * percent / 100) - 1] if known else None
    return found


def waits(rows: Iterable[Row], until: Filter, *, at: datetime) -> dict[str, Any]:
    """Subjects that wait for an event that `until` fits: how many do, and the longest time in seconds.

    open     subjects of which that event has not come; an event with a duration began so long before
    oldest   how long the first of them has been waiting
    longest  of those that have come to an end, the longest time it took, as told or from the first event on
    """
    begun: dict[str, datetime] = {}
    ended: set[str] = set()
    took: list[float] = []
    for row in rows:
        if until.fits(row):
            if row.subject in begun and row.subject not in ended:
                took.append((row.at - begun[row.subject]).total_seconds())
            if row.duration is not None:
                took.append(row.duration)
            ended.add(row.subject)
        elif row.subject:
            begun.setdefault(row.subject, row.at - timedelta(seconds=row.duration or 0))
    waiting = [(at - since).total_seconds() for subject, since in begun.items() if subject not in ended]
    return {"open": len(waiting), "oldest": max(waiting, default=None), "longest": max(took, default=None)}


def usual(past: Sequence[Row], measure: Measure, *, end: datetime, window: timedelta) -> float | None:
    """How many events counted in a window of the past, on average over the windows since the first event in it."""
    if not past:
        return None
    windows = max(1, ceil((end - past[0].at) / window))
    counted = [row for row in past if measure.of is None or measure.of.fits(row)]
    return _number(counted, measure.each) / windows


def is_public(name: str) -> bool:
    """Whether a label of this name may be shown to everybody who sees an alert."""
    return not any(word in name.lower() for word in PRIVATE)


def shared_labels(rows: Sequence[Row]) -> dict[str, str]:
    """The labels that all `rows` have with the same value."""
    if not rows:
        return {}
    shared = dict(rows[0].labels)
    for row in rows[1:]:
        for name in [name for name, value in shared.items() if row.labels.get(name) != value]:
            del shared[name]
        if not shared:
            break
    public = {name: str(value) for name, value in shared.items() if is_public(name)}
    return dict(list(public.items())[:SHARED])


def _in_a_row(rows: Sequence[Row], of: Filter | None) -> int:
    """How many of the newest events count, up to the first that does not."""
    if of is None:
        return len(rows)
    count = 0
    for row in reversed(rows):
        if not of.fits(row):
            break
        count += 1
    return count
