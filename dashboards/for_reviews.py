"""The chart of an incident as a review keeps it: plain data, so that it is there when the figures are long gone."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from incidents.models import Incident

from . import incident_chart
from .spans import Span

TEMPLATE = "dashboards/_chart.html"


def drawn(incident: Incident, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """What the incident's rules read between two instants, under marks of what happened; those with figures."""
    whole = incident_chart.of(incident, at=until, span=Span(since, until))
    return [
        {"title": one.title, "template": TEMPLATE, "chart": json.loads(json.dumps(asdict(one.chart), default=str))}
        for one in whole.series
        if one.chart
    ]
