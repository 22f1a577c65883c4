"""The card of the incident's page that tells what people are to be told next."""

from . import update_templates
from .models import UpdateItem
from .page import Card

THERE = ("update_templates", "update_items", "proposed_updates")


def given(context: dict) -> dict:
    """What may be sent now, what is owed, what waits for a second person; at most three queries."""
    incident, has = context["incident"], context["has"]
    items: list[UpdateItem] = []
    if "update_items" in has:
        items = list(incident.update_items.select_related("template"))
    proposed = []
    if "proposed_updates" in has:
        proposed = list(incident.proposed_updates.select_related("template", "by")[:3])
    return {
        "offers": update_templates.of(incident, items=items),
        "owed": [item for item in items if item.done_at is None],
        "waiting": [one for one in proposed if one.state == "waiting"],
        "lapsed": [one for one in proposed[:1] if one.state == "lapsed"],
    }


CARD = Card("updates", "incidents/parts/updates.html", given, there=THERE)
