"""The symptoms that a person picked for an incident."""

from incidents import triage
from incidents.models import Incident


def of(incident: Incident) -> set[str]:
    """The keys and words of the incident's symptoms."""
    return set(triage.symptoms_of(incident))
