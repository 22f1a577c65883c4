"""One at a time, across processes: cron's second run sees that the first is still going and leaves."""

import contextlib
import fcntl
import hashlib
import os
import re
from collections.abc import Iterator

from django.conf import settings
from django.db import connection


@contextlib.contextmanager
def only_one(name: str) -> Iterator[bool]:
    """Yield True to whoever holds the lock `name` now, False to everybody else; nobody waits.

    PostgreSQL: an advisory lock of the session, which ends with it. SQLite: a lock on a file in the data folder, which
    the kernel lets go when the process ends. Either way a killed holder leaves nothing behind.
    """
    if connection.vendor == "postgresql":
        with _advisory(name) as held:
            yield held
    else:
        with _file(name) as held:
            yield held


@contextlib.contextmanager
def _advisory(name: str) -> Iterator[bool]:
    number = int.from_bytes(hashlib.sha256(f"opscenter:{name}".encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
        held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [number])


@contextlib.contextmanager
def _file(name: str) -> Iterator[bool]:
    folder = settings.DATA_DIR / "locks"
    folder.mkdir(exist_ok=True)
    database = str(connection.settings_dict["NAME"])
    if "mode=memory" in database:  # this process's own
        database += f" of {os.getpid()}"
    database = hashlib.sha256(database.encode()).hexdigest()[:8]
    with (folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}-{database}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
