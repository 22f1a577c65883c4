"""Context that senders should bring along and do not: how often each part is missing, and the newest examples."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .models import Event, Integration
from .privacy import without_persons

MOST = 50_000
EXAMPLES = 20


@dataclass
class Stream:
    """What one stream told in the time looked at.

    wanted   events of doors that ask for context
    lacking  those of them that lack any; parts: how often each part was missing
    """

    name: str
    wanted: int = 0
    lacking: int = 0
    parts: Counter[str] = field(default_factory=Counter)

    @property
    def common(self) -> list[tuple[str, int]]:
        return self.parts.most_common()


@dataclass(frozen=True)
class Example:
    """One event that lacks something, as its viewer may see it."""

    event: Event
    data: list[tuple[str, Any]]
    labels: dict[str, str]


def streams(*, since: datetime) -> list[Stream]:
    """Per stream, how many events since then lack context, those that lack most first; at most 50,000 are looked at."""
    doors = [door.pk for door in Integration.objects.only("options") if door.options.get("required_context")]
    found: dict[str, Stream] = {}
    rows = Event.objects.filter(integration__in=doors, kind="error", received_at__gt=since).order_by("-received_at")
    for name, missing in rows.values_list("stream", "missing")[:MOST]:
        stream = found.setdefault(name, Stream(name))
        stream.wanted += 1
        stream.lacking += bool(missing)
        stream.parts.update(missing)
    return sorted(found.values(), key=lambda stream: (-stream.lacking, stream.name))


def examples(*, since: datetime, whole: bool) -> list[Example]:
    """The newest events that lack something; unless `whole`, without what names a person."""
    rows = Event.objects.filter(received_at__gt=since).exclude(missing=[]).select_related("integration")
    return [example(event, whole=whole) for event in rows.order_by("-received_at", "-pk")[:EXAMPLES]]


def example(event: Event, *, whole: bool) -> Example:
    data = event.data if whole else without_persons(event.data)
    labels = event.labels if whole else without_persons(event.labels)
    return Example(event, list(data.items()), labels)


WEEK = timedelta(days=7)
