"""Tuning: what rules did and were worth, the review of each month, and proposed changes."""

import datetime as dt
from typing import Any, Literal

from django.db.models import QuerySet
from ninja import Query, Router
from pydantic import BaseModel, Field

from alerts.models import AlertRule
from analytics import tuning
from analytics.models import Proposal, ThresholdReview
from api.access import Request
from api.paging import Order, got, page
from api.routing import read
from api.shapes import ByKey, Instant, Number, Out, Page, Seconds, Text

from .figures import Day
from .incidents import PersonOut

router = Router()
SCOPE = "tuning:read"
State = Literal["open", "applied", "refused", "reverted"]


class FiguresOut(Out):
    """What a rule did in a time, and what it was worth."""

    fired: int = Field(description="How often its alerts began; drills are left out.")
    false_positives: int
    not_actionable: int
    marked: int = Field(description="Of how many somebody said what they were worth.")
    acted: int = Field(
        description="How many joined an incident that was ever acknowledged, by a person or in a system where somebody "
        "took it (also one that theirs was merged into); false positives left out."
    )
    held: int = Field(description="How many joined no incident.")
    false_share: float | None = Field(description="Percent; null without an alert.")
    actionable_share: float | None = Field(description="Percent that nobody called false or not actionable.")
    firing_time: Seconds = Field(
        description="How long its alerts fired within the time, added up; also of those that began before it."
    )
    signs: list[str] = Field(description="What is odd.", examples=[["never fired"]])


class RuleTuningOut(FiguresOut):
    """The figures of a rule in the last days."""

    rule: int
    policy: str
    key: str
    since: Instant
    until: Instant


class ThresholdReviewOut(FiguresOut):
    """A rule in a calendar month of its policy's zone, and what was decided."""

    id: int
    policy: str
    rule: str = Field(description="Key of the rule.")
    month: dt.date = Field(description="Its first day.")
    ack_median: Seconds | None = Field(description="Median seconds from detection to first acknowledgement.")
    decision: Literal["", "keep", "tune", "drop"]
    note: str
    signed_by: PersonOut | None
    signed_at: Instant | None
    reminded_at: Instant | None


class ProposalOut(Out):
    """A change of one value of a rule."""

    id: int
    policy: str
    rule: str = Field(description="Key of the rule.")
    field: str = Field(examples=["when", "P1.for", "param.LIMIT"])
    old: Any = Field(description="The value when it was proposed; reverting restores it.")
    new: Any
    why: str
    evidence: dict[str, Any] = Field(description="What the back-test said.")
    state: State
    by: PersonOut | None = Field(description="Null: Opscenter itself.")
    made_at: Instant
    decided_by: PersonOut | None
    decided_at: Instant | None
    reverted_at: Instant | None


class DaysQuery(BaseModel):
    """How far back."""

    days: int = Field(30, ge=1, le=366)


class ReviewQuery(ByKey):
    """Which reviews."""

    policy: Text | None = Field(None, description="Key of a policy.")
    month: Day | None = Field(None, description="First day of the month.")


class ProposalQuery(ByKey):
    """Which proposals."""

    policy: Text | None = Field(None, description="Key of a policy.")
    state: State | None = None


FIGURES = ("fired", "false_positives", "not_actionable", "marked", "acted", "held", "false_share", "actionable_share",
           "firing_time", "signs")  # fmt: skip


def _figures(row: tuning.Figures | ThresholdReview) -> dict[str, Any]:
    return {name: getattr(row, name) for name in FIGURES}


def _review(row: ThresholdReview) -> ThresholdReviewOut:
    same = ("month", "ack_median", "decision", "note", "signed_at", "reminded_at")
    return ThresholdReviewOut(
        id=row.pk, policy=row.rule.policy.key, rule=row.rule.key, signed_by=PersonOut.of(row.signed_by),
        **_figures(row), **{name: getattr(row, name) for name in same},
    )  # fmt: skip


def _proposal(row: Proposal) -> ProposalOut:
    same = ("field", "old", "new", "why", "evidence", "state", "made_at", "decided_at", "reverted_at")
    return ProposalOut(
        id=row.pk, policy=row.rule.policy.key, rule=row.rule.key, by=PersonOut.of(row.by),
        decided_by=PersonOut.of(row.decided_by), **{name: getattr(row, name) for name in same},
    )  # fmt: skip


def _reviews() -> QuerySet[ThresholdReview]:
    return ThresholdReview.objects.select_related("rule__policy", "signed_by")


def _proposals() -> QuerySet[Proposal]:
    return Proposal.objects.select_related("rule__policy", "by", "decided_by")


@read(router, "/rules/{id}/tuning", scope=SCOPE, out=RuleTuningOut, id="getRuleTuning", summary="What a rule was worth")
def rule_tuning(request: Request, id: Number, query: Query[DaysQuery]) -> RuleTuningOut:
    """Of the last days until now."""
    row = got(AlertRule.objects.select_related("policy"), f"rule {id}", pk=id)
    since = request.at - dt.timedelta(days=query.days)
    one = tuning.figures([row], since=since, until=request.at)[row.pk]
    return RuleTuningOut(rule=row.pk, policy=row.policy.key, key=row.key, since=since, until=request.at,
                         **_figures(one))  # fmt: skip


@read(
    router, "/threshold-reviews", scope=SCOPE, out=Page[ThresholdReviewOut], id="listThresholdReviews",
    summary="List monthly reviews",
)  # fmt: skip
def list_reviews(request: Request, query: Query[ReviewQuery]) -> Any:
    """The newest first."""
    exact = {"rule__policy__key": query.policy, "month": query.month}
    rows = _reviews().filter(**{name: value for name, value in exact.items() if value is not None})
    return page(rows, query, Order(), _review)


@read(
    router, "/threshold-reviews/{id}", scope=SCOPE, out=ThresholdReviewOut, id="getThresholdReview",
    summary="One monthly review",
)  # fmt: skip
def get_review(request: Request, id: Number) -> ThresholdReviewOut:
    """A rule in a month."""
    return _review(got(_reviews(), f"threshold review {id}", pk=id))


@read(router, "/proposals", scope=SCOPE, out=Page[ProposalOut], id="listProposals", summary="List proposed changes")
def list_proposals(request: Request, query: Query[ProposalQuery]) -> Any:
    """The newest first."""
    exact = {"rule__policy__key": query.policy, "state": query.state}
    rows = _proposals().filter(**{name: value for name, value in exact.items() if value is not None})
    return page(rows, query, Order(), _proposal)


@read(router, "/proposals/{id}", scope=SCOPE, out=ProposalOut, id="getProposal", summary="One proposed change")
def get_proposal(request: Request, id: Number) -> ProposalOut:
    """With what its back-test said."""
    return _proposal(got(_proposals(), f"proposal {id}", pk=id))
