"""The card of an incident that lists the flags changed for a time in it."""

from incidents.page import Card

from .models import Temporary

SHOWN = 20


def given(context: dict) -> dict:
    """Those that are not back first."""
    rows = Temporary.objects.filter(incident=context["incident"]).select_related("flag__parameter", "by", "ended_by")
    return {"temporary_flags": sorted(rows[:SHOWN], key=lambda row: (row.ended_at is not None, row.since))}


CARD = Card("flags", "flags/card.html", given, there=("temporary_flags",))
