"""The sink answers as the real services do, keeps everything, and fails when told."""

import hashlib
import hmac
import smtplib
import socket
import threading
import time
from email.message import EmailMessage

import pytest
import requests

from targets import inbox
from targets.service import Answer, Service

pytestmark = pytest.mark.once


def mail(to="ada@example.org", subject="INC-1: checkout is down"):
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "ops@example.org", to
    message.set_content("Acknowledge: http://localhost/a/token\n")
    message.add_alternative('<a href="http://localhost/a/token">Acknowledge</a>', subtype="html")
    return message


def send(sink, message, **options):
    with smtplib.SMTP(sink.mail.host, sink.mail.port, timeout=20) as server:
        return server.send_message(message, **options)


def header(text):
    return {"type": "header", "text": {"type": "plain_text", "text": text}}


def actions(label):
    button = {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "url": "http://localhost/a/token",
    }
    return {"type": "actions", "elements": [button]}


@pytest.mark.parametrize(
    ("message", "status", "words"),
    [
        ({"text": "P0: checkout is down"}, 200, "ok"),
        ({"blocks": [header("P0"), actions("Acknowledge")], "text": "P0"}, 200, "ok"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}}]}, 200, "ok"),
        (
            {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]},
            400,
            "invalid_blocks",
        ),
        ({"blocks": [header("x" * 150)]}, 200, "ok"),
        ({"blocks": [header("x" * 151)]}, 400, "invalid_blocks"),
        ({"blocks": [actions("x" * 75)]}, 200, "ok"),
        ({"blocks": [actions("x" * 76)]}, 400, "invalid_blocks"),
        ({"blocks": [header("P0")] * 51}, 400, "invalid_blocks"),
        ({"blocks": [{"type": "marquee"}]}, 400, "invalid_blocks"),
        ({"text": ""}, 400, "no_text"),
        ({"content": "P0"}, 400, "no_text"),
        (["P0"], 400, "invalid_payload"),
    ],
)
def test_slack_answers_as_documented(sink, message, status, words):
    answer = requests.post(sink.address("slack", "ops"), json=message, timeout=20)
    assert (answer.status_code, answer.text) == (status, words)


def test_slack_takes_json_only(sink):
    address = sink.address("slack", "ops")
    assert requests.post(address, data={"payload": "{}"}, timeout=20).text == "invalid_payload"
    broken = requests.post(address, data="{", headers={"Content-Type": "application/json"}, timeout=20)
    assert broken.text == "invalid_payload"


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        ({"content": "x" * 2000}, 204, None),
        ({"content": "x" * 2001}, 400, 50035),
        ({"embeds": [{"title": "P0"}]}, 204, None),
        ({"embeds": [{"title": "P0"}] * 11}, 400, 50035),
        ({"embeds": [{"description": "x" * 4097}]}, 400, 50035),
        ({"text": "P0"}, 400, 50006),
    ],
)
def test_discord_answers_as_documented(sink, message, status, code):
    answer = requests.post(sink.address("discord", "ops"), json=message, timeout=20)
    assert answer.status_code == status
    assert (answer.json()["code"] if answer.content else None) == code


def test_a_json_webhook_keeps_what_a_signature_check_needs(sink):
    body = '{"alert": "Überlauf",  "n": 1}'.encode()
    signature = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Signature": signature}
    requests.post(sink.address("json", "tests"), data=body, headers=headers, timeout=20)
    [kept] = sink.received("/json/tests")
    assert kept.headers["X-Signature"] == hmac.new(b"secret", kept.raw, hashlib.sha256).hexdigest()
    assert kept.json == {"alert": "Überlauf", "n": 1}
    [listed] = requests.get(f"{sink.url}/_received", params={"path": "/json/tests"}, timeout=20).json()
    assert listed["raw"].encode() == body
    assert listed["headers"]["X-Signature"] == signature


def test_bytes_that_are_no_text_are_listed_as_base64(sink):
    requests.post(sink.address("json", "tests"), data=b"\xff\x00", timeout=20)
    [listed] = requests.get(f"{sink.url}/_received", timeout=20).json()
    assert (listed["raw"], listed["raw_base64"], listed["json"]) == (None, "/wA=", None)


def test_received_lists_by_path_number_and_status(sink):
    for name in ("ops", "dev"):
        requests.post(sink.address("slack", name), json={"text": name}, timeout=20)
    requests.post(sink.address("slack", "ops"), json={}, timeout=20)
    requests.post(f"{sink.url}/slackers/ops", json={}, timeout=20)
    assert [m.json.get("text") for m in sink.received("/slack")] == ["ops", "dev", None]
    first = sink.received()[0].number
    params = {"path": "/slack/ops", "after": first, "status": 400}
    assert len(requests.get(f"{sink.url}/_received", params=params, timeout=20).json()) == 1
    assert requests.get(f"{sink.url}/_received?after=soon", timeout=20).status_code == 400
    assert requests.delete(f"{sink.url}/_received", timeout=20).status_code == 204
    assert sink.received() == []


def test_nobody_receives_an_unknown_path_but_it_is_kept(sink):
    answer = requests.post(f"{sink.url}/pigeon/ops", json={}, timeout=20)
    assert answer.status_code == 404
    assert "/slack/<name>" in answer.text
    assert [m.status for m in sink.received("/pigeon")] == [404]


def test_levers_are_used_up_in_order(sink):
    levers = [{"status": 429, "retry_after": 3, "times": 2}, {"status": 500}, {"status": 404}]
    assert requests.post(f"{sink.url}/_levers/slack/ops", json=levers, timeout=20).ok
    answers = [requests.post(sink.address("slack", "ops"), json={"text": "P0"}, timeout=20) for _ in range(5)]
    assert [a.status_code for a in answers] == [429, 429, 500, 404, 200]
    assert answers[0].headers["Retry-After"] == "3"
    assert [a.text for a in answers[1:]] == ["rate_limited", "server_error", "no_service", "ok"]
    assert [m.status for m in sink.received("/slack/ops")] == [429, 429, 500, 404, 200]
    assert sink.received("/slack/ops", status=200)[0].number == sink.inbox.newest


def test_a_lever_on_a_folder_covers_what_is_below_and_lasts_until_taken_back(sink):
    sink.fault("/slack", status=500, times=None)

    def post(kind):
        return requests.post(sink.address(kind, "ops"), json={"text": "P0", "content": "P0"}, timeout=20)

    assert [post("slack").status_code for _ in range(3)] == [500] * 3
    assert post("discord").status_code == 204
    assert requests.get(f"{sink.url}/_levers", timeout=20).json()[0]["path"] == "/slack"
    assert requests.delete(f"{sink.url}/_levers/slack", timeout=20).json() == []
    assert post("slack").status_code == 200


def test_discord_words_its_rate_limit(sink):
    sink.fault("/discord/ops", status=429, retry_after=0.5)
    answer = requests.post(sink.address("discord", "ops"), json={"content": "P0"}, timeout=20)
    assert answer.json() == {"message": "You are being rate limited.", "retry_after": 0.5, "global": False}


def test_retry_after_may_be_a_date(sink):
    sink.fault("/slack/ops", status=429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    answer = requests.post(sink.address("slack", "ops"), json={"text": "P0"}, timeout=20)
    assert answer.headers["Retry-After"] == "Wed, 21 Oct 2026 07:28:00 GMT"


def test_a_lever_can_hang_and_can_cut_the_connection(sink):
    sink.fault("/slack/ops", hang=0.3)
    before = time.monotonic()
    assert requests.post(sink.address("slack", "ops"), json={"text": "P0"}, timeout=20).text == "ok"
    assert time.monotonic() - before >= 0.3
    sink.fault("/slack/ops", close=True)
    with pytest.raises(requests.ConnectionError):
        requests.post(sink.address("slack", "ops"), json={"text": "P0"}, timeout=20)
    assert [m.status for m in sink.received("/slack/ops")] == [200, 0]


@pytest.mark.parametrize(
    ("lever", "complaint"),
    [
        ({"stutus": 500}, "Unknown field stutus"),
        ({"status": "often"}, "numbers"),
        ({"status": 42}, "status 42 is not between 200 and 599"),
        ({"status": 500, "times": 0}, "times is 1 or more"),
        ({"status": 550, "stage": "helo"}, "stage 'helo' is unknown"),
        ([500], "A lever is an object"),
    ],
)
def test_a_wrong_lever_is_refused_with_words(sink, lever, complaint):
    answer = requests.post(f"{sink.url}/_levers/slack", json=lever, timeout=20)
    assert answer.status_code == 400
    assert complaint in answer.text
    assert sink.faults.listing() == []


def test_mail_is_kept_readable_one_message_a_recipient(sink):
    send(sink, mail(), to_addrs=["ada@example.org", "Grace@example.org"])
    ada, grace = sink.wait_for("/smtp", count=2)
    assert (ada.path, grace.path) == ("/smtp/ada@example.org", "/smtp/grace@example.org")
    assert ada.json["subject"] == "INC-1: checkout is down"
    assert ada.json["from"] == "ops@example.org"
    assert "http://localhost/a/token" in ada.json["text"]
    assert "<a href=" in ada.json["html"]
    assert ada.status == 250


def test_mail_is_refused_for_all_or_for_one(sink):
    assert requests.post(f"{sink.url}/_levers/smtp", json={"status": 450}, timeout=20).ok
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(sink, mail())
    assert refused.value.recipients["ada@example.org"][0] == 450
    sink.fault("/smtp/Ada@example.org", status=550, times=None)
    refusals = send(sink, mail(), to_addrs=["ada@example.org", "grace@example.org"])
    assert {to: answer[0] for to, answer in refusals.items()} == {"ada@example.org": 550}
    assert [(m.path[6:9], m.status) for m in sink.received("/smtp")] == [
        ("ada", 450),
        ("ada", 550),
        ("gra", 250),
    ]


def test_mail_is_refused_at_the_stage_asked_for(sink):
    sink.fault("/smtp", status=451, stage="data")
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(sink, mail())
    assert refused.value.smtp_code == 451
    sink.fault("/smtp", status=421, stage="mail")
    with pytest.raises(smtplib.SMTPSenderRefused):
        send(sink, mail())
    sink.fault("/smtp", close=True)
    with pytest.raises(smtplib.SMTPException):
        send(sink, mail())
    assert send(sink, mail()) == {}


def test_the_page_shows_messages_safely_with_links_that_work(sink):
    text = "P0 <script>alert(1)</script> <http://localhost/a/token|Acknowledge>, see http://localhost/i/1."
    requests.post(sink.address("slack", "ops"), json={"text": text}, timeout=20)
    requests.post(sink.address("slack", "ops"), json={"blocks": [header("P1"), actions("Take it")]}, timeout=20)
    requests.post(sink.address("discord", "ops"), json={"embeds": [{"title": "P2", "url": "javascript:x"}]}, timeout=20)
    send(sink, mail())
    page = requests.get(sink.url, timeout=20).text
    assert "<script>alert" not in page
    assert 'href="http://localhost/a/token" target="_blank" rel="noopener noreferrer">Acknowledge</a>, see' in page
    assert 'href="http://localhost/i/1"' in page
    assert ">Take it</a>" in page
    assert 'href="javascript' not in page
    assert "INC-1: checkout is down" in page
    live = requests.get(f"{sink.url}/?part=live", timeout=20).text
    assert live in page
    assert "<!doctype" not in live


def test_a_button_without_javascript_returns_to_the_page(sink):
    pull = requests.post(f"{sink.url}/_levers/slack", data={"status": "500", "times": "3"}, timeout=20)
    assert pull.history[0].status_code == 303
    assert "answers 500 for the next 3 requests" in pull.text
    assert "misbehaving" in pull.text
    assert requests.post(f"{sink.url}/_levers/_clear", data={"x": ""}, timeout=20).ok
    assert sink.faults.listing() == []


def test_waiting_ends_when_the_message_comes_or_says_how_many_came(sink):
    post = threading.Timer(0.1, requests.post, [sink.address("slack", "ops")], {"json": {"text": "P0"}, "timeout": 5})
    post.start()
    assert sink.wait_for("/slack/ops", timeout=20)[0].json == {"text": "P0"}
    with pytest.raises(TimeoutError, match=r"1 of 2 messages came to /slack/ops in 0\.1 s"):
        sink.wait_for("/slack/ops", count=2, timeout=0.1)
    post.join()


def test_many_senders_at_once_lose_nothing(sink):
    def burst():
        with requests.Session() as session:
            for _ in range(50):
                session.post(sink.address("slack", "ops"), json={"text": "P0"}, timeout=20)

    threads = [threading.Thread(target=burst) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [m.number for m in sink.received("/slack/ops")]
    assert len(numbers) == 200
    assert numbers == sorted(set(numbers))


def test_only_the_newest_messages_are_kept():
    box = inbox.Inbox()
    facts = {"path": "/json/x", "method": "POST", "headers": {}, "raw": b"", "json": None, "status": 200}
    for _ in range(inbox.KEPT + 1):
        box.add(**facts)
    kept = box.listing()
    assert (len(kept), kept[0].number, box.newest) == (inbox.KEPT, 2, inbox.KEPT + 1)


class Echo(Service):
    def answer(self, request):
        if request.path == "/hang":
            self.pause(60)
        return Answer(body=request.path)


def test_a_service_refuses_connections_and_comes_back():
    with Echo() as echo, requests.Session() as session:
        assert session.get(f"{echo.url}/a%20b", timeout=20).text == "/a b"
        echo.refuse()
        with pytest.raises(requests.ConnectionError, match="refused"):
            session.get(echo.url, timeout=20)
        echo.accept()
        assert session.get(echo.url, timeout=20).text == "/"
        echo.refuse(seconds=0.1)
        with pytest.raises(requests.ConnectionError, match="refused"):
            requests.get(echo.url, timeout=20)
        until = time.monotonic() + 5
        while time.monotonic() < until:
            try:
                assert requests.get(echo.url, timeout=20).ok
                break
            except requests.ConnectionError:
                continue
        else:
            pytest.fail("the service did not come back by itself")


def test_a_service_stops_at_once_though_a_request_hangs():
    echo = Echo().start()
    client = socket.create_connection((echo.host, echo.port))
    client.sendall(b"GET /hang HTTP/1.1\r\n\r\n")
    before = time.monotonic()
    echo.stop()
    echo.stop()
    assert time.monotonic() - before < 3
    client.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(echo.url, timeout=20)


def test_a_body_too_large_or_in_chunks_is_refused(sink):
    address = sink.address("json", "x")
    assert requests.post(address, data=iter([b"{}"]), timeout=20).status_code == 411
    huge = {"Content-Length": str(10_000_001)}
    assert requests.post(address, headers=huge, data=b"", timeout=20).status_code == 413
    assert sink.received() == []
