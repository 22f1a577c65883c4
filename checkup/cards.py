"""The card of an incident that tells how things stood: snapshots, a fresh look at the probes, queues and readiness."""

from incidents.page import Card

from .models import Snapshot

SHOWN = 8


def given(context: dict) -> dict:
    """The latest snapshots, without their bodies."""
    rows: list[Snapshot] = []
    if "snapshots" in context["has"]:
        found = Snapshot.objects.filter(incident=context["incident"]).defer("body").select_related("by")
        rows = list(found.order_by("-at", "-pk")[:SHOWN])
    return {"snapshots": rows, "has_queues": "queues" in context["has"], "has_readiness": "readiness" in context["has"]}


CARD = Card("snapshots", "checkup/card.html", given)
