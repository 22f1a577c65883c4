"""The chaos test of Mister DJ's checklist: the backend is killed by hand and counted again; our own worker likewise."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from alerts import evaluation
from checkup.models import ReadinessItem
from opscenter.processes import free_port
from policies.models import Policy
from tests.accounts import signed_in
from tests.factories import NINE
from tests.notifications.far_side import Receiver, until
from tests.notifications.test_run_deliveries import Machine

ROOT = Path(__file__).resolve().parents[2]
SECOND = timedelta(seconds=1)


class Backend:
    """Mister DJ's backend as a process of its own, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.port, self.state = free_port("127.0.0.1"), folder / "misterdj.json"
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        words = ["-m", "targets.misterdj", "--port", str(self.port), "--trace-every", "0", "--state", str(self.state)]
        self.process = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.DEVNULL)
        until(self.answers, self.process)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def pull(self, lever: str, **arguments: object) -> None:
        body, kind = json.dumps(arguments).encode(), {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_levers/{lever}", body, kind), timeout=5).close()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def backend(tmp_path, monkeypatch):
    backend = Backend(tmp_path)
    monkeypatch.setenv("MISTER_DJ_BASE_URL", backend.url)
    backend.start()
    yield backend
    backend.kill()


@pytest.mark.req("DJ-61")
def test_nothing_is_lost_when_backend_or_worker_is_killed(transactional_db, backend, tmp_path, ada, monkeypatch):
    call_command("load_pack", "mister-dj", verbosity=0)
    policy, now = Policy.objects.get(key="mister-dj"), [NINE]
    monkeypatch.setattr("django.utils.timezone.now", lambda: now[0])
    probe = policy.rules.filter(key="metrics-endpoint")
    client = signed_in(Client(), ada, "Responder")
    item = ReadinessItem.objects.get(policy=policy, key="chaos")
    press = reverse("readiness-tick", args=[item.pk])

    def look(seconds: int) -> str:
        now[0] = NINE + seconds * SECOND
        evaluation.check_due(at=now[0], rules=probe, force=True)
        return probe.get().state

    # the backend: 20 jobs before, 20 after, and how long it was away
    backend.pull("queue", queue="rentguy", backlog=14)
    backend.pull("queue", queue="sevensa", backlog=6)
    assert look(0) == "inactive"
    assert client.post(press, {"deed": "begin"}).status_code == 302
    backend.kill()
    assert look(30) == "firing" and look(60) == "firing"
    backend.start()
    assert look(75) == "inactive"
    now[0] += 5 * SECOND
    assert client.post(press, {"deed": "end"}).status_code == 302
    page = client.get(reverse("readiness-list", args=["mister-dj"])).content.decode()
    assert "Before: rentguy 14, sevensa 6; after: rentguy 14, sevensa 6; away for 45 s." in page
    facts = item.ticks.latest("pk").facts
    assert sum(facts["before"].values()) == sum(facts["after"].values()) == 20 and facts["down_seconds"] == 45

    # our own worker, killed while one message waits for a far side that takes nothing
    monkeypatch.undo()
    machine, receiver = Machine(tmp_path), Receiver()
    deaf = socket.create_server(("127.0.0.1", 0))
    port = deaf.getsockname()[1]
    away = f"http://127.0.0.1:{port}/hook"
    try:
        machine.ops(
            "from django.utils import timezone\n"
            f"for n, url in enumerate([{receiver.url('/hook')!r}] * 6 + [{away!r}]):\n"
            "    outbox.queue(kind='json', address=url, purpose='page', subject='s', text=str(n), urgent=True,"
            " at=timezone.now(), once=f'n:{n}')"
        )
        worker = machine.deliver()
        until(lambda: len(receiver.got) == 6 and sent(6), worker)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        deaf.close()
        late = Receiver(port=port)
        out, errors = machine.deliver().communicate(timeout=30)
        assert "1 sent, 1 taken over from a process that died" in out, errors
        late.stop()
    finally:
        machine.stop()
        deaf.close()
        receiver.stop()
    arrived = [got.json["text"] for got in [*receiver.got, *late.got]]
    assert sorted(arrived) == [str(number) for number in range(7)], "none lost, none doubled"
    assert sent(7)


def sent(count: int) -> bool:
    from notifications.models import Delivery

    return Delivery.objects.filter(status="sent", once__startswith="n:").count() == count
