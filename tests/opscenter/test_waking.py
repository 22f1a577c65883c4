"""How the clock sleeps: it is woken by another process's commit, and there is one clock at a time."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.db import OperationalError, connection, transaction

from opscenter.due import look
from opscenter.waking import Pipe, PostgresWaker, SqliteWaker, waker
from policies.wake import wake

ROOT = Path(__file__).resolve().parents[2]
LONG, SOON = 30.0, 20.0  # seconds it would sleep, and within which it must wake on a busy machine

postgres = pytest.mark.skipif(connection.vendor != "postgresql", reason="LISTEN and advisory locks are PostgreSQL's")


@pytest.fixture
def sleeper(transactional_db):
    found = waker(Pipe())
    yield found
    found.close()


def slept(sleeper, *, meanwhile=None) -> float:
    """How long it sleeps while another thread does `meanwhile`."""

    def other():
        time.sleep(0.2)
        try:
            meanwhile()
        finally:
            connection.close()

    mark, began = sleeper.mark(), time.monotonic()
    thread = threading.Thread(target=other)
    thread.start()
    sleeper.wait(LONG, mark)
    took = time.monotonic() - began
    thread.join()
    return took


def test_the_database_decides_how_it_sleeps(sleeper):
    assert type(sleeper) is {"postgresql": PostgresWaker, "sqlite": SqliteWaker}[connection.vendor]


def test_it_sleeps_no_longer_than_asked(sleeper):
    began = time.monotonic()
    sleeper.wait(0.3, sleeper.mark())
    sleeper.wait(-1, sleeper.mark())
    assert 0.3 <= time.monotonic() - began < SOON


def test_a_signal_or_a_thread_wakes_it(sleeper):
    assert 0.2 <= slept(sleeper, meanwhile=sleeper.pipe.poke) < SOON
    began = time.monotonic()
    sleeper.wait(0.2, sleeper.mark())  # the poke is spent
    assert time.monotonic() - began >= 0.2


@postgres
def test_a_commit_that_calls_wake_ends_its_sleep(sleeper):
    def commit():
        with transaction.atomic():
            wake()
            time.sleep(0.3)

    assert 0.5 <= slept(sleeper, meanwhile=commit) < SOON


@postgres
def test_what_was_committed_before_it_fell_asleep_wakes_it_too(sleeper):
    wake()
    sleeper.check()  # reads the notification along with its answer
    began = time.monotonic()
    sleeper.wait(LONG, sleeper.mark())
    assert time.monotonic() - began < SOON


@postgres
def test_a_lost_connection_is_an_error_of_the_database(sleeper):
    assert sleeper.acquire()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [sleeper.listener.info.backend_pid])
    time.sleep(0.2)
    with pytest.raises(OperationalError):
        sleeper.check()


def test_one_clock_at_a_time(sleeper):
    other = waker(Pipe())
    try:
        assert sleeper.acquire() and not other.acquire()
        sleeper.close()
        deadline = time.monotonic() + SOON
        while not other.acquire():  # PostgreSQL ends the session a moment later
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        other.close()


SCRIPT = """
import os, sqlite3, threading, time
import django; django.setup()
from django.db import connection
from opscenter.models import Beat
from opscenter.due import look
from opscenter.waking import Pipe, SqliteWaker
from django.utils import timezone
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE opscenter_beat (key TEXT PRIMARY KEY, at TEXT, detail TEXT)")
sleeper = SqliteWaker(Pipe())

def slept(seconds, mark=None):
    mark = sleeper.mark() if mark is None else mark
    began = time.monotonic()
    sleeper.wait(seconds, mark)
    return time.monotonic() - began

def another():
    time.sleep(0.3)
    with sqlite3.connect(connection.settings_dict["NAME"]) as other:
        other.execute("INSERT INTO opscenter_beat VALUES ('another', '2026-11-23', '{}')")
    other.close()

thread = threading.Thread(target=another); thread.start()
woken = slept(30.0); thread.join()
Beat.note("ours", timezone.now())
own = slept(0.5)
mark = sleeper.mark()
sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None).execute("DELETE FROM opscenter_beat")
before = slept(30.0, mark)
print(f"{woken:.3f} {own:.3f} {before:.3f}")
"""


@pytest.mark.once
def test_on_sqlite_a_commit_of_another_connection_wakes_it_and_its_own_does_not(tmp_path):
    env = {"OPSCENTER_DATA": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}"}
    env |= {"DJANGO_SETTINGS_MODULE": "opscenter.settings"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=os.environ | env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    woken, own, before = (float(word) for word in done.stdout.split())
    assert 0.3 <= woken < SOON
    assert own >= 0.5
    assert before < SOON


@postgres
def test_what_it_asks_each_tick_is_prepared(sleeper):
    for _ in range(3):
        assert look(sleeper.ask) == look()
    texts = "SELECT count(*) FROM pg_prepared_statements WHERE starts_with(statement, 'SELECT (SELECT min')"
    assert sleeper.ask(texts)[0] == 1
