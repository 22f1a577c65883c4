"""What people do with a shift review: write notes, tick what is watched by hand, and sign."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from oncall import people
from oncall.models import EscalationContact

from . import muted, watching
from .models import ManualCheck, ShiftMetric, ShiftReview, ShiftValue


class SignRefused(Exception):
    """The review cannot be changed or signed so; the text says what is missing, a sentence for each thing."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = list(sentences)


def on_shift(review: ShiftReview, contact: EscalationContact, *, at: datetime) -> bool:
    """Whether the contact is on this shift, by name or as a member of a team or role that is."""
    persons, _ = people.persons(review.people.all(), at=at)
    return any(one.pk == contact.pk for one in (*persons, *review.people.all()))


@transaction.atomic
def write(
    review: ShiftReview, notes: Mapping[str, str], ticks: Collection[str], *, text: str | None,
    by: EscalationContact, at: datetime,
) -> None:  # fmt: skip
    """Keep the notes by metric, the ticks of what is watched by hand, and the words on the whole shift.

    ticks   the switches whose manual monitoring is ticked; of those that are off and not among them it is not
    text    None leaves the words as they are, as a note does that is not named
    SignRefused when the review is signed or its shift over.
    """
    row = _open(review)
    for value in row.values.filter(key__in=notes):
        said = notes[value.key].strip()
        if said != value.note:
            value.note, value.noted_by, value.noted_at = said, by if said else None, at if said else None
            value.save(update_fields=["note", "noted_by", "noted_at"])
    for check in watching.refresh(row, muted.now(row.plan.policy), at=at):
        if check.toggle not in ticks:
            check.ticked_at, check.ticked_by = None, None
        elif check.ticked_at is None:
            check.ticked_at, check.ticked_by = at, by
        check.save(update_fields=["ticked_at", "ticked_by"])
    if text is not None and text.strip() != row.note:
        row.note = text.strip()
        row.save(update_fields=["note"])


@transaction.atomic
def sign(review: ShiftReview, *, by: EscalationContact, user: Any, at: datetime, instead: str = "") -> ShiftReview:
    """Sign the review; SignRefused names everything that is missing.

    instead   why somebody signs who is not on this shift
    """
    row = _open(review)
    missing: list[str] = []
    theirs = on_shift(row, by, at=at)
    if not theirs and not instead.strip():
        named = ", ".join(map(str, row.people.all())) or "nobody"
        missing.append(f"{by} is not on this shift ({named} is): write why you sign in their place.")
    if row.captured_at is None:
        missing.append("Its figures have not been read yet; wait a moment, or press “Look again”.")
    standing = watching.refresh(row, muted.now(row.plan.policy), at=at)
    missing += [f"{check.toggle} is off: tick that you watch by hand." for check in standing if check.ticked_at is None]
    missing += [_wanted(value) for value in row.values.all() if _wants_note(value)]
    if missing:
        raise SignRefused(*missing)
    row.state, row.signed_at, row.signed_by, row.signed_user = ShiftReview.State.SIGNED, at, by, user
    row.signed_for = "" if theirs else instead.strip()[:250]
    row.capture_at = row.remind_at = None
    row.save()
    return row


def _open(review: ShiftReview) -> ShiftReview:
    """The review, locked, if it can still be changed."""
    row = ShiftReview.objects.select_for_update(of=("self",)).select_related("plan__policy").get(pk=review.pk)
    if row.state == ShiftReview.State.SIGNED:
        raise SignRefused(f"This review was signed by {row.signed_by} already; it stays as it is.")
    if row.state == ShiftReview.State.MISSED:
        raise SignRefused("This shift is over and its review was missed; sign the one of the present shift.")
    return row


def _wants_note(value: ShiftValue) -> bool:
    if value.note or value.needs_note == ShiftMetric.Note.NEVER:
        return False
    return value.needs_note == ShiftMetric.Note.ALWAYS or value.state != ShiftValue.State.READ


def _wanted(value: ShiftValue) -> str:
    if value.state == ShiftValue.State.READ:
        return f"“{value.name}” needs a note."
    return f"“{value.name}” could not be read: write a note of what you saw instead."


def checks_of(review: ShiftReview) -> list[ManualCheck]:
    """What is or was watched by hand in the shift."""
    return list(review.checks.select_related("ticked_by"))
