"""What happens to an incident makes reports: those that its policy wants stored then, and sent to whoever is named."""

import logging
from datetime import datetime

from incidents.models import Incident
from incidents.models.incident import heard
from notifications import senders
from reviews.models import PostIncidentReview

from . import mailing, storing, writing
from .engine import BadTemplate
from .models import ReportTemplate

log = logging.getLogger(__name__)


def register() -> None:
    """Called once at start-up."""
    heard("resolved", "closed", "review")(follow)
    senders.FILES["report"] = mailing.attachment


def follow(incident: Incident, entry) -> None:
    """Store and send what the policy wants when this has happened; database work alone, and never in its way."""
    happened = entry.kind
    if happened == "review":
        review = PostIncidentReview.of(incident)
        if review is None or review.status != PostIncidentReview.Status.APPROVED or review.incident_id != incident.pk:
            return
        happened = "approved"
    if incident.drill:
        return
    for row in ReportTemplate.objects.filter(policy=incident.policy_id).prefetch_related("parts"):
        if happened in row.store_on:
            _store(row, incident, at=entry.at)


def _store(row: ReportTemplate, incident: Incident, *, at: datetime) -> None:
    incident = Incident.objects.select_related("policy", "severity", "service").get(pk=incident.pk)
    try:
        report = storing.store(writing.of_row(row, incident.policy), incident, at=at, by=None)
    except BadTemplate as fault:
        log.error("The report %s of incident %s was not stored: %s", row.key, incident.pk, fault)
        incident.log("report_failed", f"The report {row.name} was not stored: {fault}", at=at)
        return
    if incident.private:
        return  # who may see it is named on it; nobody else is told
    mailing.tell(report, row.destinations.all(), at=at)
    if contacts := list(row.contacts.all()):
        try:
            mailing.send(report, contacts=contacts, by=None, at=at)
        except storing.ReportRefused as refusal:
            incident.log("report_failed", f"{report} was not sent: {refusal}", at=at)
