"""SQL sources on MySQL and MariaDB: what the guard refuses, and a real MariaDB where one is installed."""

import getpass
import shutil
import signal
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pymysql
import pytest

from sources.probes import PROBES, BadSpec, ProbeError, Reading, sql, sql_mysql
from sources.probes.sql_guard import check_reads
from tests.sources.sockets import closed_port, listening

pytestmark = pytest.mark.once  # whichever database is ours
NINE = datetime(2025, 3, 3, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SERVER, INSTALL = shutil.which("mariadbd", path="/usr/sbin:/usr/bin"), shutil.which("mariadb-install-db")
READY_WITHIN = 20  # seconds


def read(url, query, *, timeout=20 * SECOND, **spec):
    spec = {"url": url, "query": query, **spec}
    PROBES["sql"].check(spec)
    return PROBES["sql"].read(spec, at=NINE, timeout=timeout)


def failure(url, query, **options):
    with pytest.raises(ProbeError) as failed:
        read(url, query, **options)
    return failed.value


class TestGuard:
    @pytest.mark.parametrize(
        "query",
        [
            "SELECT 1 # ; DELETE FROM t",
            "SELECT 1 -- ; DELETE FROM t",
            r"""SELECT 'it\'s; DELETE', "a\";b", 'it''s', `a;b` FROM t /* ; DELETE */""",
            "SELECT `into`, updated FROM t WHERE name = _utf8mb4'set_config'",
            "WITH x AS (SELECT 1) SELECT * FROM x",
        ],
    )
    def test_lets_what_reads_pass(self, query):
        check_reads(query, mysql=True)

    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ("DELETE FROM t", "begins with DELETE"),
            ("SELECT 1; DELETE FROM t", "several statements"),
            (r"SELECT '\'; DELETE FROM t", "begins with '"),
            ("SELECT 1 --; DELETE FROM t", "several statements"),  # no space after it: no comment here
            ("SELECT * INTO OUTFILE '/tmp/x' FROM t", "INTO makes a file"),
            ("SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */", "comment that begins with /*!"),
            ("SELECT 1 /*M!100000 INTO OUTFILE '/tmp/x' */", "comment that begins with /*!"),
            ("SELECT GET_LOCK('a', 1)", "get_lock acts on the server"),
            ("SELECT `LOAD_FILE`('/etc/passwd')", "load_file acts on the server"),
            ("SELECT 1 /* open", "has no end"),
            ("SELECT \"a", "has no end"),
            ("SHOW TABLES", "begins with SHOW"),
        ],
    )  # fmt: skip
    def test_refuses_what_would_write(self, query, words):
        with pytest.raises(BadSpec) as refused:
            check_reads(query, mysql=True)
        assert words in refused.value.sentence

    def test_a_query_for_a_database_not_yet_known_may_be_written_for_either(self):
        for query in (r"SELECT 'it\'s' # MySQL", "SELECT $$it's$$ -- PostgreSQL"):
            PROBES["sql"].check({"url": sql.ANY, "query": query})
        with pytest.raises(BadSpec, match="begins with DELETE"):
            PROBES["sql"].check({"url": sql.ANY, "query": "DELETE FROM t"})


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql:///shop", "mysql://user:password@host:3306/database"),
        ("mysql://h:99999/shop", "number from 1 to 65535"),
        ("mysql://h/shop?ssl=maybe", "Allowed: off, on, verify"),
        ("mysql://h/shop?sslmode=on", "takes no 'sslmode'. Allowed: ssl, ssl_ca"),
    ],
)
def test_an_address_written_wrongly_is_refused(url, words):
    with pytest.raises(BadSpec) as refused:
        PROBES["sql"].check({"url": url, "query": "SELECT 1"})
    assert refused.value.path == "url"
    assert words in refused.value.sentence


def test_nobody_there_is_unreachable_and_the_password_is_not_told():
    error = failure(f"mysql://ada:geheim@127.0.0.1:{closed_port()}/shop", "SELECT 1")
    assert error.reason == "unreachable"
    assert "Connection refused" in str(error) and "geheim" not in str(error)


def test_a_server_that_says_nothing_is_left_in_time():
    with listening(lambda connection: connection.recv(1)) as port:
        error = failure(f"mysql://ada@127.0.0.1:{port}/shop", "SELECT 1", timeout=timedelta(seconds=0.3))
    assert error.reason == "timeout"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A MariaDB of this file's own; gives its port."""
    if not SERVER or not INSTALL:
        pytest.skip("no MariaDB is installed (Debian: mariadb-server)")
    folder = tmp_path_factory.mktemp("mariadb")
    user = getpass.getuser()
    log = (folder / "log").open("wb")
    install = [INSTALL, "--no-defaults", f"--user={user}", f"--datadir={folder}/data", "--skip-test-db"]
    subprocess.run([*install, "--auth-root-authentication-method=normal"], check=True, stdout=log, stderr=log)
    port = closed_port()
    process = subprocess.Popen(
        [SERVER, "--no-defaults", f"--user={user}", f"--datadir={folder}/data", "--bind-address=127.0.0.1",
         f"--port={port}", f"--socket={folder}/s", f"--pid-file={folder}/pid", "--innodb-flush-log-at-trx-commit=0"],
        stdout=log, stderr=log,
    )  # fmt: skip
    try:
        ends = time.monotonic() + READY_WITHIN
        while process.poll() is None and time.monotonic() < ends:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail((folder / "log").read_text()[-2000:])
        yield port
    finally:
        sql_mysql.sessions.clear()
        process.send_signal(signal.SIGKILL)
        process.wait()
        log.close()


@pytest.fixture
def admin(server):
    connection = pymysql.connect(host="127.0.0.1", port=server, user="root", autocommit=True)
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS shop")
        cursor.execute("CREATE DATABASE shop")
        cursor.execute("CREATE TABLE shop.orders (id INT, tenant VARCHAR(20), total DECIMAL(10,2), placed DATETIME)")
        cursor.execute("CREATE OR REPLACE USER ops@'%' IDENTIFIED BY 'ge/heim'")
        cursor.execute("GRANT ALL ON shop.* TO ops@'%'")
        cursor.execute("INSERT INTO shop.orders VALUES (1, 'ada', 2.00, '2025-03-03 09:00'), (2, 'grace', 1.5, NULL)")
        yield cursor
    sql_mysql.sessions.clear()


@pytest.fixture
def target(server, admin):
    return f"mysql://ops:ge%2Fheim@127.0.0.1:{server}/shop"


class TestMariaDB:
    def test_a_figure_and_rows_with_labels(self, target):
        assert read(target, "SELECT COUNT(*) AS n FROM orders WHERE tenant <> \"x\" # all")[0].fields == {
            "n": 2, "value": 2
        }  # fmt: skip
        assert read(target, "SELECT tenant, total, placed FROM orders", mode="rows", labels=["tenant"]) == [
            Reading({"tenant": "ada", "total": 2, "placed": NINE, "value": 2}, {"tenant": "ada"}),
            Reading({"tenant": "grace", "total": 1.5, "placed": None, "value": 1.5}, {"tenant": "grace"}),
        ]

    def test_the_scheme_mariadb_is_the_same(self, target):
        assert read(target.replace("mysql://", "mariadb://"), "SELECT 'a%b'")[0].fields["value"] == "a%b"

    def test_the_server_itself_refuses_to_be_written(self, target, admin):
        for query in ("DELETE FROM orders", "INSERT INTO orders VALUES (3, 'x', 0, NULL)"):
            with pytest.raises(ProbeError, match="This query would write: Cannot execute statement in a READ ONLY"):
                sql_mysql.fetch(target, query, limit=1, timeout=SECOND)
        with pytest.raises(ProbeError, match="near 'DELETE FROM orders'"):
            sql_mysql.fetch(target, "SELECT 1; DELETE FROM orders", limit=1, timeout=SECOND)
        admin.execute("SELECT COUNT(*) FROM shop.orders")
        assert admin.fetchone() == (2,)

    def test_a_session_that_was_unlocked_is_read_only_again(self, target, admin):
        sql_mysql.fetch(target, "SELECT 1", limit=1, timeout=SECOND)
        session, _ = sql_mysql.sessions.get(target, SECOND)
        session._run("SET SESSION TRANSACTION READ WRITE")
        with pytest.raises(ProbeError, match="READ ONLY"):
            sql_mysql.fetch(target, "DELETE FROM orders", limit=1, timeout=SECOND)

    def test_a_long_query_is_cut_off(self, target):
        error = failure(target, "SELECT SLEEP(60)", timeout=timedelta(seconds=0.3))
        assert (error.reason, str(error)[:49]) == ("timeout", "The query ran longer than 0.3 s and was cut off: ")
        assert read(target, "SELECT 1", timeout=timedelta(seconds=10))[0].fields["value"] == 1

    def test_more_rows_than_the_limit_are_an_error(self, target):
        error = failure(target, "SELECT id FROM orders", limit=1, mode="rows")
        assert str(error) == "The query gave more than 1 rows; narrow it, or raise `limit` (to 10,000)."
        assert len(read(target, "SELECT id FROM orders", limit=2, mode="rows")) == 2
        inner = "SELECT COUNT(*) FROM (SELECT id FROM orders UNION ALL SELECT id FROM orders) x"
        assert read(target, inner, limit=1)[0].fields["value"] == 4
        assert failure(target, "SELECT a.id FROM orders a, orders b LIMIT 100", limit=2, mode="rows").reason == "limit"

    def test_the_session_is_kept_and_renewed_when_the_server_ended_it(self, target, admin):
        first = read(target, "SELECT CONNECTION_ID()")[0].fields["value"]
        assert read(target, "SELECT CONNECTION_ID()")[0].fields["value"] == first
        admin.execute(f"KILL {first}")
        assert read(target, "SELECT CONNECTION_ID()")[0].fields["value"] > first

    def test_times_are_in_utc_unless_the_address_says_otherwise(self, target):
        assert read(target, "SELECT @@time_zone")[0].fields["value"] == "+00:00"
        assert read(f"{target}?time_zone=SYSTEM", "SELECT @@time_zone")[0].fields["value"] == "SYSTEM"

    def test_errors_are_the_servers_words_without_the_password(self, target):
        wrong = failure(target, "SELECT nope FROM orders")
        assert wrong.reason == "query" and "Unknown column 'nope'" in str(wrong)
        denied = failure(target.replace("ge%2Fheim", "geheim"), "SELECT 1")
        assert denied.reason == "unreachable" and "Access denied for user 'ops'" in str(denied)
        assert "geheim" not in str(denied)
        nowhere = failure(target.replace("/shop", "/nowhere"), "SELECT 1")
        assert nowhere.reason == "unreachable"
        secure = failure(f"{target}?ssl=on", "SELECT 1")
        assert "SSL is required but the server doesn't support it" in str(secure)
