"""What providers call back, as each of them signs and words it."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from incidents.models import Status
from notifications.callbacks import replies
from notifications.models import Delivery
from tests.factories import (
    AccountFactory,
    ContactMethodFactory,
    DeliveryFactory,
    IncidentFactory,
    PageFactory,
    UserFactory,
)
from tests.notifications.callers import PHONE, SECRET, meta, press, slack, status, telegram, told, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def incident(db):
    return IncidentFactory(id=4711, title="Checkout is down")


@pytest.fixture
def twilio(db):
    return AccountFactory(
        key="phones", kind="twilio", secret=SECRET, options={"account_sid": "AC1", "from": "+15550100"}
    )


@pytest.fixture
def on_phone(ada, incident):
    """ada, paged for the incident by telephone."""
    ContactMethodFactory(contact=ada, kind="sms", address="+31 20 555 0100")
    PageFactory(incident=incident, contact=ada)
    return ada


@pytest.mark.parametrize(
    "text", ["{n} ack", "ack {n}", "{n}a", "#{n} ACK!  ", "ack", "last ack", "1", "1 ack", "Ack. "]
)
def test_a_text_message_acknowledges(client, twilio, on_phone, incident, text):
    answer = write(client, text.format(n=incident.pk))
    assert status(incident) == Status.ACKNOWLEDGED
    assert incident.acknowledged_by == on_phone
    assert f"Incident #{incident.pk} is yours" in answer.content.decode()
    assert incident.timeline.filter(kind="acknowledged", text__contains="by SMS").exists()


def test_a_text_message_resolves_and_says_so_in_the_persons_language(client, twilio, on_phone, incident):
    on_phone.language = "nl"
    on_phone.save()
    assert "is opgelost" in write(client, f"{incident.pk} resolve").content.decode()
    assert status(incident) == Status.RESOLVED


def test_the_second_acknowledgement_is_told_who_was_first(client, twilio, on_phone, incident, grace):
    from incidents import lifecycle

    lifecycle.acknowledge(incident, by=grace, at=timezone.now())
    assert "already acknowledged by grace" in write(client, "ack").content.decode()


def test_a_stranger_is_told_nothing_and_changes_nothing(client, twilio, on_phone, incident):
    answer = write(client, f"{incident.pk} ack", "+31205559999")
    assert answer.content.decode().endswith("<Response/>")
    assert status(incident) == Status.DETECTED


def test_who_was_not_paged_may_not_answer_for_others(client, twilio, on_phone, incident):
    other = IncidentFactory()
    assert "not asked" in write(client, f"{other.pk} ack").content.decode()
    assert status(other) == Status.DETECTED


def test_what_is_not_understood_is_explained_five_times_at_most(client, twilio, on_phone):
    DeliveryFactory(kind="sms", address=PHONE, status="sent", next_attempt_at=None)
    from notifications.addresses import address_key

    Delivery.objects.update(address_key=address_key("sms", PHONE))
    said = [write(client, "who is this?").content.decode() for _ in range(7)]
    assert ["<Message>" in one for one in said] == [True] * 5 + [False] * 2


def test_stop_ends_messages_to_a_number_and_start_brings_them_back(client, twilio, on_phone):
    method = on_phone.methods.get(kind="sms")
    off = ContactMethodFactory(contact=on_phone, kind="voice", address=PHONE, enabled=False)
    write(client, " Stop ")
    method.refresh_from_db()
    assert not method.usable
    assert "STOP" in method.failure
    write(client, "START")
    method.refresh_from_db()
    off.refresh_from_db()
    assert method.usable
    assert not off.enabled  # switched off by hand before


@pytest.mark.parametrize("change", [{"secret": "another"}, {"query": "?x=1"}])
def test_a_signature_that_does_not_fit_is_refused(client, twilio, on_phone, incident, change):
    if "query" in change:
        path = "/callbacks/twilio/phones/reply/"
        answer = client.post(path, {"From": PHONE, "Body": "ack"}, headers={"X-Twilio-Signature": "x"})
    else:
        answer = write(client, "ack", **change)
    assert answer.status_code == 403
    assert status(incident) == Status.DETECTED


@pytest.mark.parametrize("digit, state", [("4", Status.ACKNOWLEDGED), ("6", Status.RESOLVED), ("9", Status.DETECTED)])
def test_keys_of_a_telephone_act(client, twilio, on_phone, incident, digit, state):
    row = DeliveryFactory(kind="voice", address=PHONE, thread=incident.thread, language="nl",
                          data={"event": "page", "status": "detected"})  # fmt: skip
    query = f"?d={row.pk}&t=incident%3A{incident.pk}&l=nl"
    answer = told(client, "keys", {"To": PHONE, "Digits": digit, "CallSid": "CA1"}, query=query)
    assert status(incident) == state
    assert 'language="nl-NL"' in answer.content.decode()
    assert ("<Gather" in answer.content.decode()) == (digit == "9")


def test_key_1_ends_calls_but_not_text_messages(client, twilio, on_phone):
    voice = ContactMethodFactory(contact=on_phone, kind="voice", address=PHONE)
    told(client, "keys", {"To": PHONE, "Digits": "1"}, query="?l=en")
    voice.refresh_from_db()
    assert not voice.enabled
    assert on_phone.methods.get(kind="sms").enabled


@pytest.mark.parametrize(
    "fields, word",
    [
        ({"MessageSid": "SM7", "MessageStatus": "delivered"}, "delivered"),
        ({"MessageSid": "SM7", "MessageStatus": "undelivered", "ErrorCode": "30008"}, "failed"),
        ({"MessageSid": "SM7", "MessageStatus": "undelivered", "ErrorCode": "30005"}, "bounced"),
        ({"CallSid": "SM7", "CallStatus": "no-answer"}, "failed"),
        ({"CallSid": "SM7", "CallStatus": "completed"}, "delivered"),
    ],
)
def test_what_became_of_a_message_is_on_record(client, twilio, fields, word):
    row = DeliveryFactory(kind="sms", address=PHONE, status="sent", next_attempt_at=None, reference="SM7")
    assert told(client, "status", fields).status_code == 204
    assert told(client, "status", fields).status_code == 204  # told twice
    row.refresh_from_db()
    assert row.receipt == word


@pytest.fixture
def workspace(ada):
    ContactMethodFactory(contact=ada, kind="slack_app", address="U0ADA")
    return AccountFactory(key="workspace", signing_secret=SECRET)


def test_slack_buttons_act_for_who_pressed_them(client, workspace, incident, ada):
    assert press(client, incident).status_code == 200
    assert status(incident) == Status.ACKNOWLEDGED
    assert incident.acknowledged_by == ada
    press(client, incident, name="resolve")
    assert status(incident) == Status.RESOLVED


def test_slack_tells_a_stranger_alone_that_nobody_knows_him(client, workspace, incident):
    assert press(client, incident, user="U0EVE").status_code == 200
    assert status(incident) == Status.DETECTED
    row = Delivery.objects.get(kind="slack")
    assert row.subject == "Nobody here knows this sender."
    assert row.address.startswith("https://hooks.slack.com/")


def test_slack_answers_go_to_slack_alone(client, workspace, incident):
    payload = {"type": "block_actions", "user": {"id": "U0EVE"}, "response_url": "http://169.254.169.254/latest",
               "actions": [{"action_id": "acknowledge", "value": incident.thread}]}  # fmt: skip
    assert slack(client, "interactions", {"payload": json.dumps(payload)}).status_code == 200
    assert not Delivery.objects.filter(kind="slack").exists()


def test_a_person_without_the_right_cannot_act_by_button(client, workspace, incident, ada):
    ada.user = UserFactory()
    ada.save()
    press(client, incident)
    assert status(incident) == Status.DETECTED


@pytest.mark.parametrize("age, answered", [(0, 200), (290, 200), (-290, 200), (310, 403), (-310, 403)])
def test_slack_is_believed_for_five_minutes(client, workspace, incident, age, answered):
    assert press(client, incident, at=timezone.now() - timedelta(seconds=age)).status_code == answered


def test_slack_is_refused_with_another_secret_or_account(client, workspace, incident):
    assert press(client, incident, secret="wrong").status_code == 403
    assert press(client, incident, key="nobody").status_code == 404
    AccountFactory(key="bare", signing_secret="")
    assert press(client, incident, key="bare").status_code == 403
    assert client.get("/callbacks/slack/workspace/interactions/").status_code == 405
    assert status(incident) == Status.DETECTED


def test_the_slash_command_acts_and_explains_itself(client, workspace, incident):
    answer = slack(client, "commands", {"user_id": "U0ADA", "text": f"ack {incident.pk}"})
    assert answer.json()["text"] == f"Incident #{incident.pk} is yours: Checkout is down"
    assert "ack 12" in slack(client, "commands", {"user_id": "U0ADA", "text": "help"}).json()["text"]


def test_telegram_buttons_and_words_act_and_the_answer_is_in_the_response(client, incident, ada):
    AccountFactory(key="bot", kind="telegram", signing_secret=SECRET)
    ContactMethodFactory(contact=ada, kind="telegram", address="4711")
    pressed = {"callback_query": {"id": "9", "from": {"id": 4711}, "data": f"acknowledge:{incident.thread}"}}
    assert telegram(client, pressed, "wrong").status_code == 403
    assert telegram(client, pressed).json() == {
        "method": "answerCallbackQuery", "callback_query_id": "9",
        "text": f"Incident #{incident.pk} is yours: Checkout is down",
    }  # fmt: skip
    written = {"message": {"from": {"id": 4711}, "chat": {"id": 4711}, "text": f"/resolve {incident.pk}"}}
    assert telegram(client, written).json()["method"] == "sendMessage"
    assert status(incident) == Status.RESOLVED
    stranger = {"message": {"from": {"id": 1}, "chat": {"id": 1}, "text": "ack"}}
    assert telegram(client, stranger).content == b""


def test_whatsapp_answers_once_however_often_it_is_told(client, incident, ada):
    AccountFactory(key="wa", kind="whatsapp", signing_secret=SECRET, options={"verify_token": "v"})
    ContactMethodFactory(contact=ada, kind="whatsapp", address=PHONE)
    PageFactory(incident=incident, contact=ada)
    button = {"from": PHONE[1:], "id": "wamid.1", "type": "interactive",
              "interactive": {"button_reply": {"id": f"acknowledge:{incident.thread}"}}}  # fmt: skip
    assert meta(client, {"messages": [button]}, "wrong").status_code == 403
    for _ in range(2):
        assert meta(client, {"messages": [button]}).status_code == 200
    assert status(incident) == Status.ACKNOWLEDGED
    assert Delivery.objects.filter(kind="whatsapp", purpose="notice").count() == 1
    row = DeliveryFactory(kind="whatsapp", status="sent", next_attempt_at=None, reference="wamid.7")
    meta(client, {"statuses": [{"id": "wamid.7", "status": "read", "timestamp": "1795424400"}]})
    row.refresh_from_db()
    assert row.receipt == "read"
    greeting = "/callbacks/whatsapp/wa/?hub.mode=subscribe&hub.challenge=42&hub.verify_token="
    assert client.get(greeting + "v").content == b"42"
    assert client.get(greeting + "w").status_code == 403


@pytest.mark.parametrize(
    "text, read",
    [("12 ack", ("acknowledge", "12")), ("2", ("resolve", "")), ("12c", ("resolve", "12")), ("STOP", ("stop", "")),
     ("беру 7", ("acknowledge", "7")), ("", None), ("thanks, I will look", None), ("12 13 ack", None), ("12", None),
     ("ack " * 50, None)],
)  # fmt: skip
def test_replies_are_read_as_people_write_them(text, read):
    assert replies.read(text) == read
