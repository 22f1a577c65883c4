"""OpenTelemetry traces as JSON: the specification's example, and what exporters do with it."""

import gzip
import json
from datetime import timedelta

import pytest

from sources.models import Event, Integration, WebhookLog
from tests.factories import NINE, IntegrationFactory
from tests.sources.inbound.security import DoorContract, example


class TestOtlpDoor(DoorContract):
    kind, example, repeats, repeat_verdict = "otlp", "otlp_trace", 200, "accepted"
    covers_body = False
    # a message that lacks everything, or holds only what we do not know, is a valid one in protobuf
    wrong_bodies = tuple(body for body in DoorContract.wrong_bodies if body != b'{"data": null}')

    def sign(self, body, secret, at):
        return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def door(db):
    return IntegrationFactory(kind="otlp", name="shop", key="o-1")


def send(client, payload, *, path="/v1/traces", type="application/json", key="o-1", **headers):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return client.post(path, body, content_type=type, headers=headers)


def attribute(name, value):
    form = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}[type(value)]
    return {"key": name, "value": {form: str(value) if form == "intValue" else value}}


def trace(*, service="shop", **span):
    """An export request of one span that took 250 ms and ended at nine."""
    end = int(NINE.timestamp()) * 10**9
    whole = {
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "GET /api/orders",
        "kind": 2, "startTimeUnixNano": str(end - 250_000_000), "endTimeUnixNano": str(end), "status": {}, **span,
    }  # fmt: skip
    resource = {"attributes": [attribute("service.name", service)]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": [whole]}]}]}


def test_the_example_of_the_specification(client, door):
    answer = send(client, example("otlp_trace"))
    assert (answer.status_code, answer.json()) == (200, {"partialSuccess": {}})
    event = Event.objects.get()
    assert (event.stream, event.kind, event.name, event.outcome) == ("otlp", "request", "I'm a server span", "ok")
    assert (event.duration, event.subject) == (1.0, "5B8EFFF798038103D269B633813FC60C")
    assert event.labels == {
        "service": "my.service", "environment": "production", "span_kind": "server", "scope": "my.library",
    }  # fmt: skip
    assert event.data["attributes"] == {"my.span.attr": "some value"}


def test_a_span_that_failed_with_the_attributes_of_http(client, door, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NINE + timedelta(seconds=3))
    attributes = [
        attribute("http.request.method", "GET"), attribute("http.route", "/api/orders"),
        attribute("http.response.status_code", 503), attribute("team.id", "blue"),
    ]  # fmt: skip
    exception = {"name": "exception", "attributes": [attribute("exception.type", "DbGone")]}
    send(client, trace(attributes=attributes, status={"code": 2, "message": "no database"}, events=[exception]))
    event = Event.objects.get()
    assert (event.outcome, event.level, event.text, event.duration) == ("failed", "error", "no database", 0.25)
    assert event.labels == {
        "service": "shop", "span_kind": "server", "method": "GET", "endpoint": "/api/orders", "status": "503",
        "error_type": "DbGone",
    }  # fmt: skip
    assert event.at == NINE


@pytest.mark.parametrize(("code", "outcome"), [(0, "ok"), (1, "ok"), (2, "failed"), ("STATUS_CODE_ERROR", "failed")])
def test_the_status_is_the_outcome(client, door, code, outcome):
    send(client, trace(status={"code": code}))
    assert Event.objects.get().outcome == outcome


def test_the_old_names_of_http_and_numbers_instead_of_digits(client, door):
    end = int(NINE.timestamp()) * 10**9
    attributes = [attribute("http.method", "POST"), {"key": "http.status_code", "value": {"intValue": 500}}]
    send(client, trace(attributes=attributes, startTimeUnixNano=end - 10**9, endTimeUnixNano=end))
    event = Event.objects.get()
    assert (event.labels["method"], event.labels["status"], event.duration) == ("POST", "500", 1.0)


def test_more_attributes_and_only_some_kinds_of_spans(client, door):
    Integration.objects.filter(pk=door.pk).update(options={"attributes": ["team.id"], "kinds": ["SERVER"]})
    send(client, trace(attributes=[attribute("team.id", "blue")]))
    send(client, trace(kind="SPAN_KIND_INTERNAL", spanId="2"))
    assert [event.labels["team.id"] for event in Event.objects.all()] == ["blue"]


def test_a_span_is_told_once(client, door):
    assert [send(client, trace()).status_code for _ in range(2)] == [200, 200]
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    "how",
    [
        {"path": "/v1/traces?key=o-1", "key": ""}, {"path": "/v1/traces/"}, {"key": "", "X-API-Key": "o-1"},
        {"path": "/api/ingest/o-1", "key": ""},
    ],
)  # fmt: skip
def test_where_the_key_may_stand(client, door, how):
    assert send(client, trace(), **how).status_code == 200


def test_nothing_to_export_is_fine(client, door):
    for empty in ({}, {"resourceSpans": []}, {"resourceSpans": None}, {"resourceSpans": [{"scopeSpans": [{}]}]}):
        assert send(client, empty).json() == {"partialSuccess": {}}


def test_protobuf_is_refused_with_what_to_set(client, door):
    answer = send(client, b"\x0a", type="application/x-protobuf")
    assert (answer.status_code, "OTEL_EXPORTER_OTLP_PROTOCOL=http/json" in answer.json()["message"]) == (415, True)


class TestGzip:
    def pack(self, payload):
        return gzip.compress(json.dumps(payload).encode())

    def test_it_is_unpacked_and_kept_readable(self, client, door):
        assert send(client, self.pack(trace()), **{"Content-Encoding": "gzip"}).status_code == 200
        assert Event.objects.count() == 1
        assert json.loads(WebhookLog.objects.get().raw) == trace()

    def test_a_bomb_is_not(self, client, door, settings):
        settings.WEBHOOK_MAX_BYTES = 20_000
        bomb = gzip.compress(b" " * 19_000_000)
        assert len(bomb) < settings.WEBHOOK_MAX_BYTES
        answer = send(client, bomb, **{"Content-Encoding": "gzip"})
        assert (answer.status_code, "unpacked body is larger" in answer.json()["error"]) == (413, True)

    def test_what_is_no_gzip_or_cut_off_or_another_packing(self, client, door):
        packed = self.pack(trace())
        for body, packing, status in [(b"x", "gzip", 400), (packed[:-9], "gzip", 400), (packed, "zstd", 415)]:
            assert send(client, body, **{"Content-Encoding": packing}).status_code == status
        assert not Event.objects.exists()

    def test_the_limit_is_the_limit(self, client, door, settings):
        body = json.dumps(trace()).encode()
        for most, status in [(len(body), 200), (len(body) - 1, 413)]:
            settings.WEBHOOK_MAX_BYTES = most
            assert send(client, gzip.compress(body), **{"Content-Encoding": "gzip"}).status_code == status


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"resourceSpans": {}}, "resourceSpans must be a list, and it is an object"),
        ({"resourceSpans": [{"scopeSpans": [{"spans": [7]}]}]}, "resourceSpans[0].scopeSpans[0].spans[0] must be an"),
        (trace(name=""), "resourceSpans[0].scopeSpans[0].spans[0] has no name"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(client, door, payload, words):
    answer = send(client, payload)
    assert (answer.status_code, words in answer.json()["message"]) == (400, True), answer.content
