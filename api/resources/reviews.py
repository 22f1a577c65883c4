"""Post-incident reviews: what was learnt, and what shall change."""

from datetime import date
from typing import Any, Literal

from django.db.models import Prefetch, Q, QuerySet
from ninja import Query, Router
from pydantic import Field

from api.access import Request
from api.paging import Order, got, page
from api.routing import read
from api.shapes import ByTime, Instant, InstantIn, Number, Out, Page
from incidents.seeing import hidden
from reviews.models import ActionItem, PostIncidentReview, ReviewAnswer

from .incidents import PersonOut

router = Router()
SCOPE = "reviews:read"
State = Literal["draft", "submitted", "approved", "published", "skipped"]


class ReviewOut(Out):
    """A review as lists show it."""

    id: int
    incident: int
    title: str = Field(description="Of its incident.")
    state: State
    author: PersonOut | None
    approver: PersonOut | None
    created_at: Instant
    due_at: Instant | None
    submitted_at: Instant | None
    approved_at: Instant | None
    published_at: Instant | None
    meeting_at: Instant | None = Field(description="When people talk it through.")
    skip_reason: str = Field(description="Why it was left out; empty when it was not.")


class FactorOut(Out):
    """Something that contributed, with its kind."""

    category: str
    text: str


class AnswerOut(Out):
    """A question as the policy asked it, and its answer."""

    section: str
    key: str
    kind: str = Field(description="How it is answered: text, yes_no, time, duration, number, choice, whys, factors …")
    prompt: str
    required: bool
    text: str
    data: dict[str, Any] = Field(description="The answer's parts, as its kind has them.")


class ActionOut(Out):
    """What shall change, who does it and until when."""

    id: int
    title: str
    owner: PersonOut | None
    due_on: date | None
    done_at: Instant | None


class ReviewDetailOut(ReviewOut):
    """A review with its answers and action items."""

    summary: str
    timeline: str = Field(description="Markdown.")
    incidents: list[int] = Field(description="Numbers of all it is about, the main one first.")
    answers: list[AnswerOut]
    factors: list[FactorOut]
    actions: list[ActionOut]


class ReviewQuery(ByTime):
    """Which reviews."""

    state: State | None = None
    incident: Number | None = Field(None, description="Number of its incident.")
    due_before: InstantIn | None = Field(None, description="Due before.")


def _facts(review: PostIncidentReview) -> dict[str, Any]:
    same = ("created_at", "due_at", "submitted_at", "approved_at", "published_at", "meeting_at", "skip_reason")
    return {name: getattr(review, name) for name in same} | {
        "id": review.pk,
        "incident": review.incident_id,
        "title": review.incident.title,
        "state": review.status,
        "author": PersonOut.of(review.author),
        "approver": PersonOut.of(review.approver),
    }


def _rows(user: Any) -> QuerySet[PostIncidentReview]:
    rows = PostIncidentReview.objects.select_related("incident", "author", "approver")
    unseen = hidden(user)
    return rows.exclude(Q(incident__in=unseen) | Q(joined__incident__in=unseen)) if unseen else rows


def _answer(answer: ReviewAnswer) -> AnswerOut:
    return AnswerOut(**{name: getattr(answer, name) for name in AnswerOut.model_fields})


def _action(item: ActionItem) -> ActionOut:
    owner = PersonOut.of(item.owner)
    return ActionOut(id=item.pk, title=item.title, owner=owner, due_on=item.due_on, done_at=item.done_at)


@read(router, "/reviews", scope=SCOPE, out=Page[ReviewOut], id="listReviews", summary="List reviews")
def list_reviews(request: Request, query: Query[ReviewQuery]) -> Any:
    """The newest first."""
    exact = {"status": query.state, "incident": query.incident, "due_at__lt": query.due_before}
    rows = _rows(request.caller.user).filter(**{name: value for name, value in exact.items() if value is not None})
    return page(rows, query, Order("created_at"), lambda review: ReviewOut(**_facts(review)))


@read(router, "/reviews/{id}", scope=SCOPE, out=ReviewDetailOut, id="getReview", summary="One review")
def get_review(request: Request, id: Number) -> ReviewDetailOut:
    """With its answers and action items."""
    items = Prefetch("actions", ActionItem.objects.select_related("owner"))
    whole = _rows(request.caller.user).prefetch_related("answers", "factors", items)
    review = got(whole, f"review {id}", pk=id)
    return ReviewDetailOut(
        **_facts(review), summary=review.summary, timeline=review.timeline,
        incidents=[incident.pk for incident in review.incidents],
        answers=[_answer(answer) for answer in review.answers.all()],
        factors=[FactorOut(category=one.category, text=one.text) for one in review.factors.all()],
        actions=[_action(item) for item in review.actions.all()],
    )  # fmt: skip
