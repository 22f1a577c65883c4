"""Cards of queues: what waits, how fast it drains, and a fresh read after something was done by hand."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from alerts import evaluation, queues
from alerts.models import QueueCard
from packs import loader
from policies.models import Policy
from tests.accounts import signed_in
from tests.factories import IncidentFactory
from tests.notifications.far_side import Receiver

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
PACK = """
pack: {key: dj, name: DJ, version: 1, service: dj}
severities: [{key: critical, label: Critical}]
params: {BACKEND: {type: text}}
connections: [{key: backend, kind: http, url: "${BACKEND}"}]
contacts: [{name: on-call, kind: role}]
destinations: [{key: chat, kind: slack, address: "http://127.0.0.1:9/hook"}]
routes: [{default: true, to: chat}]
rules:
  - key: queue-backlog
    severity: critical
    every: 10m
    source: {json: {connection: backend, path: /metrics/queues, each: queues, labels: {queue: name}}}
    group_by: [queue]
    when: backlog >= 100
queues:
  - {key: queues, name: Queues of it, rules: [queue-backlog], depth: backlog, active: active, age: age, dead: dead}
"""


@pytest.fixture
def far():
    receiver = Receiver()
    yield receiver
    receiver.stopped.set()
    receiver.server.shutdown()
    receiver.server.server_close()


def answer(backlog: int, **more) -> tuple[int, dict, bytes]:
    told = {"queues": [{"name": "rentguy", "backlog": backlog, "active": 2, "age": 90_000, "dead": 1, **more}]}
    return 200, {"Content-Type": "application/json"}, json.dumps(told).encode()


@pytest.fixture
def backlogs(far, monkeypatch):
    """Let the backend answer with these backlogs, one after the other."""
    loader.load(PACK, name="dj.yaml", at=timezone.now())

    def tell(*figures: int) -> QueueCard:
        far.url("/metrics/queues", *(answer(figure) for figure in figures))
        monkeypatch.setenv("BACKEND", f"http://127.0.0.1:{far.server.server_port}")
        return QueueCard.objects.select_related("policy").get()

    return tell


@pytest.mark.req("DX-60")
def test_a_queue_that_drains_shows_its_rate_and_when_it_is_empty(backlogs, client, ada, at):
    card = backlogs(100, 80, 60)
    for minute in range(3):
        evaluation.check_due(at=at + minute * MINUTE, force=True)
    [queue] = queues.board(card).queues
    assert (queue.name, queue.depth, queue.rate, queue.left) == ("rentguy", 60, 20, 3 * MINUTE)
    page = signed_in(client, ada, "Viewer").get(reverse("queues")).content.decode()
    assert "20/min, 3 min left" in page and "1m30s" in page


@pytest.mark.parametrize(
    ("figures", "pace"),
    [((5,), ""), ((5, 5), "steady"), ((5, 8), "grows by 3/min"), ((0, 0), "steady"), ((5, 0), "5/min")],
)
def test_a_pace_in_words(backlogs, at, figures, pace):
    card = backlogs(*figures)
    for minute in range(len(figures)):
        evaluation.check_due(at=at + minute * MINUTE, force=True)
    assert queues.board(card).queues[0].pace == pace


@pytest.mark.req("DJ-20")
def test_after_a_flush_the_new_backlog_is_shown_without_waiting_for_the_interval(backlogs, client, ada):
    card = backlogs(120, 0)
    evaluation.check_due(at=timezone.now() - MINUTE, force=True)
    responder = signed_in(client, ada, "Responder")
    incident = IncidentFactory(policy=card.policy, severity=card.policy.severities.get())
    before = responder.get(reverse("queues"), {"policy": "dj"}).content.decode()
    assert "<td>120</td>" in before and '<span class="level">critical</span>' in before
    assert card.policy.rules.get().next_check_at > timezone.now() + 5 * MINUTE
    said = {"because": "flush", "incident": incident.pk}
    after = responder.post(reverse("queues-refresh", args=[card.pk]), said, follow=True).content.decode()
    assert "<td>0</td>" in after and "<td>120</td>" not in after and '<span class="level">' not in after
    told = incident.timeline.get(kind="queue")
    assert told.text == "Queues of it: flushed by hand and read again. rentguy 120 → 0." and told.by == ada


def test_a_queue_that_cannot_be_read_says_so_and_shows_what_was_read_before(backlogs, far, client, ada):
    card = backlogs(7)
    evaluation.check_due(at=timezone.now() - MINUTE, force=True)
    far.url("/metrics/queues", 500)
    responder = signed_in(client, ada, "Responder")
    page = responder.post(reverse("queues-refresh", args=[card.pk]), follow=True).content.decode()
    assert "500" in page and "What was read before is shown." in page and "<td>7</td>" in page


def test_who_may_only_look_cannot_read_again(backlogs, client, ada):
    card = backlogs(7)
    assert signed_in(client, ada, "Viewer").post(reverse("queues-refresh", args=[card.pk])).status_code == 403


def test_a_card_over_a_rule_that_is_none_is_refused_and_a_dropped_one_goes(backlogs):
    backlogs()
    with pytest.raises(loader.PackRefused, match="There is no rule 'queue-backlogs'"):
        loader.load(PACK.replace("rules: [queue-backlog]", "rules: [queue-backlogs]"), name="d", at=timezone.now())
    assert not loader.load(PACK, name="dj.yaml", at=timezone.now()).changed_anything
    loader.load(PACK[: PACK.index("queues:\n  - {key: queues")], name="dj.yaml", at=timezone.now())
    assert not Policy.objects.get().queue_cards.exists()
