"""Evidence on the incident page: what is wanted, what is there."""

from incidents.page import Card

from . import store


def given(context: dict) -> dict:
    """At most three queries."""
    incident = context["incident"]
    files = list(incident.evidence.only("label", "name", "size", "incident"))
    plan = store.plan_of(incident)
    there = {file.label.lower() for file in files}
    wanted = [(label, label.lower() in there) for label in store.required(incident, plan)]
    return {"evidence_files": files, "evidence_wanted": wanted}


CARD = Card("evidence", "evidence/card.html", given)
