"""Uptime Kuma, as its webhook notification posts."""

import json
from datetime import datetime, timedelta

import pytest

from alerts.models import Alert, Liveness
from sources.models import Event, Integration
from tests.factories import NINE, IntegrationFactory
from tests.sources.inbound.security import DoorContract, example


class TestUptimeKumaDoor(DoorContract):
    kind, example, repeats = "uptime-kuma", "uptime_kuma_down", 202
    covers_body = False

    def sign(self, body, secret, at):
        return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def door(db):
    return IntegrationFactory(kind="uptime-kuma", name="kuma", key="k-1")


def send(client, payload, **headers):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return client.post("/api/ingest/k-1", body, content_type="application/json", headers=headers)


def beat(status, **more):
    payload = json.loads(example("uptime_kuma_down"))
    payload["heartbeat"] |= {"status": status, **more}
    return payload


def test_a_monitor_that_is_down_is_an_alert_until_it_is_up(client, door):
    assert send(client, beat(0)).status_code == 202
    alert = Alert.objects.get()
    assert (alert.key, alert.name, alert.url) == ("monitor:29", "Shop", "https://test.example.org")
    assert alert.labels == {
        "alertname": "Shop", "monitor": "Shop", "monitor_id": "29", "type": "http", "group": "Public / Shop",
        "url": "https://test.example.org", "region": "eu", "public": "yes",
    }  # fmt: skip
    assert alert.annotations["summary"] == "Shop: getaddrinfo ENOTFOUND test.example.org"
    live = Liveness.objects.get()
    assert live.firing
    up = beat(1, msg="200 - OK", time="2026-11-23 09:03:00.000")
    assert send(client, up).json()["alerts"] == [alert.pk]
    assert not Liveness.objects.get().firing


def test_the_time_of_the_beat_is_utc(client, door, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NINE)
    send(client, beat(0))
    assert Liveness.objects.get().starts_at == NINE - timedelta(seconds=84, milliseconds=473)


def test_maintenance_ends_it_and_another_try_is_only_noted(client, door):
    send(client, beat(0))
    assert "tried again" in send(client, beat(2)).json()["note"]
    assert Liveness.objects.get().firing
    send(client, beat(3, time=datetime.now().isoformat(sep=" ")))
    assert not Liveness.objects.get().firing


def test_the_button_test_is_noted(client, door):
    answer = send(client, {"heartbeat": None, "monitor": None, "msg": "Opscenter Testing"})
    assert (answer.status_code, answer.json()["note"]) == (202, "Uptime Kuma's test: Opscenter Testing")
    assert not Alert.objects.exists()


def test_a_certificate_that_will_expire_is_an_event(client, door):
    said = "[Shop][https://test.example.org] server certificate test.example.org will expire in 14 days"
    send(client, {"heartbeat": None, "monitor": beat(1)["monitor"], "msg": said})
    event = Event.objects.get()
    assert (event.stream, event.kind, event.level, event.text) == ("uptime-kuma", "message", "warning", said)
    assert event.labels == {"monitor": "Shop", "monitor_id": "29"}


def test_a_multipart_form_is_taken_too(client, door):
    answer = client.post("/api/ingest/k-1", {"data": json.dumps(beat(0))})
    assert (answer.status_code, Alert.objects.count()) == (202, 1)
    assert "no field `data`" in client.post("/api/ingest/k-1", {"other": "x"}).json()["error"]


def test_the_level_is_the_one_of_the_options(client, door):
    Integration.objects.filter(pk=door.pk).update(options={"severity": "P1"})
    send(client, beat(0))
    assert Liveness.objects.get().severity_key == "P1"


@pytest.mark.parametrize("headers", [{"X-API-Key": "s3cret"}, {"Authorization": "Basic a3VtYTpzM2NyZXQ="}])
def test_the_secret_in_other_headers(client, door, headers):
    door.secret = "s3cret"
    door.save()
    assert send(client, beat(0), **headers).status_code == 202
    assert send(client, beat(0), **{name: value + "x" for name, value in headers.items()}).status_code == 401


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"a": 1}, "neither heartbeat, monitor nor msg"),
        (beat(7), "heartbeat.status must be 0 (down)"),
        (beat(True), "heartbeat.status must be 0 (down)"),
        (beat(0) | {"monitor": None}, "monitor must be an object"),
        (beat(0, monitorID=None) | {"monitor": {"name": "x"}}, "monitor.id is missing"),
    ],
)
def test_what_it_cannot_be_is_refused(client, door, payload, words):
    answer = send(client, payload)
    assert (answer.status_code, words in answer.json()["error"]) == (400, True), answer.content
