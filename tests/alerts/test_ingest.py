"""The generic JSON webhook, through Django."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from alerts.models import Alert, Liveness
from notifications.transports.json import signature
from sources import intake
from sources.models import WebhookLog
from tests.factories import IntegrationFactory

DISK = {"key": "disk", "title": "Disk is full", "severity": "high", "labels": {"host": "a"}}


@pytest.fixture(autouse=True)
def no_ceiling():
    intake.refusals.forget()


@pytest.fixture
def door(db):
    return IntegrationFactory(name="app", key="app-1")


@pytest.fixture
def signed(door):
    door.secret = "between us"
    door.save()
    return door


def send(client, payload=DISK, *, key="app-1", type="application/json", sign="", at=None, **headers):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    if sign:
        headers["X-Opscenter-Signature"] = signature(sign, body, at=at or datetime.now(UTC))
    return client.post(f"/api/ingest/{key}", body, content_type=type, headers=headers)


def refusal(answer, status):
    """The words of a refusal, after checking that it stands in the log and changed nothing."""
    assert answer.status_code == status
    log = WebhookLog.objects.filter(verdict="refused").latest("pk")
    words = answer.json()["error"]
    assert (log.status_code, log.reason) == (status, words)
    return words


def test_an_alert_is_stored_and_answered_with_what_it_became(client, door):
    answer = send(client)
    alert = Alert.objects.get()
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "alerts": [alert.pk]})
    assert (alert.key, alert.name, alert.integration) == ("disk", "Disk is full", door)
    assert (alert.labels["alertname"], alert.liveness.severity_key) == ("Disk is full", "high")
    assert (alert.liveness.firing, alert.liveness.ends_at) == (True, None)
    log = WebhookLog.objects.get()
    assert (log.verdict, log.status_code, log.integration, log.became) == (
        "accepted",
        202,
        door,
        {"alerts": [alert.pk]},
    )
    assert json.loads(log.payload) == DISK
    door.refresh_from_db()
    assert door.last_seen_at == log.at


def test_a_resolve_ends_it_and_one_of_an_unknown_alert_is_taken(client, door):
    send(client)
    assert send(client, {"key": "disk", "status": "resolved"}).status_code == 202
    assert not Liveness.objects.get().firing
    answer = send(client, {"key": "other", "status": "resolved"})
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "alerts": []})


def test_several_at_once(client, door):
    answer = send(client, [DISK, DISK, {**DISK, "key": "other"}])
    assert answer.json() == {"accepted": 3, "alerts": sorted(Alert.objects.values_list("pk", flat=True))}
    assert Alert.objects.count() == 2


def test_the_mapping_of_the_door_is_followed(client, door):
    door.mapping = {"title": "event.name", "key": "event.id"}
    door.save()
    send(client, {"event": {"name": "Slow", "id": 9}})
    assert (Alert.objects.get().name, Alert.objects.get().key) == ("Slow", "9")


@pytest.mark.parametrize("header", ["X-Opscenter-Delivery", "X-GitHub-Delivery", "Webhook-Id", "Idempotency-Key"])
def test_a_delivery_that_comes_again_is_a_duplicate(client, door, header):
    first = send(client, **{header: "d-1"}).json()
    answer = send(client, **{header: "d-1"})
    assert (answer.status_code, answer.json()) == (200, {"accepted": 0, "duplicate": True, "alerts": first["alerts"]})
    assert [log.verdict for log in WebhookLog.objects.order_by("pk")] == ["accepted", "duplicate"]
    assert Liveness.objects.get().last_seen_at == WebhookLog.objects.earliest("pk").at
    assert send(client, **{header: "d-2"}).status_code == 202


class TestWhoMayPost:
    def test_not_without_a_door(self, client, db):
        assert "no door with this key" in refusal(send(client, key="nobody"), 404)

    def test_not_through_a_door_that_is_switched_off(self, client, door):
        door.enabled = False
        door.save()
        assert "switched off" in refusal(send(client), 403)

    def test_not_through_a_door_of_another_kind(self, client, db):
        IntegrationFactory(kind="alertmanager", name="prom", key="prom-1")
        assert "prom is a door of kind alertmanager" in refusal(send(client, key="prom-1"), 403)

    def test_a_signed_request(self, client, signed):
        assert send(client, sign="between us").status_code == 202

    def test_not_an_unsigned_one(self, client, signed):
        assert "signed requests only" in refusal(send(client), 401)
        assert not Alert.objects.exists()

    def test_not_one_signed_with_another_secret(self, client, signed):
        assert "does not fit" in refusal(send(client, sign="wrong"), 401)

    def test_not_a_tampered_one(self, client, signed):
        header = signature("between us", b"{}", at=datetime.now(UTC))
        assert "does not fit" in refusal(send(client, **{"X-Opscenter-Signature": header}), 401)

    def test_not_a_stale_one(self, client, signed):
        late = datetime.now(UTC) - timedelta(seconds=302)
        assert "s old" in refusal(send(client, sign="between us", at=late), 401)

    def test_both_secrets_while_they_are_changed_over(self, client, signed):
        signed.old_secret, signed.secret = signed.secret, "the new one"
        signed.save()
        assert send(client, sign="the new one").status_code == 202
        assert send(client, sign="between us").status_code == 202
        signed.old_secret = ""
        signed.save()
        assert send(client, sign="between us", at=datetime.now(UTC) - timedelta(seconds=9)).status_code == 401

    def test_not_a_replay(self, client, signed):
        at = datetime.now(UTC)
        assert send(client, sign="between us", at=at, **{"X-Opscenter-Delivery": "d-1"}).status_code == 202
        again = send(client, sign="between us", at=at, **{"X-Opscenter-Delivery": "d-2"})
        assert "replay" in refusal(again, 409)
        assert send(client, sign="between us", at=at, **{"X-Opscenter-Delivery": "d-1"}).json()["duplicate"]

    def test_githubs_signature(self, client, signed):
        body = json.dumps(DISK).encode()
        digest = hmac.new(b"between us", body, hashlib.sha256).hexdigest()
        for delivery in ("d-1", "d-2"):
            headers = {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Delivery": delivery}
            assert send(client, body, **headers).status_code == 202


def test_another_content_type_is_415(client, door):
    assert "application/json" in refusal(send(client, type="text/plain"), 415)


@pytest.mark.parametrize(("over", "status"), [(-1, 202), (0, 202), (1, 413)])
def test_the_limit_is_the_limit(client, door, settings, over, status):
    body = json.dumps(DISK).encode()
    settings.WEBHOOK_MAX_BYTES = len(body)
    answer = send(client, body + b" " * over if over > 0 else body)
    assert answer.status_code == status
    if status == 413:
        assert "larger than" in refusal(answer, 413)


def test_bad_json_is_400_with_its_place(client, door):
    assert "line 1, column 9" in refusal(send(client, b'{"key": }'), 400)
    assert WebhookLog.objects.get().payload == '{"key": }'


def test_one_bad_alert_refuses_them_all(client, door):
    assert "Alert 1" in refusal(send(client, [DISK, {"status": "melting", "key": "x"}]), 400)
    assert not Alert.objects.exists()


def test_secrets_are_not_kept(client, door):
    send(client, {**DISK, "password": "hunter2"})
    assert "hunter2" not in WebhookLog.objects.get().payload


def test_only_post(client, door):
    assert client.get("/api/ingest/app-1").status_code == 405
