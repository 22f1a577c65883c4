"""What is timed in an incident: the one definition of each length, which pages, files, reports and the API go by.

`MEASURES` says from which milestone to which a length runs; the set-wise count in analytics reads the same columns, and
`length` is the same for one incident.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Subquery, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from .models import Incident, Status, TimelineEntry


@dataclass(frozen=True)
class Measure:
    """One length: `start` and `end` are milestones; `real` leaves out false positives, which nothing had to restore."""

    key: str
    short: str
    name: str
    start: str
    end: str
    words: str
    real: bool = False


MEASURES = {
    one.key: one
    for one in (
        Measure(
            "acknowledge", "MTTA", "Time to acknowledge", "detected", "acknowledged",
            "From the detection to the first acknowledgement, by a person or by the system where somebody took it. "
            "What nobody acknowledged has no such time, and neither adds to it nor lowers it. An incident that was "
            "reopened, or merged and taken apart again, keeps its first acknowledgement. A corrected time counts "
            "as it was corrected.",
        ),
        Measure(
            "mitigate", "MTTM", "Time to mitigate", "detected", "mitigated",
            "From the detection to the moment the harm was held; an incident that was resolved without that step "
            "counts as mitigated when it was resolved. False positives are left out.", real=True,
        ),
        Measure(
            "resolve", "MTTR", "Time to resolve", "detected", "resolved",
            "From the detection to the resolution, by a person or by itself; time on hold is not taken off. Of an "
            "incident that was reopened the last resolution counts. False positives are left out.", real=True,
        ),
        Measure(
            "notify", "MTTN", "Time to notify", "detected", "notified",
            "From the detection to the first message that was queued for it, to a person or to a place.",
        ),
        Measure(
            "detect", "MTTD", "Time to detect", "started", "detected",
            "From the beginning of the harm, where somebody has said it, to the detection. False positives are left "
            "out.", real=True,
        ),
    )
}  # fmt: skip
"""By key, in the order in which they are shown."""


def length(incident: Incident, key: str) -> timedelta | None:
    """How long what `key` measures took in this incident; None: it has not happened, or does not count."""
    measure = MEASURES[key]
    if measure.real and incident.status == Status.FALSE_POSITIVE:
        return None
    start, end = _instant(incident, measure.start), _instant(incident, measure.end)
    return end - start if start and end else None


def first_acknowledged(incident: Incident) -> datetime | None:
    """When it was first acknowledged, as it was last put right.

    A reopening takes the milestone away; the timeline has it still, with what was corrected until then.
    """
    if not incident.reopened:
        return incident.acknowledged_at
    first = None
    entries = incident.timeline.filter(kind__in=["acknowledged", "milestone", "reopened"]).order_by("pk")
    for kind, at, data in entries.values_list("kind", "at", "data"):
        if kind == "acknowledged":
            first = first or at
        elif first and kind == "reopened":
            return first
        elif first and data.get("milestone") == "acknowledged":
            first = datetime.fromisoformat(data["to"])
    return incident.acknowledged_at  # first acknowledged since it was last reopened, or never


def first_acknowledgement(path: str = "") -> Case:
    """The same as a column of many rows.

    path  from the row to its incident, such as `incident__`; none: the row is the incident
    """
    now = F(f"{path}acknowledged_at")
    # each row here is a reopening, and these are what was written before it
    before = TimelineEntry.objects.filter(incident=OuterRef("incident"), pk__lt=OuterRef("pk"))
    taken = before.filter(kind="acknowledged").order_by("pk")
    put_right = before.filter(kind="milestone", data__milestone="acknowledged").order_by("-pk")
    to = Cast(Subquery(put_right.annotate(to=KT("data__to")).values("to")[:1]), DateTimeField())
    over = TimelineEntry.objects.filter(Exists(taken), incident=OuterRef(f"{path}pk"), kind="reopened").order_by("pk")
    kept = over.annotate(first=Coalesce(to, Subquery(taken.values("at")[:1]))).values("first")[:1]
    never = When(**{f"{path}reopened": 0}, then=now)
    return Case(never, default=Coalesce(Subquery(kept), now), output_field=DateTimeField())


def _instant(incident: Incident, milestone: str) -> datetime | None:
    return first_acknowledged(incident) if milestone == "acknowledged" else getattr(incident, f"{milestone}_at")
