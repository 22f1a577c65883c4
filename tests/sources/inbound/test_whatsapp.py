"""WhatsApp Cloud API: documented payloads, signed with the app's secret."""

import hashlib
import hmac
import json

import pytest

from channels_health.models import Channel
from sources.models import Event, Integration
from tests.factories import IntegrationFactory
from tests.sources.inbound.security import DoorContract, example

SECRET = "app secret"


def signature(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class TestWhatsAppDoor(DoorContract):
    kind, example, repeats, repeat_verdict = "whatsapp", "whatsapp_status", 200, "accepted"
    tamper = (b'"failed"', b'"read"')

    def sign(self, body, secret, at):
        return {"X-Hub-Signature-256": signature(body, secret)}


@pytest.fixture
def door(db):
    return IntegrationFactory(kind="whatsapp", name="meta", key="w-1", secret=SECRET)


def change(field, value, *, account="102290129340398", time=None):
    entry = {"id": account, "changes": [{"field": field, "value": value}]} | ({"time": time} if time else {})
    return {"object": "whatsapp_business_account", "entry": [entry]}


def send(client, payload):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = {"X-Hub-Signature-256": signature(body)}
    return client.post("/api/ingest/w-1", body, content_type="application/json", headers=headers)


class TestVerification:
    def ask(self, client, **query):
        query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "w-1"} | query
        return client.get("/api/ingest/w-1", query)

    def test_the_challenge_comes_back_as_text(self, client, door):
        answer = self.ask(client)
        assert (answer.status_code, answer.content, answer["Content-Type"]) == (
            200, b"1158201444", "text/plain; charset=utf-8",
        )  # fmt: skip

    def test_the_token_of_the_options(self, client, door):
        Integration.objects.filter(pk=door.pk).update(options={"verify_token": "meatyhamhock"})
        assert self.ask(client, **{"hub.verify_token": "meatyhamhock"}).status_code == 200
        assert self.ask(client).status_code == 403

    @pytest.mark.parametrize("token", ["", "wrong", "é", "w-1 "])
    def test_not_for_another_token(self, client, door, token):
        answer = self.ask(client, **{"hub.verify_token": token})
        assert (answer.status_code, b"1158201444" in answer.content) == (403, False)

    def test_any_other_get_is_none_of_it(self, client, door):
        assert self.ask(client, **{"hub.mode": "unsubscribe"}).status_code == 405
        assert client.get("/api/ingest/w-1").status_code == 405


def test_a_message_that_failed(client, door):
    assert send(client, example("whatsapp_status")).status_code == 200
    event = Event.objects.get()
    assert (event.stream, event.kind, event.outcome, event.level) == ("whatsapp", "message", "failed", "error")
    assert event.subject == "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI3MTE5MjVBOTE3MDk5QUVFM0YA"
    assert event.text.startswith("Message failed to send because more than 24 hours")
    assert event.labels == {
        "tenant": "102290129340398", "account": "102290129340398", "number": "15550783881",
        "phone_number_id": "106540352242922", "error_code": "131047", "error": "Re-engagement message",
    }  # fmt: skip
    assert "16505551234" not in json.dumps([event.labels, event.data])  # whom it went to is nobody's business here


def test_each_state_of_a_message_is_an_event_and_each_once(client, door):
    payload = json.loads(example("whatsapp_status"))
    status = payload["entry"][0]["changes"][0]["value"]["statuses"][0]
    status.pop("errors")
    for state in ("sent", "delivered", "delivered", "read"):
        status["status"] = state
        send(client, payload)
    assert list(Event.objects.order_by("pk").values_list("outcome", flat=True)) == ["sent", "delivered", "read"]


def test_what_users_write_is_not_kept(client, door):
    said = {
        "messaging_product": "whatsapp", "metadata": {"phone_number_id": "106540352242922"},
        "messages": [{"from": "16505551234", "id": "wamid.1", "type": "text", "text": {"body": "private"}}],
    }  # fmt: skip
    answer = send(client, change("messages", said))
    assert (answer.status_code, answer.json()["note"]) == (200, "nothing to keep in: messages")
    assert not Event.objects.exists()


def test_a_number_that_is_flagged_and_no_longer(client, door):
    value = {"display_phone_number": "15550783881", "event": "FLAGGED", "current_limit": "TIER_10K"}
    send(client, change("phone_number_quality_update", value, time=1795420000))
    channel = Channel.objects.get()
    assert (channel.tenant, channel.key, channel.status) == ("102290129340398", "15550783881", "FLAGGED")
    event = Event.objects.get()
    assert (event.kind, event.outcome, event.level) == ("phone_number_quality_update", "flagged", "warning")
    assert event.labels["limit"] == "TIER_10K"
    send(client, change("phone_number_quality_update", value | {"event": "UNFLAGGED"}, time=1795420600))
    channel.refresh_from_db()
    assert channel.status == "CONNECTED"
    send(client, change("phone_number_quality_update", value | {"event": "THROUGHPUT_UPGRADE"}, time=1795420900))
    assert (channel.history.count(), Event.objects.count()) == (2, 3)


def test_the_options_name_tenants_and_numbers(client, door):
    options = {"tenants": {"102290129340398": "acme"}, "numbers": {"15550783881": "106540352242922"}}
    Integration.objects.filter(pk=door.pk).update(options=options)
    value = {"display_phone_number": "15550783881", "event": "FLAGGED"}
    send(client, change("phone_number_quality_update", value))
    channel = Channel.objects.get()
    assert (channel.tenant, channel.key, channel.name) == ("acme", "106540352242922", "15550783881")


@pytest.mark.parametrize(
    ("value", "status", "reason"),
    [
        ({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}, "BANNED", "DISABLED_UPDATE"),
        ({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}, "CONNECTED", "DISABLED_UPDATE"),
        (
            {"event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "SCAM"}},
            "FLAGGED", "ACCOUNT_VIOLATION SCAM",
        ),
        (
            {"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"restriction_type": "RESTRICTED_ADD_PHONE_NUMBER"}]},
            "RESTRICTED", "ACCOUNT_RESTRICTION RESTRICTED_ADD_PHONE_NUMBER",
        ),
        ({"event": "PARTNER_REMOVED"}, "DISCONNECTED", "PARTNER_REMOVED"),
        ({"event": "ACCOUNT_RECONNECTED"}, "CONNECTED", "ACCOUNT_RECONNECTED"),
    ],
)  # fmt: skip
def test_an_account_is_a_channel_too(client, door, value, status, reason):
    send(client, change("account_update", value, time=1795420000))
    channel = Channel.objects.get()
    assert (channel.key, channel.status) == ("102290129340398", status)
    assert channel.history.get().reason == reason
    assert Event.objects.get().level == ("info" if status == "CONNECTED" else "warning")


def test_a_change_of_an_account_that_says_nothing_of_its_state(client, door):
    send(client, change("account_update", {"event": "VOLUME_BASED_PRICING_TIER_UPDATE"}))
    assert (Event.objects.get().level, Channel.objects.count()) == ("info", 0)


def test_a_template_that_is_rejected(client, door):
    value = {
        "event": "REJECTED", "message_template_id": 1689556908129832, "message_template_name": "order_confirmation",
        "message_template_language": "en-US", "reason": "INCORRECT_CATEGORY",
    }  # fmt: skip
    send(client, change("message_template_status_update", value, time=1751247548))
    event = Event.objects.get()
    assert (event.name, event.subject, event.outcome) == ("order_confirmation", "1689556908129832", "rejected")
    assert (event.level, event.text) == ("warning", "order_confirmation REJECTED INCORRECT_CATEGORY")


def test_an_alert_of_the_account(client, door):
    info = {
        "alert_severity": "CRITICAL", "alert_status": "ACTIVE", "alert_type": "OBA_REJECTED",
        "alert_description": "Your request was rejected.",
    }  # fmt: skip
    send(
        client,
        change("account_alerts", {"entity_type": "BUSINESS", "entity_id": "1", "alert_info": info}, time=1751247548),
    )
    event = Event.objects.get()
    assert (event.kind, event.outcome, event.level) == ("account_alerts", "oba_rejected", "error")
    assert event.text.endswith("Your request was rejected.")
