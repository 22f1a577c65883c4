"""What people do on the page of a review, each by a name, with the right it needs and what is said afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.shortcuts import get_object_or_404

from incidents import seeing

from . import drafting, gate, moving, people
from .forms import MeetingForm, PeopleForm
from .models import PostIncidentReview
from .moving import ReviewRefused

CHANGE, APPROVE = "reviews.change_postincidentreview", "reviews.approve_postincidentreview"
PUBLISH, SAY = "reviews.publish_postincidentreview", "incidents.respond_incident"


@dataclass(frozen=True)
class Deed:
    """`act` gets the request, the review, who does it and when; it returns what is said instead of `done`, or None.

    rights  any one of them will do
    """

    rights: tuple[str, ...]
    done: str
    act: Callable[..., str | None]

    def may(self, user: Any) -> bool:
        return any(user.has_perm(right) for right in self.rights)

    @property
    def needs(self) -> str:
        """For who may not do it."""
        return f"This needs the right {' or '.join(right.split('.')[1] for right in self.rights)}."


def _submit(request, review: PostIncidentReview, *, by, at: datetime) -> None:
    moving.submit(review, by=by, at=at)


def _approve(request, review: PostIncidentReview, *, by, at: datetime) -> str | None:
    return None if moving.approve(review, by=by, at=at) else "Approved; more people must approve it."


def _send_back(request, review: PostIncidentReview, *, by, at: datetime) -> None:
    moving.send_back(review, by=by, at=at, reason=request.POST.get("reason", ""))


def _publish(request, review: PostIncidentReview, *, by, at: datetime) -> None:
    moving.publish(review, by=by, at=at)


def _skip(request, review: PostIncidentReview, *, by, at: datetime) -> None:
    skip(review, request.user, by=by, at=at, reason=request.POST.get("reason", ""))


def skip(review: PostIncidentReview, user: Any, *, by, at: datetime, reason: str) -> None:
    """Leave it out, as far as `user` may: demanded by any of its incidents, it is demanded."""
    demanded = any(gate.plan_for(incident) for incident in review.incidents)
    may = user.has_perm(APPROVE)
    moving.skip(review, by=by, at=at, reason=reason, may_approve=may, demanded=demanded)


def _take_up(request, review: PostIncidentReview, *, by, at: datetime) -> None:
    moving.take_up(review, by=by, at=at)
    if not review.filled_at:
        drafting.begin(review.incident, at=at, author=by)


def _fill(request, review: PostIncidentReview, *, by, at: datetime) -> str:
    renewed = drafting.fill(review, at=at)
    return f"Read again; new: {'; '.join(renewed)}." if renewed else "Read again; no text was due to change."


def _meeting(request, review: PostIncidentReview, *, by, at: datetime) -> None:
    form = MeetingForm(request.POST)
    if not form.is_valid():
        raise ReviewRefused(_faults(form))
    data = form.cleaned_data
    people.meet(review, data["meeting_at"], place=data["meeting_place"], by=by, at=at)


def _people(request, review: PostIncidentReview, *, by, at: datetime) -> None:
    form = PeopleForm(request.POST)
    if not form.is_valid():
        raise ReviewRefused(_faults(form))
    people.name(review, author=form.cleaned_data["author"], reviewers=form.cleaned_data["reviewers"], by=by, at=at)


def _comment(request, review: PostIncidentReview, *, by, at: datetime) -> None:
    about = request.POST.get("about", "")
    answer = get_object_or_404(review.answers, key=about) if about else None
    people.comment(review, request.POST.get("comment", ""), by=by, at=at, answer=answer)


def _settle(request, review: PostIncidentReview, *, by, at: datetime) -> None:
    number = request.POST.get("remark", "")
    remark = get_object_or_404(review.comments, pk=int(number[:18]) if number.isdecimal() else 0)
    people.settle(remark, by=by, at=at)


def _incident(request) -> Any:
    number = request.POST.get("incident", "").strip().lstrip("#")
    if not number.isdecimal():
        raise ReviewRefused("Give the number of the incident.")
    found = seeing.visible(request.user).filter(pk=int(number[:18])).select_related("policy", "severity").first()
    if found is None:
        raise ReviewRefused(f"There is no incident #{number}.")
    return found


def _join(request, review: PostIncidentReview, *, by, at: datetime) -> None:
    people.join(review, _incident(request), by=by, at=at)


def _part(request, review: PostIncidentReview, *, by, at: datetime) -> None:
    people.part(review, _incident(request), by=by, at=at)


def _saved(request, review: PostIncidentReview, *, by, at: datetime) -> None:
    """The text was stored before."""


DEEDS: dict[str, Deed] = {
    "save": Deed((CHANGE,), "Saved.", _saved),
    "submit": Deed((CHANGE,), "Submitted.", _submit),
    "approve": Deed((APPROVE,), "Approved.", _approve),
    "send-back": Deed((APPROVE,), "Sent back to draft.", _send_back),
    "publish": Deed((PUBLISH,), "Published; who took part is told.", _publish),
    # who may approve judges whether a review is needed, and writes none
    "skip": Deed((CHANGE, APPROVE), "Left out; the reason stays with the incident.", _skip),
    "take-up": Deed((CHANGE,), "Taken up again.", _take_up),
    "fill": Deed((CHANGE,), "Read again.", _fill),
    "meeting": Deed((CHANGE,), "The date is stored, and those it concerns are told.", _meeting),
    "people": Deed((CHANGE,), "Stored.", _people),
    "comment": Deed((SAY,), "Said.", _comment),
    "settle": Deed((SAY,), "Noted.", _settle),
    "join": Deed((CHANGE,), "This review is about it too.", _join),
    "part": Deed((CHANGE,), "It is reviewed on its own.", _part),
}


def _faults(form: Any) -> str:
    return " ".join(str(fault) for faults in form.errors.values() for fault in faults)


def moment_of(at: datetime | None) -> datetime | None:
    """For a field that shows an instant as typed in UTC."""
    return at.astimezone(UTC).replace(tzinfo=None) if at else None
