"""What is told of reviews: to authors, reviewers and who took part, by the way each has chosen for what can wait."""

from collections.abc import Iterable
from datetime import UTC, datetime

from django.conf import settings

from incidents import notices
from incidents.models import Incident, TimelineEntry
from incidents.seeing import may_see
from notifications import outbox
from notifications.models import Purpose
from oncall import personal
from oncall.models import EscalationContact, Urgency
from oncall.people import persons

from .models import PostIncidentReview


def ask(review: PostIncidentReview, reviewer: EscalationContact, *, at: datetime) -> None:
    """Ask `reviewer` to read what was handed in."""
    due = f" It is due {_moment(review.due_at)}." if review.due_at else ""
    text = (
        f"{review.author or 'Somebody'} has handed in the review of {_name(review)} and you are asked to read it.{due}"
    )
    _tell(review, [reviewer], f"Please review: {_name(review)}", text, once=f"ask:{at.timestamp():.0f}", at=at)


def tell_author(review: PostIncidentReview, event: str, words: str, *, at: datetime, but=None) -> None:
    """Tell who writes it that it was sent back, or commented on."""
    if review.author is None or review.author == but:
        return
    head = {"sent_back": "Sent back", "comment": "Commented on"}[event]
    text = f"{but or 'Somebody'} says of the review of {_name(review)}: {words}"
    once = f"{event}:{at.timestamp():.3f}"
    _tell(review, [review.author], f"{head}: the review of {_name(review)}", text, once=once, at=at)


def tell_readers(review: PostIncidentReview, *, at: datetime, but=None) -> None:
    """Tell everybody who took part in the incidents that their review is published."""
    numbers = [incident.pk for incident in review.incidents]
    acted = TimelineEntry.objects.filter(incident__in=numbers).exclude(by=None).values("by")
    people = EscalationContact.objects.filter(pk__in=acted, active=True).exclude(pk=but.pk if but else 0)
    text = f"The review of {_name(review)} is published: what happened, what caused it, and what follows."
    _tell(review, people, f"Review published: {_name(review)}", text, once=f"published:{at.timestamp():.0f}", at=at)


def tell_meeting(review: PostIncidentReview, *, at: datetime, but=None) -> None:
    """Tell author, reviewers and who held a role when people meet about it."""
    if review.meeting_at is None:
        return
    held = [row.contact for one in review.incidents for row in one.roles.select_related("contact")]
    people = [review.author, *(row.contact for row in review.reviewers.select_related("contact")), *held]
    known = {person.pk: person for person in people if person and person != but}
    where = f", {review.meeting_place}" if review.meeting_place else ""
    text = f"The review of {_name(review)} is talked through on {_moment(review.meeting_at)}{where}."
    subject = f"Review meeting {_moment(review.meeting_at)}: {_name(review)}"
    _tell(review, known.values(), subject, text, once=f"meeting:{review.meeting_at:%Y%m%d%H%M}", at=at)


def remind(review: PostIncidentReview, *, at: datetime) -> str:
    """Remind whose turn it is, the author or the reviewers, of the deadline; return whom it reaches, in words.

    When it reaches none of them, whoever worked on the incident is reminded, or else the places that were told of it.
    """
    if review.due_at is None:
        return ""
    late = at >= review.due_at
    turn = "It waits to be approved." if review.status == review.Status.SUBMITTED else "It is still a draft."
    standing = f"overdue since {_moment(review.due_at)}" if late else f"due {_moment(review.due_at)}"
    text = f"The review of {_name(review)} is {standing}. {turn}"
    head = "Overdue" if late else "Due soon"
    waiting = [row.contact for row in review.reviewers.select_related("contact") if row.verdict != "approved"]
    asked = waiting if review.status == review.Status.SUBMITTED and waiting else [review.author]
    if review.status == review.Status.SUBMITTED and not waiting:
        text = f"{text} Nobody is asked to review it: name somebody."
    people = [person for person in asked if person]
    once = f"remind:{at:%Y%m%d%H%M}"
    told = _tell(review, people, f"{head}: the review of {_name(review)}", text, once=once, at=at)
    if not told:
        notices.remind(review.incident, "the review", due_at=review.due_at, at=at, once=f"review:{review.pk}:{once}")
    return ", ".join(map(str, told))


def _tell(
    review: PostIncidentReview, people: Iterable[EscalationContact], subject: str, text: str, *, once: str, at: datetime
) -> list[EscalationContact]:
    """Queue it for those of `people` who may know of it and have a way to be told; return them."""
    told = []
    private = [incident for incident in review.incidents if incident.private]
    for person in persons(people, at=at)[0]:
        method = personal.first_method(person, Urgency.LOW)
        if method is None or (private and not _may_know(person, private)):
            continue
        outbox.queue(
            kind=method.kind, address=method.address, secret=method.secret, purpose=Purpose.REMINDER,
            subject=subject[:250], text=text, to=person.name, url=settings.BASE_URL + review.get_absolute_url(), at=at,
            once=f"review:{review.pk}:{once}:{person.pk}"[:120], not_before=personal.quiet_until(person, at=at),
            recipient=f"contact:{person.pk}", thread=review.incident.thread,
            data={"event": "review", "review": review.pk, "incident": review.incident_id, "state": review.status},
        )  # fmt: skip
        told.append(person)
    return told


def _may_know(person: EscalationContact, private: list[Incident]) -> bool:
    return person.user is not None and all(may_see(person.user, incident) for incident in private)


def _name(review: PostIncidentReview) -> str:
    return str(review.incident)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
