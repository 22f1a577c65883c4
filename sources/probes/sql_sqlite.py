"""SQL on an SQLite file, opened read-only for each reading: opening costs less than a stale handle."""

import sqlite3
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from sources.probes.base import BadSpec, ProbeError

STEPS = 1_000  # instructions of SQLite's machine between two looks at the clock


def path_of(url: str) -> Path:
    """Return the file of `sqlite:///relative/path` or `sqlite:////absolute/path`; raise BadSpec otherwise."""
    parts = urlsplit(url)
    path = unquote(parts.path)[1:]
    if parts.netloc or not path or path == ":memory:":
        raise BadSpec("url", "An SQLite address is sqlite:///relative/path or sqlite:////absolute/path of a file.")
    return Path(path)


def check_url(url: str) -> None:
    path_of(url)


def fetch(url: str, query: str, *, limit: int, timeout: timedelta) -> tuple[list[str], list[tuple]]:
    """Return column names and at most `limit` + 1 rows of `query`, run read-only within `timeout`."""
    path = path_of(url)
    ends_at = time.monotonic() + timeout.total_seconds()
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro",
            uri=True,
            timeout=timeout.total_seconds(),
            isolation_level=None,
        )
    except sqlite3.Error as error:
        raise ProbeError(f"Cannot open the database file {path}: {error}", reason="unreachable") from None
    try:
        connection.set_progress_handler(lambda: time.monotonic() > ends_at, STEPS)
        cursor = connection.execute(query)
        rows = cursor.fetchmany(limit + 1)
        return [column[0] for column in cursor.description], rows
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _told(error, path, timeout) from None
    finally:
        connection.close()


def _told(error: Exception, path: Path, timeout: timedelta) -> ProbeError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    seconds = f"{timeout.total_seconds():g} s"
    if code == sqlite3.SQLITE_INTERRUPT:
        return ProbeError(f"The query ran longer than {seconds} and was cut off: {error}", reason="timeout")
    if code == sqlite3.SQLITE_BUSY:
        return ProbeError(f"{path} stayed locked for {seconds}: {error}", reason="timeout")
    if code == sqlite3.SQLITE_READONLY:
        return ProbeError(f"This query would write: {error}", reason="query")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT):
        return ProbeError(f"Cannot open the database file {path}: {error}", reason="unreachable")
    return ProbeError(f"The query failed on {path}: {error}", reason="query")
