"""The banner of an incident that came soon after a deploy."""

from . import deploys
from .page import Card


def given(context: dict) -> dict:
    """The advice, while the incident is open."""
    return {"rollback": deploys.rollback_advice(context["incident"]) if context["is_open"] else None}


CARD = Card("rollback", "incidents/parts/rollback.html", given, there=("rollback",), top=True)
