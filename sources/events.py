"""What senders told of themselves becomes rows: events that happened, changes people made."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from .inbound.base import Happening, Told
from .intake import masked
from .models import Change, Event, Integration

TOO_LATE = timedelta(days=7)
"""What is told so long after it happened counts as of when it was told: its windows have passed, and no rule would see
it. A sender that tries again for days is still believed."""


def keep(door: Integration | None, told: Iterable[Happening], *, at: datetime) -> list[Event]:
    """Store what happened, in the caller's transaction; return the new rows. What was told before is left out."""
    rows = [
        Event(
            integration=door, stream=_word(one.stream or (door.kind if door else ""), 40), kind=_word(one.kind, 40),
            name=clean(one.name)[:200], subject=clean(one.subject)[:200], outcome=_word(one.outcome, 40),
            level=_word(one.level, 20), text=clean(one.text), labels=_texts(one.labels), data=_when_told(one, at),
            duration=one.duration, missing=[clean(part) for part in one.missing], event_id=id_of(one.id),
            at=_counts_at(one.at, at), received_at=at,
        )
        for one in told
    ]  # fmt: skip
    return _new(Event, rows, "event_id", door)


def _word(text: str, most: int) -> str:
    """A word that rules compare: in lower case, as every sender has its own."""
    return clean(text).strip().lower()[:most]


def _counts_at(told_at: datetime | None, at: datetime) -> datetime:
    return at if told_at is None or at - told_at > TOO_LATE else min(told_at, at)


def _when_told(one: Happening, at: datetime) -> dict[str, Any]:
    late = one.at is not None and at - one.at > TOO_LATE
    return masked(one.data | {"happened_at": one.at.isoformat()} if late and one.at else one.data)


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
