"""Statements for hot paths on PostgreSQL: prepared once a connection, parameters and results in binary.

They run on Django's connection of the thread, hence inside its transaction, but past its cursors: Django's writes the
values into the text of a statement, so that the server parses each anew. Many rows travel as arrays that the statement
unpacks with `unnest`.
"""

import re
import struct
import threading
from collections.abc import Sequence
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

TO_2000 = 946_684_800_000_000  # PostgreSQL counts microseconds from 2000
BOOL, INT8, INT2, INT4, TEXT, XID, TIMESTAMPTZ, UUID_TYPE = 16, 20, 21, 23, 25, 28, 1184, 2950


class Statement:
    """One statement with parameters written %(name)s; `name` tells it from every other of the program."""

    def __init__(self, name: str, text: str):
        names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
        for number, parameter in enumerate(names, start=1):
            text = text.replace(f"%({parameter})s", f"${number}")
        self.name, self.text, self.parameters = name.encode(), text.encode(), names
        self.binary = [Format.BINARY] * len(names)

    def run(self, values: dict[str, bytes | None]) -> PGresult:
        """The statement's result; a transaction is begun if Django said so and none is open yet."""
        django = connections[DEFAULT_DB_ALIAS]
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
_long = struct.Struct(">iq").pack
_int = struct.Struct(">ii").pack
_short = struct.Struct(">ih").pack
_length = struct.Struct(">i").pack
_null, _true, _false = _length(-1), _length(1) + b"\1", _length(1) + b"\0"


def _array(oid: int, items: list[bytes]) -> bytes:
    """A one-dimensional array of values that are each preceded by their length."""
    return _header(1, 1, oid, len(items), 1) + b"".join(items)


def longs(values: Sequence[int | None]) -> bytes:
    return _array(INT8, [_null if value is None else _long(8, value) for value in values])


def ints(values: Sequence[int | None]) -> bytes:
    return _array(INT4, [_null if value is None else _int(4, value) for value in values])


def shorts(values: Sequence[int | None]) -> bytes:
    return _array(INT2, [_null if value is None else _short(2, value) for value in values])


def bools(values: Sequence[bool]) -> bytes:
    return _array(BOOL, [_true if value else _false for value in values])


def instants(values: Sequence[int | None]) -> bytes:
    """From whole microseconds since 1970."""
    return _array(TIMESTAMPTZ, [_null if value is None else _long(8, value - TO_2000) for value in values])


def texts(values: Sequence[str]) -> bytes:
    encoded = [value.encode() for value in values]
    return _array(TEXT, [_length(len(value)) + value for value in encoded])


def uuids(values: Sequence[UUID | None]) -> bytes:
    return _array(UUID_TYPE, [_null if value is None else _length(16) + value.bytes for value in values])


def versions(values: Sequence[bytes]) -> bytes:
    """Of the system column xmin, four bytes each."""
    return _array(XID, [_length(4) + value for value in values])
