"""The WhatsApp inbox answers as documented, and its levers reach every edge of its alert policy."""

import hashlib
import hmac
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import requests
from psycopg.rows import dict_row

pytestmark = pytest.mark.once

NINE = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
BODY = b'{"object": "whatsapp_business_account", "entry": []}'

STALLED = """
  SELECT (SELECT count(*) FROM "CampaignRecipient" WHERE "sendStatus" = 'failed' AND "nextRetryAt" <= t.now) > 0
     AND (SELECT "lastSuccessAt" FROM "BackgroundJobState") < t.now - interval '15 minutes' AS fires
  FROM (SELECT now() AT TIME ZONE 'UTC' AS now) t
"""
IDLE = """
  SELECT now() AT TIME ZONE 'UTC' - "lastRunAt" > interval '60 minutes' AS fires FROM "BackgroundJobState"
  WHERE "name" = 'campaign-retry-worker'
"""
FAILED = """
  SELECT count(*) AS failed FROM "WebhookEvent"
  WHERE "status" = 'failed' AND "createdAt" > now() AT TIME ZONE 'UTC' - interval '1 hour'
"""
GONE = """
  SELECT "tenantId", count(*) AS gone FROM "Channel" WHERE "status" = 'DISCONNECTED' GROUP BY 1 ORDER BY 1
"""


def ask(whatsapp, query):
    """The rows of `query`, as Opscenter would get them."""
    with psycopg.connect(whatsapp.monitor_url, row_factory=dict_row) as connection:
        connection.read_only = True
        return connection.execute(query).fetchall()


def get(whatsapp, path, **query):
    return requests.get(whatsapp.url + path, params=query, timeout=20)


def post(whatsapp, lever, **fields):
    return requests.post(f"{whatsapp.url}/_levers/{lever}", json=fields, timeout=10)


@pytest.mark.parametrize(
    ("status", "code", "answered"),
    [("ok", None, 200), ("degraded", None, 200), ("down", None, 503), ("down", 200, 200)],
)
def test_health_says_what_the_lever_says(whatsapp, status, code, answered):
    whatsapp.health(status, code)
    answer = requests.get(whatsapp.health_url, timeout=20)
    assert (answer.status_code, answer.json()["status"]) == (answered, status)


def test_health_is_down_when_the_database_refuses(whatsapp):
    whatsapp.refuse_database()
    answer = get(whatsapp, "/api/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "down")
    assert answer.json()["checks"] == {"database": "unreachable"}
    assert get(whatsapp, "/api/jobs/campaign-retry", token=whatsapp.job_token).status_code == 500
    assert get(whatsapp, "/").ok
    whatsapp.accept_database()
    assert get(whatsapp, "/api/health").json()["status"] == "ok"


def test_health_can_answer_an_error_hang_or_cut_the_connection(whatsapp):
    whatsapp.trouble(status=502, times=1)
    answer = get(whatsapp, "/api/health")
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    whatsapp.trouble(hang=5)
    with pytest.raises(requests.Timeout):
        requests.get(whatsapp.health_url, timeout=0.2)
    whatsapp.trouble(close=True)
    with pytest.raises(requests.ConnectionError):
        requests.get(whatsapp.health_url, timeout=20)
    whatsapp.no_trouble()
    assert get(whatsapp, "/api/health").ok


def test_the_inbox_refuses_connections_for_a_while(whatsapp):
    assert post(whatsapp, "refuse", seconds=0.3).json() == {"refuses_for_s": 0.3}
    refused, until = 0, time.monotonic() + 5
    while time.monotonic() < until:
        try:
            answer = requests.get(whatsapp.health_url, timeout=20)
        except requests.ConnectionError:
            refused += 1
        else:
            if refused:
                break
    assert refused
    assert answer.ok


def test_the_job_endpoint_wants_its_token_and_tells_the_workers_state(whatsapp):
    assert get(whatsapp, "/api/jobs/campaign-retry").status_code == 401
    assert get(whatsapp, "/api/jobs/campaign-retry", token="wrong").json() == {"error": "Unauthorized"}
    whatsapp.hold_clock(NINE)
    whatsapp.job("failed", last_run_ago=MINUTE, last_success_ago=61 * MINUTE, consecutive_failures=3)
    assert requests.get(whatsapp.job_url, timeout=20).json() == {
        "job": "campaign-retry-worker",
        "status": "failed",
        "lastRun": "2026-11-21T08:59:00.000Z",
        "lastSuccess": "2026-11-21T07:59:00.000Z",
        "consecutiveFailures": 3,
        "lockedAt": None,
        "isStaleLock": False,
    }


@pytest.mark.parametrize(
    ("locked_ago", "stale"), [(30 * MINUTE - SECOND, False), (30 * MINUTE, False), (30 * MINUTE + SECOND, True)]
)
def test_a_lock_goes_stale_after_half_an_hour(whatsapp, locked_ago, stale):
    whatsapp.hold_clock(NINE)
    whatsapp.job("running", locked_ago=locked_ago)
    assert requests.get(whatsapp.job_url, timeout=20).json()["isStaleLock"] is stale


@pytest.mark.parametrize(
    ("waiting", "success_ago", "fires"),
    [
        (5, 15 * MINUTE - SECOND, False),
        (5, 15 * MINUTE, False),
        (5, 15 * MINUTE + SECOND, True),
        (0, 120 * MINUTE, False),
    ],
)
def test_retries_stall_exactly_at_the_edge(whatsapp, waiting, success_ago, fires):
    whatsapp.hold_clock(NINE)
    whatsapp.retries_waiting(waiting)
    whatsapp.job("failed", last_success_ago=success_ago)
    assert ask(whatsapp, STALLED) == [{"fires": fires}]


def test_a_retry_that_is_still_ahead_does_not_wait(whatsapp):
    whatsapp.retries_waiting(5, due_ago=-MINUTE)
    whatsapp.job(last_success_ago=60 * MINUTE)
    assert ask(whatsapp, STALLED) == [{"fires": False}]
    assert whatsapp.state()["retries_waiting"] == 0


def test_runs_are_counted_as_the_worker_does(whatsapp):
    seen = []
    for outcome in ("failed", "failed", "ok", "failed"):
        whatsapp.job_run(outcome)
        state = whatsapp.state()
        seen.append((state["job_status"], state["consecutive_failures"]))
    assert seen == [("failed", 1), ("failed", 2), ("ok", 0), ("failed", 1)]
    whatsapp.failures(4)
    assert whatsapp.state()["consecutive_failures"] == 4


@pytest.mark.parametrize(
    ("run_ago", "fires"), [(60 * MINUTE - SECOND, False), (60 * MINUTE, False), (60 * MINUTE + SECOND, True)]
)
def test_the_worker_goes_idle_exactly_at_the_edge(whatsapp, run_ago, fires):
    whatsapp.hold_clock(NINE)
    whatsapp.job(last_run_ago=run_ago)
    assert ask(whatsapp, IDLE) == [{"fires": fires}]
    whatsapp.job_run()
    assert ask(whatsapp, IDLE) == [{"fires": False}]


def test_failed_webhooks_of_the_last_hour(whatsapp):
    whatsapp.webhooks(failed=20, processed=24, ago=30 * MINUTE)
    assert ask(whatsapp, FAILED) == [{"failed": 20}]
    whatsapp.webhooks(failed=1, ago=61 * MINUTE, keep=True)
    assert ask(whatsapp, FAILED) == [{"failed": 20}]
    whatsapp.webhooks(failed=1, keep=True)
    assert ask(whatsapp, FAILED) == [{"failed": 21}]
    whatsapp.webhooks()
    assert ask(whatsapp, 'SELECT count(*) AS n FROM "WebhookEvent"') == [{"n": 0}]


def test_channels_are_counted_by_tenant_and_keep_their_ids(whatsapp):
    assert ask(whatsapp, GONE) == []
    whatsapp.channels("acme", disconnected=1, connected=1)
    whatsapp.channels("borneo", disconnected=3, connected=0)
    assert ask(whatsapp, GONE) == [{"tenantId": "acme", "gone": 1}, {"tenantId": "borneo", "gone": 3}]
    ids = 'SELECT "name", "phoneNumberId", "wabaId" FROM "Channel" WHERE "tenantId" = \'acme\' ORDER BY 1'
    before = ask(whatsapp, ids)
    assert len({row["phoneNumberId"] for row in before}) == 2
    whatsapp.channels("acme", disconnected=0, connected=2)
    assert ask(whatsapp, ids) == before


def test_a_reconnect_brings_the_channel_back_and_is_kept(whatsapp):
    whatsapp.channels("acme", disconnected=2, connected=0)
    address = f"{whatsapp.url}/api/channels/acme/line-1/reconnect"
    answer = requests.post(address, json={"incident": 7}, headers={"X-Signature": "abc"}, timeout=20)
    assert (answer.status_code, answer.json()) == (202, {"status": "CONNECTED"})
    assert ask(whatsapp, GONE) == [{"tenantId": "acme", "gone": 1}]
    [kept] = whatsapp.received("/api/channels")
    assert (kept.json, kept.headers["X-Signature"]) == ({"incident": 7}, "abc")
    assert requests.post(address.replace("line-1", "line-9"), timeout=20).status_code == 404
    assert requests.get(address, timeout=20).status_code == 404


def test_recipients_by_send_status(whatsapp):
    whatsapp.recipients(pending=12, sent=80, failed=3)
    whatsapp.retries_waiting(2)
    query = 'SELECT "sendStatus" AS status, count(*) AS n FROM "CampaignRecipient" GROUP BY 1 ORDER BY 1'
    counted = {row["status"]: row["n"] for row in ask(whatsapp, query)}
    assert counted == {"pending": 12, "sent": 80, "failed": 5}
    assert whatsapp.state()["retries_waiting"] == 2


def test_the_webhook_handshake_echoes_the_challenge(whatsapp):
    query = {"hub.mode": "subscribe", "hub.verify_token": whatsapp.verify_token, "hub.challenge": "1158201444"}
    answer = get(whatsapp, "/api/webhooks/whatsapp", **query)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert get(whatsapp, "/api/webhooks/whatsapp", **query | {"hub.verify_token": "wrong"}).status_code == 403
    assert get(whatsapp, "/api/webhooks/whatsapp", **query | {"hub.mode": "unsubscribe"}).status_code == 403


def test_a_webhook_needs_its_signature_and_shows_in_the_log(whatsapp):
    address = f"{whatsapp.url}/api/webhooks/whatsapp"
    signature = "sha256=" + hmac.new(whatsapp.webhook_secret.encode(), BODY, hashlib.sha256).hexdigest()
    assert requests.post(address, data=BODY, headers={"X-Hub-Signature-256": signature}, timeout=20).ok
    assert requests.post(address, data=BODY, headers={"X-Hub-Signature-256": "sha256=0"}, timeout=20).status_code == 401
    assert [m.status for m in whatsapp.received()] == [200, 401]
    assert ask(whatsapp, FAILED) == [{"failed": 1}]
    log = get(whatsapp, "/super-admin/webhook-logs", status="failed").text
    assert "Invalid signature" in log
    assert "<td>processed</td>" not in log


def test_the_alerts_page_tells_what_is_wrong(whatsapp):
    assert "No alerts." in get(whatsapp, "/super-admin/alerts").text
    whatsapp.channels("acme", disconnected=2)
    whatsapp.failures(3)
    page = get(whatsapp, "/super-admin/alerts").text
    assert "2 disconnected at acme" in page
    assert "failed 3 times in a row" in page


def test_levers_work_over_http(whatsapp):
    assert post(whatsapp, "health", status="degraded").json()["health"] == "degraded"
    assert post(whatsapp, "job", last_run_ago="61m", last_success_ago=None).json()["last_success_age_s"] is None
    assert post(whatsapp, "channels", tenant="acme", disconnected=2).json()["disconnected"] == {"acme": 2}
    assert post(whatsapp, "webhooks", failed=21).json()["failed_webhooks_1h"] == 21
    assert post(whatsapp, "trouble", status=500).json()["trouble"] == {"/api/health": "answers 500 until taken back"}
    assert post(whatsapp, "reset").json()["trouble"] == {}
    assert "it is ok, degraded or down" in post(whatsapp, "health", status="fine").text
    assert post(whatsapp, "job_run", outcome="fine").status_code == 400


def test_every_button_of_the_page_pulls_its_lever(whatsapp):
    buttons = [b for card in whatsapp.cards(whatsapp.state()) for b in card.buttons if b.lever != "refuse"]
    assert len(buttons) > 20
    for button in buttons:
        answer = requests.post(f"{whatsapp.url}/_levers/{button.lever}", data=button.fields, timeout=10)
        assert answer.ok, (button, answer.text)
        whatsapp.no_trouble()
    page = get(whatsapp, "/").text
    for words in ("Health", "Campaign retries", "Retry worker", "Webhooks", "Channels"):
        assert words in page
