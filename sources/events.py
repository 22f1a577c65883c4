"""What senders told of themselves becomes rows: events that happened, changes people made."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from .inbound.base import Happening, Told
from .intake import masked
from .models import Change, Event, Integration


def keep(door: Integration | None, told: Iterable[Happening], *, at: datetime) -> list[Event]:
    """Store what happened, in the caller's transaction; return the new rows. What was told before is left out."""
    rows = [
        Event(
            integration=door, stream=clean(one.stream or (door.kind if door else ""))[:40], kind=clean(one.kind)[:40],
            name=clean(one.name)[:200], subject=clean(one.subject)[:200], outcome=clean(one.outcome)[:40],
            level=clean(one.level)[:20], text=clean(one.text), labels=_texts(one.labels), data=masked(one.data),
            duration=one.duration, missing=[clean(part) for part in one.missing], event_id=id_of(one.id),
            at=min(one.at or at, at), received_at=at,
        )
        for one in told
    ]  # fmt: skip
    return _new(Event, rows, "event_id", door)


def note_changes(door: Integration | None, told: Iterable[Told], *, at: datetime) -> list[Change]:
    """Store changes, in the caller's transaction; return the new rows. What was told before is left out."""
    rows = [
        Change(
            integration=door, kind=one.kind if one.kind in Change.Kind.values else Change.Kind.OTHER,
            summary=clean(one.summary)[:1024] or "change", source=clean(one.source)[:255],
            service=clean(one.service)[:120], version=clean(one.version)[:120], outcome=clean(one.outcome)[:40],
            url=clean(one.url), links=masked(one.links), images=masked(one.images), labels=_texts(one.labels),
            data=masked(one.data), change_id=id_of(one.id), at=one.at or at, received_at=at,
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


def id_of(text: str, most: int = 160) -> str:
    """An id as a column can hold it: of a longer one the beginning and a digest, so that no two become one."""
    text = clean(text)
    return text if len(text) <= most else f"{text[: most - 41]}~{hashlib.sha1(text.encode()).hexdigest()}"


def clean(text: str) -> str:
    """Text as both databases hold it: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _texts(labels: dict[str, str]) -> dict[str, str]:
    return {clean(str(name)): clean(str(value)) for name, value in labels.items() if value not in ("", None)}
