"""What senders told of themselves becomes rows: events that happened, changes people made."""

from collections.abc import Iterable
from datetime import datetime

from .inbound.base import Happening, Told
from .intake import masked
from .models import Change, Event, Integration


def keep(door: Integration | None, told: Iterable[Happening], *, at: datetime) -> list[Event]:
    """Store what happened, in the caller's transaction; return the new rows. What was told before is left out."""
    rows = [
        Event(
            integration=door, stream=(one.stream or (door.kind if door else ""))[:40], kind=one.kind[:40],
            name=one.name[:200], subject=one.subject[:200], outcome=one.outcome[:40], level=one.level[:20],
            text=_clean(one.text), labels=_texts(one.labels), data=masked(one.data), duration=one.duration,
            missing=list(one.missing), event_id=one.id[:160], at=min(one.at or at, at), received_at=at,
        )
        for one in told
    ]  # fmt: skip
    return _new(Event, rows, "event_id", door)


def note_changes(door: Integration | None, told: Iterable[Told], *, at: datetime) -> list[Change]:
    """Store changes, in the caller's transaction; return the new rows. What was told before is left out."""
    rows = [
        Change(
            integration=door, kind=one.kind if one.kind in Change.Kind.values else Change.Kind.OTHER,
            summary=_clean(one.summary)[:1024] or "change", source=_clean(one.source)[:255],
            service=_clean(one.service)[:120], version=_clean(one.version)[:120], outcome=one.outcome[:40],
            url=_clean(one.url), links=masked(one.links), images=masked(one.images), labels=_texts(one.labels),
            data=masked(one.data), change_id=one.id[:160], at=one.at or at, received_at=at,
        )
        for one in told
    ]  # fmt: skip
    return _new(Change, rows, "change_id", door)


def _new(model, rows: list, column: str, door: Integration | None) -> list:
    """Insert the rows whose id, where they have one, is not stored yet; of two alike in one request the first."""
    ids = {getattr(row, column) for row in rows} - {""}
    seen = set()
    if ids:
        seen = set(model.objects.filter(integration=door, **{f"{column}__in": ids}).values_list(column, flat=True))
    fresh = []
    for row in rows:
        id = getattr(row, column)
        if id and id in seen:
            continue
        seen.add(id)
        fresh.append(row)
    return model.objects.bulk_create(fresh)


def _clean(text: str) -> str:
    return text.replace("\0", "\ufffd")


def _texts(labels: dict[str, str]) -> dict[str, str]:
    return {_clean(str(name)): _clean(str(value)) for name, value in labels.items() if value not in ("", None)}
