"""Doors in the admin: what to tell a sender, a new secret, and a mapping that is tried before it is saved."""

import json
from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from alerts.models import Alert
from sources import silence
from sources.models import Integration, WebhookLog
from tests.factories import NINE, IntegrationFactory, UserFactory
from tests.sources.inbound.security import example

pytestmark = pytest.mark.django_db
CHANGE = "admin:sources_integration_change"
EVENT = {"event": {"name": "Slow", "id": 9, "level": "sev1"}, "tags": [{"host": "web-1"}]}


@pytest.fixture
def chief(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def door():
    return IntegrationFactory(name="app", key="app-1", severities={"sev1": "P1"})


def fields(door, **changes) -> dict:
    """The admin's form of a door as it stands, with changes."""
    shown = {
        "name": door.name, "kind": door.kind, "key": door.key, "secret": "", "old_secret": "", "policy": "",
        "group_by": "[]", "mapping": "{}", "severities": "{}", "options": "{}", "resolve_after": "", "ceiling": "60",
        "enabled": "on",
    }  # fmt: skip
    return shown | changes


def send(client, payload, key="app-1", **headers):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    client.post(f"/api/ingest/{key}", body, content_type="application/json", headers=headers)


def told(answer) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


class TestTheForm:
    def test_it_says_where_and_how_and_never_the_secret(self, chief, door, settings):
        settings.BASE_URL = "https://ops.example.org"
        door.secret = "between us"
        door.save()
        shown = chief.get(reverse(CHANGE, args=[door.pk])).content.decode()
        assert "https://ops.example.org/api/ingest/app-1" in shown
        assert "X-Opscenter-Signature" in shown
        assert "between us" not in shown

    @pytest.mark.parametrize(
        ("kind", "words"),
        [
            ("sns", "topic_arns"),
            ("whatsapp", "verify_token"),
            ("otlp", "/v1/traces?key=app-1"),
            ("github", "environments"),
        ],
    )
    def test_each_kind_explains_its_options(self, chief, door, kind, words):
        Integration.objects.filter(pk=door.pk).update(kind=kind)
        assert words in chief.get(reverse(CHANGE, args=[door.pk])).content.decode()

    def test_the_kinds_are_chosen_by_name(self, chief, door):
        shown = chief.get(reverse("admin:sources_integration_add")).content.decode()
        for label in ("Amazon SNS, CloudWatch alarms", "Uptime Kuma", "JSON webhook", "Alertmanager API"):
            assert label in shown

    def test_a_door_is_made(self, chief):
        answer = chief.post(
            reverse("admin:sources_integration_add"), fields(Integration(name="kuma", kind="uptime-kuma", key="k-1"))
        )
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        assert Integration.objects.get().kind == "uptime-kuma"

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"mapping": '{"titel": "a"}'}, "There is no field &#x27;titel&#x27;"),
            ({"mapping": "[]", "severities": "[1]"}, "This is a table such as"),
            ({"severities": '{"a": 1}'}, "This is a table such as"),
            ({"group_by": '{"a": 1}'}, "This is a list of labels"),
            ({"options": "[1]"}, "Options are an object"),
            ({"options": '{"topic": 1}', "kind": "sns"}, "This kind has no option topic; it has: topic_arns"),
            ({"kind": "carrier-pigeon"}, "Select a valid choice"),
        ],
    )
    def test_tables_are_looked_at_before_they_are_stored(self, chief, door, changes, words):
        answer = chief.post(reverse(CHANGE, args=[door.pk]), fields(door, **changes))
        assert (answer.status_code, words in answer.content.decode()) == (200, True)
        assert Integration.objects.get().kind == "generic"

    def test_an_empty_secret_keeps_the_one_there_is(self, chief, door):
        door.secret = "between us"
        door.save()
        assert chief.post(reverse(CHANGE, args=[door.pk]), fields(door, name="new name")).status_code == 302
        door.refresh_from_db()
        assert (door.name, door.secret) == ("new name", "between us")


class TestRotation:
    def act(self, chief, door, name):
        url = reverse("admin:sources_integration_changelist")
        return chief.post(url, {"action": name, "_selected_action": [door.pk]})

    def test_the_new_secret_is_shown_once_and_the_old_one_stays_good(self, chief, door):
        door.secret = "the first"
        door.save()
        answer = self.act(chief, door, "rotate_secret")
        door.refresh_from_db()
        assert (door.old_secret, len(door.secret)) == ("the first", 48)
        assert (door.secret in answer.content.decode(), "no-store" in answer["Cache-Control"]) == (True, True)
        assert "The one before is taken as well" in answer.content.decode()
        assert door.secret not in chief.get(reverse(CHANGE, args=[door.pk])).content.decode()
        assert "1 old secrets are no longer taken" in told(self.act(chief, door, "drop_old_secret"))
        door.refresh_from_db()
        assert door.secrets == [door.secret]

    def test_a_door_without_one_gets_its_first(self, chief, door):
        assert "It had none before" in self.act(chief, door, "rotate_secret").content.decode()


class TestPreview:
    def url(self, door):
        return reverse("admin:sources_integration_preview", args=[door.pk])

    def post(self, chief, door, mapping, payload=EVENT, **more):
        said = mapping if isinstance(mapping, str) else json.dumps(mapping)
        text = payload if isinstance(payload, str) else json.dumps(payload)
        return chief.post(self.url(door), {"mapping": said, "payload": text, **more})

    def test_it_begins_with_the_last_payload_and_why_that_was_refused(self, chief, door):
        send(chief, EVENT)
        answer = chief.get(self.url(door))
        shown = answer.content.decode()
        assert "&quot;name&quot;: &quot;Slow&quot;" in shown
        assert "It would be refused: Alert 0 has neither key, title nor labels" in shown

    def test_an_edited_mapping_is_tried_and_nothing_is_stored(self, chief, door):
        send(chief, EVENT)
        mapping = {"title": "event.name", "key": "event.id", "severity": "event.level", "labels.host": "tags.0.host"}
        answer = self.post(chief, door, mapping)
        shown = answer.content.decode()
        (signal,) = answer.context["parsed"].signals
        assert (signal.name, signal.key, signal.severity_key, signal.labels["host"]) == ("Slow", "9", "P1", "web-1")
        assert "label host" in shown
        door.refresh_from_db()
        assert (door.mapping, Alert.objects.count(), WebhookLog.objects.count()) == ({}, 0, 1)

    def test_it_is_saved_when_asked_and_then_followed(self, chief, door):
        self.post(chief, door, {"title": "event.name"}, save="")
        send(chief, EVENT)
        assert Alert.objects.get().name == "Slow"

    def test_one_that_makes_nothing_is_not_saved(self, chief, door):
        answer = self.post(chief, door, {"title": "event.nam"}, save="")
        shown = answer.content.decode()
        assert "title: there is nothing at &#x27;event.nam&#x27;" in shown
        assert "It would be refused" in shown
        door.refresh_from_db()
        assert door.mapping == {}

    @pytest.mark.parametrize(
        ("mapping", "words"),
        [
            ("{", "This is not JSON: Expecting property name"),
            ("[]", "A mapping is an object"),
            ({"titel": "a"}, "There is no field &#x27;titel&#x27;; there are items, key, status"),
            ({"labels.": "a"}, "There is no field &#x27;labels.&#x27;"),
            ({"title": 7}, "The path of title must be a text"),
            ({"items": "data.list"}, "items: there is nothing at &#x27;data.list&#x27;"),
            ({"key": "event"}, "The key of Alert 0 must be a text, not an object"),
        ],
    )
    def test_what_is_wrong_with_it_is_told_with_its_path(self, chief, door, mapping, words):
        assert words in self.post(chief, door, mapping).content.decode()

    def test_a_payload_that_is_no_json(self, chief, door):
        assert "It would be refused: The body is not JSON" in self.post(chief, door, {}, "{").content.decode()

    def test_secrets_of_the_payload_are_not_shown(self, chief, door):
        send(chief, EVENT | {"password": "hunter2"})
        assert "hunter2" not in chief.get(self.url(door)).content.decode()

    def test_other_kinds_show_what_they_make_of_it(self, chief):
        door = IntegrationFactory(kind="github", name="gh", key="gh-1")
        send(chief, example("github_workflow_run"), key="gh-1", **{"X-GitHub-Event": "workflow_run"})
        shown = chief.get(self.url(door)).content.decode()
        assert "Event job test ok" in shown
        assert "there is no mapping to write" in shown

    def test_a_door_that_was_never_used_and_one_that_is_not_there(self, chief, door):
        assert "Nothing that came through this door was kept" in chief.get(self.url(door)).content.decode()
        door.pk = 10**6
        assert chief.get(self.url(door)).status_code == 404

    def test_only_who_may_change_doors(self, client, door):
        client.force_login(UserFactory(is_staff=True))
        assert client.get(self.url(door)).status_code == 403


class TestSilence:
    def seen(self, door, *hours_ago):
        rows = [
            WebhookLog(integration=door, at=NINE - timedelta(hours=h), verdict="accepted", status_code=202)
            for h in hours_ago
        ]
        WebhookLog.objects.bulk_create(rows)
        door.last_seen_at = NINE - timedelta(hours=min(hours_ago))
        return silence.standing(door, at=NINE)

    def test_one_that_was_never_used_or_is_off(self, door):
        assert silence.standing(door, at=NINE).state == "waiting"
        door.enabled = False
        assert silence.standing(door, at=NINE).state == "off"

    def test_with_few_requests_nothing_is_usual(self, door):
        assert self.seen(door, 900, 901, 902, 903).state == "receiving"

    @pytest.mark.parametrize(("ago", "state"), [(24, "receiving"), (25, "silent"), (720, "silent")])
    def test_a_day_and_three_times_the_longest_pause(self, door, ago, state):
        assert self.seen(door, *(ago + 5 * n for n in range(20))).state == state

    @pytest.mark.parametrize(("ago", "state"), [(144, "receiving"), (145, "silent")])
    def test_pauses_that_are_usual_are_no_silence(self, door, ago, state):
        assert self.seen(door, *(ago + 48 * n for n in range(6))).state == state

    def test_the_words_say_how_it_was(self, door):
        assert self.seen(door, *(720 + 4.8 * n for n in range(20))).words == "silent for 30d; 5 a day before"
