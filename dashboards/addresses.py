"""Where runbooks find a panel: with the time of the incident they are worked for."""

from collections.abc import Mapping

from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from incidents.models import OPEN, Incident

from .incident_chart import span_of


def of_panel(query: Mapping[str, str], incident: Incident | None) -> str:
    """The address of the panel that a link names: from shortly before the incident until it ended, or until now."""
    address = reverse("panel", args=[query["policy"], query["dashboard"], query["panel"]])
    if incident is None:
        return address
    facts = span_of(incident, at=timezone.now()).facts
    return f"{address}?{urlencode({'from': facts['from'], 'to': 'now' if incident.status in OPEN else facts['to']})}"
