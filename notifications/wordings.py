"""In whose words a message is written: the reader's language and zone, and what the policy says of each event."""

from datetime import UTC, datetime, timedelta
from typing import Any

from policies.models import Policy
from policies.once import once_a_sweep

from . import messages
from .account_models import Wording
from .messages import Reader, Words

PARTS = ("subject", "short", "text")
EVENTS = (
    "page", "opened", "acknowledged", "mitigated", "raised", "lowered", "reopened", "again", "resolved",
    "false positive", "reminder", "update",
)  # fmt: skip


def reader(policy: Policy, *, language: str = "en", zone: str = "UTC") -> Reader:
    """Whoever reads `language` (English for places), with the wordings of `policy` for it, else those for all."""
    return Reader(language, zone, _own(policy.pk, language))


@once_a_sweep
def _own(policy: int, language: str) -> dict[str, dict[str, str]]:
    own: dict[str, dict[str, str]] = {}
    # those for every language come first, so that the language's own take their place
    for row in Wording.objects.filter(policy=policy, language__in=["", language]).order_by("language"):
        own[row.event] = {part: getattr(row, part) for part in PARTS}
    return own


def example(event: str, reader: Reader) -> Words:
    """A message of `event` as `reader` would get it."""
    start = datetime(2026, 11, 23, 9, tzinfo=UTC)
    said: dict[str, Any] = {"number": 12, "severity": "P1", "title": "Checkout is down", "reader": reader,
            "url": "https://ops.example.org/incidents/12/"}  # fmt: skip
    told: dict[str, Any] = {"started_at": start, "summary": "Errors above 5 %.", "service": "Checkout"}
    match event:
        case "page":
            return messages.page(
                **said, **told, why_you="you are in step 1", runbook="https://wiki.example.org/checkout"
            )
        case "opened":
            return messages.opened(**said, **told)
        case "acknowledged":
            return messages.acknowledged(**said, by="ada", after=timedelta(minutes=2), via="Slack")
        case "resolved":
            return messages.resolved(**said, by="ada", lasted=timedelta(minutes=42), reason="The pool was raised.")
        case "reminder":
            at, due = start + timedelta(minutes=20), start + timedelta(minutes=30)
            return messages.reminder(**said, what="The next update", due_at=due, at=at)
        case "update":
            return messages.update(**said, text="We roll back.", by="ada", next_at=start + timedelta(hours=1))
        case _:
            return messages.changed(**said, **told, headline=event.capitalize(), event=event)
