"""Who writes a review, who reads it, when they meet, what they say of it, and which incidents it is about."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from icalendar import Calendar, Event

from incidents.models import IllegalMove, Incident
from oncall.models import EscalationContact

from . import actions, drafting, letters
from .models import PostIncidentReview, ReviewAnswer, ReviewComment
from .moving import ReviewRefused

MEETING = timedelta(hours=1)
DATE = "Date of the post-mortem"


@transaction.atomic
def meet(review: PostIncidentReview, when: datetime | None, *, by, at: datetime, place: str = "") -> None:
    """Set when people talk it through (None: not any more); author, reviewers and who held a role are told."""
    if when is not None and when < at and review.meeting_at != when and not review.is_settled:
        raise ReviewRefused("The meeting would lie in the past; choose a date that is to come.")
    if when is not None and review.meeting_at != when and (fault := actions.far_off(DATE, when.date(), at=at)):
        raise ReviewRefused(fault)
    place = place.strip()[:250]
    if (review.meeting_at, review.meeting_place) == (when, place):
        return
    review.meeting_at, review.meeting_place = when, place
    review.save(update_fields=["meeting_at", "meeting_place"])
    told = f"set to {when:%Y-%m-%d %H:%M} UTC{f', {place}' if place else ''}" if when else "taken back"
    for incident in review.incidents:
        incident.log("review_date", f"Date of the post-mortem {told}, says {by}.", at=at, by=by)
    letters.tell_meeting(review, at=at, but=by)


@transaction.atomic
def name(
    review: PostIncidentReview, *, author: EscalationContact | None, reviewers: Iterable[EscalationContact], by, at
) -> None:
    """Say who writes it and who is asked to read it; a new reviewer of a review that is handed in is told at once."""
    if review.author != author:
        review.author = author
        review.save(update_fields=["author"])
        review.incident.log("review", f"The review is written by {author or 'nobody'}, says {by}.", at=at, by=by)
    wanted = {person.pk: person for person in reviewers}
    known = set(review.reviewers.values_list("contact", flat=True))
    review.reviewers.exclude(contact__in=wanted).filter(verdict="").delete()
    for number in [number for number in wanted if number not in known]:
        review.reviewers.create(contact=wanted[number], asked_at=at)
        if review.status == PostIncidentReview.Status.SUBMITTED:
            letters.ask(review, wanted[number], at=at)


@transaction.atomic
def comment(
    review: PostIncidentReview, text: str, *, by, at: datetime, answer: ReviewAnswer | None = None
) -> ReviewComment:
    """Say something of the review or of one answer; its author is told."""
    if not text.strip():
        raise ReviewRefused("Write a comment first.")
    said = review.comments.create(text=text.strip(), by=by, at=at, answer=answer)
    letters.tell_author(review, "comment", text.strip(), at=at, but=by)
    return said


def settle(remark: ReviewComment, *, by, at: datetime) -> None:
    """It is dealt with, or, said once more, not."""
    done = remark.settled_at is None
    remark.settled_at, remark.settled_by = (at, by) if done else (None, None)
    remark.save(update_fields=["settled_at", "settled_by"])


@transaction.atomic
def join(review: PostIncidentReview, incident: Incident, *, by, at: datetime) -> None:
    """Let the review be about this incident too; what is known is read again."""
    if review.status != PostIncidentReview.Status.DRAFT:
        raise ReviewRefused(f"This review is {review.standing}; only a draft takes in another incident.")
    if incident.is_open:
        raise ReviewRefused(f"Incident #{incident.pk} is still open; resolve it first.")
    other = PostIncidentReview.of(incident)
    if other == review:
        raise ReviewRefused(f"This review is about #{incident.pk} already.")
    if other is not None and not _give_up(other):
        raise ReviewRefused(f"Incident #{incident.pk} has a review of its own that people have worked on; go there.")
    review.joined.create(incident=incident, at=at, by=by)
    actions.take_in(review, incident)
    incident.log("review_begun", f"Reviewed together with #{review.incident_id}, says {by}.", at=at, by=by)
    review.incident.log("review", f"The review is about #{incident.pk} too, says {by}.", at=at, by=by)
    drafting.fill(review, at=at)


def _give_up(other: PostIncidentReview) -> bool:
    """Take away a draft that nobody has written on, so that its incident can be reviewed with another."""
    written = other.versions.exclude(why="drafted").exists() or other.comments.exists() or other.joined.exists()
    if written or other.status != PostIncidentReview.Status.DRAFT:
        return False
    other.actions.update(review=None)
    other.delete()
    return True


@transaction.atomic
def part(review: PostIncidentReview, incident: Incident, *, by, at: datetime) -> None:
    """The review is not about this incident after all; a demanded one gets a review of its own."""
    if review.status != PostIncidentReview.Status.DRAFT:
        raise ReviewRefused(f"This review is {review.standing}; only a draft lets an incident go.")
    if not review.joined.filter(incident=incident).delete()[0]:
        raise IllegalMove(f"This review is not about #{incident.pk}.")
    review.incident.log("review", f"The review is not about #{incident.pk} any more, says {by}.", at=at, by=by)
    Incident.objects.filter(pk=incident.pk).update(review_at=at)
    drafting.fill(review, at=at)


def calendar(review: PostIncidentReview, *, url: str, at: datetime) -> bytes:
    """The meeting as a file for calendars; RFC 5545."""
    if review.meeting_at is None:
        raise ReviewRefused("No date is set for this review.")
    event = Event()
    event.add("uid", f"review-{review.pk}@opscenter")
    event.add("dtstamp", at)
    event.add("dtstart", review.meeting_at)
    with suppress(OverflowError):  # a date that was stored before they were looked at; without an end it is valid too
        event.add("dtend", review.meeting_at + MEETING)
    event.add("summary", f"Review: {review.incident}")
    event.add("location", review.meeting_place)
    event.add("url", url)
    page = Calendar()
    page.add("prodid", "-//Opscenter//EN")
    page.add("version", "2.0")
    page.add_component(event)
    return page.to_ical()
