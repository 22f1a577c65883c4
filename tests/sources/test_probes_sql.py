"""SQL sources: what they read, what they refuse, and how they say that a database is in trouble."""

import contextlib
import os
import socket
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import psycopg
import pytest

from sources.probes import PROBES, BadSpec, ProbeError, Reading, sql_postgres, sql_sqlite
from sources.probes.sql_guard import check_reads

NINE = datetime(2025, 3, 3, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DATABASE_URL = os.environ.get("DATABASE_URL", "")
pytestmark = pytest.mark.both
needs_postgres = pytest.mark.skipif(
    not DATABASE_URL.startswith("postgres"), reason="asks a real PostgreSQL; this is the SQLite pass"
)
STUCK = (
    "SELECT COUNT(*) as stuck_count FROM mailer_campaignqueue WHERE status = 'processing' "
    "AND started_at < NOW() - INTERVAL '30 minutes'"
)


def read(url, query, *, timeout=20 * SECOND, **spec):
    spec = {"url": url, "query": query, **spec}
    PROBES["sql"].check(spec)
    return PROBES["sql"].read(spec, at=NINE, timeout=timeout)


@pytest.fixture
def shop(tmp_path):
    """An SQLite target with three orders; gives its address."""
    path = tmp_path / "shop 100%.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE orders (id INTEGER, tenant TEXT, total NUMERIC, placed_at TEXT)")
        db.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?)",
            [
                (1, "ada", 10, "2025-03-03 08:00:00"),
                (2, "grace", 2.5, "2025-03-03T09:30:00+01:00"),
                (3, None, None, "yesterday"),
            ],
        )
    db.close()
    return "sqlite:///" + str(path).replace("%", "%25")


class TestGuard:
    @pytest.mark.parametrize(
        "query",
        [
            "SELECT 1",
            "select 1;",
            "SELECT 1 ; ; -- the end",
            "WITH x AS (SELECT 1) SELECT * FROM x",
            "WITH x AS (SELECT 1), y AS MATERIALIZED (SELECT 2) SELECT * FROM x, y",
            "VALUES (1), (2)",
            "TABLE orders",
            "(SELECT 1) UNION (SELECT 2)",
            "/* DELETE; /* nested */ */ SELECT 'a;b', $$ ; DELETE $$, $x$ $$ ; $x$, E'it\\'s; ', 'it''s;'",
            "SELECT name FROM t WHERE name LIKE '%set_config%'",
            "SELECT lo_water, 'lo_create(0)' FROM t",
            'SELECT "into", "a;b", updated, deleted_at FROM t -- ; DELETE FROM t',
            "SELECT delete FROM t",
        ],
    )
    def test_lets_what_reads_pass(self, query):
        check_reads(query)

    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ("DELETE FROM orders", "would write: it begins with DELETE"),
            ("/* SELECT */ update orders SET id = 1", "would write: it begins with UPDATE"),
            ("COPY orders TO PROGRAM 'sh'", "would write: it begins with COPY"),
            ("SET default_transaction_read_only = off", "would write: it begins with SET"),
            ("EXPLAIN ANALYZE DELETE FROM orders", "would write: it begins with EXPLAIN"),
            ("ATTACH 'x.db' AS x", "would write: it begins with ATTACH"),
            ("WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x", "would write: it holds DELETE"),
            ("WITH x AS MATERIALIZED (update t SET a = 1 RETURNING *) TABLE x", "would write: it holds UPDATE"),
            ("WITH x AS (SELECT 1) DELETE FROM orders", "would write: it holds DELETE"),
            ("SELECT * INTO copy FROM orders", "would write: INTO makes a table"),
            ("SELECT set_config('statement_timeout', '0', false)", "would write: set_config"),
            ("SELECT lo_create(0)", "would write: lo_create"),
            ("SELECT pg_terminate_backend(1)", "would write: pg_terminate_backend"),
            ("SELECT pg_catalog . SET_CONFIG ('a', 'b', false)", "would write: set_config"),
            ("SELECT \"set_config\"('a', 'b', false)", "would write: set_config"),
            ('SELECT U&"set\\005fconfig"(1)', "write the name plainly"),
            ("SELECT 1; DELETE FROM orders", "several statements"),
            ("SELECT 'a", "has no end"),
            ('SELECT "a', "has no end"),
            ("SELECT $a$ 1", "has no end"),
            ("SELECT 1 /* /* */", "has no end"),
            (" ; ", "is empty"),
            ("-- only a remark", "is empty"),
            ("SELECT '" + "x" * 50_000 + "'", "are allowed"),
        ],
    )
    def test_refuses_the_rest_with_its_reason(self, query, words):
        with pytest.raises(BadSpec, match=r"^query: ") as refusal:
            check_reads(query)
        assert words in str(refusal.value)


class TestSpec:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"mood": 1}, "mood: There is no such key here. Allowed: labels, limit, mode, query, url."),
            ({"query": ""}, "query: This key is needed"),
            ({"query": 5}, "query: This should be an SQL query"),
            ({"url": "oracle://u:geheim@h/d"}, "url: There is no database 'oracle'"),
            ({"url": "sqlite:///:memory:"}, "url: An SQLite address is"),
            ({"url": "sqlite://host/x.db"}, "url: An SQLite address is"),
            ({"url": "postgresql://u:geheim@h/d?nope=1"}, "url: This is no PostgreSQL address"),
            ({"mode": "cells"}, "mode: There is no mode 'cells'. Allowed: scalar, rows."),
            ({"limit": 0}, "limit: This should be a number of rows from 1 to 10,000."),
            ({"limit": 10_001}, "limit:"),
            ({"limit": True}, "limit:"),
            ({"labels": "tenant"}, "labels: This should be a list"),
            ({"query": "DELETE FROM t"}, "query: This query would write"),
        ],
    )
    def test_a_bad_spec_names_its_key(self, change, words):
        spec = {"url": "sqlite:///x.db", "query": "SELECT 1"} | change
        with pytest.raises(BadSpec) as refusal:
            PROBES["sql"].check(spec)
        assert words in str(refusal.value)
        assert "geheim" not in str(refusal.value)

    def test_a_spec_is_a_set_of_keys(self):
        with pytest.raises(BadSpec, match=r"set of keys"):
            PROBES["sql"].check(["SELECT 1"])


class TestSqlite:
    def test_scalar_is_the_first_column_and_all_columns_by_name(self, shop):
        assert read(shop, "SELECT COUNT(*) AS n, MAX(total) AS most FROM orders;") == [
            Reading({"n": 3, "most": 10, "value": 3})
        ]

    @pytest.mark.req("ML-34")
    def test_no_row_is_no_reading_and_null_stays_null(self, shop):
        assert read(shop, "SELECT id FROM orders WHERE id > 3") == []
        assert read(shop, "SELECT total FROM orders WHERE id = 3") == [Reading({"total": None, "value": None})]

    def test_rows_carry_their_labels(self, shop):
        query = "SELECT tenant, total, id FROM orders WHERE tenant LIKE '%a%' OR tenant IS NULL ORDER BY id"
        readings = read(shop, query, mode="rows", labels=["tenant"])
        assert readings == [
            Reading({"tenant": "ada", "total": 10, "id": 1, "value": 10}, {"tenant": "ada"}),
            Reading({"tenant": "grace", "total": 2.5, "id": 2, "value": 2.5}, {"tenant": "grace"}),
            Reading({"tenant": None, "total": None, "id": 3, "value": None}, {"tenant": ""}),
        ]

    def test_a_label_that_is_no_column_is_named(self, shop):
        with pytest.raises(ProbeError, match=r"no column 'shop' to label by; it gives id"):
            read(shop, "SELECT id FROM orders", mode="rows", labels=["shop"])

    def test_times_are_aware_and_utc(self, shop):
        readings = read(shop, "SELECT placed_at FROM orders ORDER BY id", mode="rows")
        eight = datetime(2025, 3, 3, 8, tzinfo=UTC)
        assert [r.fields["value"] for r in readings] == [eight, eight + timedelta(minutes=30), "yesterday"]
        assert read(shop, "SELECT '2025-02-31 10:00:00'")[0].fields["value"] == "2025-02-31 10:00:00"

    @pytest.mark.parametrize(("limit", "fits"), [(2, False), (3, True), (4, True)])
    def test_more_rows_than_the_limit_are_an_error_never_a_part(self, shop, limit, fits):
        if fits:
            assert len(read(shop, "SELECT id FROM orders", mode="rows", limit=limit)) == 3
            return
        with pytest.raises(ProbeError, match=r"more than 2 rows") as failure:
            read(shop, "SELECT id FROM orders", mode="rows", limit=limit)
        assert failure.value.reason == "limit"

    def test_the_file_itself_refuses_to_be_written(self, shop):
        with pytest.raises(ProbeError, match=r"This query would write: attempt to write a readonly database"):
            sql_sqlite.fetch(shop, "DELETE FROM orders", limit=1, timeout=SECOND)

    def test_a_slow_query_is_cut_off(self, shop):
        slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
        with pytest.raises(ProbeError, match=r"longer than 0\.2 s and was cut off: interrupted") as failure:
            read(shop, slow, timeout=timedelta(seconds=0.2))
        assert failure.value.reason == "timeout"

    def test_a_locked_file_says_so(self, shop):
        with sqlite3.connect(sql_sqlite.path_of(shop), isolation_level=None) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            with pytest.raises(ProbeError, match=r"stayed locked for 0\.1 s: database is locked"):
                read(shop, "SELECT 1 FROM orders", timeout=timedelta(seconds=0.1))
        writer.close()

    def test_a_missing_file_and_a_file_of_something_else_are_unreachable(self, tmp_path):
        (tmp_path / "notes.db").write_text("not a database, " * 100)
        for name in ("nowhere.db", "notes.db"):
            with pytest.raises(ProbeError, match=r"Cannot open the database file") as failure:
                read(f"sqlite:///{tmp_path / name}", "SELECT COUNT(*) FROM sqlite_master")
            assert failure.value.reason == "unreachable"
        assert not (tmp_path / "nowhere.db").exists()

    def test_a_wrong_query_speaks_with_the_drivers_words(self, shop):
        with pytest.raises(ProbeError, match=r"The query failed on .*: no such column: nope") as failure:
            read(shop, "SELECT nope FROM orders")
        assert failure.value.reason == "query"


@pytest.fixture
def target():
    """A PostgreSQL target of its own: a schema with the campaigns' table; gives its address."""
    schema = f"target_{os.getpid()}"
    with psycopg.connect(DATABASE_URL, autocommit=True) as db:
        db.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        db.execute(f"CREATE SCHEMA {schema}")
        db.execute(f"SET search_path = {schema}")
        db.execute("CREATE TABLE mailer_campaignqueue (id int, status text, started_at timestamptz)")
        yield f"{DATABASE_URL}{'&' if '?' in DATABASE_URL else '?'}options=-csearch_path%3D{schema}"
        sql_postgres.sessions.clear()
        db.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def admin(target):
    with psycopg.connect(target, autocommit=True) as connection:
        yield connection


@pytest.fixture
def freezer(target):
    """The target behind a door that freezes: gives its address and the call that freezes it."""
    parts = urlsplit(target)
    if not parts.hostname:
        pytest.skip("the PostgreSQL of this run is reached by a socket file, not by a port")
    door = socket.create_server(("127.0.0.1", 0))
    frozen, ends = threading.Event(), []

    def carry(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not frozen.is_set():
                    sink.sendall(data)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                near = door.accept()[0]
                far = socket.create_connection((parts.hostname, parts.port or 5432))
                ends.extend([near, far])
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=carry, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    user = parts.netloc.rpartition("@")[0]
    yield parts._replace(netloc=f"{user}@127.0.0.1:{door.getsockname()[1]}").geturl(), frozen.set
    sql_postgres.sessions.clear()
    for end in (door, *ends):
        end.close()


@needs_postgres
class TestPostgres:
    @pytest.mark.req("ML-12")
    def test_the_documents_query_runs_unchanged(self, target, admin):
        assert read(target, STUCK) == [Reading({"stuck_count": 0, "value": 0})]
        admin.execute(
            "INSERT INTO mailer_campaignqueue SELECT i, 'processing', NOW() - INTERVAL '31 minutes'"
            " FROM generate_series(1, 2) i"
        )
        assert read(target, STUCK) == [Reading({"stuck_count": 2, "value": 2})]

    def test_values_come_as_plain_ones(self, target):
        (reading,) = read(
            target,
            """SELECT 2.00::numeric AS whole, 1.5::numeric AS part, 'NaN'::float8 AS nan, 1e400::numeric AS big,
               TIMESTAMP '2025-03-03 09:00' AS naive, TIMESTAMPTZ '2025-03-03 10:00+01' AS aware,
               DATE '2025-03-03' AS day, INTERVAL '2 h' AS span, '{"a": [1, null]}'::jsonb AS doc,
               '10.0.0.1'::inet AS ip, true AS yes, NULL AS nothing""",
        )
        assert reading.fields == {
            "whole": 2,
            "part": 1.5,
            "nan": None,
            "big": pytest.approx(1.797e308, rel=1e-3),
            "naive": NINE,
            "aware": NINE,
            "day": NINE.date(),
            "span": timedelta(hours=2),
            "doc": {"a": [1, None]},
            "ip": "10.0.0.1",
            "yes": True,
            "nothing": None,
            "value": 2,
        }
        assert [type(reading.fields[name]) for name in ("whole", "part")] == [int, float]
        assert reading.fields["naive"].tzinfo is UTC

    def test_a_percent_sign_is_only_a_percent_sign(self, target):
        assert read(target, r"SELECT 'a%b' WHERE 'a%b' LIKE '%\%b' AND 7 % 4 = 3")[0].fields["value"] == "a%b"

    @pytest.mark.req("ML-12")
    def test_the_database_itself_refuses_to_be_written(self, target, admin):
        admin.execute("INSERT INTO mailer_campaignqueue VALUES (1, 'pending', NOW())")
        for query, words in {
            "DELETE FROM mailer_campaignqueue": "This query would write: cannot execute DELETE in a read-only",
            "SELECT 1; DELETE FROM mailer_campaignqueue": "cannot insert multiple commands",
        }.items():
            with pytest.raises(ProbeError, match=words):
                sql_postgres.fetch(target, query, limit=1, timeout=SECOND)
        assert admin.execute("SELECT COUNT(*) FROM mailer_campaignqueue").fetchone() == (1,)

    def test_a_session_that_was_unlocked_behind_our_back_is_not_used_again(self, target, admin):
        if admin.info.server_version < 140000:
            pytest.skip("PostgreSQL tells us of default_transaction_read_only from 14 on")
        admin.execute(
            "CREATE FUNCTION unlock() RETURNS text LANGUAGE sql AS"
            " $$ SELECT set_config('default_transaction_read_only', 'off', false) $$"
        )
        before = read(target, "SELECT pg_backend_pid()")
        assert read(target, "SELECT unlock()")[0].fields["value"] == "off"
        assert read(target, "SELECT pg_backend_pid()") != before
        (now,) = read(target, "SELECT current_setting('default_transaction_read_only')")
        assert now.fields["value"] == "on"

    @pytest.mark.req("ML-12")
    def test_a_slow_query_is_cut_off_and_the_session_lives_on(self, target):
        before = read(target, "SELECT pg_backend_pid()", timeout=SECOND)
        with pytest.raises(ProbeError, match=r"longer than 1 s and was cut off: canceling statement") as failure:
            read(target, "SELECT pg_sleep(60)", timeout=SECOND)
        assert failure.value.reason == "timeout"
        assert read(target, "SELECT pg_backend_pid()", timeout=SECOND) == before

    def test_a_wrong_query_speaks_with_the_drivers_words_and_keeps_the_session(self, target):
        before = read(target, "SELECT pg_backend_pid()")
        with pytest.raises(ProbeError, match=r'The query failed on .*: column "nope" does not exist') as failure:
            read(target, "SELECT nope FROM mailer_campaignqueue")
        assert failure.value.reason == "query"
        assert read(target, "SELECT pg_backend_pid()") == before

    def test_a_value_no_python_holds_closes_the_session_and_no_more(self, target):
        with pytest.raises(ProbeError, match=r"timestamp too large"):
            read(target, "SELECT 'infinity'::timestamptz")
        assert read(target, "SELECT 1")[0].fields["value"] == 1

    @pytest.mark.parametrize(("rows", "fits"), [(999, True), (1000, True), (1001, False), (100_000_000, False)])
    def test_more_rows_than_the_limit_are_an_error_never_a_part(self, target, rows, fits):
        query = f"SELECT generate_series(1, {rows}) AS i"
        if fits:
            assert len(read(target, query, mode="rows")) == rows
            return
        with pytest.raises(ProbeError, match=r"more than 1,000 rows"):
            read(target, query, mode="rows")
        assert read(target, "SELECT 1")[0].fields["value"] == 1

    def test_a_dead_session_is_opened_anew_once(self, target, admin):
        (before,) = read(target, "SELECT pg_backend_pid()")
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [before.fields["value"]])
        (after,) = read(target, "SELECT pg_backend_pid()")
        assert after.fields["value"] != before.fields["value"]

    def test_a_session_killed_twice_is_an_error(self, target, admin):
        # behind a function of the database's own, since the guard refuses the call by its name
        admin.execute(
            "CREATE FUNCTION leave() RETURNS bool LANGUAGE sql AS 'SELECT pg_terminate_backend(pg_backend_pid())'"
        )
        read(target, "SELECT 1")
        with pytest.raises(ProbeError, match=r"No connection to .*terminating connection") as failure:
            read(target, "SELECT leave()")
        assert failure.value.reason == "unreachable"

    def test_a_table_may_change_under_a_prepared_query(self, target, admin):
        query = "SELECT * FROM mailer_campaignqueue"
        admin.execute("INSERT INTO mailer_campaignqueue VALUES (1, 'pending', NULL)")
        assert "note" not in read(target, query)[0].fields
        admin.execute("ALTER TABLE mailer_campaignqueue ADD note text DEFAULT 'new'")
        assert read(target, query)[0].fields["note"] == "new"

    @pytest.mark.req("AP-04")
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"port": 1}, "Connection refused"),
            ({"path": "/no_such_database"}, 'database "no_such_database" does not exist'),
            ({"user": "nobody_we_know:geheim-geheim"}, "nobody_we_know"),
        ],
    )
    def test_no_connection_is_told_with_the_drivers_words_and_without_the_password(self, change, words):
        parts = urlsplit(DATABASE_URL)
        user = change.get("user") or f"{parts.username}:{parts.password or 'geheim-geheim'}"
        host = f"{parts.hostname or '127.0.0.1'}:{change.get('port') or parts.port or 5432}"
        url = f"postgresql://{user}@{host}{change.get('path', parts.path)}"
        with pytest.raises(ProbeError, match=r"^No connection to postgresql://") as failure:
            read(url, "SELECT 1")
        assert words in str(failure.value)
        assert failure.value.reason == "unreachable"
        assert "geheim" not in str(failure.value)

    def test_a_frozen_server_holds_nobody(self, freezer):
        url, freeze = freezer
        assert read(url, "SELECT 1", timeout=2 * SECOND)[0].fields["value"] == 1
        freeze()
        for words in ("the server has fallen silent", "timeout expired"):  # in a session, and when connecting
            with pytest.raises(ProbeError, match=rf"did not answer within 2 s: .*{words}") as failure:
                read(url, "SELECT 1", timeout=2 * SECOND)
            assert failure.value.reason == "timeout"

    def test_a_child_process_opens_a_session_of_its_own(self, target):
        before = read(target, "SELECT pg_backend_pid()")
        child = os.fork()
        if child == 0:
            os._exit(0 if read(target, "SELECT pg_backend_pid()") != before else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert read(target, "SELECT pg_backend_pid()") == before
