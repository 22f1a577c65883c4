"""Pings that come at once: each is stored once, whoever writes it, and none waits for another's fault."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.utils import timezone

from sources.heartbeats import managing, writing
from sources.heartbeats.life import Beat
from sources.models import Heartbeat, Ping
from sources.signals import micros

MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_remembered():
    writing.forget()
    yield
    writing.forget()


@pytest.fixture
def jobs():
    return [managing.add(name=f"job {n}", period=MINUTE, grace=MINUTE, at=timezone.now()).pk for n in range(3)]


def beat(kind: str = "success", **facts) -> Beat:
    return Beat(micros(timezone.now()), kind, **facts)


def at_once(*calls) -> list:
    """Call each on a thread of its own; what they returned or raised, in their order."""
    answers: list = [None] * len(calls)
    ready = threading.Barrier(len(calls))

    def run(place, call):
        ready.wait()
        try:
            answers[place] = call()
        except Exception as error:
            answers[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(place, call)) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


def test_a_crowd_is_counted_ping_by_ping(jobs):
    answers = at_once(*(lambda n=n: [writing.ping(jobs[n % 3], beat()) for _ in range(5)] for n in range(12)))
    assert answers == [[True] * 5] * 12
    assert list(Heartbeat.objects.order_by("name").values_list("ping_count", "runs")) == [(20, 20)] * 3
    assert Ping.objects.count() == 60


def test_an_unknown_one_in_a_crowd_is_only_itself_unknown(jobs):
    answers = at_once(*(lambda id=id: writing.ping(id, beat()) for id in [*jobs, uuid4(), *jobs]))
    assert answers == [True, True, True, False, True, True, True]
    assert Ping.objects.count() == 6


def test_one_that_cannot_be_stored_holds_up_no_other(jobs):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite stores any text.")
    answers = at_once(*(lambda b=b: writing.ping(jobs[0], b) for b in [beat(), beat(method="x" * 9), beat(), beat()]))
    assert [answer is True for answer in answers] == [True, False, True, True]
    assert Heartbeat.objects.get(pk=jobs[0]).ping_count == Ping.objects.count() == 3


def test_pings_and_other_writers_do_not_lose_each_others_work(jobs):
    def edit():
        for number in range(10):
            Heartbeat.objects.filter(pk=jobs[0]).update(description=f"edit {number}", failed_in_a_row=7)

    answers = at_once(edit, *(lambda: [writing.ping(jobs[0], beat("log")) for _ in range(10)] for _ in range(3)))
    assert answers == [None, *[[True] * 10] * 3]
    row = Heartbeat.objects.get(pk=jobs[0])
    assert (row.ping_count, row.description, row.failed_in_a_row) == (30, "edit 9", 7)


def test_a_connection_that_was_cut_is_replaced(jobs):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server.")
    assert writing.ping(jobs[0], beat())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    at_once(lambda: _end_session(pid))
    assert writing.ping(jobs[0], beat())
    assert Ping.objects.count() == 2


def _end_session(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
