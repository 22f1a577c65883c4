"""What a webhook says is stored whole or not at all, whoever else tells of the same things at the same time."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from channels_health.models import Channel, ChannelStatus
from sources import intake
from sources.models import Event, WebhookLog
from tests.factories import IntegrationFactory
from tests.sources.inbound.security import example

SENDERS = 6


@pytest.fixture(autouse=True)
def no_ceiling():
    intake.refusals.forget()


def at_once(*requests) -> list[int]:
    """Send all of them at the same time; the statuses of the answers, in order."""

    def send(request):
        path, payload, headers = request
        try:
            return Client().post(path, payload, content_type="application/json", headers=headers).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(SENDERS) as pool:
        return list(pool.map(send, requests))


@pytest.mark.django_db(transaction=True)
class TestAtTheSameTime:
    def test_messages_that_tell_of_the_same_event_are_all_taken_and_it_is_kept_once(self):
        IntegrationFactory(kind="github", name="gh", key="gh-1")
        body = example("github_workflow_run")
        requests = [
            ("/api/ingest/gh-1", body, {"X-GitHub-Event": "workflow_run", "X-GitHub-Delivery": f"d-{n}"})
            for n in range(SENDERS)
        ]
        assert at_once(*requests) == [202] * SENDERS
        assert (Event.objects.count(), WebhookLog.objects.filter(verdict="accepted").count()) == (1, SENDERS)

    def test_one_message_that_is_sent_by_several_is_taken_once(self):
        IntegrationFactory(kind="github", name="gh", key="gh-1")
        headers = {"X-GitHub-Event": "workflow_run", "X-GitHub-Delivery": "d-1"}
        answers = at_once(*[("/api/ingest/gh-1", example("github_workflow_run"), headers)] * SENDERS)
        assert sorted(answers) == [200] * (SENDERS - 1) + [202]
        assert Event.objects.count() == 1

    def test_the_same_channels_in_another_order(self):
        IntegrationFactory(kind="channels", name="inbox", key="c-1")
        told = [{"tenant": "acme", "channel": str(n), "status": "DISCONNECTED"} for n in range(8)]
        path = "/api/channels/status?key=c-1"
        requests = [(path, json.dumps(told if n % 2 else told[::-1]), {}) for n in range(SENDERS)]
        assert at_once(*requests) == [202] * SENDERS
        assert (Channel.objects.count(), ChannelStatus.objects.filter(until=None).count()) == (8, 8)


@pytest.mark.django_db
def test_a_secret_that_cannot_be_read_is_no_refusal_for_good(client, settings):
    IntegrationFactory(name="app", key="app-1", secret="between us")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key", []
    answer = client.post("/api/ingest/app-1", "{}", content_type="application/json")
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")


@pytest.mark.django_db
@pytest.mark.parametrize("body", [b'{"key": NaN}', b'{"key": -Infinity}', b'{"a": [Infinity]}'])
def test_what_is_no_number_in_json_is_refused(client, body):
    IntegrationFactory(name="app", key="app-1")
    answer = client.post("/api/ingest/app-1", body, content_type="application/json")
    assert (answer.status_code, "is no number" in answer.json()["error"]) == (400, True)


@pytest.mark.django_db
def test_a_packed_body_is_only_for_kinds_that_take_one(client):
    IntegrationFactory(name="app", key="app-1")
    headers = {"Content-Encoding": "gzip"}
    answer = client.post("/api/ingest/app-1", b"x", content_type="application/json", headers=headers)
    assert (answer.status_code, "packed as 'gzip'" in answer.json()["error"]) == (415, True)
