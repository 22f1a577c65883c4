"""SQL on MySQL and MariaDB: one session per database, thread and time limit; each query in a read-only transaction.

The address is mysql://user:password@host:3306/database, with after a ? any of

    ssl         off, on or verify (the certificate and its name); without it TLS is spoken where the server can
    ssl_ca      a file of certificates to check the server's by, its name left aside unless ssl is verify
    charset     utf8mb4 unless said otherwise
    socket      a socket file instead of host and port
    time_zone   of the session, +00:00 unless said otherwise: what NOW() and TIMESTAMP columns are in. SYSTEM leaves the
                server's own

Times without a zone are taken as UTC. The server cuts a query off at the time limit (MySQL by max_execution_time,
MariaDB by max_statement_time); one that has fallen silent is left shortly after.

Source: MySQL 8.4 Reference Manual and MariaDB documentation, "SET TRANSACTION", "Server System Variables".
"""

import os
import time
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pymysql
from pymysql.constants import CR, ER
from pymysql.cursors import SSCursor

from sources.probes.base import BadSpec, ProbeError
from sources.probes.masking import mask, secrets_in, where
from sources.probes.sockets import blind, trust
from sources.probes.sql_sessions import Sessions

PORT = 3306
GRACE = 2.0  # seconds the server has to cut a query off itself before we hang up
PARAMETERS = ("ssl", "ssl_ca", "charset", "socket", "time_zone")
SSL = ("off", "on", "verify")
CUT_OFF = (1317, 1969, 3024)  # interrupted; MariaDB's max_statement_time; MySQL's max_execution_time
WRITES = (1290, 1792)  # the server, or the transaction, is read-only
LOST = (CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST)
UNREACHABLE = (
    *LOST, CR.CR_CONN_HOST_ERROR, CR.CR_CONNECTION_ERROR, CR.CR_UNKNOWN_HOST, CR.CR_SSL_CONNECTION_ERROR,
    ER.CON_COUNT_ERROR, ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.BAD_DB_ERROR, ER.SERVER_SHUTDOWN,
    ER.HOST_IS_BLOCKED, ER.HOST_NOT_PRIVILEGED, ER.TOO_MANY_USER_CONNECTIONS, ER.USER_LIMIT_REACHED, 1698,
)  # fmt: skip

Table = tuple[list[str], list[tuple[Any, ...]]]


class Session:
    """One connection, told once how long a query may take."""

    def __init__(self, url: str, timeout: timedelta) -> None:
        seconds = timeout.total_seconds()
        options, said = _options(url)
        time_zone = said.get("time_zone", "+00:00")
        self.process, self.most = os.getpid(), 0
        self.connection = pymysql.connect(
            **options, **_tls(said), autocommit=True, program_name="opscenter", connect_timeout=max(seconds, 0.1),
            read_timeout=seconds + GRACE, write_timeout=seconds + GRACE, cursorclass=SSCursor,
        )  # fmt: skip
        milliseconds = max(1, round(seconds * 1000))
        try:
            if "mariadb" in self.connection.get_server_info().lower():
                self._run(f"SET SESSION max_statement_time = {milliseconds / 1000}")
            else:
                self._run(f"SET SESSION max_execution_time = {milliseconds}")
            if time_zone.upper() != "SYSTEM":
                self._run(f"SET SESSION time_zone = {self.connection.escape(time_zone)}")
            self._run("SET SESSION TRANSACTION READ ONLY")
        except pymysql.MySQLError:
            self.close()
            raise

    def __del__(self, getpid=os.getpid) -> None:  # by name, as modules may be gone when the interpreter ends
        if getattr(self, "process", None) == getpid():  # after a fork the socket is still the parent's
            self.close()

    @property
    def closed(self) -> bool:
        return not self.connection.open

    @property
    def worn(self) -> bool:
        return self.closed

    def close(self) -> None:
        connection = getattr(self, "connection", None)
        if connection and connection.open:
            connection.close()

    def fetch(self, query: str, limit: int) -> Table:
        """Return column names and at most `limit` + 1 rows.

        The transaction is begun as a read-only one each time, so that nothing the query may have called unlocks the
        next. Rows that an explicit LIMIT lets through above ours are read and left.
        """
        if self.most != limit + 1:
            self._run(f"SET SESSION sql_select_limit = {limit + 1}")
            self.most = limit + 1
        self._run("START TRANSACTION READ ONLY")
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(query)
                names = [column[0] for column in cursor.description or ()]
                rows = list(cursor.fetchmany(limit + 1))
        finally:
            if self.connection.open:
                self._run("ROLLBACK")
        return names, rows

    def _run(self, statement: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)


sessions = Sessions(Session)


def _after_fork() -> None:
    """A child must not speak on its parent's sockets."""
    global sessions
    sessions = Sessions(Session)


os.register_at_fork(after_in_child=_after_fork)


def check_url(url: str) -> None:
    """Raise BadSpec unless `url` is an address as the top of this file has it."""
    _options(url)


def fetch(url: str, query: str, *, limit: int, timeout: timedelta) -> Table:
    """Return column names and at most `limit` + 1 rows of `query`, run read-only within `timeout`."""
    began = time.monotonic()
    try:
        session, fresh = sessions.get(url, timeout)
        try:
            table = session.fetch(query, limit)
        except pymysql.MySQLError as error:
            # the server closes sessions that were idle for long; how soon that shows tells it from a query that hangs
            lost = _code(error) in LOST and time.monotonic() - began < timeout.total_seconds()
            if fresh or not (session.closed or lost):
                raise
            sessions.drop(url, timeout)
            session, _ = sessions.get(url, timeout)
            table = session.fetch(query, limit)
    except (pymysql.MySQLError, OSError, RuntimeError) as error:  # a RuntimeError: a login that needs a secure line
        raise _told(error, url, timeout, time.monotonic() - began) from None
    # MySQL ends a SLEEP at the limit without calling it an error
    if time.monotonic() - began > timeout.total_seconds() + GRACE / 2:
        seconds = f"{timeout.total_seconds():g} s"
        raise ProbeError(f"The query ran longer than {seconds} and was cut off.", reason="timeout")
    return table


def _options(url: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what to connect by, and what the address says beside."""
    parts = urlsplit(url)
    said = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in said:
        if name not in PARAMETERS:
            raise BadSpec("url", f"A MySQL address takes no {name!r}. Allowed: {', '.join(PARAMETERS)}.")
    try:
        port = parts.port or PORT
    except ValueError:
        raise BadSpec("url", "The port of the address should be a number from 1 to 65535.") from None
    if not (parts.hostname or said.get("socket")):
        raise BadSpec("url", "A MySQL address is mysql://user:password@host:3306/database.")
    if said.get("ssl", SSL[0]) not in SSL:
        raise BadSpec("url", f"There is no choice ssl={said['ssl']!r}. Allowed: {', '.join(SSL)}.")
    options: dict[str, Any] = {
        "user": unquote(parts.username or ""), "password": unquote(parts.password or ""), "port": port,
        "database": unquote(parts.path.strip("/")) or None, "charset": said.get("charset", "utf8mb4"),
    }  # fmt: skip
    options |= {"unix_socket": said["socket"]} if said.get("socket") else {"host": parts.hostname}
    return options, said


def _tls(said: dict[str, str]) -> dict[str, Any]:
    choice, ca = said.get("ssl"), said.get("ssl_ca")
    if choice == "off":
        return {"ssl_disabled": True}
    if choice is None and not ca:
        return {}
    context = trust({"ca": ca}) if ca or choice == "verify" else blind()
    context.check_hostname = choice == "verify"
    return {"ssl": context}


def _code(error: BaseException) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def _told(error: BaseException, url: str, timeout: timedelta, took: float) -> ProbeError:
    """Return `error` as a sentence of ours with the server's own words and without the password."""
    code, place, seconds = _code(error), where(url), f"{timeout.total_seconds():g} s"
    words = " ".join(mask(str(error.args[-1] if error.args else error), secrets_in(url)).split())
    if code in CUT_OFF:
        return ProbeError(f"The query ran longer than {seconds} and was cut off: {words}", reason="timeout")
    if took >= timeout.total_seconds() and (code in UNREACHABLE or not code):
        return ProbeError(f"{place} did not answer within {seconds}: {words}", reason="timeout")
    if code in WRITES:
        return ProbeError(f"This query would write: {words}", reason="query")
    if code in UNREACHABLE or not code:
        return ProbeError(f"No connection to {place}: {words}", reason="unreachable")
    return ProbeError(f"The query failed on {place}: {words}", reason="query")
