"""What stands beside an incident: the changes that may explain it, and what senders told with its alerts."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count
from django.db.models.functions import Lower

from sources.models import Change, Event

from .models import Incident

MOST_CHANGES, MOST_DETAILS, DETAIL_LENGTH = 20, 30, 500
SAFE_SCHEMES = ("http", "https")


@dataclass(frozen=True)
class Link:
    """An address that may be followed."""

    href: str
    text: str


@dataclass(frozen=True)
class NearChange:
    """A change near an incident's start; `when` is in words that hold for ever: "12 min before the start"."""

    change: Change
    when: str
    links: list[Link]

    @property
    def href(self) -> str:
        return self.links[0].href if self.links else ""


@dataclass(frozen=True)
class Brought:
    """What the sender of an alert told with it, beyond its name; falsy when that was nothing."""

    links: list[Link]
    images: list[Link]
    details: list[tuple[str, str]]
    client: str = ""

    def __bool__(self) -> bool:
        return bool(self.links or self.images or self.details or self.client)


def window() -> str:
    """How long before an incident's start changes are shown, in words."""
    return f"{settings.CHANGE_WINDOW.total_seconds() / 3600:g} h"


def changes_near(incident: Incident) -> list[NearChange]:
    """Changes of the incident's service, or of none, from a while before its start until its end; the latest first."""
    start = incident.started_at or incident.detected_at
    end = incident.resolved_at or incident.closed_at
    rows = Change.objects.annotate(of=Lower("service")).filter(at__gte=start - settings.CHANGE_WINDOW)
    if end:
        rows = rows.filter(at__lte=end)
    names = {"", str(incident.labels.get("service", "")).lower()}
    if incident.service:
        names |= {incident.service.key.lower(), incident.service.name.lower()}
    rows = rows.filter(of__in=names).defer("data", "images", "labels").order_by("-at", "-pk")
    return [NearChange(change, _when(change.at, start), _links_of(change)) for change in rows[:MOST_CHANGES]]


def _links_of(change: Change) -> list[Link]:
    told = [{"href": change.url, "text": ""}] if change.url else []
    found = links([*told, *change.links], "href", "text")
    return list({link.href: link for link in reversed(found)}.values())[::-1]


def _when(at: datetime, start: datetime) -> str:
    if at == start:
        return "at the start"
    return f"{_length(abs(at - start))} {'before' if at < start else 'after'} the start"


def _length(time: timedelta) -> str:
    """`40 s`, `12 min`, `2 h 5 min`, `3 d 4 h`: rounded down."""
    seconds = int(time.total_seconds())
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} d{f' {hours % 24} h' if hours % 24 else ''}"
    if hours:
        return f"{hours} h{f' {minutes % 60} min' if minutes % 60 else ''}"
    return f"{minutes} min" if minutes else f"{seconds} s"


def told_times(alerts: Iterable[Any]) -> dict[int, int]:
    """How many events their senders told of each of these alerts, by the alert's number; in one query."""
    keyed = {(alert.integration_id, alert.integration.kind, alert.key): alert.pk
             for alert in alerts if alert.key and alert.integration}  # fmt: skip
    doors, streams, keys = ({slot[place] for slot in keyed} for place in range(3))
    if not keyed:
        return {}
    told = Event.objects.filter(integration__in=doors, stream__in=streams, subject__in=keys)
    counts = told.order_by().values_list("integration", "stream", "subject").annotate(Count("pk"))
    return {keyed[slot]: count for *parts, count in counts if (slot := tuple(parts)) in keyed}


def brought(annotations: dict[str, Any]) -> Brought:
    """What stands in an alert's annotations for people to read or follow."""
    images = [Link(link.href, f"Image: {link.text}" if link.text != link.href else "Image")
              for link in links(_json(annotations.get("images")), "src", "alt")]  # fmt: skip
    told = links(_json(annotations.get("links")), "href", "text")
    client, where = str(annotations.get("client", "")), str(annotations.get("client_url", ""))
    if is_safe(where):
        told = [Link(where, client or where), *told]
    return Brought(told, images, _details(_json(annotations.get("custom_details"))), client)


def links(told: Any, href: str, text: str) -> list[Link]:
    """The addresses among `told` (a list of objects) that may be followed, each with its text or itself."""
    found = []
    for one in told if isinstance(told, list) else []:
        if isinstance(one, dict) and is_safe(str(one.get(href, ""))):
            found.append(Link(str(one[href]), str(one.get(text) or one[href])[:DETAIL_LENGTH]))
    return found


def is_safe(address: str) -> bool:
    """Whether an address of somebody else may become a link: a web address, no script."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return False
    return parts.scheme.lower() in SAFE_SCHEMES and bool(parts.netloc)


def _json(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) and text else None
    except ValueError:
        return None


def _details(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, list):
        value = {str(index): one for index, one in enumerate(value, start=1)}
    if not isinstance(value, dict):
        return []
    return [(name, _shown(one)) for name, one in list(value.items())[:MOST_DETAILS]]


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= DETAIL_LENGTH else text[: DETAIL_LENGTH - 1] + "…"
