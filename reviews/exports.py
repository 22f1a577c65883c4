"""Links on the page of a review to what rooms above make of it."""

from collections.abc import Callable
from typing import Any

from .models import PostIncidentReview

EXPORTS: list[Callable[[PostIncidentReview, Any], list[tuple[str, str]]]] = []
"""Called with the review and the user; each returns pairs of words and address. Registered at start-up."""


def links(review: PostIncidentReview, user: Any) -> list[tuple[str, str]]:
    return [pair for told in EXPORTS for pair in told(review, user)]
