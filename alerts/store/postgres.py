"""The statements of the store for PostgreSQL: one a batch, with binary arrays that the server unpacks.

They run on Django's connection of this thread, hence inside its transaction, but past Django's cursor: that one writes
values into the text of a statement, so that the server would parse each anew. The plain twin is in plain.py.
"""

import struct
import threading
from collections.abc import Iterable, Sequence

import psycopg
from django.db import connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

from sources.signals import micros

from .facts import Facts, Life, Told
from .memory import Known

TO_2000 = 946_684_800_000_000  # PostgreSQL counts microseconds from 2000
BOOL, BYTEA, INT8, INT4, TEXT, VARCHAR, TIMESTAMPTZ = 16, 17, 20, 23, 25, 1043, 1184

RESEND = """
UPDATE alerts_liveness AS life
SET last_seen_at = %(now)s::timestamptz, ends_at = greatest(life.ends_at, told.ends_at),
    timeout_end = CASE WHEN told.ends_at >= life.ends_at THEN %(timeout)s::bool ELSE life.timeout_end END
FROM unnest(%(ids)s::int8[], %(stamps)s::int8[], %(ends)s::timestamptz[]) AS told (id, stamp, ends_at)
WHERE life.alert_id = told.id AND life.stamp = told.stamp AND life.firing AND life.ends_at > %(now)s::timestamptz
  AND (told.ends_at >= life.ends_at OR NOT life.timeout_end)
"""

END = """
UPDATE alerts_liveness AS life
SET firing = false, ends_at = told.ends_at, timeout_end = false, last_seen_at = %(now)s::timestamptz,
    check_at = NULL, assign_at = %(now)s::timestamptz, stamp = %(stamp)s::int8
FROM unnest(%(ids)s::int8[], %(stamps)s::int8[], %(ends)s::timestamptz[]) AS told (id, stamp, ends_at)
WHERE life.alert_id = told.id AND life.stamp = told.stamp AND life.firing AND life.ends_at > %(now)s::timestamptz
"""

UNCHANGED = """
SELECT count(*) FROM alerts_liveness AS life
JOIN unnest(%(ids)s::int8[], %(stamps)s::int8[]) AS told (id, stamp)
  ON life.alert_id = told.id AND life.stamp = told.stamp
"""

INSERT = """
WITH told AS (
  SELECT * FROM unnest(
    %(identities)s::bytea[], %(keys)s::varchar[], %(names)s::varchar[], %(labels)s::text[], %(annotations)s::text[],
    %(urls)s::text[], %(severities)s::varchar[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
    %(timeouts)s::bool[]
  ) AS t (identity, key, name, labels, annotations, url, severity_key, starts_at, ends_at, timeout_end)
), fresh AS (
  INSERT INTO alerts_alert (integration_id, rule_id, identity, key, name, labels, annotations, url)
  SELECT (SELECT id FROM sources_integration WHERE id = %(integration)s::int8 FOR KEY SHARE), %(rule)s::int8,
         identity, key, name, labels, annotations, url
  FROM told
  ON CONFLICT (identity) DO NOTHING
  RETURNING id, identity
), alive AS (
  INSERT INTO alerts_liveness (alert_id, firing, starts_at, ends_at, timeout_end, last_seen_at, check_at, assign_at,
                               verdict, reason, severity_key, times, stamp)
  SELECT fresh.id, true, told.starts_at, told.ends_at, told.timeout_end, %(now)s::timestamptz, told.ends_at,
         %(now)s::timestamptz, 'new', '', told.severity_key, 1, %(stamp)s::int8
  FROM fresh JOIN told USING (identity)
)
SELECT id, identity FROM fresh
"""

# Locked in the order of their numbers, so that two batches that overlap wait for each other instead of deadlocking.
LOAD = """
SELECT alert.identity, alert.id, alert.key, alert.name, alert.labels, alert.annotations, alert.url, life.severity_key,
       life.firing, life.starts_at, life.ends_at, life.timeout_end, life.check_at, life.times
FROM alerts_alert AS alert JOIN alerts_liveness AS life ON life.alert_id = alert.id
WHERE alert.identity = ANY(%(identities)s::bytea[])
ORDER BY alert.id
FOR UPDATE OF life
"""

REWRITE = """
UPDATE alerts_liveness AS life
SET firing = told.firing, starts_at = told.starts_at, ends_at = told.ends_at, timeout_end = told.timeout_end,
    last_seen_at = %(now)s::timestamptz, check_at = told.check_at,
    assign_at = CASE WHEN told.assign THEN %(now)s::timestamptz ELSE life.assign_at END,
    severity_key = told.severity_key, times = told.times, stamp = %(stamp)s::int8
FROM unnest(
  %(ids)s::int8[], %(firing)s::bool[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(timeouts)s::bool[],
  %(checks)s::timestamptz[], %(assign)s::bool[], %(severities)s::varchar[], %(times)s::int4[]
) AS told (id, firing, starts_at, ends_at, timeout_end, check_at, assign, severity_key, times)
WHERE life.alert_id = told.id
"""

RESTATE = """
UPDATE alerts_alert AS alert
SET key = told.key, name = told.name, labels = told.labels, annotations = told.annotations, url = told.url
FROM unnest(
  %(ids)s::int8[], %(keys)s::varchar[], %(names)s::varchar[], %(labels)s::text[], %(annotations)s::text[],
  %(urls)s::text[]
) AS told (id, key, name, labels, annotations, url)
WHERE alert.id = told.id
"""

_header = struct.Struct(">iiIii").pack
_long = struct.Struct(">iq").pack
_bare = struct.Struct(">q").pack
_int = struct.Struct(">ii").pack
_length = struct.Struct(">i").pack
_true, _false, _null = _length(1) + b"\1", _length(1) + b"\0", _length(-1)


class Packed(bytes):
    """A value in PostgreSQL's binary form; the statement's cast names its type."""


class PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> bytes:
        return obj


_thread = threading.local()


def _run(statement: str, values: dict) -> psycopg.Cursor:
    connection.ensure_connection()
    cursor = getattr(_thread, "cursor", None)
    if cursor is None or cursor.connection is not connection.connection:
        cursor = _thread.cursor = psycopg.Cursor(connection.connection)
        cursor.adapters.register_dumper(Packed, PackedDumper)
        cursor.format = Format.BINARY
    with connection.wrap_database_errors:
        cursor.execute(statement, values, prepare=True)
    return cursor


def _number(number: int | None) -> Packed | None:
    return None if number is None else Packed(_bare(number))


def _instant(instant: int) -> Packed:
    return Packed(_bare(instant - TO_2000))


def _array(oid: int, count: int, items: Iterable[bytes]) -> Packed:
    """A one-dimensional array of `count` values, each preceded by its length."""
    return Packed(_header(1, 0, oid, count, 1) + b"".join(items))


def _blobs(oid: int, blobs: Sequence[bytes]) -> Packed:
    return _array(oid, len(blobs), [part for blob in blobs for part in (_length(len(blob)), blob)])


def _texts(oid: int, texts: Iterable[str]) -> Packed:
    return _blobs(oid, [text.encode() for text in texts])


def _bools(bools: Sequence[bool]) -> Packed:
    return _array(BOOL, len(bools), [_true if yes else _false for yes in bools])


def _longs(longs: Sequence[int]) -> Packed:
    return _array(INT8, len(longs), [_long(8, number) for number in longs])


def _instants(instants: Sequence[int | None]) -> Packed:
    items = [_null if instant is None else _long(8, instant - TO_2000) for instant in instants]
    return _array(TIMESTAMPTZ, len(items), items)


def _known(rows: Sequence[tuple[Known, int, int]]) -> dict:
    return {
        "ids": _array(INT8, len(rows), [row[0].packed for row in rows]),
        "stamps": _array(INT8, len(rows), [row[0].packed_stamp for row in rows]),
        "ends": _instants([row[1] for row in rows]),
    }


def resend(rows: Sequence[tuple[Known, int, int]], *, now: int, timeout: bool) -> int:
    """Move the ends of alerts that still are as remembered; return how many were. `rows`: remembered, end, index."""
    return _run(RESEND, {**_known(rows), "now": _instant(now), "timeout": timeout}).rowcount


def end(rows: Sequence[tuple[Known, int, int]], *, now: int, stamp: int) -> int:
    """End alerts that still are as remembered; return how many were."""
    return _run(END, {**_known(rows), "now": _instant(now), "stamp": _number(stamp)}).rowcount


def unchanged(rows: Sequence[tuple[Known, int, int]]) -> int:
    """How many of these alerts still are as remembered."""
    return _run(UNCHANGED, _known(rows)).fetchone()[0]


def insert(
    told: Sequence[Told], *, integration: int | None, rule: int | None, now: int, stamp: int
) -> dict[bytes, int]:
    """Store new alerts; return their numbers by identity, without those that somebody has stored before."""
    facts = [one.facts for one in told]
    values = {
        "identities": _blobs(BYTEA, [fact.identity for fact in facts]),
        "starts": _instants([one.starts for one in told]),
        "ends": _instants([one.ends for one in told]),
        "timeouts": _bools([one.timeout for one in told]),
        "severities": _texts(VARCHAR, [fact.severity_key for fact in facts]),
        "integration": _number(integration),
        "rule": _number(rule),
        "now": _instant(now),
        "stamp": _number(stamp),
    }
    return {identity: id for id, identity in _run(INSERT, values | _words(facts)).fetchall()}


def _words(facts: Sequence[Facts]) -> dict:
    return {
        "keys": _texts(VARCHAR, [fact.key for fact in facts]),
        "names": _texts(VARCHAR, [fact.name for fact in facts]),
        "labels": _blobs(TEXT, [fact.labels for fact in facts]),
        "annotations": _blobs(TEXT, [fact.annotations for fact in facts]),
        "urls": _texts(TEXT, [fact.url for fact in facts]),
    }


def load(identities: Sequence[bytes]) -> dict[bytes, Life]:
    """The stored alerts among these, locked until the transaction ends."""
    lives = {}
    for row in _run(LOAD, {"identities": _blobs(BYTEA, identities)}).fetchall():
        identity, id, key, name, labels, annotations, url, severity, firing, starts, ends, timeout, check, times = row
        facts = Facts(identity, key, name, labels.encode(), annotations.encode(), url, severity)
        ends, check = (None if at is None else micros(at) for at in (ends, check))
        lives[identity] = Life(id, facts, firing, micros(starts), ends, timeout, check, times)
    return lives


def rewrite(lives: Sequence[Life], *, now: int, stamp: int) -> None:
    """Write the narrow rows of alerts that are locked."""
    values = {
        "ids": _longs([life.id for life in lives]),
        "firing": _bools([life.firing for life in lives]),
        "starts": _instants([life.starts for life in lives]),
        "ends": _instants([life.ends for life in lives]),
        "timeouts": _bools([life.timeout for life in lives]),
        "checks": _instants([life.check for life in lives]),
        "assign": _bools([life.assign for life in lives]),
        "severities": _texts(VARCHAR, [life.facts.severity_key for life in lives]),
        "times": _array(INT4, len(lives), [_int(4, life.times) for life in lives]),
        "now": _instant(now),
        "stamp": _number(stamp),
    }
    _run(REWRITE, values)


def restate(lives: Sequence[Life]) -> None:
    """Write the wide rows of alerts that say something else now."""
    _run(RESTATE, {"ids": _longs([life.id for life in lives]), **_words([life.facts for life in lives])})
