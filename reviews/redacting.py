"""The public version of a review: drafted from what is meant for everybody, without names, addresses and secrets."""

import re
import secrets
from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q

from incidents.models import Incident
from oncall.models import ContactMethod, EscalationContact

from .facts import Facts
from .kinds import given_time, length_words
from .models import PostIncidentReview
from .moving import ReviewRefused
from .patterns import HIDDEN, PATTERNS

SOMEBODY = "an engineer"
NOBODY = frozenset({
    "admin", "administrator", "bot", "demo", "guest", "operator", "root", "service", "system", "test", "user",
})  # fmt: skip
"""Names of accounts that name nobody: as words they stay."""


def _hide(match: re.Match[str]) -> str:
    return match.groupdict().get("kept", "") + HIDDEN


def _named(text: str, names: Iterable[str]) -> list[tuple[str, re.Pattern[str]]]:
    """Those of `names` that may stand in `text`, the longest first, each with what finds it as a whole word."""
    lower, known = text.lower(), {name.strip() for name in names}
    found = [name for name in known if len(name) > 1 and name.lower() not in NOBODY and name.lower() in lower]
    return [
        (name, re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE))
        for name in sorted(found, key=lambda name: (-len(name), name))
    ]


def redact(text: str, names: Iterable[str] = ()) -> str:
    """`text` without addresses, secrets and the people called `names`; the longest names first."""
    for pattern in PATTERNS:
        text = pattern.sub(_hide, text)
    for _, pattern in _named(text, names):
        text = pattern.sub(SOMEBODY, text)
    return text


def names() -> set[str]:
    """Everybody Opscenter knows by name, with or without a contact, and what their ways of contact are called."""
    people = set(EscalationContact.objects.values_list("name", flat=True))
    for username, first, last in get_user_model().objects.values_list("username", "first_name", "last_name"):
        people |= {username, first, last, f"{first} {last}"}
    return people | set(ContactMethod.objects.exclude(address="").values_list("address", flat=True))


def draft(review: PostIncidentReview, *, at: datetime) -> tuple[str, str]:
    """Title and Markdown of a public version, from the summary, the times and the answers meant for it."""
    facts, known = Facts(review.incidents, at), names()
    lines = [redact(review.summary, known), ""] if review.summary.strip() else []
    for label, name in (("Began", "started"), ("Noticed", "detected"), ("Restored", "resolved")):
        if moment := facts.when(name):
            lines.append(f"- {label}: {given_time(moment).text}")
    if (lasted := facts.length("time_to_resolve")) is not None:
        lines.append(f"- Lasted: {length_words(lasted)}")
    for answer in review.answers.filter(public=True).order_by("position"):
        if answer.text.strip():
            lines += ["", f"## {answer.prompt}", "", redact(answer.text, known)]
    return redact(review.incident.title, known)[:250], "\n".join(lines).strip()


def leaks(text: str) -> list[str]:
    """What in a public text looks as if it should not be public, each once, at most ten."""
    found: list[str] = []
    for pattern in PATTERNS:
        found += [match[0].strip() for match in pattern.finditer(text)]
        text = pattern.sub(_hide, text)  # a host within an address is no second leak
    for name, pattern in _named(text, names()):
        if pattern.search(text):
            found.append(name)
    return list(dict.fromkeys(found))[:10]


@transaction.atomic
def write(review: PostIncidentReview, *, title: str, text: str, anyway: bool = False) -> None:
    """Keep the text of the public version; what is public already changes at once, so leaks are refused as by `show`.

    anyway  somebody has read what looks private, and means it
    """
    if not title.strip() or not text.strip():
        raise ReviewRefused("A public version needs a title and a text.")
    PostIncidentReview.objects.select_for_update(of=("self",)).get(pk=review.pk)
    review.refresh_from_db(fields=["public_at"])  # somebody may have published it since the page was opened
    if review.public_at and not anyway and (left := leaks(f"{title}\n{text}")):
        raise ReviewRefused(f"This may not be meant for everybody: {'; '.join(left)}. Nothing was changed.")
    review.public_title, review.public_text = title.strip()[:250], text.strip()
    review.save(update_fields=["public_title", "public_text"])


@transaction.atomic
def show(review: PostIncidentReview, *, by, at: datetime, anyway: bool = False) -> None:
    """Let anybody read the public version; refused while names or addresses are left in it, unless said `anyway`."""
    if review.status not in (PostIncidentReview.Status.APPROVED, PostIncidentReview.Status.PUBLISHED):
        raise ReviewRefused(f"The review is {review.standing}; approve it before anything of it is public.")
    if review.is_private:
        raise ReviewRefused("The incident is private; nothing of it can be made public.")
    if not review.public_text.strip():
        raise ReviewRefused("Write the public version first.")
    left = leaks(f"{review.public_title}\n{review.public_text}")
    if left and not anyway:
        raise ReviewRefused(
            f"This may not be meant for everybody: {'; '.join(left)}. Take it out, or publish it anyway."
        )
    review.public_key = review.public_key or secrets.token_urlsafe(12)
    review.public_at, review.public_by = at, by
    review.save(update_fields=["public_key", "public_at", "public_by"])
    review.incident.log("review", f"A public version of the review is published by {by}.", at=at, by=by)


@transaction.atomic
def withdraw(review: PostIncidentReview, *, by, at: datetime) -> None:
    """Nobody from outside can read it any more; the text stays."""
    if review.public_at is None:
        raise ReviewRefused("Nothing of this review is public.")
    _withdraw(review, f" by {by}", by=by, at=at)


def hide(incident: Incident, *, by, at: datetime) -> None:
    """The incident has become private: what is public of its reviews is withdrawn until a person publishes it anew."""
    rows = PostIncidentReview.objects.filter(Q(incident=incident) | Q(joined__incident=incident))
    for review in rows.filter(public_at__isnull=False).select_related("incident").distinct():
        _withdraw(review, ": an incident in it is private now", by=by, at=at)


def _withdraw(review: PostIncidentReview, why: str, *, by, at: datetime) -> None:
    review.public_at = None
    review.save(update_fields=["public_at"])
    review.incident.log("review", f"The public version of the review is withdrawn{why}.", at=at, by=by)
