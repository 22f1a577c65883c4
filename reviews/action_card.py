"""That an incident has action items, on its page; no query of its own."""

from typing import Any

from incidents import page

THERE = "action_items"


def given(context: dict[str, Any]) -> dict[str, Any]:
    """Whether there are any, and whether one may be added: while people still work on it, only beside others."""
    has = THERE in context["has"]
    reads = context["reads_reviews"]
    return {"has_items": has and reads, "adds_item": context["responds"] and (has or not context["is_open"])}


CARD = page.Card("action-items", "reviews/action_card.html", given)
