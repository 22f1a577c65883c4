"""From an incident's published updates to what readers see, and to subscribers."""

from datetime import datetime

from incidents.models import Incident, IncidentUpdate


def take(incident: Incident, update: IncidentUpdate, *, component_state: str = "", at: datetime) -> None:
    """Show `update` on the page."""


def over(incident: Incident, *, how: str, at: datetime) -> None:
    """End what was published of the incident."""


def address_of(incident: Incident) -> str:
    return ""
