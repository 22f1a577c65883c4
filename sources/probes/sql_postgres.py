"""SQL on PostgreSQL: one session per database, thread and time limit, read-only for as long as it lives.

Read-only and the statement timeout are set once, as options of the session: set in each transaction they would
cost three more round trips per rule. Connect to PostgreSQL itself, or to a pooler in session mode: a pooler in
transaction mode takes no options.
"""

import math
import os
import re
import select
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import errors, pq
from psycopg.adapt import Transformer
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sources.probes.base import BadSpec, ProbeError
from sources.probes.masking import mask, secrets_in, where
from sources.probes.sql_sessions import Sessions

PREPARED = 500  # statements per session; then it is closed and opened anew
GRACE = 2.0  # seconds the server has to cut a query off itself before we hang up
UNREACHABLE = re.compile(r"08(?!P01)|28|3D|53|57")  # SQLSTATE: connection, login, database, resources, shutdown
STALE = ("0A000", "26000")  # a prepared statement whose table has changed, or that the server has lost

Table = tuple[list[str], list[tuple[Any, ...]]]


class Overdue(errors.OperationalError):
    """The server has stopped answering."""


class Session:
    """One read-only connection and the statements it has prepared.

    It speaks psycopg's `pq` layer: a prepared statement is one statement by protocol, rows come in chunks so
    that a million of them never lie in our memory, and each wait has an end even when the server is frozen.
    """

    def __init__(self, url: str, timeout: timedelta) -> None:
        seconds = timeout.total_seconds()
        settings: dict[str, Any] = conninfo_to_dict(url)
        ours = (
            f"-c default_transaction_read_only=on -c statement_timeout={max(1, round(seconds * 1000))}"
            " -c standard_conforming_strings=on"
        )
        settings["options"] = f"{settings.get('options') or ''} {ours}".strip()
        settings.setdefault("application_name", "opscenter")
        settings["connect_timeout"] = max(2, math.ceil(seconds))  # libpq knows no shorter one
        self.process = os.getpid()
        self.connection = psycopg.connect(make_conninfo(**settings), autocommit=True)
        self.pgconn = self.connection.pgconn
        self.poll = select.poll()
        self.poll.register(self.pgconn.socket, select.POLLIN)
        self.prepared: dict[str, bytes] = {}

    def __del__(self, getpid: Callable[[], int] = os.getpid) -> None:  # at the end of Python modules are gone
        if self.process == getpid():  # after a fork the socket is still the parent's: no goodbye on it
            self.close()

    @property
    def closed(self) -> bool:
        return self.pgconn.status != pq.ConnStatus.OK

    @property
    def worn(self) -> bool:
        return self.closed or len(self.prepared) >= PREPARED

    def close(self) -> None:
        if connection := getattr(self, "connection", None):
            connection.close()

    def fetch(self, query: str, limit: int, ends_at: float) -> Table:
        """Return column names and at most `limit` + 1 rows; `ends_at` as time.monotonic() counts.

        The session stays open after an error that the server reported, and is closed by any other one.
        """
        try:
            statement = self.prepared.get(query)
            if statement is None:
                statement = f"q{len(self.prepared)}".encode()
                self.pgconn.send_prepare(statement, query.encode())
                self._take(ends_at)
                self.prepared[query] = statement
            self.pgconn.send_query_prepared(statement, None)
            self.pgconn.set_chunked_rows_mode(limit + 1)
            return self._take(ends_at, limit)
        finally:
            if self.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
                self.close()  # something is still on its way, and nobody waits for it

    def _take(self, ends_at: float, limit: int = 0) -> Table:
        """Return what comes of the command just sent; stop once it is more than `limit` rows."""
        names, rows, failure = [], [], None
        transformer = Transformer(self.connection)
        while result := self._next_result(ends_at):
            if result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.TUPLES_CHUNK):
                transformer.set_pgresult(result)
                names = [(result.fname(i) or b"").decode() for i in range(result.nfields)]
                rows += transformer.load_rows(0, result.ntuples, tuple)
                if len(rows) > limit:
                    break
            elif result.status != pq.ExecStatus.COMMAND_OK:
                failure = errors.error_from_result(result)
        if failure:
            raise failure
        return names, rows

    def _next_result(self, ends_at: float):
        while self.pgconn.flush() or self.pgconn.is_busy():
            if not self.poll.poll(max(0, ends_at - time.monotonic()) * 1000):
                raise Overdue("the server has fallen silent")
            self.pgconn.consume_input()
        return self.pgconn.get_result()


sessions = Sessions(Session)


def _after_fork() -> None:
    """A child must not speak on its parent's sockets."""
    global sessions
    sessions = Sessions(Session)


os.register_at_fork(after_in_child=_after_fork)


def check_url(url: str) -> None:
    """Raise BadSpec unless `url` is a DSN that libpq understands."""
    try:
        conninfo_to_dict(url)
    except psycopg.Error as error:
        raise BadSpec("url", f"This is no PostgreSQL address: {mask(str(error), secrets_in(url))}") from None


def fetch(url: str, query: str, *, limit: int, timeout: timedelta) -> Table:
    """Return column names and at most `limit` + 1 rows of `query`, run read-only within `timeout`."""
    try:
        session, fresh = sessions.get(url, timeout)
        try:
            table = session.fetch(query, limit, _end(timeout))
        except psycopg.Error as error:
            # A session may have died since it was last used, a table may have changed: once more, on a new one.
            if fresh or isinstance(error, Overdue) or not (session.closed or error.sqlstate in STALE):
                raise
            sessions.drop(url, timeout)
            session, _ = sessions.get(url, timeout)
            table = session.fetch(query, limit, _end(timeout))
    except psycopg.Error as error:
        raise _told(error, url, timeout) from None
    if not session.closed and session.pgconn.parameter_status(b"default_transaction_read_only") == b"off":
        sessions.drop(url, timeout)  # a function of the target's own has unlocked it: nothing more may run in it
    return table


def _end(timeout: timedelta) -> float:
    return time.monotonic() + timeout.total_seconds() + GRACE


def _told(error: psycopg.Error, url: str, timeout: timedelta) -> ProbeError:
    """Return `error` as a sentence of ours with the driver's own words and without the password."""
    words = " ".join(mask(str(error), secrets_in(url)).split())
    place, seconds = where(url), f"{timeout.total_seconds():g} s"
    match error:
        case errors.QueryCanceled():
            return ProbeError(f"The query ran longer than {seconds} and was cut off: {words}", reason="timeout")
        case Overdue() | errors.ConnectionTimeout():
            return ProbeError(f"{place} did not answer within {seconds}: {words}", reason="timeout")
        case errors.ReadOnlySqlTransaction():
            return ProbeError(f"This query would write: {words}", reason="query")
    if isinstance(error, psycopg.OperationalError) and UNREACHABLE.match(error.sqlstate or "08000"):
        return ProbeError(f"No connection to {place}: {words}", reason="unreachable")
    return ProbeError(f"The query failed on {place}: {words}", reason="query")
