"""The public version of a review: drafted from what is meant for everybody, without names, addresses and secrets."""

import re
import secrets
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from oncall.models import ContactMethod, EscalationContact

from .facts import Facts
from .kinds import given_time, length_words
from .models import PostIncidentReview
from .moving import ReviewRefused

HIDDEN = "[removed]"
SOMEBODY = "an engineer"
PATTERNS = [
    re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL),
    re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s<>\")\]]+", re.IGNORECASE),  # addresses, with what they carry
    re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"),
    re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?(?!\w|\.\w)"),
    re.compile(r"(?<![\w:])(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|[0-9a-f:]*::[0-9a-f:]*[0-9a-f])(?![\w:])", re.I),
    re.compile(r"\b[\w-]+(?:\.[\w-]+)*\.(?:internal|local|lan|intranet|corp|svc|cluster\.local)\b(?::\d+)?", re.I),
    re.compile(r"(?<!\w)\+\d[\d\s().-]{6,}\d"),
    re.compile(r"\b(?:eyJ[\w-]{8,}(?:\.[\w-]+){1,2}|(?:sk|pk|rk|ghp|gho|xox[abp]|whsec|re)[_-]\w[\w-]{11,}|AKIA\w{12,}|[0-9a-f]{32,})\b"),
    re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{8,}"),
    re.compile(r"(?<=password)\s*[=:]\s*\S+|(?<=passwd|secret)\s*[=:]\s*\S+|(?<=token)\s*[=:]\s*\S+", re.I),
    re.compile(r"(?<=api[_-]key)\s*[=:]\s*\S+", re.I),
    re.compile(r"(?<![\w@])@[\w-]{2,}"),
]  # fmt: skip
"""What is taken out of a text that everybody may read."""


def redact(text: str, names: Iterable[str] = ()) -> str:
    """`text` without addresses, secrets and the people called `names`; the longest names first."""
    for pattern in PATTERNS:
        text = pattern.sub(HIDDEN, text)
    for name in sorted({name.strip() for name in names if len(name.strip()) > 1}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", SOMEBODY, text, flags=re.IGNORECASE)
    return text


def names() -> set[str]:
    """Everybody Opscenter knows by name, and what their ways of contact are called."""
    people = set(EscalationContact.objects.values_list("name", flat=True))
    users = EscalationContact.objects.exclude(user=None).values_list(
        "user__username", "user__first_name", "user__last_name"
    )
    people |= {name for row in users for name in row}
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
    found = [match[0].strip() for pattern in PATTERNS for match in pattern.finditer(text)]
    for name in names():
        if len(name) > 1 and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE):
            found.append(name)
    return list(dict.fromkeys(found))[:10]


@transaction.atomic
def write(review: PostIncidentReview, *, title: str, text: str) -> None:
    """Keep the text of the public version; what is public already changes at once."""
    if not title.strip() or not text.strip():
        raise ReviewRefused("A public version needs a title and a text.")
    review.public_title, review.public_text = title.strip()[:250], text.strip()
    review.save(update_fields=["public_title", "public_text"])


@transaction.atomic
def show(review: PostIncidentReview, *, by, at: datetime, anyway: bool = False) -> None:
    """Let anybody read the public version; refused while names or addresses are left in it, unless said `anyway`."""
    if review.status not in (PostIncidentReview.Status.APPROVED, PostIncidentReview.Status.PUBLISHED):
        raise ReviewRefused(f"The review is {review.standing}; approve it before anything of it is public.")
    if any(incident.private for incident in review.incidents):
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
    review.public_at = None
    review.save(update_fields=["public_at"])
    review.incident.log("review", f"The public version of the review is withdrawn by {by}.", at=at, by=by)
