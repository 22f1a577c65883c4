"""An answer that names a rule and a value becomes a proposal to change the rule; the room of figures makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from incidents.models import IllegalMove

from .models import PostIncidentReview


@dataclass(frozen=True)
class Proposed:
    """What was proposed, in words, and where it is decided."""

    words: str
    url: str = ""


Choices = Callable[[PostIncidentReview], list[tuple[str, str]]]
Propose = Callable[..., Proposed]
CHOICES: list[Choices] = []
"""Which settings of which rules may be proposed for a review: pairs of a key and words, registered from above."""
PROPOSE: list[Propose] = []
"""Called with `setting` (a key of CHOICES), `value` (text), `by`, `why`, `review` and `at`; IllegalMove refuses it."""


class ProposalRefused(IllegalMove):
    """The value cannot be proposed; the text says why."""


def register(choices: Choices, propose: Propose) -> None:
    """Let the room above say what can be proposed, and propose it; called at start-up."""
    if choices not in CHOICES:
        CHOICES.append(choices)
    if propose not in PROPOSE:
        PROPOSE.append(propose)


def settings(review: PostIncidentReview) -> list[tuple[str, str]]:
    return [pair for choices in CHOICES for pair in choices(review)]


def propose_all(review: PostIncidentReview, *, by, at: datetime) -> list[Proposed]:
    """Make a proposal of every answer that names another setting or value than when one was last made of it."""
    made = []
    for answer in review.answers.filter(kind="threshold"):
        setting, value = answer.data.get("setting", ""), answer.data.get("value", "")
        before = answer.data.get("proposed", {})
        if not setting or (before.get("setting"), before.get("value")) == (setting, value):
            continue
        why = answer.data.get("text") or f"Answer to: {answer.prompt}"
        for propose in PROPOSE:
            proposed = propose(setting, value, by=by, why=why, review=review, at=at)
            told = {"setting": setting, "value": value, "words": proposed.words, "url": proposed.url}
            answer.data = {**answer.data, "proposed": told}
            answer.save(update_fields=["data"])
            review.incident.log("proposal", f"{proposed.words} (review)", at=at, by=by)
            made.append(proposed)
    return made
