"""The moves of a review: handed in, approved, sent back, published, left out with a reason, taken up again."""

from datetime import datetime

from django.db import transaction

from incidents import targets
from incidents.models import IllegalMove
from policies.models import ReviewPlan

from . import kinds, letters, versions
from .models import PostIncidentReview, Reviewer

Status = PostIncidentReview.Status


class ReviewRefused(IllegalMove):
    """A review cannot make this move yet; the text names what is missing."""


def lacking(review: PostIncidentReview) -> list[str]:
    """What is to be answered before the review can be handed in, each as the question with what is missing of it."""
    found = []
    for answer in review.answers.order_by("position"):
        words = kinds.missing(answer.kind, answer.text, answer.data, answer.required)
        if words:
            found.append(answer.prompt if words == "an answer" else f"{answer.prompt} (needs {words})")
    return found


@transaction.atomic
def submit(review: PostIncidentReview, *, by, at: datetime) -> None:
    """Hand the draft in; every required answer must be given. Its reviewers are told."""
    if review.incident.is_open:
        raise ReviewRefused(f"Incident #{review.incident_id} is still open; resolve it before you hand its review in.")
    if missing := lacking(review):
        raise ReviewRefused(f"Answer these before you submit: {'; '.join(missing)}")
    _move(review, Status.SUBMITTED, at=at, by=by, why="submitted", submitted_at=at)
    review.reviewers.update(verdict="", verdict_at=None, note="")
    for reviewer in review.reviewers.select_related("contact"):
        letters.ask(review, reviewer.contact, at=at)


@transaction.atomic
def approve(review: PostIncidentReview, *, by, at: datetime) -> bool:
    """Accept what was handed in; whether enough people have done so, and the gate it kept shut is open."""
    review = _locked(review)
    if review.status != Status.SUBMITTED:
        raise ReviewRefused(f"The review is {review.standing} and cannot become approved.")
    if by is not None:
        _say(review, by, Reviewer.Verdict.APPROVED, at=at)
    wanted = _plan(review).approvals
    said = review.reviewers.filter(verdict=Reviewer.Verdict.APPROVED).count()
    if by is not None and said < wanted:
        review.incident.log("review", f"Review approved by {by}; {wanted - said} more must approve it.", at=at, by=by)
        return False
    _move(review, Status.APPROVED, at=at, by=by, why="approved", approved_at=at, approver=by, remind_at=None)
    for incident in review.incidents:
        targets.meet(incident, "review", at=at, by=by)
    return True


@transaction.atomic
def send_back(review: PostIncidentReview, *, by, at: datetime, reason: str) -> None:
    """Back to draft, with what is wanted; its deadline counts again, and what was public is withdrawn."""
    if not reason.strip():
        raise ReviewRefused("Say what is missing, so that the author can mend it.")
    if review.status == Status.SKIPPED:
        raise ReviewRefused("The review is left out; it can be taken up, not sent back.")
    facts = {"approved_at": None, "approver": None, "published_at": None, "public_at": None, "submitted_at": None}
    _move(
        review,
        Status.DRAFT,
        at=at,
        by=by,
        why="sent back",
        note=reason.strip(),
        remind_at=review.due_at and at,
        **facts,
    )
    if by is not None and review.reviewers.filter(contact=by).exists():
        _say(review, by, Reviewer.Verdict.WANTS_MORE, at=at, note=reason.strip()[:500])
    letters.tell_author(review, "sent_back", reason.strip(), at=at, but=by)


@transaction.atomic
def publish(review: PostIncidentReview, *, by, at: datetime) -> None:
    """It is final, and everybody who took part is told where it can be read."""
    _move(review, Status.PUBLISHED, at=at, by=by, why="published", published_at=at)
    letters.tell_readers(review, at=at, but=by)


@transaction.atomic
def skip(review: PostIncidentReview, *, by, at: datetime, reason: str, may_approve: bool, demanded: bool) -> None:
    """Leave the review out, with a reason that stays; a demanded one only as its policy allows."""
    if not reason.strip():
        raise ReviewRefused("Say why no review is needed; the reason stays with the incident.")
    who = _plan(review).skip
    if demanded and who == ReviewPlan.Skip.NOBODY:
        raise ReviewRefused("The policy demands this review, and nobody may leave it out.")
    if demanded and who == ReviewPlan.Skip.APPROVER and not may_approve:
        raise ReviewRefused("The policy demands this review; only somebody who may approve reviews can leave it out.")
    _move(
        review, Status.SKIPPED, at=at, by=by, why="left out", note=reason.strip(), skip_reason=reason.strip(),
        skipped_by=by, skipped_at=at, remind_at=None,
    )  # fmt: skip


@transaction.atomic
def take_up(review: PostIncidentReview, *, by, at: datetime) -> None:
    """Write a review that had been left out."""
    if review.status != Status.SKIPPED:
        raise ReviewRefused(f"The review is {review.standing}; it was not left out.")
    _move(
        review, Status.DRAFT, at=at, by=by, why="taken up", skip_reason="", skipped_by=None, skipped_at=None,
        remind_at=review.due_at and at,
    )  # fmt: skip


def _plan(review: PostIncidentReview) -> ReviewPlan:
    return ReviewPlan.objects.filter(policy=review.incident.policy_id).first() or ReviewPlan()


def _locked(review: PostIncidentReview) -> PostIncidentReview:
    PostIncidentReview.objects.select_for_update(of=("self",)).get(pk=review.pk)
    review.refresh_from_db()
    return review


def _say(review: PostIncidentReview, by, verdict: str, *, at: datetime, note: str = "") -> None:
    facts = {"verdict": verdict, "verdict_at": at, "note": note}
    Reviewer.objects.update_or_create(
        review=review, contact=by, defaults=facts, create_defaults={**facts, "asked_at": at}
    )


def _move(review: PostIncidentReview, to: str, *, at: datetime, by, why: str, note: str = "", **facts) -> None:
    rows = PostIncidentReview.objects.filter(pk=review.pk, status=review.status)
    allowed = PostIncidentReview.MOVES[Status(review.status)]
    if to not in allowed or not rows.update(status=to, **facts):
        review.refresh_from_db(fields=["status"])
        raise ReviewRefused(f"The review is {review.standing} and cannot become {str(Status(to).label).lower()}.")
    review.refresh_from_db()
    versions.keep(review, why, by=by, at=at)
    words = f"Review {why} by {by or 'Opscenter'}{': ' + note if note else ''}."
    for incident in review.incidents:
        incident.log("review", words, at=at, by=by, data={"review": review.pk, "status": str(to)})
