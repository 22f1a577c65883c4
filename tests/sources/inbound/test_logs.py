"""Pushed log lines: the forms they come in, and what becomes of each."""

import gzip
import json
from datetime import timedelta

import pytest

from sources.models import Event, WebhookLog
from tests.factories import NINE, IntegrationFactory
from tests.sources.inbound.security import DoorContract, example

SECOND = timedelta(seconds=1)


class TestLogsDoor(DoorContract):
    kind, example, repeats, repeat_verdict = "logs", "logs_push", 202, "accepted"
    covers_body = False
    wrong_type = "application/x-protobuf"
    wrong_bodies = (b"[7]", b"7", b"null", b"true", b'{"data": null}', b"[[]]", b'{"lines": 7}', b'{"streams": 7}',
                    b'{"streams": [{"values": [["x", "y"]]}]}', b'{"streams": [{"values": [["1"]]}]}')  # fmt: skip

    def sign(self, body, secret, at):
        return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def door(db):
    return IntegrationFactory(kind="logs", name="crm", key="l-1")


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NINE + 10 * SECOND)


def send(client, payload, *, type="application/json", **headers):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return client.post("/api/ingest/l-1", body, content_type=type, headers=headers)


def kept():
    return list(Event.objects.order_by("at", "pk"))


def test_lokis_form_is_taken_and_a_repetition_changes_nothing(client, door):
    for _ in range(2):
        assert send(client, json.loads(example("logs_push"))).status_code == 202
    first, second = kept()
    assert (first.stream, first.kind, first.level, first.at) == ("logs", "log", "error", NINE)
    assert first.text == "Error reserving rate limit token (Redis unavailable), allowing send (fail-open)"
    assert first.labels == {"app": "crm"}
    assert (second.level, second.at, second.outcome) == ("warning", NINE + SECOND, "")
    assert second.text == "Stuck PROCESSING campaigns detected"
    assert second.labels == {"app": "crm", "count": "2", "trace_id": "0242ac120002"}


def test_plain_lines_are_read_as_they_stand(client, door):
    body = b"2026-11-23T09:00:01Z ERROR boom\n\n[2026-11-23 09:00:02,500: INFO/Beat] beat: tick\njust words \xff\n"
    answer = send(client, body, type="text/plain; charset=utf-8")
    assert (answer.status_code, answer.json()["accepted"]) == (202, 3)
    assert [(event.level, event.at) for event in kept()] == [
        ("error", NINE + SECOND), ("info", NINE + 2.5 * SECOND), ("", NINE + 10 * SECOND)
    ]  # fmt: skip
    assert kept()[-1].text == "just words \ufffd"


@pytest.mark.parametrize("type", ["application/x-ndjson", "application/json"])
def test_json_lines_become_labels(client, door, type):
    lines = [
        {"asctime": "2026-11-23 09:00:00,000", "levelname": "ERROR", "name": "mailer", "message": "throttled",
         "error_type": "throttle_backend_error", "consecutive_errors": 10, "api_token": "geheim", "request": {"id": 7}},
        {"asctime": "2026-11-23 09:00:01,000", "levelname": "INFO", "message": "sent"},
    ]  # fmt: skip
    body = "\n".join(map(json.dumps, lines)).encode()
    assert send(client, body, type=type).status_code == 202
    first, second = kept()
    assert (first.name, first.level, first.outcome, first.text) == ("mailer", "error", "failed", "throttled")
    assert first.labels == {
        "name": "mailer", "error_type": "throttle_backend_error", "consecutive_errors": "10", "api_token": "***",
        "request.id": "7",
    }  # fmt: skip
    assert (second.level, second.labels) == ("info", {})


def test_a_list_of_texts_and_objects(client, door):
    payload = {"lines": ["2026-11-23T09:00:00Z WARN a", {"level": "error", "message": "b"}], "labels": {"app": "crm"}}
    assert send(client, payload).json()["accepted"] == 2
    assert [(event.text[-1], event.level, event.labels) for event in kept()] == [
        ("a", "warning", {"app": "crm"}), ("b", "error", {"app": "crm"})
    ]  # fmt: skip


def test_nothing_is_no_error(client, door):
    for payload in ([], {"streams": []}, {"lines": ["", " "]}):
        answer = send(client, payload)
        assert (answer.status_code, answer.json()["note"]) == (202, "no lines")
    assert not kept()


def test_a_door_keeps_only_what_it_is_told_to(client, door):
    door.options = {
        "levels": ["warn", "ERROR"],
        "contains": ["Redis"],
        "stream": "crm-logs",
        "timezone": "Asia/Jakarta",
    }
    door.save()
    lines = ["2026-11-23 16:00:00 ERROR redis away", "ERROR other", "INFO Redis", "WARN REDIS slow"]
    assert send(client, {"lines": lines}).json()["accepted"] == 2
    first, _ = kept()
    assert (first.stream, first.at) == ("crm-logs", NINE)
    assert send(client, {"lines": lines[1:3]}).json()["note"] == "no lines that this door keeps"


def test_a_time_zone_that_is_none_is_told(client, door):
    door.options = {"timezone": "Mars"}
    door.save()
    answer = send(client, {"lines": ["x"]})
    assert answer.status_code == 400 and "option timezone is 'Mars'" in answer.json()["error"]


def test_packed_lines_are_unpacked(client, door):
    body = gzip.compress(b"ERROR one\nERROR two\n")
    assert send(client, body, type="text/plain", **{"Content-Encoding": "gzip"}).json()["accepted"] == 2


def test_lokis_protobuf_is_refused_with_advice(client, door):
    answer = send(client, b"x", type="application/x-protobuf")
    assert answer.status_code == 415 and "Have the shipper send JSON." in answer.json()["error"]
    assert WebhookLog.objects.get().status_code == 415


def test_too_many_lines_are_refused_as_a_whole(client, door):
    answer = send(client, b"x\n" * 10_001, type="text/plain")
    assert answer.status_code == 400 and "More than 10,000 lines" in answer.json()["error"]
    assert not kept()
