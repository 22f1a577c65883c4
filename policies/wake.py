"""Tell the clock that something became due just now, so that it need not wait for its next tick."""

from django.db import connection

CHANNEL = "opscenter_clock"


def wake() -> None:
    """Ask the clock to look at once; inside a transaction the call travels with the commit.

    PostgreSQL: NOTIFY, which the clock LISTENs to on a connection of its own. SQLite: nothing to do, the clock sees
    that the database file has changed.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")
