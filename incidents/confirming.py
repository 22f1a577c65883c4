"""What a person may confirm of an incident, and to which level that raises it, such as "data was lost".

Whoever knows what is behind an incident (its rules) offers what can be confirmed; rooms above add themselves to
`OFFERS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from policies.models import Severity

from . import lifecycle
from .models import IllegalMove, Incident


@dataclass(frozen=True)
class Offer:
    words: str
    severity: Severity


OFFERS: list[Callable[[Incident], list[Offer]]] = []


def offered(incident: Incident) -> list[Offer]:
    """What may be confirmed and would raise the incident, each once."""
    offers = {offer.words: offer for told in OFFERS for offer in told(incident)}
    return [offer for offer in offers.values() if offer.severity.rank < incident.severity.rank]


def confirm(incident: Incident, words: str, *, by, at: datetime) -> None:
    """Note on the timeline that `by` confirms it, and raise the level; IllegalMove when it is not on offer."""
    offer = next((each for each in offered(incident) if each.words == words), None)
    if offer is None:
        raise IllegalMove(f"There is nothing (more) to confirm of incident #{incident.pk}; look again.")
    lifecycle.set_severity(incident, offer.severity, by=by, at=at, reason=f"confirmed: {words}")
