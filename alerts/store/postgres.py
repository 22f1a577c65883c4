"""The statements of the store for PostgreSQL: one a batch, with binary arrays that the server unpacks.

How they run is in policies/statements.py; psycopg's own way sends half a megabyte of arrays in so many small steps that
it costs more than the server does. The plain twin is in plain.py.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections
from psycopg.pq.abc import PGresult

from policies.statements import TO_2000, TYPES, Statement
from policies.wake import CHANNEL

from .facts import Facts, Life, Told
from .memory import Known

BOOL, BYTEA, INT8, INT4 = TYPES["bool"][0], TYPES["bytea"][0], TYPES["int8"][0], TYPES["int4"][0]
TEXT, VARCHAR, TIMESTAMPTZ = TYPES["text"][0], TYPES["varchar"][0], TYPES["timestamptz"][0]

# `(told.id & 0) = 0` is always true: by it the planner expects few rows and looks them up by their number. A plan made
# while the table was still empty would otherwise read all of it for every batch, until statistics are gathered.
RESEND = Statement(
    "alerts_resend",
    """
UPDATE alerts_liveness AS life
SET last_seen_at = %(now)s::timestamptz, ends_at = greatest(life.ends_at, told.ends_at),
    timeout_end = %(timeout)s::bool
FROM unnest(%(ids)s::int8[], %(stamps)s::int8[], %(ends)s::timestamptz[]) AS told (id, stamp, ends_at)
WHERE life.alert_id = told.id AND (told.id & 0) = 0 AND life.stamp = told.stamp AND life.firing
  AND life.ends_at > %(now)s::timestamptz
  AND (told.ends_at >= life.ends_at OR NOT life.timeout_end)
""",
)

# What was stored by one batch has neighbouring numbers and one stamp, and mostly comes again as one batch: then no row
# has to be looked up by itself.
RESEND_RUN = Statement(
    "alerts_resend_run",
    """
UPDATE alerts_liveness AS life
SET last_seen_at = %(now)s::timestamptz, ends_at = greatest(life.ends_at, %(end)s::timestamptz),
    timeout_end = %(timeout)s::bool
WHERE life.alert_id BETWEEN %(first)s::int8 AND %(last)s::int8 AND life.stamp = %(old)s::int8 AND life.firing
  AND life.ends_at > %(now)s::timestamptz
  AND (%(end)s::timestamptz >= life.ends_at OR NOT life.timeout_end)
""",
)

END_RUN = Statement(
    "alerts_end_run",
    f"""
WITH ended AS (
UPDATE alerts_liveness AS life
SET firing = false, ends_at = %(end)s::timestamptz, timeout_end = false, last_seen_at = %(now)s::timestamptz,
    check_at = NULL, assign_at = %(now)s::timestamptz, stamp = %(stamp)s::int8
WHERE life.alert_id BETWEEN %(first)s::int8 AND %(last)s::int8 AND life.stamp = %(old)s::int8 AND life.firing
  AND life.ends_at > %(now)s::timestamptz
RETURNING life.alert_id
)
SELECT count(*), (SELECT pg_notify('{CHANNEL}', '')) FROM ended
""",
)

END = Statement(
    "alerts_end",
    f"""
WITH ended AS (
UPDATE alerts_liveness AS life
SET firing = false, ends_at = told.ends_at, timeout_end = false, last_seen_at = %(now)s::timestamptz,
    check_at = NULL, assign_at = %(now)s::timestamptz, stamp = %(stamp)s::int8
FROM unnest(%(ids)s::int8[], %(stamps)s::int8[], %(ends)s::timestamptz[]) AS told (id, stamp, ends_at)
WHERE life.alert_id = told.id AND (told.id & 0) = 0 AND life.stamp = told.stamp AND life.firing
  AND life.ends_at > %(now)s::timestamptz
RETURNING life.alert_id
)
SELECT count(*), (SELECT pg_notify('{CHANNEL}', '')) FROM ended
""",
)

UNCHANGED = Statement(
    "alerts_unchanged",
    """
SELECT count(*) FROM alerts_liveness AS life
JOIN unnest(%(ids)s::int8[], %(stamps)s::int8[]) AS told (id, stamp)
  ON life.alert_id = told.id AND life.stamp = told.stamp
""",
)

LOCK = Statement(
    "alerts_lock",
    """
SELECT count(*) FROM (
  SELECT FROM alerts_liveness WHERE alert_id = ANY(%(ids)s::int8[]) ORDER BY alert_id FOR UPDATE
) AS locked
""",
)


def _insert(name: str, on_conflict: str) -> Statement:
    return Statement(
        f"alerts_{name}",
        f"""
WITH fresh AS (
  INSERT INTO alerts_alert (integration_id, rule_id, identity, key, name, labels, annotations, url)
  SELECT (SELECT id FROM sources_integration WHERE id = %(integration)s::int8 FOR KEY SHARE),
         (SELECT id FROM alerts_alertrule WHERE id = %(rule)s::int8 FOR KEY SHARE),
         identity, key, name, labels, annotations, url
  FROM unnest(
    %(identities)s::bytea[], %(keys)s::varchar[], %(names)s::varchar[], %(labels)s::text[], %(annotations)s::text[],
    %(urls)s::text[]
  ) AS wide (identity, key, name, labels, annotations, url)
  {on_conflict}
  RETURNING id, identity
), alive AS (
  INSERT INTO alerts_liveness (alert_id, firing, starts_at, ends_at, timeout_end, last_seen_at, check_at, assign_at,
                               verdict, reason, severity_key, times, stamp)
  SELECT fresh.id, true, told.starts_at, told.ends_at, told.timeout_end, %(now)s::timestamptz, told.ends_at,
         %(now)s::timestamptz, 'new', '', told.severity_key, 1, %(stamp)s::int8
  FROM fresh JOIN unnest(
    %(identities)s::bytea[], %(severities)s::varchar[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
    %(timeouts)s::bool[]
  ) AS told (identity, severity_key, starts_at, ends_at, timeout_end) USING (identity)
)
SELECT id, identity, (SELECT pg_notify('{CHANNEL}', '')) FROM fresh
""",
    )


INSERT = _insert("insert", "ON CONFLICT (identity) DO NOTHING")
INSERT_NEW = _insert("insert_new", "")
"""Without a look for conflicts, which costs a sixth of the whole: for batches of which every alert should be new."""

# Locked in the order of their numbers, so that two batches that overlap wait for each other instead of deadlocking.
LOAD = Statement(
    "alerts_load",
    """
SELECT alert.identity, alert.key, alert.name, alert.labels, alert.annotations, alert.url, life.severity_key,
       life.firing, life.timeout_end, alert.id, life.times, life.starts_at, life.ends_at, life.check_at
FROM alerts_alert AS alert JOIN alerts_liveness AS life ON life.alert_id = alert.id
WHERE alert.identity = ANY(%(identities)s::bytea[])
ORDER BY alert.id
FOR UPDATE OF life
""",
)

REWRITE = Statement(
    "alerts_rewrite",
    """
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
""",
)

RESTATE = Statement(
    "alerts_restate",
    """
UPDATE alerts_alert AS alert
SET key = told.key, name = told.name, labels = told.labels, annotations = told.annotations, url = told.url
FROM unnest(
  %(ids)s::int8[], %(keys)s::varchar[], %(names)s::varchar[], %(labels)s::text[], %(annotations)s::text[],
  %(urls)s::text[]
) AS told (id, key, name, labels, annotations, url)
WHERE alert.id = told.id
""",
)

_header = struct.Struct(">iiIii").pack
_long = struct.Struct(">iq").pack
_bare = struct.Struct(">q").pack
_int = struct.Struct(">ii").pack
_length = struct.Struct(">i").pack
_true, _false, _null = _length(1) + b"\1", _length(1) + b"\0", _length(-1)


def _number(number: int | None) -> bytes | None:
    return None if number is None else _bare(number)


def _instant(instant: int) -> bytes:
    return _bare(instant - TO_2000)


def _array(oid: int, count: int, items: Iterable[bytes]) -> bytes:
    """A one-dimensional array of `count` values, each preceded by its length."""
    return _header(1, 0, oid, count, 1) + b"".join(items)


def _blobs(oid: int, blobs: Sequence[bytes]) -> bytes:
    return _array(oid, len(blobs), [part for blob in blobs for part in (_length(len(blob)), blob)])


def _texts(oid: int, texts: Sequence[str]) -> bytes:
    """Like `_blobs`, for columns in which most values repeat."""
    items: dict[str, bytes] = {}
    for text in set(texts):
        encoded = text.encode()
        items[text] = _length(len(encoded)) + encoded
    return _array(oid, len(texts), [items[text] for text in texts])


def _bools(bools: Sequence[bool]) -> bytes:
    return _array(BOOL, len(bools), [_true if yes else _false for yes in bools])


def _longs(longs: Sequence[int]) -> bytes:
    return _array(INT8, len(longs), [_long(8, number) for number in longs])


def _instants(instants: Sequence[int | None]) -> bytes:
    items = {at: _null if at is None else _long(8, at - TO_2000) for at in set(instants)}
    return _array(TIMESTAMPTZ, len(instants), [items[at] for at in instants])


def _known(rows: Sequence[tuple[Known, int, int]]) -> dict:
    return {
        "ids": _array(INT8, len(rows), [row[0].packed for row in rows]),
        "stamps": _array(INT8, len(rows), [row[0].packed_stamp for row in rows]),
        "ends": _instants([row[1] for row in rows]),
    }


def _run(rows: Sequence[tuple[Known, int, int]]) -> dict | None:
    """The rows as a run of neighbours of one stamp and one end; None when they are not. `rows` in the order of ids."""
    known, end, _ = rows[0]
    first, last, old = known.id, rows[-1][0].id, known.stamp
    if last - first + 1 != len(rows) or len(rows) == 1:
        return None
    for row in rows:
        if row[1] != end or row[0].stamp != old:
            return None
    return {"first": _bare(first), "last": _bare(last), "old": _bare(old), "end": _instant(end)}


def resend(rows: Sequence[tuple[Known, int, int]], *, now: int, timeout: bool) -> int:
    """Move the ends of alerts that still are as remembered; return how many were.

    rows   remembered, end, index, in the order of the alerts' numbers, each alert once
    """
    statement, values = (RESEND_RUN, run) if (run := _run(rows)) else (RESEND, _known(rows))
    return statement.run(**values, now=_instant(now), timeout=b"\1" if timeout else b"\0").command_tuples or 0


def end(rows: Sequence[tuple[Known, int, int]], *, now: int, stamp: int) -> int:
    """End alerts that still are as remembered; return how many were. `rows` as in `resend`."""
    statement, values = (END_RUN, run) if (run := _run(rows)) else (END, _known(rows))
    return _whole(statement.run(**values, now=_instant(now), stamp=_number(stamp)).get_value(0, 0))


def unchanged(rows: Sequence[tuple[Known, int, int]]) -> int:
    """How many of these alerts still are as remembered."""
    return _whole(UNCHANGED.run(**_known(rows)).get_value(0, 0))


def lock(rows: Sequence[tuple[Known, int, int]]) -> None:
    """Hold these alerts until the transaction ends, taken in the order of their numbers as everybody takes them."""
    LOCK.run(ids=_array(INT8, len(rows), [row[0].packed for row in rows]))


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
    values |= _words(facts)
    made: Any = _hopeful.insert(values) or INSERT.run(**values)
    return {made.get_value(row, 1): _whole(made.get_value(row, 0)) for row in range(made.ntuples)}


class Hopeful:
    """Inserts without a look for conflicts as long as there are none; after a conflict with the look for a while.

    Conflicts come in spells: after a start, when nothing is remembered yet, every batch is of alerts that are stored.
    """

    CAREFUL = 50

    def __init__(self) -> None:
        self.careful = 0  # batches to go with the look; threads may lose a count, which does no harm

    def insert(self, values: dict) -> PGresult | None:
        """The inserted rows; None when nothing was, because one of the alerts is stored already or may be."""
        django = connections[DEFAULT_DB_ALIAS]
        if self.careful or django.in_atomic_block:  # a conflict would end the transaction we are in
            self.careful = max(0, self.careful - 1)
            return None
        try:
            return INSERT_NEW.run(**values)
        except IntegrityError:
            self.careful = self.CAREFUL
            return None


_hopeful = Hopeful()


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
    found = LOAD.run(identities=_blobs(BYTEA, identities))
    lives = {}
    for row in range(found.ntuples):
        cells: list[Any] = [found.get_value(row, column) for column in range(found.nfields)]
        identity, key, name, labels, annotations, url, severity, firing, timeout, id, times, starts, ends, check = cells
        facts = Facts(identity, key.decode(), name.decode(), labels, annotations, url.decode(), severity.decode())
        lives[facts.identity] = Life(
            _whole(id), facts, firing == b"\1", _since_1970(starts), ends and _since_1970(ends), timeout == b"\1",
            check and _since_1970(check), _whole(times),
        )  # fmt: skip
    return lives


def _whole(number: Any) -> int:
    return int.from_bytes(number, "big", signed=True)


def _since_1970(instant: bytes) -> int:
    return _whole(instant) + TO_2000


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
    REWRITE.run(**values)


def restate(lives: Sequence[Life]) -> None:
    """Write the wide rows of alerts that say something else now."""
    RESTATE.run(ids=_longs([life.id for life in lives]), **_words([life.facts for life in lives]))
