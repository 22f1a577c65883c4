"""Reports where people look for them: on the incident's page, in its dossier, on the review."""

from collections.abc import Iterable

from django.urls import reverse

from evidence import dossier
from incidents import page, presence
from incidents.models import Incident
from incidents.page import Card
from reviews import exports
from reviews.models import PostIncidentReview

from .models import Report


def given(context: dict) -> dict:
    """What was stored of the incident; one query, and none while there is nothing."""
    incident = context["incident"]
    rows = incident.reports.defer("text").order_by("-at", "-pk")[:5] if "reports" in context["has"] else []
    return {"reports": list(rows), "over": not incident.is_open}


CARD = Card("reports", "reports/card.html", given)


def in_dossier(incident: Incident) -> Iterable[tuple[str, bytes]]:
    """Every stored version, in Markdown."""
    for row in Report.objects.filter(incident=incident).order_by("pk"):
        yield f"reports/{row.filename.removeprefix(f'incident-{incident.pk}-')}.md", row.text.encode()


def on_review(review: PostIncidentReview, user) -> list[tuple[str, str]]:
    """Label and address of what can be made of the review's incident."""
    if not user.has_perm("reports.view_report"):
        return []
    return [("Reports", reverse("incident-reports", args=[review.incident_id]))]


def register() -> None:
    """Called once at start-up."""
    if CARD not in page.CARDS:
        page.CARDS.append(CARD)
    presence.ASKED["reports"] = lambda incident: Report.objects.filter(incident=incident)
    if in_dossier not in dossier.PARTS:
        dossier.PARTS.append(in_dossier)
    if on_review not in exports.EXPORTS:
        exports.EXPORTS.append(on_review)
