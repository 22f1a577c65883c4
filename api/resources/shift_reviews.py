"""Shift reviews: what each shift looked through, who signed it, and what was missed."""

from typing import Any, Literal

from django.db.models import Prefetch, QuerySet
from ninja import Query, Router
from pydantic import Field

from api.access import Request
from api.paging import Order, got, page
from api.routing import read
from api.shapes import ByTime, Instant, Number, Out, Page
from shifts.models import ManualCheck, ShiftReview, ShiftValue

from .incidents import PersonOut

router = Router()
SCOPE = "shifts:read"
State = Literal["open", "signed", "missed"]


class ShiftReviewOut(Out):
    """A shift review as lists show it."""

    id: int
    policy: str
    schedule: str | None
    people: list[PersonOut] = Field(description="Who is on shift.")
    starts_at: Instant
    ends_at: Instant | None = Field(description="As the schedule says.")
    over_at: Instant | None = Field(description="When the shift ended; none while it lasts.")
    state: State
    signed_by: PersonOut | None
    signed_at: Instant | None
    signed_for: str = Field(description="Why somebody signed who was not on shift.")
    captured_at: Instant | None = Field(description="When the figures were last read.")


class FigureOut(Out):
    """One figure of a metric."""

    label: str
    value: float | None
    shown: str
    trend: str = Field(description="up, down, same, changed or new, against the last shift; empty when not known.")
    before: str


class MetricOut(Out):
    """What a metric was when the shift began."""

    key: str
    name: str
    kind: Literal["value", "rate", "count", "status"]
    state: Literal["waiting", "read", "nodata", "failed"]
    shown: str
    figures: list[FigureOut]
    trend: str
    before: str
    since: Instant | None = Field(description="Of a status: since when.")
    since_known: bool = Field(description="Otherwise it was so at least since then.")
    fault: str
    note: str
    noted_by: PersonOut | None


class ManualOut(Out):
    """What is watched by hand while a switch is off."""

    toggle: str
    text: str
    since: Instant | None
    over_at: Instant | None
    ticked_at: Instant | None
    ticked_by: PersonOut | None


class ShiftReviewDetailOut(ShiftReviewOut):
    """A shift review with its figures and manual checks."""

    metrics: list[MetricOut]
    manual: list[ManualOut]
    note: str


class ShiftReviewQuery(ByTime):
    """Which shift reviews."""

    state: State | None = None
    policy: str | None = Field(None, max_length=80, description="Key of the policy.")


def _person(contact: Any) -> PersonOut:
    found = PersonOut.of(contact)
    assert found is not None
    return found


def _facts(review: ShiftReview) -> dict[str, Any]:
    same = ("starts_at", "ends_at", "over_at", "state", "signed_at", "signed_for", "captured_at")
    return {name: getattr(review, name) for name in same} | {
        "id": review.pk,
        "policy": review.plan.policy.key,
        "schedule": review.schedule.key if review.schedule else None,
        "people": [_person(one) for one in review.people.all()],
        "signed_by": PersonOut.of(review.signed_by),
    }


def _rows() -> QuerySet[ShiftReview]:
    return ShiftReview.objects.select_related("plan__policy", "schedule", "signed_by").prefetch_related("people")


def _metric(value: ShiftValue) -> MetricOut:
    same = ("key", "name", "kind", "state", "shown", "trend", "before", "since", "since_known", "fault", "note")
    figures = [
        FigureOut(
            label=one["label"], value=one["value"], shown=one["shown"], trend=one.get("trend", ""),
            before=one.get("before", ""),
        )
        for one in value.figures
    ]  # fmt: skip
    facts = {name: getattr(value, name) for name in same}
    return MetricOut(**facts, figures=figures, noted_by=PersonOut.of(value.noted_by))


def _manual(check: ManualCheck) -> ManualOut:
    same = ("toggle", "text", "since", "over_at", "ticked_at")
    return ManualOut(**{name: getattr(check, name) for name in same}, ticked_by=PersonOut.of(check.ticked_by))


@read(
    router, "/shift-reviews", scope=SCOPE, out=Page[ShiftReviewOut], id="listShiftReviews", summary="List shift reviews"
)
def list_shift_reviews(request: Request, query: Query[ShiftReviewQuery]) -> Any:
    """The newest first."""
    exact = {"state": query.state, "plan__policy__key": query.policy}
    rows = _rows().filter(**{name: value for name, value in exact.items() if value is not None})
    return page(rows, query, Order("starts_at"), lambda review: ShiftReviewOut(**_facts(review)))


@read(router, "/shift-reviews/{id}", scope=SCOPE, out=ShiftReviewDetailOut, id="getShiftReview", summary="One shift")
def get_shift_review(request: Request, id: Number) -> ShiftReviewDetailOut:
    """With its figures, notes and manual checks."""
    values = Prefetch("values", ShiftValue.objects.select_related("noted_by"))
    checks = Prefetch("checks", ManualCheck.objects.select_related("ticked_by"))
    review = got(_rows().prefetch_related(values, checks), f"shift review {id}", pk=id)
    return ShiftReviewDetailOut(
        **_facts(review), metrics=[_metric(one) for one in review.values.all()],
        manual=[_manual(one) for one in review.checks.all()], note=review.note,
    )  # fmt: skip
