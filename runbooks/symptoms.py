"""The symptoms that a person picked for an incident; who knows them registers at start-up."""

from collections.abc import Callable, Collection

from incidents.models import Incident

KNOWN: list[Callable[[Incident], Collection[str]]] = []


def of(incident: Incident) -> set[str]:
    """The keys and words of the incident's symptoms."""
    return {word for known in KNOWN for word in known(incident)}
