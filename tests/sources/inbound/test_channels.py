"""The state of channels, told by our own products."""

import json
from datetime import timedelta

import pytest

from channels_health.models import Channel, ChannelStatus
from sources.models import WebhookLog
from tests.factories import IntegrationFactory
from tests.sources.inbound.security import DoorContract

MINUTE = timedelta(minutes=1)


class TestChannelsDoor(DoorContract):
    kind, example, repeats = "channels", "channels_disconnected", 202
    covers_body = False
    wrong_bodies = tuple(body for body in DoorContract.wrong_bodies if body != b"[]")

    def sign(self, body, secret, at):
        return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def door(db):
    return IntegrationFactory(kind="channels", name="inbox", key="c-1")


def tell(client, payload, *, path="/api/channels/status", token="c-1", **headers):
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return client.post(path, json.dumps(payload), content_type="application/json", headers=headers)


DOWN = {"tenant": "acme", "channel": "1", "status": "DISCONNECTED"}


def test_a_channel_is_kept_with_its_history(client, door):
    first = tell(client, {**DOWN, "name": "Support", "kind": "whatsapp", "at": "2026-11-20T09:00:00Z", "reason": "ban"})
    assert first.status_code == 202, first.content
    assert tell(client, {**DOWN, "status": "CONNECTED", "at": "2026-11-20T09:10:00Z"}).status_code == 202
    channel = Channel.objects.get()
    assert (channel.tenant, channel.key, channel.name, channel.kind) == ("acme", "1", "Support", "whatsapp")
    assert channel.status == "CONNECTED"
    ended = ChannelStatus.objects.get(status="DISCONNECTED")
    assert (ended.duration, ended.reason) == (10 * MINUTE, "ban")
    assert first.json() == {"accepted": 1, "alerts": [], "channels": [ended.pk]}


def test_a_list_and_a_wrapped_list(client, door):
    several = [DOWN, {**DOWN, "channel": None, "key": 2}, {**DOWN, "tenant": "globex"}]
    assert tell(client, several).json()["accepted"] == 3
    assert tell(client, {"channels": [{**DOWN, "channel": "3"}]}).json()["accepted"] == 1
    assert [str(channel) for channel in Channel.objects.all()] == ["acme/1", "acme/2", "acme/3", "globex/1"]
    assert tell(client, []).json() == {"accepted": 0, "alerts": [], "note": "an empty list"}


def test_a_state_in_the_future_begins_now(client, door):
    tell(client, {**DOWN, "at": "2099-01-01T00:00:00Z"})
    assert ChannelStatus.objects.get().at == WebhookLog.objects.get().at


@pytest.mark.parametrize(
    "how",
    [
        {"path": "/api/channels/status?key=c-1", "token": ""},
        {"path": "/api/channels/status?key=c-1", "token": "not a key"},
        {"token": "", "X-API-Key": "c-1"},
        {"path": "/api/ingest/c-1", "token": ""},
        {"path": "/api/ingest/c-1/", "token": ""},
    ],
)
def test_the_key_may_come_in_any_of_these_ways(client, door, how):
    assert tell(client, DOWN, **how).status_code == 202


@pytest.mark.parametrize(
    ("token", "status", "words"),
    [("", 401, "Give the door's key"), ("x", 404, "no door"), ("g-1", 403, "kind generic")],
)
def test_not_without_the_key_of_such_a_door(client, door, token, status, words):
    IntegrationFactory(kind="generic", name="app", key="g-1")
    answer = tell(client, DOWN, token=token)
    assert (answer.status_code, words in answer.json()["error"]) == (status, True)
    assert not Channel.objects.exists()
    assert WebhookLog.objects.get().status_code == status


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (7, "Channel 1 must be an object"),
        ({"tenant": "acme", "status": "UP"}, "Channel 1 needs channel"),
        ({**DOWN, "tenant": " "}, "Channel 1 needs tenant"),
        ({**DOWN, "status": None}, "Channel 1 needs status"),
        ({**DOWN, "status": ["UP"]}, "status of Channel 1 must be a text"),
        ({**DOWN, "tenant": "t" * 121}, "tenant of Channel 1 is longer than 120"),
        ({**DOWN, "at": "soon"}, "at of Channel 1 is 'soon'"),
    ],
)
def test_one_that_cannot_be_used_refuses_them_all(client, door, item, words):
    answer = tell(client, [DOWN, item])
    assert (answer.status_code, words in answer.json()["error"]) == (400, True), answer.content
    assert not Channel.objects.exists()


def test_a_thousand_at_once_and_no_more(client, door):
    many = [{"tenant": "t", "channel": n, "status": "UP"} for n in range(1001)]
    assert tell(client, many).status_code == 400
    assert not Channel.objects.exists()
