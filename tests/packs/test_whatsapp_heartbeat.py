"""The WhatsApp pack's retry rules by heartbeat: pings over HTTP, then the clock and the rules that are due."""

from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command

from alerts import evaluation
from incidents.models import Incident
from opscenter import clock
from policies.models import Policy
from sources import pinging
from sources.models import Heartbeat
from tests.factories import NINE

PACK = "whatsapp-alert-policy"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
WORKER = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"


@pytest.fixture
def pack(pack_of_module, db, monkeypatch):
    """The pack with its worker, which pings every ten minutes; only the rules that read heartbeats are on."""
    pinging.forget()
    rules = Policy.objects.get(key="whatsapp-alert-policy").rules
    rules.exclude(sources__kind="heartbeat").update(enabled=False)
    call_command("integration", "add", "heartbeat", "campaign-retry-worker", "--key", WORKER, "--period", "10m")
    Heartbeat.objects.update(created_at=NINE)
    return rules


class Worker:
    def __init__(self, client) -> None:
        self.client, self.at = client, NINE

    def pings(self, word: str = "", *, after: timedelta = MINUTE) -> None:
        self.at += after
        with time_machine.travel(self.at, tick=False):
            assert self.client.get(f"/ping/{WORKER}/{word}").status_code == 200
        self.look()

    def look(self, *, after: timedelta = timedelta()) -> None:
        """What the running clock does: its sweeps, and the rules that are due."""
        self.at += after
        clock.run(clock.TIMERS, at=self.at)
        evaluation.check_due(at=self.at)
        clock.run(clock.TIMERS, at=self.at)


@pytest.fixture
def worker(client, pack):
    worker = Worker(client)
    worker.look()
    return worker


def incidents() -> list[tuple[str, str]]:
    found = Incident.objects.open().order_by("pk").select_related("severity")
    return [(incident.severity.key, incident.title) for incident in found]


@pytest.mark.req("AP-10")
@pytest.mark.parametrize(
    ("words", "opened"),
    [
        (["fail", "fail"], False),
        (["fail", "fail", "fail"], True),
        (["1", "fail", "255"], True),
        (["fail", "fail", "", "fail"], False),
        (["fail", "log", "fail", "start", "fail"], True),  # neither a log nor a start is an outcome
    ],
)
def test_the_third_failed_run_in_a_row_is_p1_at_once(worker, words, opened):
    for word in words[:-1]:
        worker.pings(word)
        assert incidents() == []
    worker.pings(words[-1])
    assert incidents() == ([("P1", "Retry worker status failed >= 3 kali berturut")] if opened else [])


def test_the_run_that_succeeds_ends_it(worker, pack):
    for word in ["fail", "fail", "fail"]:
        worker.pings(word)
    worker.pings("0")
    worker.look(after=MINUTE)
    assert pack.get(key="retry-failed-heartbeat").state == "inactive"


@pytest.mark.req("AP-12")
@pytest.mark.parametrize(
    ("ago", "level"),
    [
        (30 * MINUTE, None),
        (31 * MINUTE, "P3"),
        (60 * MINUTE, "P3"),
        (61 * MINUTE, "P1"),
    ],
)
def test_a_worker_that_does_not_ping_is_stale_and_then_p1(worker, pack, ago, level):
    worker.pings()
    worker.look(after=ago)
    assert [found for found, _ in incidents()] == ([level] if level else [])
    worker.pings()
    worker.look(after=MINUTE)
    assert pack.get(key="retry-worker-heartbeat").state == "inactive"


@pytest.mark.req("AP-32")
@pytest.mark.parametrize(
    ("minutes", "ago", "stale", "level"),
    [(30, 30, False, None), (30, 31, True, "P3"), (30, 61, True, "P1"), (10, 10, False, None), (10, 11, True, "P3")],
)
def test_the_page_of_the_job_says_whether_it_is_stale(
    worker, pack, monkeypatch, admin_client, minutes, ago, stale, level
):
    if minutes != 30:  # the default of the policy
        monkeypatch.setenv("RETRY_WORKER_STALE_MINUTES", str(minutes))
    worker.pings()
    worker.look(after=ago * MINUTE)
    shown = admin_client.get(f"/heartbeats/{WORKER}/").content.decode()
    assert ("Stale since" in shown) is stale
    assert f"<dt>Stale</dt><dd>{'yes, since' if stale else 'no'}" in shown
    assert "/rules/whatsapp-alert-policy/retry-worker-heartbeat/" in shown
    assert [found for found, _ in incidents()] == ([level] if level else [])
    worker.pings()
    worker.look(after=MINUTE)
    assert "<dt>Stale</dt><dd>no" in admin_client.get(f"/heartbeats/{WORKER}/").content.decode()


def test_a_failed_run_is_a_run(worker):
    worker.pings()
    worker.look(after=40 * MINUTE)
    worker.pings("fail")
    worker.look(after=29 * MINUTE)
    assert [level for level, _ in incidents()] in ([], ["P3"])  # the stale one may still be recovering
    assert "P1" not in [level for level, _ in incidents()]


def test_the_rules_decide_and_the_heartbeat_tells_nothing_by_itself(worker):
    worker.pings("fail")
    assert Heartbeat.objects.get().state == "down"
    assert incidents() == []


def test_without_the_heartbeat_the_rules_are_calm(worker, pack):
    Heartbeat.objects.all().delete()
    worker.look(after=5 * MINUTE)
    assert set(pack.filter(enabled=True).values_list("state", flat=True)) == {"inactive"}


def test_a_paused_worker_is_expected_by_nobody(worker, pack):
    worker.pings()
    Heartbeat.objects.update(state="paused")
    worker.look(after=120 * MINUTE)
    assert incidents() == []
