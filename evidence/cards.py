"""Evidence on the incident page: what is wanted, what is there."""

from incidents.page import Card

from . import store


def given(context: dict) -> dict:
    """At most three queries; none for an incident without files of a policy that wants none."""
    incident, has = context["incident"], context["has"]
    files = list(incident.evidence.only("label", "incident")) if "evidence" in has else []
    plan = store.plan_of(incident) if "evidence_plan" in has else None
    there = {file.label.lower() for file in files}
    wanted = [(label, label.lower() in there) for label in store.required(incident, plan)]
    return {"evidence_files": files, "evidence_wanted": wanted}


CARD = Card("evidence", "evidence/card.html", given)
