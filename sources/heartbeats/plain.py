"""Pings on SQLite: the plain twin of postgres.py.

The transaction holds the whole database, so nothing changes between a look and a write.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from ..models import Heartbeat, Ping
from ..signals import instant
from . import life as lives
from .life import Beat, Life


def load(ids: Iterable[UUID], *, lock: bool = False) -> dict[UUID, Life]:
    """The heartbeats among these as they are stored."""
    return {row.pk: lives.of(row) for row in Heartbeat.objects.filter(pk__in=list(ids))}


def write(moved: Sequence[Life], beats: Sequence[tuple[UUID, Beat]]) -> set[UUID]:
    """Store lives and the pings that moved them, in the caller's transaction; returns whose."""
    for life in moved:
        Heartbeat.objects.filter(pk=life.id).update(**lives.columns(life))
    Ping.objects.bulk_create(
        [
            Ping(
                heartbeat_id=id, kind=beat.kind, at=instant(beat.at), rid=beat.rid, exit_status=beat.exit_status,
                duration=None if beat.duration is None else timedelta(microseconds=beat.duration), method=beat.method,
                sender=beat.sender, agent=beat.agent, body=beat.body,
            )
            for id, beat in beats
        ]
    )  # fmt: skip
    return {life.id for life in moved}


def wake() -> None:
    """Nothing to do: the clock sees that the database has changed."""
