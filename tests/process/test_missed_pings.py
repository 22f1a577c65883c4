"""Heartbeats on the real clock: how soon a missed ping is an incident, and that no ping is lost to a kill -9."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from incidents.models import Incident
from sources.models import Heartbeat, Ping
from tests.process.installation import Installation, Program
from tests.process.instance import until

pytestmark = [pytest.mark.once, pytest.mark.timeout(240)]
VENDORS = ["sqlite", "postgresql"]
SOON = timedelta(seconds=2)


@pytest.fixture(scope="module", params=VENDORS)
def house(request, new_installation, django_db_blocker) -> Iterator[Installation]:
    """An installation on that database, with nothing running."""
    with django_db_blocker.unblock():
        house = new_installation(request.param, OPSCENTER_ENGINE="inline")
        with house.records:
            house.prepare()
            yield house


@pytest.fixture
def web(house) -> Iterator[Program]:
    program = Program(house, "web").start()
    url = f"http://127.0.0.1:{program.port}"
    until(lambda: _answers(f"{url}/api/live"))
    yield program
    program.stop()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


def make(house: Installation, name: str, *words: str) -> str:
    """The id of a new heartbeat."""
    return json.loads(house.manage("integration", "add", "heartbeat", name, *words))["key"]


def test_a_missed_ping_is_an_incident_within_two_seconds_of_its_deadline(house, web):
    key = make(house, "backup", "--period", "2s", "--grace", "1s")
    clock = Program(house, "clock", "The clock runs").start()
    try:
        url = f"http://127.0.0.1:{web.port}/ping/{key}"
        assert requests.get(url, timeout=10).text == "OK"
        deadline = house.records.of(Heartbeat).get(pk=key).deadline_at
        assert deadline - datetime.now(UTC) < timedelta(seconds=3)
        found = house.records.of(Incident).filter(key=key)
        until(found.exists)
        assert timedelta(0) <= found.get().detected_at - deadline <= SOON
        assert found.get().title == "backup did not ping in time"
        # a good ping ends it, a failure is told at once
        requests.get(url, timeout=10)
        until(lambda: not house.records.of(Heartbeat).get(pk=key).alerting, 3)
        failed_at = datetime.now(UTC)
        requests.post(f"{url}/3", "disk full", timeout=10)
        until(lambda: house.records.of(Heartbeat).get(pk=key).alerting, 3)
        assert datetime.now(UTC) - failed_at <= SOON
    finally:
        clock.stop()


def test_no_ping_is_lost_to_a_kill(house, web):
    key = make(house, "busy")
    url, answered, stop = f"http://127.0.0.1:{web.port}/ping/{key}", [], threading.Event()

    def ping(sender: int) -> None:
        session, number = requests.Session(), 0
        while not stop.is_set():
            number += 1
            text = f"{sender}-{number}"
            try:
                if session.post(url, text, timeout=20).status_code == 200:
                    answered.append(text)
            except requests.RequestException:
                return

    senders = [threading.Thread(target=ping, args=(n,)) for n in range(6)]
    for sender in senders:
        sender.start()
    until(lambda: len(answered) > 50)
    web.kill()
    stop.set()
    for sender in senders:
        sender.join(10)
    time.sleep(0.2)
    stored = set(house.records.of(Ping).filter(heartbeat=key).values_list("body", flat=True))
    assert len(answered) > 50 and set(answered) <= stored
    assert house.records.of(Heartbeat).get(pk=key).ping_count == len(stored)
