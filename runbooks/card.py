"""What the incident's page shows of its runbooks: three queries and what they refer to, nothing asked."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from . import looking, plan
from .models import LiveItem, Run

MOST = 10


@dataclass(frozen=True)
class Short:
    """A step in a line."""

    look: looking.Look
    step: plan.Step

    @property
    def title(self) -> str:
        return self.look.filled(self.step.title)

    @property
    def done(self) -> bool:
        return self.look.done(self.step)

    @property
    def tick(self) -> Any:
        return None if self.step.items else self.look.ticks.get(self.step.key)

    @property
    def plain(self) -> bool:
        said = self.step.said
        return not (said["ask"] or said["choose"] or said["proof"] or said["watch"])

    @property
    def seen(self) -> LiveItem | None:
        """What its first live item said last."""
        item = self.look.live.get((self.step.key, 0))
        return item if item and item.asked_at else None


def there(incident: Any) -> QuerySet[Run]:
    """The rows for whose sake the card is drawn, and the gate asked."""
    return Run.objects.filter(incident=incident)


def given(context: dict) -> dict:
    """What the card's template gets beside what every part may use."""
    incident = context["incident"]
    rows = Run.objects.filter(incident=incident).select_related("runbook", "version").order_by("rank", "pk")
    runs = list(rows[:MOST])
    for run in runs:
        run.incident, run.runbook.policy = incident, incident.policy
    looks = looking.at_runs(runs) if runs else {}
    for look in looks.values():
        steps = [one for step in look.steps if look.applies(step) for one in (step, *step.items) if look.applies(one)]
        look.card = [Short(look, step) for step in steps]
    return {"runs": list(looks.values())}
