"""What an incident's page says of its review: where it stands, when people talk it through, what it is joined to."""

from typing import Any

from incidents import page
from incidents.models import Incident

from .models import JoinedIncident, PostIncidentReview

JOINED = "joined_review"


def given(context: dict[str, Any]) -> dict[str, Any]:
    """The review that covers the incident, its own as the page has read it; nothing for who may not read reviews."""
    incident: Incident = context["incident"]
    if not context["reads_reviews"] or incident.status in ("merged", "false_positive"):
        return {"covering": None, "plans_review": False, "left_out_by_approvers": False}
    covering: PostIncidentReview | None = getattr(incident, "review", None)
    if covering is None and JOINED in context["has"]:
        covering = PostIncidentReview.of(incident)
    planned = "review_plan" in context["has"] or covering is not None
    waits = covering is None or covering.status == PostIncidentReview.Status.DRAFT
    open_to = planned and waits and incident.status != "closed"
    return {
        "covering": covering,
        "joined_to": covering.incident_id if covering and covering.incident_id != incident.pk else None,
        "plans_review": open_to and context["writes_reviews"],
        "left_out_by_approvers": open_to and not context["writes_reviews"],
    }


def joined(incident: Incident):
    return JoinedIncident.objects.filter(incident=incident)


CARD = page.Card("review", "reviews/card.html", given)
