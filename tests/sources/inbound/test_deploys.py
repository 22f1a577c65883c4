"""Deploys and other changes, told by pipelines."""

import json
from datetime import timedelta

import pytest

from api import tokens
from notifications.transports.json import signature
from sources.models import Change, WebhookLog
from tests.factories import IntegrationFactory, UserFactory
from tests.sources.inbound.security import DoorContract


class TestDeploysDoor(DoorContract):
    kind, example = "deploys", "deploys_one"
    stale_after, repeats = timedelta(minutes=5), 409
    tamper = (b"4.2.1", b"4.2.2")
    wrong_bodies = tuple(body for body in DoorContract.wrong_bodies if body != b"[]")

    def sign(self, body, secret, at):
        return {"X-Opscenter-Signature": signature(secret, body, at=at)}


@pytest.fixture
def door(db):
    return IntegrationFactory(kind="deploys", name="ci", key="ci-key")


def tell(client, payload, path="/api/deploys", **headers):
    headers = headers or {"Authorization": "Bearer ci-key"}
    return client.post(path, json.dumps(payload), content_type="application/json", headers=headers)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/deploys", {"Authorization": "Bearer ci-key"}),
        ("/api/deploys/", {"X-Api-Key": "ci-key"}),
        ("/api/deploys?key=ci-key", {"X-Unused": "1"}),
        ("/api/ingest/ci-key", {"X-Unused": "1"}),
    ],
)
def test_the_key_may_come_in_several_ways(client, door, path, headers):
    answer = tell(client, {"service": "checkout", "version": "4.2.1"}, path, **headers)
    assert answer.status_code == 202
    change = Change.objects.get()
    assert answer.json()["changes"] == [change.pk]
    assert (change.summary, change.kind, change.service) == ("checkout 4.2.1 deployed", "deploy", "checkout")


@pytest.mark.parametrize(("key", "status"), [("", 401), ("nobody", 404), ("other", 403)])
def test_without_its_key_nothing_is_taken(client, door, key, status):
    IntegrationFactory(kind="generic", key="other")
    answer = tell(client, {"service": "checkout"}, Authorization=f"Bearer {key}" if key else "")
    assert (answer.status_code, Change.objects.count()) == (status, 0)
    assert WebhookLog.objects.get().verdict == "refused"


def test_several_at_once_and_the_same_again_only_once(client, door):
    told = [
        {"summary": "Flag new-cart on", "kind": "flag", "id": "f1"},
        {"service": "shop", "kind": "config", "id": "c1"},
    ]
    for payload in (told, {"deploys": told}):
        assert tell(client, payload).status_code == 202
    changes = Change.objects.order_by("change_id").values_list("kind", "summary")
    assert list(changes) == [("config", "shop configuration changed"), ("flag", "Flag new-cart on")]


def test_a_change_that_says_when_is_known_again_without_an_id(client, door):
    told = {"service": "checkout", "version": "4.2.1", "at": "2026-11-20T08:48:00Z"}
    for payload in (told, told, {**told, "version": "4.2.2"}, {"service": "shop"}, {"service": "shop"}):
        assert tell(client, payload).status_code == 202
    assert Change.objects.count() == 4


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({}, "Change 0 has neither service, version nor summary"),
        (
            [{"service": "a"}, {"service": "b", "kind": "rollout"}],
            "The kind of Change 1 is 'rollout'; it must be deploy,",
        ),
        ({"service": ["a"]}, "service of Change 0 must be a text, and it is a list."),
        ({"service": "a", "at": "yesterday"}, "The at of Change 0 is 'yesterday'"),
        ({"service": "a", "labels": "x"}, "The labels of Change 0 must be an object of texts"),
        ([{"service": "a"}] * 1001, "1001 changes in one request are too many"),
    ],
)
def test_what_cannot_be_understood_is_refused_whole(client, door, payload, words):
    answer = tell(client, payload)
    assert answer.status_code == 400 and words in answer.json()["error"]
    assert not Change.objects.exists()


def test_at_the_same_address_the_api_shows_them_and_takes_its_own_tokens(client, door):
    tell(client, {"service": "checkout", "version": "4.2.1"})
    assert client.get("/api/deploys").status_code == 401
    user = UserFactory(is_superuser=True)
    _, secret = tokens.issue("ci", user=user, scopes=["changes:read", "changes:write"])
    bearer = {"Authorization": f"Bearer {secret}"}
    told = tell(client, {"service": "checkout", "summary": "Checkout 4.2.2"}, **bearer)
    assert told.status_code == 201
    listed = client.get("/api/deploys", headers=bearer).json()
    assert [each["summary"] for each in listed["items"]] == ["Checkout 4.2.2", "checkout 4.2.1 deployed"]
