"""A PostgreSQL of our own, really started."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from opscenter.localpg import LocalPostgres, PostgresUnavailable, find_binaries

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def postgres_is_there():
    try:
        find_binaries()
    except PostgresUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def home():
    """A folder that the account nobody can enter, as it must when root runs the tests; pytest's are closed."""
    with tempfile.TemporaryDirectory(prefix="opscenter-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "cluster"


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_durable_cluster_keeps_its_data_address_and_password(home):
    with LocalPostgres(home) as postgres, psycopg.connect(postgres.url) as connection:
        first = postgres.url
        connection.execute("CREATE TABLE campaign (name text)")
        connection.execute("INSERT INTO campaign VALUES ('spring')")
    with LocalPostgres(home) as postgres:
        assert postgres.url == first
        with psycopg.connect(postgres.url) as connection:
            assert connection.execute("SELECT name FROM campaign").fetchall() == [("spring",)]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgres://opscenter:wrong@127.0.0.1:{postgres.port}/postgres")


def test_stop_ends_the_server_although_somebody_is_connected(home):
    postgres = LocalPostgres(home, durable=False)
    connection = psycopg.connect(postgres.start())
    pid = postgres.process.pid
    postgres.stop()
    assert not running(pid)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")


def test_no_server_survives_a_killed_parent(home):
    program = (
        "import sys, time; from opscenter.localpg import LocalPostgres;"
        "p = LocalPostgres(sys.argv[1]); p.start(); print(p.process.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    until = time.monotonic() + 10
    while running(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not running(pid)


def test_a_command_gets_a_throw_away_cluster_and_passes_its_exit_code_on():
    program = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL']); raise SystemExit(7)"
    words = [sys.executable, "-m", "opscenter.localpg", "--", sys.executable, "-c", program]
    assert subprocess.run(words).returncode == 7


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand the server to another account")
def test_a_throw_away_cluster_in_a_closed_folder_leaves_nothing(tmp_path):
    tmp_path.chmod(0o700)
    postgres = LocalPostgres(tmp_path / "cluster", durable=False)
    with postgres, psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not postgres.home.exists()
