"""What may be confirmed of an incident, as the rules behind it say."""

from incidents.confirming import Offer
from incidents.models import Incident

from .models import AlertRule


def of(incident: Incident) -> list[Offer]:
    """What its rules offer: one query for an incident that rules opened, none for any other."""
    if not incident.scope.startswith("policy:"):
        return []
    said = AlertRule.objects.filter(alerts__liveness__incident=incident).exclude(confirm={})
    wanted = {words: level for confirm in said.values_list("confirm", flat=True) for words, level in confirm.items()}
    if not wanted:
        return []
    levels = {level.key: level for level in incident.policy.levels}
    return [Offer(words, levels[key]) for words, key in wanted.items() if key in levels]
