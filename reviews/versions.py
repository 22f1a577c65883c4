"""What a review said each time it was saved or moved, and what changed between two of those."""

import difflib
from dataclasses import dataclass
from datetime import datetime

from .models import PostIncidentReview, ReviewVersion

SUMMARY, TIMELINE = "Summary", "Timeline"
NEAR = 2
"""Lines shown around what changed."""


@dataclass(frozen=True)
class Line:
    """A line of a comparison: `sign` is "+", "-" or " "; "…" stands for lines left out."""

    sign: str
    text: str

    @property
    def word(self) -> str:
        return {"+": "added", "-": "removed", "…": "left out"}.get(self.sign, "same")


@dataclass(frozen=True)
class Part:
    """One heading of a review with the lines that changed under it."""

    heading: str
    lines: list[Line]


def content(review: PostIncidentReview) -> list[list[str]]:
    """What the review says now: heading and text, in the order of the page."""
    answers = [[answer.prompt, answer.text] for answer in review.answers.order_by("position")]
    return [[SUMMARY, review.summary], *answers, [TIMELINE, review.timeline]]


def keep(review: PostIncidentReview, why: str, *, by, at: datetime) -> ReviewVersion | None:
    """Keep what the review says now, unless it says what its latest version says and `why` is "saved"."""
    now, last = content(review), review.versions.order_by("-number").first()
    if last and last.content == now and why == "saved":
        return None
    return review.versions.create(number=last.number + 1 if last else 1, at=at, by=by, why=why, content=now)


def changes(old: ReviewVersion | None, new: ReviewVersion) -> list[Part]:
    """What `new` says other than `old`, heading by heading; a heading that is the same in both is left out."""
    before = dict(old.content) if old else {}
    after = dict(new.content)
    headings = [*after, *(heading for heading in before if heading not in after)]
    found = []
    for heading in headings:
        was, now = before.get(heading, "").splitlines(), after.get(heading, "").splitlines()
        if was != now:
            found.append(Part(heading, _lines(was, now)))
    return found


def _lines(was: list[str], now: list[str]) -> list[Line]:
    lines: list[Line] = []
    for row in difflib.unified_diff(was, now, n=NEAR, lineterm=""):
        if row.startswith(("---", "+++")) and not lines:
            continue
        if row.startswith("@@"):
            if lines:
                lines.append(Line("…", ""))
            continue
        lines.append(Line(row[0], row[1:]))
    return lines
