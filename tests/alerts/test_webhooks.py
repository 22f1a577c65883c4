"""The webhook log: who sees what, what is found, and taking a request again."""

import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from alerts import grouping
from alerts.models import Alert, Liveness
from channels_health.models import Channel
from sources import intake
from sources.models import Change, Event, Integration, WebhookLog
from tests.accounts import signed_in
from tests.factories import IntegrationFactory, SeverityFactory
from tests.sources.inbound.security import example

pytestmark = pytest.mark.django_db
DISK = {"key": "disk", "title": "Disk is full", "severity": "high", "contact": "ada@example.org", "password": "hunter2"}


@pytest.fixture(autouse=True)
def no_ceiling():
    intake.refusals.forget()


@pytest.fixture
def door():
    return IntegrationFactory(name="app", key="app-1")


@pytest.fixture
def responder(client, grace):
    return signed_in(client, grace, "Responder")


@pytest.fixture
def viewer(client, linus):
    return signed_in(client, linus, "Viewer")


def send(client, payload=DISK, *, key="app-1", **headers) -> WebhookLog:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    client.post(f"/api/ingest/{key}", body, content_type="application/json", headers=headers)
    return WebhookLog.objects.latest("pk")


def replay(client, row) -> WebhookLog:
    """Take it again by the button; the row that came of it, or the same one when there is none."""
    answer = client.post(reverse("webhook-replay", args=[row.pk]))
    assert answer.status_code == 302
    return WebhookLog.objects.get(pk=int(answer.url.rstrip("/").rpartition("/")[2]))


def told(answer) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def page(client, row) -> str:
    return client.get(reverse("webhook", args=[row.pk])).content.decode()


def listed(client, **query) -> list[int]:
    return [row.pk for row, *_ in client.get(reverse("webhooks"), query).context["rows"]]


class TestTheList:
    def test_it_needs_a_login_and_the_right(self, client, django_user_model):
        assert client.get(reverse("webhooks")).url.startswith("/login/")
        client.force_login(django_user_model.objects.create_user("nobody"))
        assert client.get(reverse("webhooks")).status_code == 403

    def test_each_filter(self, client, viewer, door):
        other = IntegrationFactory(name="other", key="o-1")
        first, second = send(client), send(client, b"{")
        third, fourth = send(client, {**DISK, "title": "Tape"}, key="o-1"), send(client, key="nobody")
        old = send(client)
        WebhookLog.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=2))
        assert listed(client) == [old.pk, fourth.pk, third.pk, second.pk, first.pk]
        assert listed(client, door=door.pk) == [old.pk, second.pk, first.pk]
        assert listed(client, door=other.pk) == [third.pk]
        assert listed(client, door="none") == [fourth.pk]
        assert listed(client, verdict="refused") == [fourth.pk, second.pk]
        assert listed(client, verdict="refused", door=door.pk) == [second.pk]
        assert listed(client, within="24") == [fourth.pk, third.pk, second.pk, first.pk]
        assert listed(client, q="tape") == [third.pk]
        assert listed(client, q="line 1, column 2") == [second.pk]
        assert listed(client, q="no such words") == []

    def test_nonsense_in_the_address_is_no_error(self, client, viewer, door):
        row = send(client)
        for query in ({"door": "9" * 40}, {"door": "x"}, {"verdict": "x"}, {"within": "x"}, {"before": "-1"}):
            assert client.get(reverse("webhooks"), query).status_code == 200
        assert listed(client, verdict="x", within="7", before="") == [row.pk]

    def test_it_goes_on_from_the_last_one_shown(self, client, viewer, door):
        rows = [WebhookLog(integration=door, at=timezone.now(), verdict="accepted", status_code=202) for _ in range(51)]
        WebhookLog.objects.bulk_create(rows)
        answer = client.get(reverse("webhooks"))
        assert (len(answer.context["rows"]), b"Older" in answer.content) == (50, True)
        assert len(listed(client, before=answer.context["more"])) == 1

    def test_it_takes_few_queries_whatever_the_number_of_rows(
        self, client, viewer, door, django_assert_max_num_queries
    ):
        for _ in range(5):
            send(client)
        with django_assert_max_num_queries(8):
            client.get(reverse("webhooks"))


class TestOneRow:
    def test_it_shows_the_payload_what_it_became_and_no_secret(self, client, responder, door):
        SeverityFactory(key="high")
        row = send(client, **{"X-Opscenter-Delivery": "d-1", "Authorization": "Bearer nobody-sees-this"})
        while grouping.assign_due(at=timezone.now()):
            pass
        shown = page(client, row)
        assert "&quot;title&quot;: &quot;Disk is full&quot;" in shown
        assert "hunter2" not in shown
        assert "nobody-sees-this" not in shown
        assert "d-1" in shown
        assert "ada@example.org" in shown
        incident = Liveness.objects.get().incident
        assert f'href="{incident.get_absolute_url()}"' in shown

    def test_who_only_looks_sees_no_addresses_and_no_button(self, client, viewer, door):
        row = send(client)
        for shown in (page(client, row), client.get(reverse("webhooks")).content.decode()):
            assert "ada@" not in shown
            assert "•••@example.org" in shown
            assert "Take" not in shown
        assert client.post(reverse("webhook-replay", args=[row.pk])).status_code == 403
        assert client.post(reverse("webhooks-replay"), {"row": [row.pk]}).status_code == 403
        assert WebhookLog.objects.count() == 1

    def test_a_refusal_says_why(self, client, viewer, door):
        shown = page(client, send(client, {"status": "melting", "key": "x"}))
        assert "it must be firing or resolved" in shown
        assert "Nothing: it was refused" in shown

    def test_a_long_payload_is_shown_whole(self, client, viewer, door):
        row = send(client, {**DISK, "summary": "x" * 6000, "end": "the very end"})
        assert "the very end" not in row.payload
        assert "the very end" in page(client, row)

    def test_what_it_became_is_listed_for_every_kind(self, client, responder):
        IntegrationFactory(kind="github", name="gh", key="gh-1")
        IntegrationFactory(kind="channels", name="inbox", key="c-1")
        run = send(client, example("github_workflow_run"), key="gh-1", **{"X-GitHub-Event": "workflow_run"})
        deploy = send(
            client, example("github_deployment_status"), key="gh-1", **{"X-GitHub-Event": "deployment_status"}
        )
        channel = send(client, example("channels_disconnected"), key="c-1")
        assert "github job test ok" in page(client, run)
        assert "Deployment of master to production: success" in page(client, deploy)
        assert "Channel state" in page(client, channel)


class TestReplay:
    def test_after_the_mapping_was_mended(self, client, responder, door):
        odd = send(client, {"event": {"name": "Slow", "id": 9}})
        assert (odd.verdict, odd.status_code) == ("refused", 400)
        Integration.objects.filter(pk=door.pk).update(mapping={"title": "event.name", "key": "event.id"})
        new = replay(client, odd)
        assert (new.verdict, new.replay_of, new.sender) == ("accepted", odd, "replay by grace")
        assert new.became == {"alerts": [Alert.objects.get().pk]}
        assert (Alert.objects.get().name, Alert.objects.get().key) == ("Slow", "9")

    def test_it_is_refused_again_while_it_is_not_mended(self, client, responder, door):
        odd = send(client, {"event": {"name": "Slow"}})
        new = replay(client, odd)
        assert (new.verdict, new.status_code, new.replay_of) == ("refused", 400, odd)
        assert "neither key, title nor labels" in new.reason
        assert "refused again" in told(client.get(reverse("webhook", args=[new.pk])))

    def test_one_with_an_id_of_its_own_is_no_duplicate_of_itself(self, client, responder, door):
        row = send(client, **{"Webhook-Id": "w-1"})
        assert replay(client, row).verdict == "accepted"
        assert replay(client, row).verdict == "accepted"
        assert Alert.objects.count() == 1

    def test_the_signature_was_checked_when_it_came(self, client, responder):
        IntegrationFactory(kind="whatsapp", name="meta", key="w-1", secret="s")
        body = example("whatsapp_status")
        digest = hmac.new(b"s", body, hashlib.sha256).hexdigest()
        row = send(client, body, key="w-1", **{"X-Hub-Signature-256": f"sha256={digest}"})
        event = Event.objects.get()
        Event.objects.all().delete()
        assert replay(client, row).verdict == "accepted"
        assert Event.objects.get().subject == event.subject

    def test_one_that_proved_nothing_is_not_taken(self, client, responder):
        IntegrationFactory(name="signed", key="s-1", secret="s")
        row = send(client, key="s-1")
        assert row.status_code == 401
        assert replay(client, row) == row
        assert "did not prove who they are" in page(client, row)
        assert not Alert.objects.exists()

    def test_headers_and_query_come_along(self, client, responder):
        IntegrationFactory(kind="github", name="gh", key="gh-1", options={"environments": ["staging"]})
        body, header = example("github_deployment_status"), {"X-GitHub-Event": "deployment_status"}
        row = send(client, body, key="gh-1", **header)
        assert "leave out" in row.reason
        Integration.objects.update(options={})
        assert replay(client, row).became == {"changes": [Change.objects.get().pk]}

    def test_what_was_known_is_not_stored_twice_and_happened_when_it_was_told(self, client, responder):
        door = IntegrationFactory(kind="channels", name="inbox", key="c-1")
        row = send(client, {"tenant": "acme", "channel": "1", "status": "DISCONNECTED"}, key="c-1")
        Channel.objects.all().delete()
        WebhookLog.objects.filter(pk=row.pk).update(at=row.at - timedelta(hours=1))
        assert replay(client, row).verdict == "accepted"
        assert Channel.objects.get().changed_at == row.at - timedelta(hours=1)
        Integration.objects.filter(pk=door.pk).update(kind="github")
        run = send(client, example("github_workflow_run"), key="c-1", **{"X-GitHub-Event": "workflow_run"})
        assert replay(client, run).reason == "1 events known already"
        assert Event.objects.count() == 1

    def test_not_a_replay_a_repeat_or_one_without_a_door(self, client, responder, door):
        row = send(client, **{"Webhook-Id": "w-1"})
        again, lost, new = send(client, **{"Webhook-Id": "w-1"}), send(client, key="nobody"), replay(client, row)
        for other, words in [(again, "This is a repeat"), (lost, "Its door is gone"), (new, "This is a replay itself")]:
            assert replay(client, other) == other
            assert words in page(client, other)
        assert "door is gone, or there never was one" in page(client, lost)

    def test_several_at_once_the_oldest_first(self, client, responder, door):
        rows = [send(client, {**DISK, "title": title}) for title in ("first", "second")]
        odd = send(client, {"x": 1})
        answer = client.post(
            reverse("webhooks-replay"), {"row": [row.pk for row in reversed([*rows, odd])], "back": "verdict=accepted"}
        )
        assert answer.url == "/webhooks/?verdict=accepted"
        assert told(answer).startswith("2 taken again, 1 refused again.")
        assert Alert.objects.get().annotations["summary"] == "second"
        nothing = client.post(reverse("webhooks-replay"), {"row": ["x"]})
        assert "Choose the requests" in told(nothing)

    def test_only_by_post(self, client, responder, door):
        assert client.get(reverse("webhook-replay", args=[send(client).pk])).status_code == 405
