"""A target's own PostgreSQL database: made if missing, able to refuse connections and to hold its clock.

The clock: rules ask `NOW()`, and a test that stands exactly on an edge, or tells a story at another hour, needs the
database to agree on what now is. So `monitor_url` puts a schema with a `now()` of its own before PostgreSQL's on
the search path. That function is the real clock until `hold_clock` sets it. Queries run unchanged; only connections
made with `monitor_url` are affected. (CURRENT_TIMESTAMP is syntax, not a function, and always tells the real time.)
"""

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

CLOCK = """
CREATE SCHEMA IF NOT EXISTS target_clock;
CREATE TABLE IF NOT EXISTS target_clock.held (at timestamptz);
CREATE OR REPLACE FUNCTION target_clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS
  'SELECT coalesce((SELECT max(at) FROM target_clock.held), pg_catalog.now())';
"""
SEARCH_PATH = "-c search_path=target_clock,pg_catalog,public"
CONNECT_TIMEOUT = 10  # seconds


class Database:
    """The database at `url`, a postgresql:// address whose user may create databases and tables."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = database_name(url)
        self.monitor_url = with_options(url, SEARCH_PATH)

    def create(self, tables: str) -> None:
        """Create the database if missing, and in it the clock and `tables` (SQL that may run twice)."""
        create_if_missing(self.url)
        self.accept()
        with psycopg.connect(self.url, connect_timeout=CONNECT_TIMEOUT) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(7405)")  # two targets may start at once
            connection.execute(CLOCK)
            connection.execute(tables)

    @contextlib.contextmanager
    def connect(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        """One transaction under the target's clock, rows as dicts; raises psycopg.OperationalError."""
        with psycopg.Connection.connect(
            self.monitor_url, connect_timeout=CONNECT_TIMEOUT, row_factory=dict_row
        ) as connection:
            yield connection

    def rows(self, query: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
        """The rows of one query."""
        with self.connect() as connection:
            return connection.execute(query, values).fetchall()

    def do(self, *statements: tuple[str, dict[str, Any]] | str) -> None:
        """Run statements, each alone or with its values, in one transaction."""
        with self.connect() as connection:
            for statement in statements:
                text, values = (statement, {}) if isinstance(statement, str) else statement
                connection.execute(text, values)

    def hold_clock(self, at: datetime | None) -> None:
        """Let `now()` be `at` (aware) until it is changed; None lets it run again."""
        if at is not None and at.utcoffset() is None:
            raise ValueError(f"{at} has no time zone; write it like 2026-11-21T09:00:00Z.")
        self.do("DELETE FROM target_clock.held", ("INSERT INTO target_clock.held VALUES (%(at)s)", {"at": at}))

    def refuse(self) -> None:
        """End every session and take no new ones, as a database that is gone would."""
        with maintenance(self.url) as connection:
            connection.execute(self._alter("false"))
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(ended, [self.name])

    def accept(self) -> None:
        """Take sessions again."""
        with maintenance(self.url) as connection:
            connection.execute(self._alter("true"))

    def _alter(self, allowed: str) -> sql.Composed:
        words = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS " + allowed)
        return words.format(sql.Identifier(self.name))


@contextlib.contextmanager
def scratch(server_url: str) -> Iterator[str]:
    """A fresh database on the server of `server_url`, dropped afterwards; yields its address."""
    url = with_database(server_url, f"target_{uuid.uuid4().hex[:12]}")
    create_if_missing(url)
    try:
        yield url
    finally:
        with maintenance(url) as connection:
            name = sql.Identifier(database_name(url))
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def create_if_missing(url: str) -> None:
    """Create the database that `url` names."""
    with maintenance(url) as connection:
        name = database_name(url)
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            with contextlib.suppress(psycopg.errors.DuplicateDatabase):  # another target was quicker
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


@contextlib.contextmanager
def maintenance(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the server's `postgres` database, outside a transaction."""
    with psycopg.connect(with_database(url, "postgres"), autocommit=True, connect_timeout=CONNECT_TIMEOUT) as it:
        yield it


def database_name(url: str) -> str:
    """The database that `url` names; raises ValueError when it names none."""
    name = urlsplit(url).path.lstrip("/")
    if not name or not url.startswith(("postgres://", "postgresql://")):
        raise ValueError("A target needs an address such as postgresql://user@127.0.0.1:5432/crm.")
    return name


def with_database(url: str, name: str) -> str:
    """`url` with another database in it."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def with_options(url: str, options: str) -> str:
    """`url` with the server options `options` behind those it has."""
    split = urlsplit(url)
    query = dict(parse_qsl(split.query))
    query["options"] = " ".join(filter(None, [query.get("options"), options]))
    return urlunsplit(split._replace(query=urlencode(query, quote_via=quote)))


def masked(url: str) -> str:
    """`url` as it may be shown: without its password."""
    split = urlsplit(url)
    if split.password is None:
        return url
    return urlunsplit(split._replace(netloc=split.netloc.replace(f":{split.password}@", ":***@")))
