"""The WhatsApp pack against a stand-in inbox: every number just below, at and above; what hides what; who is paged."""

from datetime import timedelta

import pytest
from django.urls import reverse

from incidents.models import Incident
from sources.models import Connection

PACK = "whatsapp-alert-policy"
pytestmark = pytest.mark.usefixtures("pack_of_module")
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.req("AP-03")
def test_down_opens_p0_within_one_interval_and_ok_resolves_the_alert(watch_whatsapp, whatsapp):
    watch_whatsapp.check(force=False)
    assert watch_whatsapp.incidents == []
    whatsapp.health("down")
    watch_whatsapp.go_on(watch_whatsapp.rule("health-down").every)
    watch_whatsapp.check(force=False)
    assert watch_whatsapp.incidents == [("P0", "GET /api/health status down")]
    whatsapp.health("ok")
    watch_whatsapp.go_on(MINUTE)
    watch_whatsapp.check(force=False)
    assert watch_whatsapp.firing == []
    assert watch_whatsapp.rule("health-down").state == "inactive"


@pytest.mark.req("AP-18")
def test_degraded_is_p2_and_is_hidden_once_it_is_down(watch_whatsapp, whatsapp):
    whatsapp.health("degraded")
    watch_whatsapp.check()
    assert watch_whatsapp.incidents == [("P2", "GET /api/health degraded")]
    whatsapp.health("down")
    watch_whatsapp.go_on(MINUTE)
    watch_whatsapp.check()
    assert watch_whatsapp.incidents == [("P2", "GET /api/health degraded"), ("P0", "GET /api/health status down")]
    assert watch_whatsapp.firing == ["GET /api/health status down"]


def test_degraded_and_down_at_once_is_one_incident(watch_whatsapp, whatsapp):
    """As when the inbox is seen down for the first time while it was never seen degraded."""
    whatsapp.health("down")
    watch_whatsapp.check()
    assert [level for level, _ in watch_whatsapp.incidents] == ["P0"]


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        ({"status": 499}, "inactive"),
        ({"status": 500}, "firing"),
        ({"status": 501}, "firing"),
        ({"status": 502}, "firing"),
        ({"close": True}, "firing"),
        (None, "inactive"),
    ],
)
def test_a_server_error_or_no_answer_is_p0(watch_whatsapp, whatsapp, trouble, state):
    if trouble:
        whatsapp.trouble(**trouble)
    assert watch_whatsapp.state("health-unreachable") == state


def test_connection_refused_is_p0_by_itself(watch_whatsapp, whatsapp):
    whatsapp.refuse()
    try:
        watch_whatsapp.check("health-unreachable", "health-down", "health-degraded")
    finally:
        whatsapp.accept()
    assert [level for level, _ in watch_whatsapp.incidents] == ["P0"]
    assert watch_whatsapp.incidents[0][1].startswith("GET /api/health tidak menjawab atau 5xx: ")
    assert Connection.objects.get(key="inbox").state == "error"


def test_an_answer_of_down_by_status_503_is_told_once(watch_whatsapp, whatsapp):
    whatsapp.health("down", code=503)
    watch_whatsapp.check()
    assert watch_whatsapp.rule("health-unreachable").state == "inactive"
    assert watch_whatsapp.incidents == [("P0", "GET /api/health status down")]


@pytest.mark.req("AP-04")
def test_a_database_that_is_gone_is_one_p0_and_the_other_rules_neither_fire_nor_resolve(watch_whatsapp, whatsapp):
    whatsapp.webhooks(failed=21)
    watch_whatsapp.check()
    assert [level for level, _ in watch_whatsapp.incidents] == ["P1"]
    whatsapp.database.refuse()
    try:
        watch_whatsapp.at += MINUTE
        watch_whatsapp.check()
    finally:
        whatsapp.database.accept()
    opened = Incident.objects.open().get(severity__key="P0")
    assert opened.title.startswith("DB unreachable: ")
    told = opened.timeline.get(kind="detected").text
    assert "not currently accepting connections" in told or "No connection to" in told
    for rule in watch_whatsapp.policy.rules.exclude(key="db-unreachable"):
        if rule.sources.get().kind == "sql":
            assert rule.state == "error", rule.key
    assert any("Failed webhook" in summary for summary in watch_whatsapp.firing)  # it still stands
    assert Incident.objects.open().count() == 2  # what cannot be checked is hidden by the cause
    connection = Connection.objects.get(key="inbox-db")
    assert connection.state == "error" and connection.error
    watch_whatsapp.go_on(MINUTE)
    watch_whatsapp.check()
    assert watch_whatsapp.rule("db-unreachable").state == "inactive"
    assert Connection.objects.get(key="inbox-db").state == "ok"


@pytest.mark.req("AP-05")
@pytest.mark.parametrize(
    ("waiting", "success_ago", "state"),
    [
        (5, 15 * MINUTE - SECOND, "inactive"),
        (5, 15 * MINUTE, "inactive"),
        (5, 15 * MINUTE + SECOND, "firing"),
        (1, 15 * MINUTE + SECOND, "firing"),
        (0, 2 * HOUR, "inactive"),  # idle is not broken
    ],
)
def test_retries_are_blocked_after_fifteen_minutes_without_success(
    watch_whatsapp, whatsapp, waiting, success_ago, state
):
    whatsapp.retries_waiting(waiting)
    whatsapp.job(last_success_ago=success_ago)
    assert watch_whatsapp.state("retry-blocked") == state
    assert [level for level, _ in watch_whatsapp.incidents] == (["P0"] if state == "firing" else [])


@pytest.mark.req("AP-10")
@pytest.mark.parametrize(
    ("outcomes", "states"),
    [
        (["failed", "failed"], ["pending", "pending"]),
        (["failed", "failed", "failed"], ["pending", "pending", "firing"]),
        (["failed"] * 4, ["pending", "pending", "firing", "firing"]),
        (["failed", "failed", "ok", "failed"], ["pending", "pending", "inactive", "pending"]),
    ],
)
def test_three_failed_runs_in_a_row_are_p1(watch_whatsapp, whatsapp, outcomes, states):
    seen = []
    for outcome in outcomes:
        watch_whatsapp.go_on(MINUTE)
        whatsapp.job_run(outcome)
        seen.append(watch_whatsapp.state("retry-failed"))
    assert seen == states
    assert [level for level, _ in watch_whatsapp.incidents] == (["P1"] if "firing" in states else [])


def test_one_failed_run_looked_at_three_times_is_one_outcome(watch_whatsapp, whatsapp):
    whatsapp.job_run("failed")
    for _ in range(3):
        watch_whatsapp.go_on(MINUTE)
        assert watch_whatsapp.state("retry-failed") == "pending"


@pytest.mark.req("AP-11")
@pytest.mark.parametrize(
    ("samples", "state"),
    [
        ([1, 2, 3], "inactive"),  # two rises
        ([1, 2, 3, 4], "firing"),
        ([1, 2, 3, 4, 5], "firing"),
        ([4, 4, 4, 4], "inactive"),
        ([3, 4, 0, 1], "inactive"),
    ],
)
def test_three_rises_of_the_failures_are_p1(watch_whatsapp, whatsapp, samples, state):
    for sample in samples:
        watch_whatsapp.go_on(MINUTE)
        whatsapp.failures(sample)
        last = watch_whatsapp.state("retry-failures-rising")
    assert last == state
    if state == "firing":
        watch_whatsapp.go_on(MINUTE)
        whatsapp.failures(0)
        assert watch_whatsapp.state("retry-failures-rising") == "inactive"


@pytest.mark.req("AP-12")
@pytest.mark.parametrize(
    ("run_ago", "level"),
    [
        (30 * MINUTE - SECOND, None),
        (30 * MINUTE, None),
        (30 * MINUTE + SECOND, "P3"),  # stale
        (60 * MINUTE - SECOND, "P3"),
        (60 * MINUTE, "P3"),
        (60 * MINUTE + SECOND, "P1"),
        (61 * MINUTE, "P1"),
    ],
)
def test_a_worker_that_has_not_run_is_stale_and_then_p1(watch_whatsapp, whatsapp, run_ago, level):
    whatsapp.job(last_run_ago=run_ago)
    watch_whatsapp.check("retry-worker-not-running")
    assert [found for found, _ in watch_whatsapp.incidents] == ([level] if level else [])
    whatsapp.job_run("ok")
    watch_whatsapp.go_on(MINUTE)
    whatsapp.job_run("ok")
    assert watch_whatsapp.state("retry-worker-not-running") == "inactive"


def test_a_stale_worker_is_raised_to_p1_in_the_same_incident(watch_whatsapp, whatsapp):
    whatsapp.job(last_run_ago=31 * MINUTE)
    watch_whatsapp.check("retry-worker-not-running")
    assert [level for level, _ in watch_whatsapp.incidents] == ["P3"]
    watch_whatsapp.go_on(30 * MINUTE)
    watch_whatsapp.check("retry-worker-not-running")
    assert [level for level, _ in watch_whatsapp.incidents] == ["P1"]
    assert watch_whatsapp.firing == ["campaign-retry-worker tidak berjalan > 60 menit"]


@pytest.mark.req("AP-32")
@pytest.mark.parametrize(
    ("minutes", "run_ago", "mark", "level"),
    [
        (None, 30, "no", None),
        (None, 31, "yes, since", "P3"),
        (None, 60, "yes, since", "P3"),
        (None, 61, "yes, since", "P1"),  # and stale all the same
        (10, 10, "no", None),
        (10, 11, "yes, since", "P3"),
    ],
)
def test_the_stale_mark_follows_its_parameter(
    watch_whatsapp, whatsapp, monkeypatch, admin_client, minutes, run_ago, mark, level
):
    parameter = watch_whatsapp.policy.parameters.get(key="RETRY_WORKER_STALE_MINUTES")
    assert (parameter.effective, parameter.shown, parameter.origin) == (30, "30 (default)", "document")
    if minutes:
        monkeypatch.setenv("RETRY_WORKER_STALE_MINUTES", str(minutes))
    whatsapp.job(last_run_ago=run_ago * MINUTE)
    watch_whatsapp.check("retry-worker-not-running")
    shown = admin_client.get("/rules/whatsapp-alert-policy/retry-worker-not-running/").content.decode()
    assert f">stale: {mark}" in shown
    assert [found for found, _ in watch_whatsapp.incidents] == ([level] if level else [])
    over = {None: [], "P3": [minutes or 30], "P1": [60]}[level]
    assert watch_whatsapp.firing == [f"campaign-retry-worker tidak berjalan > {limit} menit" for limit in over]
    whatsapp.job_run("ok")
    watch_whatsapp.go_on(MINUTE)
    whatsapp.job_run("ok")
    watch_whatsapp.check("retry-worker-not-running")
    shown = admin_client.get("/rules/whatsapp-alert-policy/retry-worker-not-running/").content.decode()
    assert ">stale: no" in shown


@pytest.mark.req("AP-13")
@pytest.mark.parametrize(("failed", "state"), [(19, "inactive"), (20, "inactive"), (21, "firing")])
def test_failed_webhooks_of_an_hour_are_counted_above_the_threshold(watch_whatsapp, whatsapp, failed, state):
    whatsapp.webhooks(failed=failed, ago=60 * MINUTE - SECOND, processed=500)
    assert watch_whatsapp.state("webhook-failures") == state


@pytest.mark.parametrize(
    ("old_ago", "state"), [(HOUR - SECOND, "firing"), (HOUR, "inactive"), (HOUR + MINUTE, "inactive")]
)
def test_a_webhook_older_than_an_hour_does_not_count(watch_whatsapp, whatsapp, old_ago, state):
    whatsapp.webhooks(failed=20)
    whatsapp.webhooks(failed=1, ago=old_ago, keep=True)
    assert watch_whatsapp.state("webhook-failures") == state


@pytest.mark.req("AP-31")
def test_the_threshold_is_a_parameter_that_the_environment_may_set(watch_whatsapp, whatsapp, monkeypatch, admin_client):
    parameter = watch_whatsapp.policy.parameters.get(key="WEBHOOK_FAILURE_RATE_THRESHOLD_PER_HOUR")
    assert (parameter.effective, parameter.shown, parameter.origin) == (20, "20 (default)", "document")
    whatsapp.webhooks(failed=20)
    assert watch_whatsapp.state("webhook-failures") == "inactive"
    whatsapp.webhooks(failed=21)
    assert watch_whatsapp.state("webhook-failures") == "firing"
    monkeypatch.setenv("WEBHOOK_FAILURE_RATE_THRESHOLD_PER_HOUR", "5")
    page = reverse("admin:alerts_alertrule_change", args=[watch_whatsapp.rule("webhook-failures").pk])
    shown = admin_client.get(page).content.decode()
    assert "WEBHOOK_FAILURE_RATE_THRESHOLD_PER_HOUR = 5 (environment)" in shown
    for failed, state in [(5, "inactive"), (6, "firing")]:
        watch_whatsapp.go_on(MINUTE)
        whatsapp.webhooks(failed=failed)
        assert watch_whatsapp.state("webhook-failures") == state
    assert watch_whatsapp.firing == ["Failed webhook 1 jam melebihi threshold: 6 (threshold: 5)"]


@pytest.mark.req("AP-19")
def test_disconnected_channels_are_counted_for_each_tenant(watch_whatsapp, whatsapp):
    whatsapp.channels("acme", disconnected=1)
    whatsapp.channels("globex", disconnected=1)
    watch_whatsapp.check("channels-disconnected")
    assert watch_whatsapp.incidents == []
    whatsapp.channels("acme", disconnected=2)
    watch_whatsapp.check("channels-disconnected")
    assert watch_whatsapp.incidents == [("P2", "Tenant acme: 2 channel disconnected")]
    assert Incident.objects.get().key == "channels-disconnected:acme"
    whatsapp.channels("globex", disconnected=3)
    watch_whatsapp.go_on(MINUTE)
    watch_whatsapp.check("channels-disconnected")
    assert watch_whatsapp.incidents[1:] == [("P2", "Tenant globex: 3 channel disconnected")]
    whatsapp.channels("acme", disconnected=0)
    watch_whatsapp.go_on(MINUTE)
    watch_whatsapp.check("channels-disconnected")
    assert watch_whatsapp.firing == ["Tenant globex: 3 channel disconnected"]


def test_retry_failures_carry_the_event_that_their_route_matches(watch_whatsapp, whatsapp):
    for _ in range(3):
        watch_whatsapp.go_on(MINUTE)
        whatsapp.job_run("failed")
        watch_whatsapp.check("retry-failed")
    assert Incident.objects.get().labels["event"] == "retry-failure"


def test_a_dead_worker_with_work_waiting_is_p0_alone(watch_whatsapp, whatsapp):
    whatsapp.retries_waiting(5)
    whatsapp.job(last_run_ago=2 * HOUR, last_success_ago=2 * HOUR)
    watch_whatsapp.check()
    assert [level for level, _ in watch_whatsapp.incidents] == ["P0"]
    assert watch_whatsapp.incidents[0][1] == (
        "Tidak bisa mengirim/menarik retry campaign selama >15 menit: 5 retry menunggu, sukses terakhir 120 menit lalu"
    )
