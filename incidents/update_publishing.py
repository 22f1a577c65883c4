"""Updates for everybody: what the room above, which has the status page, is handed; it registers itself at start-up."""

from collections.abc import Callable
from datetime import datetime

from .models import Incident, IncidentUpdate

PUBLISHERS: list[Callable[..., None]] = []
"""Called with (incident, update, component_state=, at=) for each update that is published."""
ENDINGS: list[Callable[..., None]] = []
"""Called with (incident, how=, at=) when an incident is over: how it ended, in words."""
ADDRESSES: list[Callable[[Incident], str]] = []
"""The address of what was published of an incident, empty when nothing was."""


def publish(incident: Incident, update: IncidentUpdate, *, component_state: str = "", at: datetime) -> None:
    """Put `update` where everybody reads it.

    component_state  what becomes of the components it is about; empty: as bad as its level
    """
    for take in PUBLISHERS:
        take(incident, update, component_state=component_state, at=at)


def ended(incident: Incident, *, how: str, at: datetime) -> None:
    """The incident is over (how: resolved, false positive, merged); what was published must not stay open."""
    for over in ENDINGS:
        over(incident, how=how, at=at)


def address_of(incident: Incident) -> str:
    """Where readers find the incident; empty: nowhere."""
    return next((found for ask in ADDRESSES if (found := ask(incident))), "")
