"""What is tampered with, caught and sent again, late, out of order, or said by somebody who may not: at every door."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from incidents import lifecycle
from incidents.models import Status
from notifications.models import Delivery
from tests.factories import AccountFactory, ContactMethodFactory, DeliveryFactory, IncidentFactory, PageFactory
from tests.notifications.callers import (
    PHONE,
    SECRET,
    meta,
    pagerduty,
    press,
    signed_by_pagerduty,
    slack,
    status,
    telegram,
    told,
    write,
)

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
ACK = "acknowledge"
KEY = "ops.example.org/incident:4711"


@pytest.fixture
def incident(db):
    return IncidentFactory(id=4711, title="Checkout is down", detected_at=timezone.now() - 10 * MINUTE)


@pytest.fixture
def accounts(ada, incident):
    """ada, paged for the incident and known at every door."""
    PageFactory(incident=incident, contact=ada)
    for kind, address in {"slack_app": "U0ADA", "telegram": "7", "sms": PHONE, "whatsapp": PHONE}.items():
        ContactMethodFactory(contact=ada, kind=kind, address=address)
    AccountFactory(key="phones", kind="twilio", secret=SECRET)
    for key, kind in {"workspace": "slack_app", "bot": "telegram", "wa": "whatsapp", "pd": "pagerduty"}.items():
        AccountFactory(key=key, kind=kind, signing_secret=SECRET)
    DeliveryFactory(kind="pagerduty", reference=KEY, thread=incident.thread, status="sent", next_attempt_at=None)


def by_slack(client, incident, **more):
    return press(client, incident, at=incident.detected_at + 10 * MINUTE, **more)


def by_telegram(client, incident, secret=SECRET):
    said = {"update_id": 5, "callback_query": {"id": "9", "from": {"id": 7}, "data": f"{ACK}:{incident.thread}"}}
    return telegram(client, said, secret)


def by_telegram_words(client, incident, secret=SECRET):
    said = {"update_id": 6, "message": {"from": {"id": 7}, "chat": {"id": 7}, "text": f"ack {incident.pk}"}}
    return telegram(client, said, secret)


def by_sms(client, incident, secret=SECRET):
    return write(client, f"ack {incident.pk}", sid="SM1", secret=secret)


def by_phone(client, incident, secret=SECRET):
    fields = {"To": PHONE, "Digits": "4", "CallSid": "CA1"}
    return told(client, "keys", fields, secret=secret, query=f"?t=incident%3A{incident.pk}&l=en")


def by_whatsapp(client, incident, secret=SECRET):
    button = {"from": PHONE[1:], "id": "wamid.1", "button": {"payload": f"{ACK}:{incident.thread}"}}
    return meta(client, {"messages": [button]}, secret)


def by_pagerduty(client, incident, secret=SECRET):
    return pagerduty(client, key=KEY, secret=secret, id="PD-1", at=incident.detected_at + MINUTE)


DOORS = [by_slack, by_telegram, by_telegram_words, by_sms, by_phone, by_whatsapp, by_pagerduty]


@pytest.mark.parametrize("say", DOORS)
def test_what_is_said_counts_once_and_not_for_the_incident_that_is_open_again(client, accounts, incident, say, ada):
    assert say(client, incident, secret="another").status_code == 403
    assert status(incident) == Status.DETECTED
    first = say(client, incident)
    assert (first.status_code, status(incident)) == (200, Status.ACKNOWLEDGED)
    assert incident.timeline.filter(kind="acknowledged").count() == 1
    lifecycle.resolve(incident, by=ada, at=timezone.now())
    lifecycle.reopen(incident, at=timezone.now(), reason="It is down again.")
    assert say(client, incident).status_code == 200
    assert status(incident) == Status.DETECTED, "sent again by whoever caught it, or by a provider that tries again"


@pytest.mark.parametrize("say", DOORS)
def test_nobody_acts_on_what_was_ended_before(client, accounts, incident, say, ada):
    lifecycle.resolve(incident, by=ada, at=timezone.now())
    assert say(client, incident).status_code == 200
    assert status(incident) == Status.RESOLVED


@pytest.mark.parametrize("header", ["X-Slack-Signature", "X-Slack-Request-Timestamp"])
def test_slack_unsigned_or_with_another_body_is_refused(client, accounts, incident, header):
    body = "payload=" + json.dumps({"type": "block_actions", "user": {"id": "U0ADA"}, "actions": []})
    given = {"X-Slack-Signature": "v0=" + "0" * 64, "X-Slack-Request-Timestamp": str(int(timezone.now().timestamp()))}
    kind, address = "application/x-www-form-urlencoded", "/callbacks/slack/workspace/interactions/"
    assert client.post(address, body, content_type=kind, headers=given).status_code == 403
    del given[header]
    assert client.post(address, body, content_type=kind, headers=given).status_code == 403


def test_a_text_message_whose_words_were_changed_on_the_way_is_refused(client, accounts, incident):
    signed = write(client, "hello").wsgi_request
    changed = {"From": PHONE, "To": "+15550100", "Body": f"ack {incident.pk}", "MessageSid": "SM1"}
    signature = {"X-Twilio-Signature": signed.headers["X-Twilio-Signature"]}
    assert client.post("/callbacks/twilio/phones/reply/", changed, headers=signature).status_code == 403
    assert status(incident) == Status.DETECTED


def test_a_key_pressed_once_escalates_once_however_often_it_is_told(client, accounts, incident):
    fields = {"To": PHONE, "Digits": "5", "CallSid": "CA2"}
    answers = [told(client, "keys", fields, query=f"?t=incident%3A{incident.pk}&l=en") for _ in range(2)]
    assert b"<Say" in answers[0].content
    assert answers[1].content.endswith(b"<Response><Hangup/></Response>")


def test_who_is_known_nowhere_changes_nothing(client, accounts, incident):
    by_slack(client, incident, user="U0EVE")
    telegram(client, {"callback_query": {"id": "1", "from": {"id": 8}, "data": f"{ACK}:{incident.thread}"}})
    write(client, f"ack {incident.pk}", "+4915111111111")
    meta(client, {"messages": [{"from": "4915111111111", "id": "w", "text": {"body": f"ack {incident.pk}"}}]})
    assert status(incident) == Status.DETECTED
    assert not Delivery.objects.filter(kind="whatsapp", purpose="notice").exists(), "a stranger is told nothing"


def test_a_method_that_was_never_verified_answers_for_nobody(client, accounts, incident, ada):
    ada.methods.filter(kind="slack_app").update(must_verify=True, verified_at=None)
    by_slack(client, incident)
    assert status(incident) == Status.DETECTED


def test_the_slash_command_of_another_incident_leaves_this_one(client, accounts, incident):
    other = IncidentFactory()
    slack(client, "commands", {"user_id": "U0ADA", "text": f"ack {other.pk}"})
    assert (status(other), status(incident)) == (Status.ACKNOWLEDGED, Status.DETECTED)


def test_pagerduty_tells_who_took_and_who_ended_it(client, accounts, incident):
    assert by_pagerduty(client, incident).status_code == 200
    assert incident.timeline.get(kind="acknowledged").text == "Acknowledged by Ada Lovelace (PagerDuty)."
    pagerduty(client, "incident.resolved", KEY)
    assert status(incident) == Status.RESOLVED
    assert incident.timeline.get(kind="resolved").text == "Resolved by Ada Lovelace (PagerDuty)."


def test_pagerduty_in_another_order_ends_where_it_would(client, accounts, incident):
    pagerduty(client, "incident.resolved", KEY)
    by_pagerduty(client, incident)
    assert status(incident) == Status.RESOLVED


@pytest.mark.parametrize(
    "more",
    [
        {"agent": {"type": "inbound_integration_reference", "summary": "Opscenter"}},
        {"agent": None},
        {"data": {"incident_key": "of-somebody-else"}},
        {"data": {}},
        {"event_type": "incident.annotated"},
        {"occurred_at": "2020-01-01T00:00:00Z"},
    ],
    ids=["our own event comes back", "nobody", "of another sender", "no key", "a note", "before it was opened"],
)
def test_what_pagerduty_tells_besides_is_taken_and_changes_nothing(client, accounts, incident, more):
    assert pagerduty(client, key=KEY, **more).status_code == 200
    assert status(incident) == Status.DETECTED


def test_pagerduty_signs_with_two_secrets_while_they_change_and_is_refused_without(client, accounts, incident):
    body = json.dumps({"event": {"event_type": "pagey.ping"}}).encode()
    assert signed_by_pagerduty(client, body, "old", SECRET).status_code == 200
    assert signed_by_pagerduty(client, body, "old", "older").status_code == 403
    assert signed_by_pagerduty(client, body).status_code == 403
    assert signed_by_pagerduty(client, b"no json", SECRET).status_code == 400
