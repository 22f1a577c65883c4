"""Pings on PostgreSQL: one statement moves the heartbeats on and keeps the pings, of as many as wait together.

A row is written only if it still is what its life was worked out from. Its `xmin`, the transaction that wrote it last,
tells: whoever changes a heartbeat, by whatever means, is noticed without having to say so.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import TextField
from django.db.models.expressions import RawSQL

from policies.statements import (
    Statement,
    bools,
    instants,
    ints,
    longs,
    shorts,
    texts,
    uuids,
    versions,
)  # fmt: skip
from policies.wake import CHANNEL

from ..models import Heartbeat
from . import life as lives
from .life import Beat, Life

WRITE = Statement(
    "heartbeats_write",
    """
WITH told AS (
  SELECT * FROM unnest(
    %(ids)s::uuid[], %(seen)s::xid[], %(states)s::text[], %(last_pings)s::timestamptz[],
    %(last_successes)s::timestamptz[], %(last_starts)s::timestamptz[], %(last_rids)s::uuid[],
    %(last_durations)s::int8[], %(last_statuses)s::int2[], %(last_failed)s::bool[], %(ping_counts)s::int8[],
    %(runs)s::int8[], %(failed_in_a_row)s::int4[], %(deadlines)s::timestamptz[], %(dues)s::timestamptz[],
    %(troubles)s::text[], %(troubles_at)s::timestamptz[], %(untold)s::bool[]
  ) AS t (id, seen, state, last_ping_at, last_success_at, last_start_at, last_start_rid, last_duration,
          last_exit_status, last_failed, ping_count, runs, failed_in_a_row, deadline_at, due_at, trouble, trouble_at,
          untold)
), moved AS (
  UPDATE sources_heartbeat AS beat
  SET state = told.state, last_ping_at = told.last_ping_at, last_success_at = told.last_success_at,
      last_start_at = told.last_start_at, last_start_rid = told.last_start_rid,
      last_duration = told.last_duration * interval '1 microsecond', last_exit_status = told.last_exit_status,
      last_failed = told.last_failed, ping_count = told.ping_count, runs = told.runs,
      failed_in_a_row = told.failed_in_a_row, deadline_at = told.deadline_at, due_at = told.due_at,
      trouble = told.trouble, trouble_at = told.trouble_at, untold = told.untold
  FROM told
  WHERE beat.id = told.id AND beat.xmin = told.seen
  RETURNING beat.id, beat.xmin
), kept AS (
  INSERT INTO sources_ping (heartbeat_id, kind, at, rid, exit_status, duration, method, sender, agent, body)
  SELECT ping.heartbeat, ping.kind, ping.at, ping.rid, ping.exit_status, ping.duration * interval '1 microsecond',
         ping.method, ping.sender, ping.agent, ping.body
  FROM unnest(
    %(heartbeats)s::uuid[], %(kinds)s::text[], %(ats)s::timestamptz[], %(rids)s::uuid[], %(statuses)s::int2[],
    %(durations)s::int8[], %(methods)s::text[], %(senders)s::text[], %(agents)s::text[], %(bodies)s::text[]
  ) AS ping (heartbeat, kind, at, rid, exit_status, duration, method, sender, agent, body)
  JOIN moved ON moved.id = ping.heartbeat
)
SELECT id, xmin FROM moved
""",
)

WAKE = Statement("heartbeats_wake", f"SELECT pg_notify('{CHANNEL}', '')")


def load(ids: Iterable[UUID], *, lock: bool = False) -> dict[UUID, Life]:
    """The heartbeats among these as they are stored; `lock`: nobody else changes them until the transaction ends."""
    rows = Heartbeat.objects.filter(pk__in=list(ids)).order_by("pk")
    rows = rows.annotate(seen=RawSQL("sources_heartbeat.xmin::text", (), output_field=TextField()))
    if lock:
        rows = rows.select_for_update()
    found: Any = rows
    return {row.pk: lives.of(row, seen=int(row.seen).to_bytes(4, "big")) for row in found}


def write(moved: Sequence[Life], beats: Sequence[tuple[UUID, Beat]]) -> set[UUID]:
    """Store lives and the pings that moved them; returns whose row still was as it had been read.

    Of the others nothing is stored. Those stored are noted with the row's new version.
    """
    done = WRITE.run(_lives(moved) | _beats(beats))
    by_bytes = {life.id.bytes: life for life in moved}
    written = set()
    for row in range(done.ntuples):
        key: Any = done.get_value(row, 0)
        seen: Any = done.get_value(row, 1)
        life = by_bytes[key]
        life.seen = seen
        written.add(life.id)
    return written


def wake() -> None:
    """Have the clock look at once; what it is to see is committed."""
    WAKE.run({})


def _lives(all: Sequence[Life]) -> dict[str, bytes | None]:
    return {
        "ids": uuids([life.id for life in all]),
        "seen": versions([life.seen for life in all]),
        "states": texts([life.state for life in all]),
        "last_pings": instants([life.last_ping_at for life in all]),
        "last_successes": instants([life.last_success_at for life in all]),
        "last_starts": instants([life.last_start_at for life in all]),
        "last_rids": uuids([life.last_start_rid for life in all]),
        "last_durations": longs([life.last_duration for life in all]),
        "last_statuses": shorts([life.last_exit_status for life in all]),
        "last_failed": bools([life.last_failed for life in all]),
        "ping_counts": longs([life.ping_count for life in all]),
        "runs": longs([life.runs for life in all]),
        "failed_in_a_row": ints([life.failed_in_a_row for life in all]),
        "deadlines": instants([life.deadline_at for life in all]),
        "dues": instants([life.due_at for life in all]),
        "troubles": texts([life.trouble for life in all]),
        "troubles_at": instants([life.trouble_at for life in all]),
        "untold": bools([life.untold for life in all]),
    }


def _beats(all: Sequence[tuple[UUID, Beat]]) -> dict[str, bytes | None]:
    beats = [beat for _, beat in all]
    return {
        "heartbeats": uuids([id for id, _ in all]),
        "kinds": texts([beat.kind for beat in beats]),
        "ats": instants([beat.at for beat in beats]),
        "rids": uuids([beat.rid for beat in beats]),
        "statuses": shorts([beat.exit_status for beat in beats]),
        "durations": longs([beat.duration for beat in beats]),
        "methods": texts([beat.method for beat in beats]),
        "senders": texts([beat.sender for beat in beats]),
        "agents": texts([beat.agent for beat in beats]),
        "bodies": texts([beat.body for beat in beats]),
    }
