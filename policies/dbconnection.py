"""The care for a thread's database connection that Django takes at each request, for the doors in front of Django."""

import time

from django.db.backends.base.base import BaseDatabaseWrapper


def tidy(connection: BaseDatabaseWrapper) -> None:
    """Close a connection that met an error or has reached its age; Django opens it again when needed.

    Within somebody's transaction it is theirs, and stays.
    """
    if connection.connection is None or connection.in_atomic_block:
        return
    if connection.errors_occurred or (connection.close_at is not None and time.monotonic() >= connection.close_at):
        connection.close_if_unusable_or_obsolete()
