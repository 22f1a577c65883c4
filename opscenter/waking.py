"""How the clock sleeps: woken at once when another process has made something due, and only one clock at a time.

PostgreSQL: LISTEN and an advisory lock, both on a connection of the clock's own outside Django's, so that they live and
die together. SQLite: the counter that says whether another connection has committed, and a lock on a file.
"""

import contextlib
import os
import select
import time
from collections.abc import Sequence
from typing import Any

from django.db import connection

from policies.locks import only_one
from policies.wake import CHANNEL

CLOCK_LOCK = 7_345_126_001  # any number nobody else uses for an advisory lock of this database
PLAN_AGAIN = 60.0  # seconds
LOOK_EVERY = 0.2  # seconds between two looks at SQLite's counter; each costs about 0.2 ms of a cold processor


class Pipe:
    """Wakes the sleeper from a signal or another thread."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        for end in (self.reader, self.writer):
            os.set_blocking(end, False)

    def poke(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full: it is going to wake up anyway
            os.write(self.writer, b".")

    def drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self.reader, 4096):
                pass


class PostgresWaker:
    """Sleeps on LISTEN. Any method may raise Django's OperationalError; then `close`, and begin anew."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe
        import psycopg  # an installation on SQLite does without

        # what is asked here is the same each time: prepared, which Django's kind of cursor never does
        params = connection.get_connection_params() | {
            "autocommit": True, "prepare_threshold": 0, "cursor_factory": psycopg.Cursor,
        }  # fmt: skip
        with connection.wrap_database_errors:
            self.listener = psycopg.connect(**params)  # past Django's pool
        self._ask(f"LISTEN {CHANNEL}")

    def ask(self, sql: str) -> Sequence[Any]:
        """The row a statement answers; for `look`. Planned once a minute, as tables grow."""
        with connection.wrap_database_errors:
            row = self.listener.execute(f"{sql} -- {time.monotonic() // PLAN_AGAIN:.0f}").fetchone()
        assert row is not None
        return row

    def _ask(self, sql: str, *params: object) -> object:
        """The first value of the answer, None when there is no answer."""
        with connection.wrap_database_errors:
            cursor = self.listener.execute(sql, params)
            row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    def acquire(self) -> bool:
        """Become the only clock of this database; False while another is."""
        return bool(self._ask("SELECT pg_try_advisory_lock(%s)", CLOCK_LOCK))

    def check(self) -> None:
        """Raise when the connection, and with it the lock, is gone."""
        self._ask("SELECT 1")

    def mark(self) -> int:
        """To be taken before the look at what is due: what is committed after it ends the next `wait`."""
        return 0  # the server keeps notifications until they are read

    def wait(self, seconds: float, mark: int) -> None:
        """Sleep at most `seconds`, less when woken."""
        if self._heard():  # while it spoke with the server about something else
            return
        ready, _, _ = select.select([self.listener.fileno(), self.pipe.reader], [], [], max(seconds, 0))
        if self.pipe.reader in ready:
            self.pipe.drain()
        if self.listener.fileno() in ready:
            self._heard()

    def _heard(self) -> bool:
        """Take all notifications that have come; whether there was any."""
        with connection.wrap_database_errors:
            return bool(list(self.listener.notifies(timeout=0)))

    def close(self) -> None:
        self.listener.close()


class SqliteWaker:
    """Sleeps on SQLite's `data_version`, which changes with every commit that another connection makes."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe
        self.lock = contextlib.ExitStack()
        self.held = False

    def acquire(self) -> bool:
        """Become the only clock of this database; False while another is."""
        if not self.held:
            self.held = self.lock.enter_context(only_one("clock"))
            if not self.held:
                self.lock.close()
        return self.held

    ask = None
    """`look` asks on Django's own connection, which alone sees what changed since."""

    def check(self) -> None:
        """A file lock stays as long as the process."""

    def mark(self) -> int:
        """To be taken before the look at what is due: what is committed after it ends the next `wait`."""
        connection.ensure_connection()
        # asked of Django's own connection, so that this thread's own commits do not count
        return connection.connection.execute("PRAGMA data_version").fetchone()[0]

    def wait(self, seconds: float, mark: int) -> None:
        """Sleep at most `seconds`, less when woken."""
        until = time.monotonic() + seconds
        while self.mark() == mark and (left := until - time.monotonic()) > 0:
            if select.select([self.pipe.reader], [], [], min(left, LOOK_EVERY))[0]:
                self.pipe.drain()
                return

    def close(self) -> None:
        self.lock.close()
        self.held = False


def waker(pipe: Pipe) -> PostgresWaker | SqliteWaker:
    """The one for this installation's database."""
    return PostgresWaker(pipe) if connection.vendor == "postgresql" else SqliteWaker(pipe)
