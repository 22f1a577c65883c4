"""Which incidents demand a review, and the gate it keeps shut until it is approved."""

from incidents import gates
from incidents.models import Incident
from policies.models import ReviewPlan

from .models import PostIncidentReview


def plan_for(incident: Incident) -> ReviewPlan | None:
    """The policy's review plan when it demands a review of this incident's level."""
    plan = ReviewPlan.objects.filter(policy=incident.policy_id).first()
    if plan and not incident.drill and plan.severities.filter(pk=incident.severity_id).exists():
        return plan
    return None


def required(incident: Incident, to: str) -> str | None:
    """The gate of reviews: what is missing before the incident may become `to`."""
    plan = plan_for(incident)
    if plan is None or plan.before != to:
        return None
    review = PostIncidentReview.objects.filter(incident=incident).first()
    if review is None:
        return "A review is required and has not been begun."
    if review.status not in (PostIncidentReview.Status.APPROVED, PostIncidentReview.Status.PUBLISHED):
        return f"Its review must be approved; it is {review.get_status_display().lower()}."
    return None


@gates.check("review_approved")
def review_approved(incident: Incident) -> str | None:
    review = PostIncidentReview.objects.filter(incident=incident).first()
    approved = (PostIncidentReview.Status.APPROVED, PostIncidentReview.Status.PUBLISHED)
    return None if review and review.status in approved else "Its review must be approved."
