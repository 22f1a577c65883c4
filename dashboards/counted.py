"""Panels that count: events that senders told, and the messages that Opscenter sent, in slices of the time shown."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from incidents.models import Incident
from notifications.models import Delivery
from policies.models import Policy
from sources.probes.event_figures import figures as figures_of
from sources.probes.event_filter import Row
from sources.probes.events import MOST, Spec, fetch, read_spec

from . import figures
from .models import Panel
from .series import MOST_ROWS, Line, Result
from .spans import Span

SLICES = (
    timedelta(seconds=10), timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=5),
    timedelta(minutes=10), timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1), timedelta(hours=2),
    timedelta(hours=6), timedelta(hours=12), timedelta(days=1), timedelta(days=2),
)  # fmt: skip
MOST_SLICES = 60
MOST_ON_A_PAGE = 20_000
"""Events that each panel looks at while it stands among others; alone it takes more (MOST)."""
OUTCOMES: dict[str, str] = {Delivery.Status.SENT: "ok", Delivery.Status.FAILED: "failed"}
Key = tuple[str, ...]


Fetched = dict[tuple, tuple[datetime, list[Row]]]
"""What was fetched for panels of the same page: for which filter, since when, the rows."""


def read(panel: Panel, spec: Mapping[str, Any], span: Span, *, kept: Fetched | None = None) -> Result:
    """What the panel counts over `span`; `spec` has its parameters filled in. BadSpec when it cannot be asked.

    kept   what other panels of the page fetched; what they can share is fetched once
    """
    said = {name: value for name, value in spec.items() if value is not None}
    deliveries = panel.kind == Panel.Kind.DELIVERIES
    if deliveries:
        said.setdefault("each", "subject")
    asked = read_spec(said)
    first = span.before.begin if panel.compare else span.begin
    policy = panel.dashboard.policy
    most = MOST if kept is None else MOST_ON_A_PAGE
    fetched = _fetched(policy, None if deliveries else asked, first, span.end, {} if kept is None else kept, most)
    rows = [row for row in fetched if row.at > first and asked.which.fits(row)]
    now, past = [row for row in rows if row.at > span.begin], [row for row in rows if row.at <= span.begin]
    field = panel.field or figures.usual(panel.spec)
    wanted = (field, *panel.also)
    groups, earlier = _grouped(now, asked), _grouped(past, asked)
    lines = [
        _line(name, groups.get(name, []), earlier.get(name, []), asked, wanted, span, compares=panel.compare)
        for name in (groups if asked.by else [()])
    ]
    lines.sort(key=lambda line: (line.value is None, -(line.value or 0), line.name))
    whole, before = _figures(now, asked, span), _figures(past, asked, span.before)
    value = _of(whole, field)
    note = ""
    if len(fetched) >= most:
        note = f"Of more than {most:,} only the newest were looked at: those since {fetched[0].at:%Y-%m-%d %H:%M} UTC."
    if len(lines) > MOST_ROWS:
        note = f"{note} Of {len(lines)} rows the first {MOST_ROWS} are shown.".strip()
    if value is None and now and asked.measure.minimum > len(now):
        note = f"{note} {len(now)} are too few to tell: {asked.measure.minimum} are needed.".strip()
    return Result(
        lines[:MOST_ROWS], value, _of(before, field) if panel.compare else None,
        {name: _of(whole, name) for name in panel.also}, now[-1].at if now else None, note=note,
    )  # fmt: skip


def _fetched(
    policy: Policy, asked: Spec | None, after: datetime, until: datetime, kept: Fetched, most: int
) -> list[Row]:
    """The rows since `after`, or since earlier if another panel wanted those; None stands for messages."""
    which = asked and (asked.which.streams(), asked.which.columns, asked.reads_text)
    known = kept.get((which, until))
    if known is None or known[0] > after:
        if asked:
            rows = fetch(asked, after=after, until=until, policy=policy.pk, most=most)
        else:
            rows = messages(policy, after, until, most=most)
        kept[which, until] = known = (after, rows)
    return known[1]


def _grouped(rows: Sequence[Row], asked: Spec) -> dict[Key, list[Row]]:
    """The rows by the values that the panel sets apart; those that lack one are left out."""
    if not asked.by:
        return {(): list(rows)} if rows else {}
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        values = tuple(next((value for name in choices if (value := row.named(name))), "") for choices in asked.by)
        if all(values):
            groups.setdefault(values, []).append(row)
    return groups


def _line(
    key: Key, rows: list[Row], past: list[Row], asked: Spec, wanted: Sequence[str], span: Span, *, compares: bool
) -> Line:
    found = _figures(rows, asked, span)
    before = _of(_figures(past, asked, span.before), wanted[0]) if compares else None
    return Line(
        " · ".join(key), _points(rows, asked, wanted[0], span), _of(found, wanted[0]), before,
        {name: _of(found, name) for name in wanted[1:]},
    )  # fmt: skip


def _figures(rows: Sequence[Row], asked: Spec, span: Span) -> dict[str, Any]:
    """Nothing happened is no data: nobody knows whether there was nothing to tell or nobody to tell it."""
    return figures_of(rows, asked.measure, at=span.end, window=span.length) if rows else {}


def _of(found: Mapping[str, Any], field: str) -> float | None:
    value = found.get(field)
    return None if value is None else float(value)


def slice_of(span: Span) -> timedelta:
    """How long the slices of a curve are: round, and at most MOST_SLICES of them."""
    return next((length for length in SLICES if span.length / length <= MOST_SLICES), SLICES[-1])


def _points(rows: list[Row], asked: Spec, field: str, span: Span) -> list[tuple[datetime, float | None]]:
    """The figure of each slice, at its end; slices begin at round instants, the first and last may be cut."""
    if not rows:
        return []
    length = slice_of(span)
    offset = timedelta(seconds=span.begin.timestamp() % length.total_seconds())
    end, place, points = span.begin - offset, 0, []
    while end < span.end:
        begin, end = max(end, span.begin), end + length
        until, first = min(end, span.end), place
        while place < len(rows) and rows[place].at <= until:
            place += 1
        found = figures_of(rows[first:place], asked.measure, at=until, window=until - begin) if until > begin else {}
        points.append((until, _of(found, field)))
    return points


def messages(policy: Policy, after: datetime, until: datetime, *, most: int = MOST) -> list[Row]:
    """What Opscenter sent for the policy in (after, until], oldest first, in the form of events.

    A message that went another way because the first did not work is about the same `subject`, and says so in its
    label `fallback`: a notification of two messages is one.
    """
    low = _first_since(after)
    if low is None:
        return []
    own = Q(destination__policy=policy) | Q(destination__policy=None)
    rows = Delivery.objects.filter(own, pk__gte=low, created_at__gt=after, created_at__lte=until).order_by("-pk")
    told = list(
        rows.values_list(
            "pk", "created_at", "kind", "purpose", "urgent", "status", "subject", "instead_of", "ended_at", "thread",
            "destination__key", "receipt", "error",
        )[:most]
    )[::-1]  # fmt: skip
    others = _of_others(policy, {thread for *_, thread, _, _, _ in told if thread.startswith("incident:")})
    first: dict[int, int] = {}
    found = []
    for pk, at, kind, purpose, urgent, status, subject, instead_of, ended, thread, place, receipt, error in told:
        if thread in others:
            continue
        first[pk] = first.get(instead_of, instead_of) if instead_of else pk
        labels = {
            "channel": kind, "destination": place or "", "status": status, "receipt": receipt,
            "fallback": "yes" if instead_of else "",
        }  # fmt: skip
        took = (ended - at).total_seconds() if ended else None
        found.append(
            Row(at, "opscenter", purpose, place or kind, str(first[pk]), OUTCOMES.get(status, status),
                "urgent" if urgent else "", f"{subject} {error}".strip(), {k: v for k, v in labels.items() if v}, took,
                at)
        )  # fmt: skip
    return sorted(found, key=lambda row: row.at)


def _first_since(after: datetime) -> int | None:
    """The number of the first message after that instant; numbers grow with time, so a few looks find it."""
    newest = Delivery.objects.order_by("-pk").values_list("pk", "created_at").first()
    oldest = Delivery.objects.order_by("pk").values_list("pk", flat=True).first()
    if newest is None or oldest is None or newest[1] <= after:
        return None
    low, high = oldest, newest[0]
    while high - low > 1000:
        middle = (low + high) // 2
        row = Delivery.objects.filter(pk__gte=middle).order_by("pk").values_list("created_at", flat=True).first()
        low, high = (middle, high) if row is not None and row <= after else (low, middle)
    return max(oldest, low - 1000)  # those written at once may have taken their numbers in another order


def _of_others(policy: Policy, threads: set[str]) -> set[str]:
    """Of these threads those whose incident is of another policy."""
    numbers = sorted(int(n) for thread in threads if (n := thread.partition(":")[2]).isdecimal())
    found: set[str] = set()
    for start in range(0, len(numbers), 500):
        rows = Incident.objects.filter(pk__in=numbers[start : start + 500]).exclude(policy=policy)
        found |= {f"incident:{pk}" for pk in rows.order_by().values_list("pk", flat=True)}
    return found
