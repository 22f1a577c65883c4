"""Channels spoken to through an account, against stand-ins that judge by each provider's published schema."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from notifications.transports import (
    Action,
    AddressRefused,
    Message,
    Sender,
    Suppressed,
    TryAgain,
    Undeliverable,
    phone,
    transport,
    twilio,
)
from targets.sink import Sink

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
FACTS = {
    "event": "page", "status": "detected", "severity": "P1", "rank": 0, "policy": "shop", "service": "Checkout",
    "title": "Checkout is down", "labels": {"region": "eu"}, "detected_at": "2026-11-23T09:00:00+00:00",
}  # fmt: skip
PAGE = Message(
    "[P1] #12 Checkout is down", "Checkout is down\nErrors above 5 %.", "https://ops.example.org/incidents/12/",
    (Action("Acknowledge", "https://ops.example.org/a/token"),), FACTS, "1795424400000-7", NINE, thread="incident:12",
)  # fmt: skip
BOT = "123456:" + "A" * 30
KEY = "a" * 32
SENDERS = {
    "slack_app": ("C0123ABCD", {}, "xoxb-1"),
    "telegram": ("-1001234567890", {}, BOT),
    "sms": ("+31205550100", {"account_sid": "AC1", "from": "+15550100100"}, "token"),
    "voice": ("+31205550100", {"account_sid": "AC1", "from": "+15550100100"}, "token"),
    "whatsapp": ("+31205550100", {"phone_number_id": "106"}, "EAA"),
    "jira": ("OPS", {"email": "ops@example.org"}, "api-token"),
    "pagerduty": (KEY, {}, ""),
}
FOLDER = {"sms": "twilio", "voice": "twilio"}


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


def follow(event: str, status: str, parent: str = "") -> Message:
    said = {"acknowledged": "ada took it", "resolved": "Resolved by ada"}.get(event, event)
    return replace(PAGE, subject=f"{event}: {PAGE.subject}", text=said, actions=(), parent=parent,
                   id=f"1795424400000-{len(event)}", data={**FACTS, "event": event, "status": status})  # fmt: skip


def spoken(kind: str, base: str, message: Message = PAGE, **more) -> Message:
    _, options, secret = SENDERS[kind]
    return replace(message, sender=Sender("main", {**options, "base_url": base, **more}, secret))


def send(kind: str, sink: Sink, message: Message = PAGE, **more):
    address = SENDERS[kind][0]
    return transport(kind).send(address, spoken(kind, f"{sink.url}/{FOLDER.get(kind, kind)}/x", message, **more))


@pytest.mark.parametrize("kind", SENDERS)
def test_each_is_taken_and_named_by_the_far_side(kind, sink):
    receipt = send(kind, sink)
    assert all(one.status in (200, 201, 202) for one in sink.received())
    assert receipt.reference


@pytest.mark.parametrize("kind", SENDERS)
def test_each_asks_for_patience_and_says_how_long(kind, sink):
    sink.fault("/", status=429, retry_after=7)
    with pytest.raises(TryAgain) as refusal:
        send(kind, sink)
    assert refusal.value.after == timedelta(seconds=7)


@pytest.mark.req("CARD-07")
@pytest.mark.parametrize("kind", SENDERS)
def test_each_lives_through_what_is_broken_over_there(kind, sink, monkeypatch):
    monkeypatch.setattr("notifications.transports.http.READ_TIMEOUT", 0.2)
    for fault in ({"status": 500}, {"status": 503}, {"close": True}, {"hang": 1.0}):
        sink.fault("/", **fault)
        with pytest.raises(TryAgain) as refusal:
            send(kind, sink)
        assert SENDERS[kind][2] not in str(refusal.value) or not SENDERS[kind][2]
    assert send(kind, sink).reference  # and the next call works


@pytest.mark.parametrize("kind", ["slack_app", "telegram", "sms", "voice", "whatsapp", "jira"])
def test_without_an_account_it_says_what_to_add(kind):
    with pytest.raises(Undeliverable, match=r"There is no .* account"):
        transport(kind).send(SENDERS[kind][0], PAGE)


@pytest.mark.parametrize(
    "kind, status, body, refusal, words",
    [
        ("slack_app", 200, b'{"ok":false,"error":"channel_not_found"}', AddressRefused, "invite the app"),
        ("slack_app", 200, b'{"ok":false,"error":"is_archived"}', AddressRefused, "is_archived"),
        ("slack_app", 200, b'{"ok":false,"error":"token_revoked"}', Undeliverable, "install the app anew"),
        ("slack_app", 200, b'{"ok":false,"error":"invalid_blocks"}', Undeliverable, "refused the message"),
        ("slack_app", 200, b'{"ok":false,"error":"internal_error"}', TryAgain, "patience"),
        ("slack_app", 200, b"not json", Undeliverable, "without a reason"),
        ("telegram", 400, b'{"description":"Bad Request: chat not found"}', AddressRefused, "chat not found"),
        ("telegram", 403, b'{"description":"Forbidden: bot was blocked by the user"}', AddressRefused, "blocked"),
        ("telegram", 400, b'{"description":"x","parameters":{"migrate_to_chat_id":-100}}', AddressRefused, "now -100"),
        ("telegram", 401, b'{"description":"Unauthorized"}', Undeliverable, "BotFather"),
        ("telegram", 400, b'{"description":"Bad Request: message is too long"}', Undeliverable, "too long"),
        ("sms", 400, b'{"code":21211}', AddressRefused, "enter another"),
        ("sms", 400, b'{"code":21614}', AddressRefused, "enter another"),
        ("sms", 400, b'{"code":21610}', Suppressed, "STOP"),
        ("sms", 400, b'{"code":21408}', Undeliverable, "21408"),
        ("sms", 429, b'{"code":20429}', TryAgain, "patience"),
        ("sms", 401, b'{"code":20003}', Undeliverable, "account_sid and token"),
        ("voice", 400, b'{"code":13224}', AddressRefused, "enter another"),
        ("whatsapp", 400, b'{"error":{"code":131026}}', AddressRefused, "may not be on WhatsApp"),
        ("whatsapp", 400, b'{"error":{"code":131047}}', Undeliverable, "template only"),
        ("whatsapp", 400, b'{"error":{"code":131050}}', Suppressed, "wants no messages"),
        ("whatsapp", 400, b'{"error":{"code":131056}}', TryAgain, "patience"),
        ("whatsapp", 401, b'{"error":{"code":190}}', Undeliverable, "token"),
        ("whatsapp", 404, b'{"error":{"code":132001}}', Undeliverable, "template"),
        ("jira", 400, b'{"errors":{"project":"valid project is required"}}', AddressRefused, "no such project"),
        ("jira", 400, b'{"errors":{"customfield_1":"required"}}', Undeliverable, "customfield_1"),
        ("jira", 401, b"", Undeliverable, "check email, token"),
        ("pagerduty", 400, b'{"errors":["\'routing_key\' is invalid"]}', AddressRefused, "routing key"),
        ("pagerduty", 400, b'{"errors":["\'payload.summary\' is missing"]}', Undeliverable, "refuses this message"),
    ],
)
def test_error_codes_mean_what_the_provider_documents(kind, status, body, refusal, words, receiver, monkeypatch):
    monkeypatch.setattr(type(receiver), "take", _always(status, body))
    with pytest.raises(refusal, match=words) as error:
        transport(kind).send(SENDERS[kind][0], spoken(kind, receiver.url("/")))
    assert type(error.value) is refusal


def _always(status: int, body: bytes):
    def take(self, handler, got):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return take


def test_pagerduty_is_told_an_incidents_life_by_one_key(sink):
    for message in (PAGE, follow("acknowledged", "acknowledged"), follow("resolved", "resolved")):
        assert send("pagerduty", sink, message)
    events = [one.json for one in sink.received("/pagerduty")]
    assert [one["event_action"] for one in events] == ["trigger", "acknowledge", "resolve"]
    assert {one["dedup_key"] for one in events} == {"ops.example.org/incident:12"}
    payload = events[0]["payload"]
    assert (payload["severity"], payload["source"], payload["summary"]) == ("critical", "Checkout", PAGE.subject)
    assert payload["timestamp"] == FACTS["detected_at"]


def test_pagerduty_is_not_woken_by_words_on_what_is_over(sink):
    assert "nothing was to be sent" in send("pagerduty", sink, follow("update", "resolved"))
    assert sink.received() == []


def test_pagerduty_takes_the_level_as_the_destination_says(sink):
    send("pagerduty", sink, severities={"P1": "warning"})
    assert sink.received("/pagerduty")[0].json["payload"]["severity"] == "warning"


def test_slack_gets_buttons_then_a_thread_and_the_first_message_is_kept_up_to_date(sink):
    first = send("slack_app", sink)
    assert first.reference.startswith("C0123ABCD:")
    opening = sink.received("/slack_app")[0].json
    elements = opening["blocks"][-1]["elements"]
    assert [one["action_id"] for one in elements[:2]] == ["acknowledge", "resolve"]
    assert {one["value"] for one in elements[:2]} == {"incident:12"}

    send("slack_app", sink, follow("acknowledged", "acknowledged", first.reference))
    updated, reply = sink.received("/slack_app")[1:]
    assert updated.path.endswith("/chat.update")
    assert updated.json["ts"] == reply.json["thread_ts"] == first.reference.partition(":")[2]
    assert "reply_broadcast" not in reply.json
    assert [one["action_id"] for one in updated.json["blocks"][-1]["elements"] if "value" in one] == ["resolve"]
    assert "ada took it" in reply.json["text"]

    send("slack_app", sink, follow("resolved", "resolved", first.reference))
    over = sink.received("/slack_app")[3].json
    assert not [one for block in over["blocks"] for one in block.get("elements", []) if "value" in one]


def test_telegram_answers_to_the_first_message_and_takes_its_buttons_back(sink):
    first = send("telegram", sink)
    buttons = sink.received("/telegram")[0].json["reply_markup"]["inline_keyboard"][0]
    assert [one["callback_data"] for one in buttons] == ["acknowledge:incident:12", "resolve:incident:12"]
    send("telegram", sink, follow("resolved", "resolved", first.reference))
    edit, reply = (one.json for one in sink.received("/telegram")[1:])
    assert edit == {"chat_id": "-1001234567890", "message_id": int(first.reference),
                    "reply_markup": {"inline_keyboard": []}}  # fmt: skip
    assert reply["reply_parameters"]["message_id"] == int(first.reference)


def test_telegram_takes_a_link_on_this_machine_as_text(sink):
    send("telegram", sink, replace(PAGE, url="http://127.0.0.1:8000/incidents/12/", thread="", actions=()))
    said = sink.received("/telegram")[0].json
    assert "reply_markup" not in said
    assert "http://127.0.0.1:8000/incidents/12/" in said["text"]


def form(sink: Sink) -> dict[str, str]:
    from urllib.parse import parse_qsl

    return dict(parse_qsl(sink.received("/twilio")[-1].raw.decode()))


def test_a_text_message_says_how_to_answer_and_where_and_no_more(sink):
    secretive = replace(PAGE, text="password=hunter2 of customer 4711")
    send("sms", sink, secretive)
    body = form(sink)["Body"]
    assert body.splitlines() == [PAGE.subject, "Reply: 12 ack or 12 resolve", "https://ops.example.org/a/token"]
    assert form(sink)["StatusCallback"].endswith("/callbacks/twilio/main/status/?d=7&t=incident%3A12&l=en")


@pytest.mark.parametrize("subject", ["x" * 5000, "Оплата не работает " * 100, "€" * 900, "😀" * 300])
def test_a_text_message_has_three_parts_at_most_with_its_link_whole(subject):
    text = twilio.text_of(replace(PAGE, subject=subject, sender=Sender()))
    assert phone.segments(text) <= 3
    assert text.endswith("\nhttps://ops.example.org/a/token")
    assert phone.segments(text + "xxxxx" * 14) > 3 or len(text) > 380  # no more is cut than must be


@pytest.mark.parametrize(
    "text, parts",
    [("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("я" * 70, 1), ("я" * 71, 2), ("€" * 80, 1),
     ("€" * 81, 2), ("😀" * 35, 1), ("😀" * 36, 2)],
)  # fmt: skip
def test_parts_are_counted_as_the_network_counts(text, parts):
    assert phone.segments(text) == parts


@pytest.mark.parametrize(
    "language, voice, words",
    [
        ("en", "en-US", "Press 4"),
        ("nl", "nl-NL", "Druk op 4"),
        ("id", "id-ID", "Tekan 4"),
        ("ru", "ru-RU", "Нажмите 4"),
    ],
)
def test_a_call_speaks_the_persons_language_and_takes_keys(sink, language, voice, words):
    send("voice", sink, replace(PAGE, language=language, subject="[P1] #12 <b>&"))
    twiml = form(sink)["Twiml"]
    assert f'<Say language="{voice}">' in twiml
    assert words in twiml
    assert "&lt;b&gt;&amp;" in twiml
    assert "/callbacks/twilio/main/keys/?d=7&amp;t=incident%3A12" in twiml


def test_whatsapp_sends_the_template_it_is_given_else_a_message_with_buttons(sink):
    send("whatsapp", sink)
    buttons = sink.received("/whatsapp")[0].json["interactive"]["action"]["buttons"]
    assert [one["reply"]["id"] for one in buttons] == ["acknowledge:incident:12", "resolve:incident:12"]
    send("whatsapp", sink, template="incident_page", template_buttons="1")
    template = sink.received("/whatsapp")[1].json["template"]
    assert template["name"] == "incident_page"
    assert template["language"] == {"code": "en"}
    assert [part["type"] for part in template["components"]] == ["body", "button"]


def test_jira_has_one_issue_one_comment_a_message_and_the_status_in_step(sink):
    first = send("jira", sink)
    assert first.reference == "OPS-1"
    assert send("jira", sink).reference == "OPS-1"  # the answer was lost, and it is tried again
    taken = follow("acknowledged", "acknowledged", "OPS-1")
    for message in (taken, taken, follow("resolved", "resolved", "OPS-1")):
        send("jira", sink, message)
    issues = sink.tracker.sites["x"]
    assert list(issues) == ["OPS-1"]
    said = [comment["body"]["content"][0]["content"][0]["text"] for comment in issues["OPS-1"]["comments"]]
    assert said == ["Checkout is down", "ada took it", "Resolved by ada"]
    assert issues["OPS-1"]["status"] == "31"


def test_apprise_hands_over_what_we_do_not_speak(receiver):
    place = receiver.url("/ops").removeprefix("http://")
    assert transport("apprise").send(f"json://{place}", PAGE) == "Apprise handed it over."
    assert receiver.got[0].json["title"] == PAGE.subject
    with pytest.raises(TryAgain):
        transport("apprise").send("json://" + receiver.url("/bad", 500).removeprefix("http://"), PAGE)


@pytest.mark.parametrize(
    "kind, address",
    [("slack_app", "https://x.test"), ("slack_app", ""), ("telegram", "ops"), ("telegram", "@x"), ("sms", "0205550100"),
     ("sms", "+0123456789"), ("voice", "ada"), ("whatsapp", "+31"), ("jira", "ops"), ("jira", 'OPS" OR 1=1'),
     ("pagerduty", "short"), ("apprise", "syslog://"), ("apprise", "nothing"), ("apprise", "nosuch://x")],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(kind, address):
    with pytest.raises(AddressRefused):
        transport(kind).check_address(address)


@pytest.mark.parametrize(
    "kind, address, hint",
    [("sms", "+31 20 555 0100", "+31…0100"), ("pagerduty", "a" * 31 + "b", "…aaab"), ("telegram", "-1001234", "…1234"),
     ("slack_app", "U0123ABCD", "U0123ABCD"), ("apprise", "ntfys://user:secret@x.test/topic", "ntfys://…opic")],
)  # fmt: skip
def test_a_hint_gives_no_address_away(kind, address, hint):
    transport(kind).check_address(address)
    assert transport(kind).hint(address) == hint
