"""A runbook's step that wants something changed for good: ticking it makes an action item for the review."""

from datetime import datetime
from typing import Any

from oncall.models import EscalationContact
from policies.durations import parse_duration
from runbooks.looking import Look
from runbooks.models import Tick
from runbooks.plan import Step
from runbooks.words import Facts

from . import actions, drafting
from .action_models import ActionItem


def make(look: Look, step: Step, done: Tick, facts: Facts, *, at: datetime) -> None:
    """Make the item that the step names; ticked again after it was taken back, it stays the one it was."""
    said: dict[str, Any] | None = step.said["action_item"]
    if said is None:
        return
    incident = look.run.incident
    owner = EscalationContact.objects.filter(name=said["owner"]).first() if said.get("owner") else None
    given = [facts.fill(said["text"]) if said.get("text") else "", done.note]
    due = (at + parse_duration(said["due"])).date() if said.get("due") else None
    item = actions.add(
        title=facts.fill(said["title"]) if said.get("title") else look.filled(step.title), incident=incident,
        review=drafting.of(incident, at=at, by=done.by) if incident else None,
        category=said.get("category", ActionItem.Category.LONG_TERM),
        priority=ActionItem.Priority[said.get("priority", "normal").upper()], owner=owner, due_on=due,
        text="\n".join(part.strip() for part in given if part.strip()), by=done.by, at=at, run=look.run, step=step.key,
    )  # fmt: skip
    done.effects = {**Tick.objects.only("effects").get(pk=done.pk).effects, "action": item.pk}
    Tick.objects.filter(pk=done.pk).update(effects=done.effects)
