"""Incidents that want a review get one; reviews that fall due are reminded of."""

from datetime import UTC, datetime, timedelta

from incidents.models import Incident, Status
from policies.claims import sweep

from . import drafting, gate, letters
from .models import PostIncidentReview

AGAIN = timedelta(days=1)


def remind_due(*, at: datetime) -> int:
    """Draft the reviews that resolved incidents need, and remind of those that fall due."""
    wanted = Incident.objects.filter(review_at__lte=at).select_related("policy", "severity").order_by("review_at", "pk")
    drafted = sweep(wanted, due="review_at", at=at, work=_draft)
    due = PostIncidentReview.objects.filter(remind_at__lte=at).select_related(
        "incident__policy", "incident__severity", "author"
    )
    return drafted + sweep(due.order_by("remind_at", "pk"), due="remind_at", at=at, work=_remind)


def _draft(incident: Incident, *, at: datetime) -> None:
    """Draft the review that is demanded, or the one that was begun while the incident was open."""
    Incident.objects.filter(pk=incident.pk).update(review_at=None)
    if incident.status != Status.RESOLVED:
        return
    review = PostIncidentReview.of(incident)
    if review and review.status != PostIncidentReview.Status.DRAFT:
        return  # handed in, approved or left out: it stands as people left it
    if review and review.filled_at:
        drafting.renew(review, at=at)  # one that it was joined to, or that it had before it was reopened
    elif review or gate.plan_for(incident):
        drafting.begin(incident, at=at)


def _remind(review: PostIncidentReview, *, at: datetime) -> None:
    rows = PostIncidentReview.objects.filter(pk=review.pk)
    if review.is_settled or review.due_at is None:
        rows.update(remind_at=None)
        return
    late = at >= review.due_at
    rows.update(remind_at=at + AGAIN if late else review.due_at)
    told = letters.remind(review, at=at)
    if late:
        rows.update(overdue_at=review.overdue_at or at)
        whom = f" Told: {told}." if told else ""
        text = f"The review is overdue since {review.due_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC.{whom}"
        review.incident.log("review_overdue", text, at=at)
