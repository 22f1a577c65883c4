"""Events we were told of, counted and measured in a window that slides.

    {"stream": "knock", "kind": "message", "window": "1h", "of": {"outcome": "bounced"}, "minimum": 20}

Which events are meant is a filter (see event_filter); then

    window    how far back, 5m when not given: (at - window, at]
    of        a filter: which of them are counted; without it all are
    by        labels or columns: a reading for each combination of values that occurs. "endpoint|name" takes the first
              that an event has. Without it what the rule groups by; events that lack one are left out
    each      a label or column: what is counted are its different values ("subject": messages), not the events
    minimum   a share, an average, a percentile and a ratio need so many events; with fewer they have no value
    distinct  a label or column: how many different values
    top       a label or column: which value most of them have (`top`, `top_count`, `top_share`)
    figure    a label with a number, such as a delay: of it are avg, max, p50, p95 and p99, not of the durations
    until     a filter: what ends the wait of a subject (`open`, `oldest`, `longest`)
    baseline  how far back the usual count is taken from, before the window (`usual`, `ratio`)
    same      day or week: the usual count is that of the same window of past days or weeks
    unclaimed true: only events that no other rule of the policy means

Between two checks no event is missed: beside the window that ends now, the windows that ended with each event since the
last check are read too, for the same key; it is enough that one of them holds. So are those that ended with an event we
heard of only since then. For shares and ratios it is windows side by side, back to the last check.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import CharField, F, Min, Q
from django.db.models.functions import Substr

from policies.durations import BadDuration, format_duration, parse_duration
from sources.models import Event
from sources.probes import event_filter
from sources.probes.base import Asker, BadSpec, Reading
from sources.probes.event_figures import Measure, figures, shared_labels, usual
from sources.probes.event_filter import COLUMNS, Filter, Row, parse

OWN_KEYS = (
    "window", "of", "by", "each", "minimum", "distinct", "top", "figure", "until", "baseline", "same", "unclaimed",
)  # fmt: skip
SEASONS = {"day": timedelta(days=1), "week": timedelta(weeks=1)}
WINDOW = timedelta(minutes=5)
LONGEST = timedelta(days=90)
MISSED = timedelta(days=1)
"""So far back the windows between two checks are looked at; who was away longer has other worries."""
IN_FLIGHT = timedelta(seconds=10)
"""An event that was being stored while the last check looked was heard of so long before it at most."""
MOST = 50_000
"""Events that are looked at, the newest first."""
MOST_WINDOWS, EFFORT = 300, 200_000
SEEN_TEXT = 300
MOST_MINIMUM = 1_000_000


@dataclass(frozen=True)
class Spec:
    """What a source of events asks, read from its keys."""

    which: Filter
    window: timedelta
    by: tuple[tuple[str, ...], ...] | None
    measure: Measure
    baseline: timedelta | None
    unclaimed: bool
    reads_text: bool
    season: timedelta | None = None

    @property
    def weighs(self) -> bool:
        """Whether it weighs some events against others: then half of them says nothing, nor do late ones."""
        return self.measure.minimum > 1 or self.baseline is not None


def read_spec(spec: Any) -> Spec:
    """Return what `spec` asks; BadSpec names the key at fault and what is allowed."""
    if not isinstance(spec, Mapping):
        raise BadSpec("", f"A source is a set of keys, and this is {spec!r}.")
    spec = {key: value for key, value in spec.items() if value is not None}
    for key in spec:
        if key not in (*event_filter.KEYS, *OWN_KEYS):
            allowed = ", ".join((*event_filter.KEYS, *OWN_KEYS))
            raise BadSpec(str(key), f"There is no such key here. Allowed: {allowed}.")
    which = parse({key: value for key, value in spec.items() if key not in OWN_KEYS})
    of = parse(spec["of"], "of") if "of" in spec else None
    until = parse(spec["until"], "until") if "until" in spec else None
    distinct = spec.get("distinct", "")
    if not isinstance(distinct, str):
        raise BadSpec("distinct", f"This should be the name of a label, and it is {distinct!r}.")
    for key in ("top", "figure"):
        if not isinstance(spec.get(key, ""), str):
            raise BadSpec(key, f"This should be the name of a label, and it is {spec[key]!r}.")
    same = spec.get("same")
    if same is not None and (same not in SEASONS or "baseline" not in spec):
        raise BadSpec("same", f"This is day or week, beside a `baseline`, and it is {same!r}.")
    unclaimed = spec.get("unclaimed", False)
    if not isinstance(unclaimed, bool):
        raise BadSpec("unclaimed", f"This should be true or false, and it is {unclaimed!r}.")
    return Spec(
        which=which,
        window=_length(spec, "window") or WINDOW,
        by=_by(spec["by"]) if "by" in spec else None,
        measure=Measure(
            of,
            _minimum(spec.get("minimum", 1)),
            distinct,
            until,
            _each(spec),
            spec.get("top", ""),
            spec.get("figure", ""),
        ),
        baseline=_length(spec, "baseline"),
        unclaimed=unclaimed,
        reads_text=_reads_text(which) or any(_reads_text(one) for one in (of, until) if one),
        season=SEASONS[same] if same else None,
    )


def _length(spec: Mapping[str, Any], key: str) -> timedelta | None:
    if key not in spec:
        return None
    said = spec[key]
    if (isinstance(said, int) and not isinstance(said, bool)) or (isinstance(said, str) and said.isdecimal()):
        said = f"{said}s"  # a parameter that is a number
    try:
        length = parse_duration(said)
    except BadDuration as error:
        raise BadSpec(key, str(error)) from None
    if not timedelta() < length <= LONGEST:
        raise BadSpec(key, f"This should be more than nothing and at most {format_duration(LONGEST)}.")
    return length


def _minimum(said: Any) -> int:
    if isinstance(said, str) and said.isdecimal():  # from a parameter
        said = int(said)
    if not isinstance(said, int) or isinstance(said, bool) or not 1 <= said <= MOST_MINIMUM:
        raise BadSpec("minimum", f"This should be a whole number from 1 to {MOST_MINIMUM:,}, and it is {said!r}.")
    return said


def _by(said: Any, key: str = "by") -> tuple[tuple[str, ...], ...]:
    found = []
    for text in event_filter.texts(said, key):
        choices = tuple(choice.strip() for choice in text.split("|"))
        if not all(choices):
            raise BadSpec(key, f"This should be names such as endpoint or endpoint|name, and it is {text!r}.")
        found.append(choices)
    return tuple(found)


def _each(spec: Mapping[str, Any]) -> tuple[str, ...]:
    if "each" not in spec:
        return ()
    found = _by(spec["each"], "each")
    if len(found) > 1:
        raise BadSpec("each", f"This should be one name such as subject, and it is {spec['each']!r}.")
    return found[0]


def _reads_text(which: Filter) -> bool:
    return bool(which.contains) or any(_reads_text(one) for one in (*which.any, *which.but))


class Events:
    kind = "events"

    def check(self, spec: Mapping[str, Any]) -> None:
        read_spec(spec)

    def read(self, spec: Mapping[str, Any], *, at: datetime, asker: Asker) -> list[Reading]:
        """One reading, or one for each key with events in the window; first of a key stands the one of now."""
        asked = read_spec(spec)
        by = asked.by if asked.by is not None else tuple((name,) for name in asker.group_by)
        since = max(asker.since, at - MISSED) if asker.since else at
        heard_since = since - IN_FLIGHT if asker.since and not asked.weighs else at
        begin = min(since, self.first_heard(heard_since, since, asked) or since, at)
        first = begin - asked.window - (timedelta() if asked.season else asked.baseline or timedelta())
        claimed = _claimed(asker.others) if asked.unclaimed else []
        fetched = fetch(asked, after=first, until=at, policy=asker.policy)
        if asked.season and asked.baseline:  # only the windows that are compared: weeks of events are a lot
            for number in range(1, asked.baseline // asked.season + 1):
                back = number * asked.season
                fetched = fetch(asked, after=first - back, until=min(at - back, first), policy=asker.policy) + fetched
        rows = [row for row in fetched if asked.which.fits(row) and not any(other.fits(row) for other in claimed)]
        groups: dict[tuple[str, ...], list[Row]] = {} if by else {(): []}
        for row in rows:
            values = tuple(next((value for name in choices if (value := row.named(name))), "") for choices in by)
            if all(values):
                groups.setdefault(values, []).append(row)
        names = tuple(choices[0] for choices in by)
        found = []
        for values, events in sorted(groups.items()):
            labels = dict(zip(names, values, strict=True))
            times = [row.at for row in events]
            if asked.weighs:
                ends = _steps(times, asked.window, since=since, at=at)
            else:
                late = [row.at for row in events if row.heard_at > heard_since and row.late(asked.window)]
                late = late if asker.since else []
                ends = _ends(times, late, since=since, at=at)
            for end in ends:
                window = events[bisect_right(times, end - asked.window) : bisect_right(times, end)]
                if not window and by and end == at:
                    continue
                found.append(_reading(asked, window, events, times, labels, end))
        return found

    def first_heard(self, after: datetime, before: datetime, asked: Spec) -> datetime | None:
        """When the first of the events happened that were heard of after `after` and happened before `before`."""
        rows = Event.objects.filter(received_at__gt=after, at__lte=before)
        streams = asked.which.streams()
        rows = rows if streams is None else rows.filter(stream__in=streams)
        return rows.aggregate(first=Min("at"))["first"]


def _claimed(others: Iterable[Mapping[str, Any]]) -> list[Filter]:
    """What other rules mean; one that means every event, or those that nobody means, claims none."""
    found = []
    for spec in others:
        with suppress(BadSpec):  # then it is not asked either
            other = read_spec(spec)
            if other.which != Filter() and not other.unclaimed:
                found.append(other.which)
    return found


def _ends(times: Sequence[datetime], late: Sequence[datetime], *, since: datetime, at: datetime) -> list[datetime]:
    """When the windows that are read end: now, with each event since the last check, and with the `late` ones."""
    missed = sorted({time for time in (*times[bisect_right(times, since) :], *late) if time < at})
    most = max(1, min(MOST_WINDOWS, EFFORT // max(1, len(times))))
    step = -(-len(missed) // most) if missed else 1
    return [at, *missed[::-1][::step]]


def _steps(times: Sequence[datetime], window: timedelta, *, since: datetime, at: datetime) -> list[datetime]:
    """Windows side by side from now back to the last check, where anything happened since then.

    Not one for each event: a share must not be judged by the half of a burst.
    """
    seen = bisect_right(times, since)
    missed = [at - step * window for step in range(1, min(MOST_WINDOWS, (at - since) // window) + 1)]
    return [at, *(end for end in missed if bisect_right(times, end) > seen)]


def _reading(
    asked: Spec, window: list[Row], events: list[Row], times: list[datetime], labels: dict[str, str], end: datetime
) -> Reading:
    fields = figures(window, asked.measure, at=end, window=asked.window)
    if asked.baseline:
        begin = end - asked.window
        past = events[bisect_right(times, begin - asked.baseline) : bisect_right(times, begin)]
        if asked.season:
            fields["usual"] = _of_seasons(asked, events, times, end)
        else:
            fields["usual"] = usual(past, asked.measure, end=begin, window=asked.window)
        enough = fields["usual"] and fields["total"] >= asked.measure.minimum
        fields["ratio"] = fields["count"] / fields["usual"] if enough else None
    of = asked.measure.of
    return Reading(fields, shared_labels([row for row in window if of is None or of.fits(row)]) | labels)


def _of_seasons(asked: Spec, events: list[Row], times: list[datetime], end: datetime) -> float | None:
    """How many events counted in the same window of past days or weeks, on average since the first event there is."""
    assert asked.season and asked.baseline
    counts = []
    for number in range(1, asked.baseline // asked.season + 1):
        until = end - number * asked.season
        if not times or until < times[0]:
            break
        window = events[bisect_right(times, until - asked.window) : bisect_right(times, until)]
        counts.append(figures(window, asked.measure, at=until, window=asked.window)["count"])
    return sum(counts) / len(counts) if counts else None


def fetch(asked: Spec, *, after: datetime, until: datetime, policy: int | None, most: int = MOST) -> list[Row]:
    """The events of the streams asked for in (after, until], oldest first, of the policy's doors and nobody's.

    most  so many of them, the newest
    """
    rows = Event.objects.filter(at__gt=after, at__lte=until)
    if policy is not None:
        nobodys = Q(integration=None) | Q(integration__policy=None)
        rows = rows.filter(nobodys | Q(integration__policy=policy))
    streams = asked.which.streams()
    if streams is not None:
        rows = rows.filter(stream__in=streams)
    for name, wanted in asked.which.columns:
        if name in ("kind", "outcome", "level") and not wanted.patterns:
            rows = rows.filter(**{f"{name}__in": wanted.texts})
    text = F("text") if asked.reads_text else Substr("text", 1, SEEN_TEXT, output_field=CharField())
    columns = ("at", *COLUMNS)
    found = (
        rows.order_by("-at", "-pk")
        .annotate(seen=text)
        .values_list(*columns, "seen", "labels", "duration", "received_at")[:most]
    )
    return [Row(*values) for values in reversed(list(found))]
