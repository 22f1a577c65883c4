"""Pings on PostgreSQL: one statement moves the heartbeats on and keeps the pings, of as many as wait together.

A row is written only if it still is what its life was worked out from. Its `xmin`, the transaction that wrote it last,
tells: whoever changes a heartbeat, by whatever means, is noticed without having to say so.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import TextField
from django.db.models.expressions import RawSQL

from policies.statements import Statement, array, scalar
from policies.wake import CHANNEL

from ..models import Heartbeat
from . import life as lives
from .life import Beat, Life

MOVED = {
    "id": "uuid", "seen": "xid", "state": "text", "last_ping_at": "timestamptz", "last_success_at": "timestamptz",
    "last_start_at": "timestamptz", "last_start_rid": "uuid", "last_duration": "int8", "last_exit_status": "int2",
    "last_failed": "bool", "ping_count": "int8", "runs": "int8", "failed_in_a_row": "int4",
    "deadline_at": "timestamptz", "due_at": "timestamptz", "trouble": "text", "trouble_at": "timestamptz",
    "untold": "bool",
}  # fmt: skip
"""What a statement is told of a life, and the types."""
KEPT = {
    "at": "timestamptz", "kind": "text", "rid": "uuid", "exit_status": "int2", "duration": "int8", "method": "text",
    "sender": "text", "agent": "text", "body": "text",
}  # fmt: skip
"""What it is told of a ping."""
LENGTHS = ("last_duration", "duration")
"""Told in microseconds."""


def _value(name: str, table: str) -> str:
    return f"{table}.{name} * interval '1 microsecond'" if name in LENGTHS else f"{table}.{name}"


def _statement(told: str, pings: str) -> str:
    """`told` and `pings`: relations with the columns of MOVED, and of KEPT with the heartbeat."""
    sets = ", ".join(f"{name} = {_value(name, 'told')}" for name in MOVED if name not in ("id", "seen"))
    return f"""
WITH told AS ({told}), moved AS (
  UPDATE sources_heartbeat AS beat SET {sets}
  FROM told WHERE beat.id = told.id AND beat.xmin = told.seen
  RETURNING beat.id, beat.xmin
), kept AS (
  INSERT INTO sources_ping (heartbeat_id, {", ".join(KEPT)})
  SELECT moved.id, {", ".join(_value(name, "ping") for name in KEPT)}
  FROM ({pings}) AS ping JOIN moved ON moved.id = ping.heartbeat
)
SELECT id, xmin FROM moved
"""


def _unnested(columns: dict[str, str]) -> str:
    arrays = ", ".join(f"%({name})s::{type}[]" for name, type in columns.items())
    return f"SELECT * FROM unnest({arrays}) AS t ({', '.join(columns)})"


def _single(columns: dict[str, str]) -> str:
    return "SELECT " + ", ".join(f"%({name})s::{type} AS {name}" for name, type in columns.items())


PINGED = {"heartbeat": "uuid"} | KEPT
WRITE_ONE = Statement("heartbeats_write_one", _statement(_single(MOVED), _single(PINGED)))
WRITE_MANY = Statement("heartbeats_write_many", _statement(_unnested(MOVED), _unnested(PINGED)))
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
    if len(beats) == 1:
        (life,), ((id, beat),) = moved, beats
        values = {name: scalar(type, getattr(life, name)) for name, type in MOVED.items()}
        values |= {name: scalar(type, getattr(beat, name)) for name, type in KEPT.items()}
        done = WRITE_ONE.run(**values, heartbeat=id.bytes)
    else:
        many: dict[str, bytes | None] = {
            name: array(type, [getattr(life, name) for life in moved]) for name, type in MOVED.items()
        }
        many |= {name: array(type, [getattr(beat, name) for _, beat in beats]) for name, type in KEPT.items()}
        done = WRITE_MANY.run(**many, heartbeat=array("uuid", [id for id, _ in beats]))
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
    WAKE.run()
