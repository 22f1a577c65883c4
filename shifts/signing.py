"""What people do with a shift review: write notes, tick what is watched by hand, and sign."""

from datetime import datetime
from typing import Any

from django.db import transaction

from oncall import people
from oncall.models import EscalationContact

from . import muted, watching
from .models import ManualCheck, ShiftMetric, ShiftReview, ShiftValue
from .typed import Field, Typed

WHOLE = "The shift as a whole"
LONGEST_REASON = 250


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
def write(review: ShiftReview, typed: Typed, *, by: EscalationContact, at: datetime) -> None:
    """Keep the notes by metric, the ticks of what is watched by hand, and the words on the whole shift.

    What the writer left as it was when they opened the page is not written: somebody else may have changed it since.
    SignRefused when the review is signed or its shift over, or when both changed the same text; then nothing is kept.
    """
    row = _open(review)
    values = list(row.values.select_related("noted_by"))
    whole = typed.shown(field_of(), row.note)
    clashes = [_clash(f"“{value.name}”", str(value.noted_by or "somebody else"))
               for value in values if noted(value, typed).clash]  # fmt: skip
    if whole.clash:
        clashes.append(_clash(f"“{WHOLE}”", "somebody else"))
    if clashes:
        raise SignRefused(*clashes, "Nothing is kept yet. Join the texts below, and send them once more.")
    for value in values:
        if typed.changes(field_of(value), value.note):
            said = noted(value, typed).text.strip()
            value.note, value.noted_by, value.noted_at = said, by if said else None, at if said else None
            value.save(update_fields=["note", "noted_by", "noted_at"])
    for check in watching.refresh(row, muted.now(row.plan.policy), at=at):
        if (ticked := typed.ticked(check.toggle, check.ticked_at is not None)) != (check.ticked_at is not None):
            check.ticked_at, check.ticked_by = (at, by) if ticked else (None, None)
            check.save(update_fields=["ticked_at", "ticked_by"])
    if whole.text.strip() != row.note:
        row.note = whole.text.strip()
        row.save(update_fields=["note"])


def field_of(value: ShiftValue | None = None) -> str:
    """The name on the page of a figure's note; of the words on the whole shift."""
    return f"note:{value.key}" if value else "text"


def noted(value: ShiftValue, typed: Typed) -> Field:
    """The note of a figure as the page shows it."""
    return typed.shown(field_of(value), value.note)


def unkept(review: ShiftReview, typed: Typed, instead: str) -> list[tuple[str, str]]:
    """What was typed and is not stored: (what it is about, the text)."""
    of = [(value.name, noted(value, typed)) for value in review.values.all()]
    of.append((WHOLE, typed.shown(field_of(), review.note)))
    lost = [(name, shown.text) for name, shown in of if shown.text.strip() != shown.stored]
    if instead.strip() not in ("", review.signed_for):
        lost.append(("Why you sign in their place", instead))
    return lost


def _clash(what: str, who: str) -> str:
    return f"{what} was changed by {who} since you opened this page."


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
    if not theirs and (length := len(instead.strip())) > LONGEST_REASON:
        missing.append(
            f"Why you sign in their place is {length} characters long; write at most {LONGEST_REASON}, and the rest in "
            f"“{WHOLE}”."
        )
    if row.captured_at is None:
        missing.append("Its figures have not been read yet; wait a moment, or press “Look again”.")
    standing = watching.refresh(row, muted.now(row.plan.policy), at=at)
    missing += [f"{check.toggle} is off: tick that you watch by hand." for check in standing if check.ticked_at is None]
    missing += [_wanted(value) for value in row.values.all() if _wants_note(value)]
    if missing:
        raise SignRefused(*missing)
    row.state, row.signed_at, row.signed_by, row.signed_user = ShiftReview.State.SIGNED, at, by, user
    row.signed_for = "" if theirs else instead.strip()
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
