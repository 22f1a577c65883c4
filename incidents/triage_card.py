"""The card that tells how an incident was judged: what was seen, proposed and chosen, and the policy's own fields."""

from . import triage
from .page import Card


def given(context: dict) -> dict:
    """The last triage, and the policy's own fields with their labels."""
    row = triage.latest(context["incident"])
    labels: dict[str, str] = {}
    if row and row.fields:
        labels = {field.key: str(field) for field in context["incident"].policy.incident_fields.all()}
    return {
        "triage": row,
        "own_fields": [(labels.get(key, key), _shown(value)) for key, value in row.fields.items()] if row else [],
    }


def _shown(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


CARD = Card("triage", "incidents/parts/triage.html", given, there=("triage",))
