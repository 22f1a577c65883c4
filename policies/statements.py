"""Statements for hot paths on PostgreSQL: prepared once a connection, parameters and results in binary.

They run on Django's connection of the thread, hence inside its transaction, but past its cursors: Django's writes the
values into the text of a statement, so that the server parses each anew. Many rows travel as arrays that the statement
unpacks with `unnest`.
"""

import re
import struct
import threading
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

TO_2000 = 946_684_800_000_000  # PostgreSQL counts microseconds from 2000


class Statement:
    """One statement with parameters written %(name)s; `name` tells it from every other of the program."""

    def __init__(self, name: str, text: str):
        names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
        for number, parameter in enumerate(names, start=1):
            text = text.replace(f"%({parameter})s", f"${number}")
        self.name, self.text, self.parameters = name.encode(), text.encode(), names
        self.binary = [Format.BINARY] * len(names)

    def run(self, **values: bytes | None) -> PGresult:
        """The statement's result; a transaction is begun if Django said so and none is open yet."""
        django = connections[DEFAULT_DB_ALIAS]  # looked up once: every look at the proxy `connection` costs 2 µs
        django.ensure_connection()
        raw, wanted = django.connection, [values[name] for name in self.parameters]
        pgconn = raw.pgconn
        with django.wrap_database_errors:
            if not raw.autocommit and pgconn.transaction_status == TransactionStatus.IDLE:
                _checked(pgconn, pgconn.exec_(b"BEGIN"))
            # behind a pool that hands each transaction another server connection nothing stays prepared
            if django.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):
                result = pgconn.exec_params(self.text, wanted, None, self.binary, Format.BINARY)
            else:
                self._prepare(pgconn)
                result = pgconn.exec_prepared(self.name, wanted, self.binary, Format.BINARY)
            return _checked(pgconn, result)

    def _prepare(self, pgconn: PGconn) -> None:
        """Once a connection."""
        if getattr(_thread, "pgconn", None) is not pgconn:
            _thread.pgconn, _thread.prepared = pgconn, set()
        if self.name not in _thread.prepared:
            _checked(pgconn, pgconn.prepare(self.name, self.text))
            _thread.prepared.add(self.name)


_thread = threading.local()


def _checked(pgconn: PGconn, result: PGresult) -> PGresult:
    if result.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
        return result
    if pgconn.status == ConnStatus.BAD:
        raise psycopg.OperationalError(result.get_error_message())
    raise psycopg.errors.error_from_result(result)


_header = struct.Struct(">iiIii").pack
_length = struct.Struct(">i").pack
_int8, _int4, _int2 = struct.Struct(">q").pack, struct.Struct(">i").pack, struct.Struct(">h").pack
_null = _length(-1)


def _instant(at: int) -> bytes:
    return _int8(at - TO_2000)


TYPES: dict[str, tuple[int, Callable[[Any], bytes]]] = {
    "bool": (16, lambda yes: b"\1" if yes else b"\0"),
    "bytea": (17, bytes),
    "int8": (20, _int8),
    "int2": (21, _int2),
    "int4": (23, _int4),
    "text": (25, str.encode),
    "xid": (28, bytes),  # the system column xmin, as it was read
    "varchar": (1043, str.encode),
    "timestamptz": (1184, _instant),  # from whole microseconds since 1970
    "uuid": (2950, attrgetter("bytes")),
}
"""Types by their name in SQL: the number they have on the wire, and how a value is written there."""


def scalar(type: str, value: Any) -> bytes | None:
    """One value of this type."""
    return None if value is None else TYPES[type][1](value)


def array(type: str, values: Sequence[Any]) -> bytes:
    """A one-dimensional array of values of this type, for `unnest`."""
    oid, write = TYPES[type]
    parts = [_header(1, 1, oid, len(values), 1)]
    for value in values:
        if value is None:
            parts.append(_null)
        else:
            written = write(value)
            parts += (_length(len(written)), written)
    return b"".join(parts)
