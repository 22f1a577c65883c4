"""Which incidents demand a review, and the gates it keeps shut until it is approved, left out, or its date is set."""

from incidents import gates, page
from incidents.models import Incident, Status
from policies.models import ReviewPlan

from .models import PostIncidentReview


def plan_for(incident: Incident) -> ReviewPlan | None:
    """The policy's review plan when it demands a review of this incident's level."""
    plan = ReviewPlan.objects.filter(policy=incident.policy_id).first()
    if plan and not incident.drill and plan.severities.filter(pk=incident.severity_id).exists():
        return plan
    return None


def standing_before(incident: Incident):
    """The plan that demands a review before what the incident may become next; for `presence`."""
    moves = page.NEXT.get(Status(incident.status), [])
    return ReviewPlan.objects.filter(policy=incident.policy_id, severities=incident.severity_id, before__in=moves)


def required(incident: Incident, to: str) -> str | None:
    """The gate of reviews: what is missing before the incident may become `to`."""
    plan: ReviewPlan | None = getattr(incident.policy, "review_plan", None)  # read once for all moves of a page
    if plan is None or plan.before != to or plan_for(incident) is None:
        return None
    review = PostIncidentReview.of(incident)
    if review is None:
        return "A review is required and has not been begun."
    if not review.is_settled:
        return f"Its review must be approved; it is {review.standing}."
    return None


@gates.check("review_approved")
def review_approved(incident: Incident) -> str | None:
    """Somebody has approved its review, or left it out with a reason."""
    review = PostIncidentReview.of(incident)
    return None if review and review.is_settled else "Its review must be approved."


@gates.check("review_date_set")
def review_date_set(incident: Incident) -> str | None:
    """People know when they will talk its review through, or it is over, or left out with a reason."""
    review = PostIncidentReview.of(incident)
    return None if review and (review.meeting_at or review.is_settled) else "Set the date of the post-mortem."
