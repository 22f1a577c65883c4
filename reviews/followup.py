"""Incidents that want a review get one; reviews that fall due are reminded of."""

from datetime import datetime, timedelta

from incidents import notices
from incidents.models import Incident, Status
from policies.claims import sweep

from . import drafting, gate
from .models import PostIncidentReview

AGAIN = timedelta(days=1)
DONE = [PostIncidentReview.Status.APPROVED, PostIncidentReview.Status.PUBLISHED]


def remind_due(*, at: datetime) -> int:
    """Draft the reviews that resolved incidents need, and remind of those that fall due."""
    wanted = Incident.objects.filter(review_at__lte=at).select_related("policy", "severity").order_by("review_at", "pk")
    drafted = sweep(wanted, due="review_at", at=at, work=_draft)
    due = PostIncidentReview.objects.filter(remind_at__lte=at).select_related("incident__policy", "incident__severity")
    return drafted + sweep(due.order_by("remind_at", "pk"), due="remind_at", at=at, work=_remind)


def _draft(incident: Incident, *, at: datetime) -> None:
    Incident.objects.filter(pk=incident.pk).update(review_at=None)
    if incident.status == Status.RESOLVED and gate.plan_for(incident):
        drafting.begin(incident, at=at)


def _remind(review: PostIncidentReview, *, at: datetime) -> None:
    rows = PostIncidentReview.objects.filter(pk=review.pk)
    if review.status in DONE or review.due_at is None:
        rows.update(remind_at=None)
    elif at >= review.due_at:
        rows.update(remind_at=at + AGAIN, overdue_at=review.overdue_at or at)
        text = f"The review is overdue since {review.due_at:%Y-%m-%d %H:%M} UTC."
        review.incident.log("review_overdue", text, at=at)
        once = f"review:{review.pk}:{at:%Y%m%d}"
        notices.remind(review.incident, "the review", due_at=review.due_at, at=at, once=once)
    else:
        rows.update(remind_at=review.due_at)
        once = f"review:{review.pk}:before"
        notices.remind(review.incident, "the review", due_at=review.due_at, at=at, once=once)
