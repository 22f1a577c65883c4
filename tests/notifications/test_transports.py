"""What each channel is sent, against the documented form; `targets.receivers` judges it as the service would."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from notifications.transports import (
    TRANSPORTS,
    Action,
    AddressRefused,
    Message,
    UnknownTransport,
    chat,
    discord,
    mattermost,
    slack,
    teams,
    transport,
)
from targets.service import Request
from targets.sink import RECEIVERS

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
ACK = Action("Acknowledge", "https://ops.example.org/a/token")
MESSAGE = Message(
    subject="[P1] #12 Checkout is down",
    text="Errors <5 % & rising\nsince 09:00 <!channel>",
    url="https://ops.example.org/incidents/12/",
    actions=(ACK,),
    data={"incident": 12, "severity": "P1"},
    id="1795424400000-7",
    at=NINE,
)


def judged(kind: str, body: dict) -> int:
    """The status that the service would answer."""
    request = Request("POST", "/x", {}, {"Content-Type": "application/json"}, json.dumps(body).encode())
    return RECEIVERS[kind].take(request).status


def test_slack_gets_text_blocks_and_a_link_button(receiver):
    detail = transport("slack").send(receiver.url("/services/T/B/x", (200, {}, b"ok")), MESSAGE)
    body = receiver.got[0].json
    assert detail == "Slack answered 200."
    assert judged("slack", body) == 200
    assert body["text"].startswith("[P1] #12 Checkout is down\nErrors")
    assert body["blocks"][0]["text"] == {"type": "plain_text", "text": "[P1] #12 Checkout is down"}
    buttons = body["blocks"][-1]["elements"]
    assert [(one["text"]["text"], one["url"]) for one in buttons] == [
        ("Acknowledge", ACK.url),
        ("Open", MESSAGE.url),
    ]
    assert buttons[0]["style"] == "primary"
    assert body["unfurl_links"] is False


@pytest.mark.parametrize("form", [slack, mattermost], ids=["slack", "mattermost"])
def test_every_page_of_a_bundle_can_be_acknowledged(form):
    asked = tuple(Action(f"Acknowledge #{number}", f"https://ops.example.org/a/{number}/") for number in range(20))
    body = form.payload(replace(MESSAGE, url="", actions=asked))
    assert judged(form.__name__.rpartition(".")[2], body) == 200
    assert all(action.url in json.dumps(body) for action in asked)


def test_slack_mentions_nobody_on_an_alerts_word():
    body = json.dumps(slack.payload(MESSAGE))
    assert "<!channel>" not in body
    assert "&lt;!channel&gt;" in body


@pytest.mark.parametrize(
    "form, judge", [(slack, "slack"), (discord, "discord"), (teams, "teams"), (mattermost, "mattermost")]
)
@pytest.mark.parametrize(
    "message",
    [
        Message("s" * 5000, "t" * 50_000, "https://x.test/" + "u" * 5000, (Action("l" * 500, "https://x.test/a"),)),
        Message("", "", "", ()),
        Message("subject alone", ""),
        Message("many links", "x", "", tuple(Action(f"link {n}", "https://x.test/" + "p" * 300) for n in range(40))),
        Message("&" * 5000, "<" * 5000),
    ],
    ids=["long", "empty", "subject", "links", "escaped"],
)
def test_any_length_stays_within_the_documented_limits(form, judge, message):
    assert judged(judge, form.payload(message)) in (200, 202, 204)


def test_discord_gets_content_without_mentions_or_previews(receiver):
    detail = transport("discord").send(receiver.url("/api/webhooks/1/x", 204), MESSAGE)
    body = receiver.got[0].json
    assert detail == "Discord answered 204."
    assert judged("discord", body) == 204
    assert body["content"].startswith("**[P1] #12 Checkout is down**\nErrors <5 %")
    assert f"Acknowledge: <{ACK.url}>" in body["content"]
    assert body["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize(
    "address, kind",
    [
        ("https://hooks.slack.com/services/T/B/x", "slack"),
        ("https://discord.com/api/webhooks/1/x", "discord"),
        ("https://canary.discord.com/api/webhooks/1/x", "discord"),
        ("https://discordapp.com/api/webhooks/1/x?wait=true", "discord"),
        ("https://discord.com/api/webhooks/1/x/slack", "slack"),
        ("https://notdiscord.com/hooks/x", "slack"),
        ("https://mattermost.example.org/hooks/x", "mattermost"),
        ("https://chat.example.org/hooks/abcdefghijklmnopqrstuvwxyz", "mattermost"),
        ("https://rocket.example.org/hooks/x/y", "slack"),
        ("https://prod-01.westeurope.logic.azure.com:443/workflows/a/triggers/manual/paths/invoke?sig=x", "teams"),
        ("https://example.webhook.office.com/webhookb2/a@b/IncomingWebhook/c/d", "teams"),
        ("http://127.0.0.1:9/teams/ops", "teams"),
        ("http://127.0.0.1:9/mattermost/ops", "mattermost"),
        ("http://127.0.0.1:9/json/ops", "json"),
        ("http://127.0.0.1:9/api/webhooks/1/x", "discord"),
        ("http://127.0.0.1:9/discord/team", "discord"),
        ("http://127.0.0.1:9/slack/team", "slack"),
    ],
)
def test_a_chat_is_spoken_as_its_address_says(address, kind):
    assert chat.Chat.spoken(address).kind == kind


def test_json_carries_every_field_and_its_signature_proves_it(receiver):
    transport("json").send(receiver.url(), MESSAGE, secret="s3cret")
    got = receiver.got[0]
    assert got.json == {
        "id": "1795424400000-7",
        "subject": MESSAGE.subject,
        "text": MESSAGE.text,
        "url": MESSAGE.url,
        "actions": [{"label": "Acknowledge", "url": ACK.url}],
        "data": {"incident": 12, "severity": "P1"},
    }
    assert got.headers["X-Opscenter-Delivery"] == "1795424400000-7"
    seconds, signature = got.headers["X-Opscenter-Signature"].split(",")
    assert seconds == f"t={int(NINE.timestamp())}"
    expected = hmac.new(b"s3cret", seconds[2:].encode() + b"." + got.body, hashlib.sha256).hexdigest()
    assert signature == f"v1={expected}"


def test_json_without_a_secret_is_not_signed(receiver):
    transport("json").send(receiver.url(), MESSAGE)
    assert "X-Opscenter-Signature" not in receiver.got[0].headers


@pytest.mark.parametrize("kind", ["slack", "discord", "teams", "mattermost", "chat", "json"])
@pytest.mark.parametrize("address", ["", "hooks.slack.com/x", "ftp://x.test/", "https://", "https://a b.test/", "#ops"])
def test_a_web_address_that_is_none_is_refused(kind, address):
    with pytest.raises(AddressRefused, match="no http or https URL"):
        transport(kind).check_address(address)


@pytest.mark.parametrize(
    "address", ["https://hooks.slack.com/services/T/B/x", "http://127.0.0.1:8000/x", "http://[::1]/"]
)
def test_a_sound_web_address_passes(address):
    transport("json").check_address(address)


@pytest.mark.parametrize(
    "kind, address, hint",
    [
        ("slack", "https://hooks.slack.com/services/T0000/B0000/abcdefgh1234", "hooks.slack.com/…1234"),
        ("json", "https://x.test/y", "x.test"),
        ("json", "http://x.test:8080/y", "x.test:8080"),
        ("json", "https://user:password@x.test/", "x.test"),
        ("json", "${TEAM_URL}", "not a URL"),
        ("json", "http://[broken/abcdefghijklmnopqrstuvwxyz", "not a URL"),
        ("email", "ada@example.org", "ada@example.org"),
    ],
)
def test_a_hint_tells_which_address_without_giving_it_away(kind, address, hint):
    assert transport(kind).hint(address) == hint


def test_an_unknown_kind_names_those_there_are():
    with pytest.raises(UnknownTransport, match="no transport 'fax'; there are slack, slack_app, discord, teams"):
        transport("fax")


def test_every_transport_is_told_by_its_kind():
    assert all(kind == one.kind and one.label for kind, one in TRANSPORTS.items())
