"""Mister DJ's validation checklist (section 8), and the flags that switch its queues off."""

import json
from contextlib import contextmanager

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from alerts import evaluation
from alerts.models import Liveness
from checkup import readiness
from flags import register
from flags.models import FeatureFlag
from packs import loader
from policies.models import Policy
from tests.accounts import signed_in
from tests.notifications.far_side import Receiver
from tests.sources.sockets import closed_port, listening
from tests.sources.test_probes_sockets import FakeRedis

pytestmark = pytest.mark.django_db


@pytest.fixture
def policy():
    call_command("load_pack", "mister-dj", verbosity=0)
    return Policy.objects.get(key="mister-dj")


@pytest.fixture
def responder(client, ada):
    return signed_in(client, ada, "Responder")


def item(page: str, words: str) -> str:
    return next(part for part in page.split("<li class=")[1:] if words in part)


@pytest.mark.req("DJ-58")
def test_redis_is_green_with_pong_and_red_when_it_is_stopped(policy, responder, monkeypatch):
    address = reverse("readiness-list", args=["mister-dj"])
    with listening(FakeRedis()) as port:
        monkeypatch.setenv("MISTER_DJ__REDIS_URL", f"redis://127.0.0.1:{port}")
        up = item(responder.get(address, {"ask": ""}).content.decode(), "Redis cluster bereikbaar")
    assert "Holds" in up and "<b>PONG</b>" in up and "<code>redis-cli -u $REDIS_URL ping</code>" in up
    monkeypatch.setenv("MISTER_DJ__REDIS_URL", f"redis://127.0.0.1:{closed_port()}")
    down = item(responder.get(address, {"ask": ""}).content.decode(), "Redis cluster bereikbaar")
    assert "Does not hold" in down and "PONG" not in down


def test_the_checklist_says_what_the_document_says(policy):
    texts = [row.text for row in policy.readiness_items.order_by("position")]
    assert [text.split(" ", 1)[0] for text in texts] == [
        "Redis",
        "`npm",
        "`/metrics/queues`",
        "Handmatige",
        "Slack/Teams",
    ]
    smoke = policy.readiness_items.get(key="smoke").commands
    assert smoke == ["""curl -XPOST $ALERT_WEBHOOK_URL -d '{"type":"smoke","message":"alert-test"}'"""]


@contextmanager
def backend(queues: dict[str, int], monkeypatch):
    receiver = Receiver()
    monkeypatch.setenv("MISTER_DJ_BASE_URL", f"http://127.0.0.1:{receiver.server.server_port}")
    told = json.dumps({"queues": [{"name": name, "backlog": depth} for name, depth in queues.items()]}).encode()
    receiver.url("/metrics/queues", *[(200, {"Content-Type": "application/json"}, told)] * 12)
    yield receiver
    receiver.stopped.set()
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.mark.parametrize(
    ("name", "queue"),
    [
        pytest.param("FLAG_RENTGUY_INTEGRATION", "rentguy", marks=pytest.mark.req("DJ-04")),
        pytest.param("FLAG_SEVENSA_INTEGRATION", "sevensa", marks=pytest.mark.req("DJ-05")),
    ],
)
def test_a_queue_whose_integration_is_off_raises_nothing(policy, ada, at, monkeypatch, name, queue):
    monkeypatch.setenv("ALERT_QUEUE_WARNING_BACKLOG", "0")
    monkeypatch.setenv("ALERT_QUEUE_CRITICAL_BACKLOG", "500")
    other = {"rentguy": "sevensa", "sevensa": "rentguy"}[queue]
    flag = FeatureFlag.objects.get(policy=policy, parameter__key=name)
    rules = policy.rules.filter(key__startswith="queue-")

    def firing() -> set[str]:
        evaluation.check_due(at=timezone.now(), rules=rules, force=True)
        rows = Liveness.objects.filter(firing=True).select_related("alert")
        return {row.alert.labels.get("queue", row.alert.key) for row in rows}

    with backend({queue: 0, other: 0}, monkeypatch):
        assert firing() == {queue, other}  # even an empty queue is at this limit
        register.store(flag, False, by=ada, at=at)
        assert firing() == {other}
    with backend({other: 0}, monkeypatch):  # and one that is missing
        assert firing() == {other}
    register.store(flag, True, by=ada, at=at)
    with backend({queue: 0, other: 0}, monkeypatch):
        assert firing() == {queue, other}


def test_the_pack_loads_to_the_same_and_its_score_counts_five(policy):
    assert not loader.load_file(loader.find("mister-dj"), at=timezone.now()).changed_anything
    assert len(readiness.score(policy, at=timezone.now()).items) == 5
