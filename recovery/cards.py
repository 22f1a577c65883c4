"""Disaster recovery on the incident page: its state, open prompts, the bridge's links, whom to ring next."""

from incidents.page import Card

from . import bridge
from .models import CallEntry, Prompt, Recovery


def given(context: dict) -> dict:
    """At most three queries, and one for an incident without a plan."""
    incident = context["incident"]
    found = (
        Recovery.objects.select_related("incident__policy__recovery_plan", "bridge", "activated_by")
        .filter(incident=incident.pk)
        .first()
    )
    plan = getattr(found.incident.policy, "recovery_plan", None) if found else None
    if found is None or plan is None:
        return {"dr": None}
    opened = getattr(found, "bridge", None)
    labels = bridge.links_of(plan)
    links = [(labels[name], url) for name, url in opened.links.items() if name in labels] if opened else []
    calls = found.calls.filter(outcome__in=[CallEntry.Outcome.OPEN, CallEntry.Outcome.CALLING])
    return {
        "dr": found, "dr_plan": plan, "dr_links": links, "dr_bridge": opened,
        "dr_call": calls.select_related("contact").first(),
    }  # fmt: skip


def asked(context: dict) -> dict:
    """What waits for a decision; one query."""
    waiting = Prompt.objects.filter(recovery__incident=context["incident"].pk, answer=Prompt.Answer.OPEN)
    return {"dr_prompts": waiting.select_related("recovery__incident__policy__recovery_plan")}


CARD = Card("recovery", "recovery/card.html", given, there=("recovery",))
BANNER = Card("recovery-prompts", "recovery/banner.html", asked, there=("dr_prompts",), top=True)
