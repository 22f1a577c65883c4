"""The card of the incident's page that tells what people are to be told next."""

from . import update_templates
from .models import UpdateItem
from .page import Card


def given(context: dict) -> dict:
    """What may be sent now, what is owed, what waits for a second person; three queries."""
    incident = context["incident"]
    items: list[UpdateItem] = list(incident.update_items.select_related("template"))
    proposed = list(incident.proposed_updates.select_related("template", "by")[:3])
    return {
        "offers": update_templates.of(incident, items=items),
        "owed": [item for item in items if item.done_at is None],
        "waiting": [one for one in proposed if one.state == "waiting"],
        "lapsed": [one for one in proposed[:1] if one.state == "lapsed"],
    }


CARD = Card(
    "updates",
    "incidents/parts/updates.html",
    given,
    there=("updates", "update_items", "proposed_updates", "update_templates"),
)
