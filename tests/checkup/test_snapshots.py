"""Snapshots: six parts, an instant and a hash, and nothing that happens later changes them."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from alerts import evaluation
from checkup import snapshots
from checkup.models import Snapshot, SnapshotFrozen, digest_of
from incidents import lifecycle
from incidents.models import Incident
from opscenter import clock
from packs import loader
from policies.models import Policy
from tests.accounts import signed_in
from tests.factories import ChannelFactory, EventFactory, HeartbeatFactory, WebhookLogFactory
from tests.notifications.far_side import Receiver

pytestmark = pytest.mark.django_db
PACK = """
pack: {key: inbox, name: Inbox, version: 1, service: inbox}
severities: [{key: P0, label: Critical}, {key: P1, label: High}]
params: {BASE: {type: text}}
connections: [{key: app, kind: http, url: "${BASE}"}]
contacts: [{name: on-call, kind: role}]
destinations: [{key: chat, kind: slack, address: "http://127.0.0.1:9/hook"}]
routes: [{default: true, to: chat}]
rules:
  - {key: health, severity: P0, source: {http: {connection: app, path: /health}}, when: "status == 'down'"}
  - key: backlog
    severity: P1
    source: {json: {connection: app, path: /queues, each: queues, labels: {queue: name}}}
    group_by: [queue]
    when: value >= 100
queues: [{key: queues, rules: [backlog]}]
"""


@pytest.fixture
def far(monkeypatch):
    receiver = Receiver()
    monkeypatch.setenv("BASE", f"http://127.0.0.1:{receiver.server.server_port}")
    yield receiver
    receiver.stopped.set()
    receiver.server.shutdown()
    receiver.server.server_close()


def tell(far, status: str, depth: int, times: int = 9) -> None:
    for path, told in (("/health", {"status": status}), ("/queues", {"queues": [{"name": "out", "value": depth}]})):
        far.url(path, *[(200, {"Content-Type": "application/json"}, json.dumps(told).encode())] * times)


@pytest.fixture
def policy(far):
    loader.load(PACK, name="inbox.yaml", at=timezone.now())
    tell(far, "degraded", 7)
    return Policy.objects.get()


@pytest.fixture
def incident(policy, ada):
    level = policy.severities.get(key="P1")
    opening = lifecycle.Opening(policy=policy, severity=level, key="x", title="Slow")
    return lifecycle.open_incident(opening, at=timezone.now(), by=ada)


@pytest.fixture
def responder(client, ada):
    return signed_in(client, ada, "Responder")


def world():
    HeartbeatFactory(name="nightly")
    EventFactory(kind="job", name="retry", outcome="failed", text="token refused", at=timezone.now())
    ChannelFactory(tenant="a", key="wa", status="DISCONNECTED")
    WebhookLogFactory(verdict="refused", status_code=401, reason="badly signed", at=timezone.now())


@pytest.mark.req("RB-19")
def test_a_command_freezes_six_parts_that_nothing_changes_later(incident, far):
    world()
    evaluation.check_due(at=timezone.now(), force=True)
    out = StringIO()
    call_command("ops_incident", str(incident.pk), stdout=out)
    [taken] = Snapshot.objects.filter(incident=incident)
    assert taken.digest in out.getvalue() and taken.digest == digest_of(taken.body) and taken.intact
    assert timezone.now() - taken.at < timedelta(minutes=1)
    parts = taken.parts
    assert list(parts) == sorted(snapshots.PARTS) and all(parts.values())
    health = next(one for one in parts["probes"] if one.get("rule") == "health")
    assert health["readings"][0]["fields"]["status"] == "degraded"
    assert {one["rule"]: one["state"] for one in parts["rules"]} == {"health": "inactive", "backlog": "inactive"}
    assert parts["jobs"][0]["heartbeat"] == "nightly" and parts["jobs"][1]["job"] == "retry"
    assert parts["channels"][0]["status"] == "DISCONNECTED"
    assert [one.get("text") or one.get("reason") for one in parts["events"]] == ["token refused", "badly signed"]
    assert (parts["queues"][0]["queue"], parts["queues"][0]["depth"]) == ("out", 7)

    before = taken.body
    tell(far, "down", 500)
    evaluation.check_due(at=timezone.now(), force=True)
    taken = Snapshot.objects.get(pk=taken.pk)
    assert taken.body == before and taken.intact
    for change in (taken.save, taken.delete, Snapshot.objects.all().delete, lambda: Snapshot.objects.update(body="x")):
        with pytest.raises(SnapshotFrozen):
            change()


def test_a_snapshot_that_was_tampered_with_in_the_database_says_so(incident, responder):
    from django.db import connection

    taken = snapshots.take(incident, at=timezone.now(), how="person")
    assert "It is as it was taken." in responder.get(taken.get_absolute_url()).content.decode()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE checkup_snapshot SET body = %s WHERE id = %s", ['{"parts":{}}', taken.pk])
    assert "it was changed in the database" in responder.get(taken.get_absolute_url()).content.decode()


def test_the_opening_takes_one_by_itself_and_asks_nobody_on_its_way(incident, far):
    assert not far.got and not Snapshot.objects.exists()
    clock.run([snapshots.freeze_due], at=timezone.now())
    assert not Snapshot.objects.exists()  # the first seconds belong to paging people
    later = timezone.now() + snapshots.OPENING_AFTER
    clock.run([snapshots.freeze_due], at=later)
    clock.run([snapshots.freeze_due], at=later)
    [taken] = Snapshot.objects.all()
    assert (taken.how, taken.incident, far.got) == ("opening", incident, [])
    assert incident.timeline.get(kind="snapshot").data["digest"] == taken.digest


def test_buttons_take_one_and_probe_now(incident, responder, policy, far):
    page = responder.get(incident.get_absolute_url()).content.decode()
    assert "Take a snapshot" in page and "Probe now" in page
    responder.post(reverse("snapshot-take", args=[incident.pk]))
    taken = Snapshot.objects.get(kind="snapshot")
    assert (taken.how, taken.by.name) == ("person", "ada")
    raw = responder.get(taken.get_absolute_url(), {"raw": ""})
    assert digest_of(raw.content.decode()) == taken.digest
    assert taken.digest[:12] in responder.get(incident.get_absolute_url()).content.decode()


@pytest.mark.req("RB-17")
def test_probe_now_asks_at_once_and_the_command_ends_by_the_worst(incident, responder, policy, far):
    before = timezone.now()
    answer = responder.post(reverse("probe-now", args=[incident.pk]), follow=True)
    assert "2 probes were asked: degraded." in answer.content.decode()
    assert timezone.now() - before < timedelta(seconds=10)
    assert len(far.at("/health")) == 1  # it was really asked
    kept = Snapshot.objects.get(kind="healthcheck", incident=incident)
    assert {one["rule"]: one["status"] for one in kept.parts["probes"]} == {"health": "degraded", "backlog": "ok"}
    assert incident.timeline.filter(kind="snapshot", by__name="ada").count() == 1
    out = StringIO()
    call_command("ops_healthcheck", "--policy", "inbox", stdout=out)
    assert "degraded  health" in out.getvalue() and "ok        backlog" in out.getvalue()
    tell(far, "down", 7)
    with pytest.raises(SystemExit) as ended:
        call_command("ops_healthcheck", "--policy", "inbox", "--incident", str(incident.pk), stdout=out)
    assert ended.value.code == 2 and Snapshot.objects.filter(kind="healthcheck", incident=incident).count() == 2


@pytest.mark.req("RB-18")
def test_what_readiness_says_is_kept_with_the_incident(incident):
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("ops_readiness", "--incident", str(incident.pk), stdout=out)
    kept = Snapshot.objects.get(kind="readiness", incident=incident)
    assert kept.intact and any("database" in str(one) for one in kept.parts["findings"])
    assert kept.parts["findings"][0]["text"] in out.getvalue()


def test_a_command_without_anything_to_take_it_of_says_so(policy):
    with pytest.raises(CommandError, match="No incident is open"):
        call_command("ops_incident")
    with pytest.raises(CommandError, match="There is no incident 99"):
        call_command("ops_incident", "99")
    out = StringIO()
    call_command("ops_incident", "--policy", "inbox", "--no-ask", "--json", stdout=out)
    taken = Snapshot.objects.get()
    assert out.getvalue() == taken.body and taken.incident is None
    assert Incident.objects.count() == 0
