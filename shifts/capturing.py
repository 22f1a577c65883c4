"""Reading the figures of a shift review: at the hand-over, again while one could not be read, and on a press.

What is asked goes out over the network, on the threads of the rules' sources, so nothing here runs while a page is
drawn or inside a transaction. A review is claimed by pushing its due time on; if the process dies, the lease ends.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from alerts import reading, samples
from alerts.evaluation import note_connections, question_of
from alerts.models import AlertRule
from policies.claims import lease
from sources.addresses import address_values
from sources.probes import OWN, Asker, ProbeError
from sources.probes.base import text_of

from . import figures
from .models import ShiftMetric, ShiftReview, ShiftValue

log = logging.getLogger(__name__)
BATCH = 5
PATIENCE = 9.0
"""Seconds for all figures of a review together."""
LEASE = timedelta(minutes=1)
AGAIN = timedelta(minutes=5)
"""After which what could not be read is tried again, while the shift lasts and nobody has signed."""
BACK = timedelta(days=7)
"""How far back it is looked since when a word is the same."""


@dataclass(frozen=True)
class Read:
    """What came of asking for a figure: what was seen, or why nothing was."""

    metric: ShiftMetric
    seen: figures.Seen | None
    fault: str = ""
    answer: reading.Answer | None = None


def capture_due(*, at: datetime, batch: int = BATCH) -> int:
    """Read the figures of the reviews whose time has come; return how many reviews were looked at."""
    due = ShiftReview.objects.filter(capture_at__lte=at).order_by("capture_at", "pk")
    if not due.exists():
        return 0
    claimed = lease(due, due="capture_at", at=at, length=LEASE, batch=batch)
    for review in ShiftReview.objects.filter(pk__in=[row.pk for row in claimed]).select_related("plan__policy"):
        try:
            missing = review.captured_at is not None
            capture(review, at=at, only_missing=missing)
        except Exception:
            log.exception("The figures of the shift review %s could not be read; tried again in a minute.", review.pk)
    return len(claimed)


def capture(review: ShiftReview, *, at: datetime, only_missing: bool = False) -> None:
    """Read the figures of a review and keep what they came to.

    only_missing   leave what was read before as it is
    """
    metrics = {metric.key: metric for metric in review.plan.metrics.prefetch_related("sources__connection")}
    wanted = review.values.exclude(state=ShiftValue.State.READ) if only_missing else review.values.all()
    keys = set(wanted.values_list("key", flat=True))
    found = ask(review, [metric for key, metric in metrics.items() if key in keys], at=at)
    with transaction.atomic():
        _keep(review, found, keys - metrics.keys(), at=at)
    note_connections([one.answer for one in found if one.answer], at=at)


def ask(review: ShiftReview, metrics: Iterable[ShiftMetric], *, at: datetime) -> list[Read]:
    """Ask for these figures, all at once and for PATIENCE together."""
    policy = review.plan.policy
    values, asker = address_values(policy), Asker(policy.pk)
    going, names = reading.Round(), {}
    for metric in metrics:
        names[metric.key] = metric
        questions = [question_of(source, values, asker) for source in metric.sources.all()]
        going.put(metric, [replace(one, variant=one.variant or one.kind) for one in questions], at=at)
    found: dict[str, Read] = {}
    until = time.monotonic() + PATIENCE
    while going.open and (left := until - time.monotonic()) > 0:
        for metric, answer in going.take(wait=left):
            if isinstance(answer, BaseException):
                raise answer
            found[metric.key] = _read(metric, answer)
    late = f"It did not answer within {PATIENCE:g} s."
    return [found.get(key) or Read(metric, None, late) for key, metric in names.items()]


def _read(metric: ShiftMetric, answer: reading.Answer) -> Read:
    if isinstance(answer.readings, ProbeError):
        return Read(metric, None, str(answer.readings), answer)
    how = figures.How(metric.kind, metric.field, metric.of, metric.by, metric.unit, metric.empty)
    kinds = {source.pk: source.kind for source in metric.sources.all()}
    outside = any(not fault and kinds.get(source) not in OWN for source, fault in answer.faults.items())
    unreachable = [one for one in answer.readings if one.fields.get("reachable") is False]
    if unreachable and metric.kind != ShiftMetric.Kind.STATUS:
        return Read(metric, None, str(unreachable[0].fields.get("error") or "It could not be reached."), answer)
    lacking = str(answer.lacking) if answer.lacking else ""
    try:
        seen = figures.see(how, answer.readings, outside=outside)
        if lacking and metric.kind == ShiftMetric.Kind.COUNT and not any(one.value for one in seen.figures):
            return Read(metric, None, lacking, answer)  # that nobody told us of any does not say that there is none
        return Read(metric, seen, lacking, answer)
    except figures.Unreadable as error:
        return Read(metric, None, str(error), answer)


def _keep(review: ShiftReview, found: Iterable[Read], gone: Iterable[str], *, at: datetime) -> None:
    """Store what was read, if the review is still to be signed: what somebody has signed stays as it was seen."""
    row = ShiftReview.objects.select_for_update().get(pk=review.pk)
    if row.state != ShiftReview.State.OPEN or row.over_at:
        ShiftReview.objects.filter(pk=row.pk).update(capture_at=None)
        return
    last = previous(review)
    before = {one.key: one for one in last.values.filter(state=ShiftValue.State.READ)} if last else {}
    rows = {one.key: one for one in row.values.all()}
    for one in found:
        value = rows.get(one.metric.key)
        if value is not None:
            _fill(value, one, before.get(value.key), at=at)
            value.save()
    for key in gone:
        if rows[key].state != ShiftValue.State.READ:
            rows[key].state, rows[key].fault = ShiftValue.State.FAILED, "Its plan has no such figure any more."
            rows[key].save(update_fields=["state", "fault"])
    failed = [one for one in rows.values() if one.state == ShiftValue.State.FAILED and one.key not in set(gone)]
    row.captured_at, row.capture_at = at, at + AGAIN if failed else None
    row.save(update_fields=["captured_at", "capture_at"])
    review.captured_at, review.capture_at = row.captured_at, row.capture_at


def previous(review: ShiftReview) -> ShiftReview | None:
    """The last review before this one whose figures were read."""
    earlier = ShiftReview.objects.filter(plan=review.plan_id, starts_at__lt=review.starts_at)
    return earlier.exclude(captured_at=None).order_by("-starts_at", "-pk").first()


def _fill(value: ShiftValue, read: Read, before: ShiftValue | None, *, at: datetime) -> None:
    value.name, value.kind, value.position = read.metric.name, read.metric.kind, read.metric.position
    value.read_at, value.fault, value.trend, value.before = at, read.fault, "", before.shown if before else ""
    value.since, value.since_known = None, False
    if read.seen is None:
        value.state, value.shown, value.figures = ShiftValue.State.FAILED, "", []
        return
    value.state = ShiftValue.State.READ if read.seen.has_data else ShiftValue.State.NODATA
    value.shown = read.seen.shown[:250]
    now = [one.as_json() for one in read.seen.figures[: figures.MOST]]
    value.figures = figures.trend(now, before.figures if before else [])
    value.trend = figures.overall(value.kind, now, before.figures if before else [])
    if value.kind == ShiftMetric.Kind.STATUS and len(now) == 1:
        value.since, value.since_known = since_when(read.metric, now[0]["shown"], before, at=at)


def since_when(metric: ShiftMetric, word: str, before: ShiftValue | None, *, at: datetime) -> tuple[datetime, bool]:
    """Since when the metric says this word, and whether that is its beginning or only the first time it was seen.

    The stored readings of the rule that reads the same tell it; else the shift before, which may have seen it too.
    """
    since, known = at, False
    if before and before.shown == word:
        since, known = before.since or before.read_at or at, before.since_known
    rule = AlertRule.objects.filter(policy=metric.plan.policy_id, key=metric.since_rule).first()
    if metric.since_rule and rule is not None:
        began: datetime | None = None
        other = False
        for run in samples.runs(rule, since=at - BACK, until=at):
            said = _said(run.read, metric.field)
            if said is None:
                continue  # it could not be asked then: that says nothing
            if said != word:
                began, other = None, True
            elif began is None:
                began = run.at
        if other and began is not None:
            return began, True
        if other:  # it said something else until a moment ago
            return at, True
        if began is not None and began < since:
            since = began
    return since, known


def _said(read: Any, field: str) -> str | None:
    if isinstance(read, ProbeError) or not read:
        return None
    value = next((one.fields.get(field) if field else one.value for one in read), None)
    return None if value is None else " ".join(text_of(value).split())
