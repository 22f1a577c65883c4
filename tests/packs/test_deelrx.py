"""The DeelRx pack, told over HTTP as its senders tell: every number just below, at and above."""

import http.server
import threading
from datetime import timedelta

import pytest

from alerts.models import AlertRule
from incidents import escalation
from incidents.models import Page
from sources.models import Event, WebhookLog
from tests.factories import UserFactory
from tests.packs.senders import Senders

PACK = "deelrx-crm"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def deelrx(pack_of_module, db, monkeypatch):
    monkeypatch.setenv("DEELRX_BASE_URL", "http://127.0.0.1:9")
    AlertRule.objects.filter(key__in=["readiness", "liveness", "database-test"]).update(enabled=False)
    return Senders("deelrx-crm", monkeypatch)


@pytest.fixture
def app(deelrx, monkeypatch):
    """A stand-in for the application, whose readiness answers `app.status`."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(self.server.status)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.status = 200
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("DEELRX_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    AlertRule.objects.filter(key="readiness").update(enabled=True)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def pages(incident) -> int:
    return incident.escalations.count()


@pytest.mark.req("DX-03")
@pytest.mark.parametrize(
    ("total", "failed", "fires"), [(100, 5, False), (100, 6, True), (2, 1, False), (19, 19, False), (20, 2, True)]
)
def test_the_error_rate_of_an_endpoint(deelrx, total, failed, fires):
    deelrx.events(
        *({"kind": "request", "name": "/api/orders", "outcome": "failed"} for _ in range(failed)),
        *({"kind": "request", "name": "/api/orders", "outcome": "ok"} for _ in range(total - failed)),
        *({"kind": "request", "name": "/api/teams", "outcome": "ok"} for _ in range(100)),
    )
    deelrx.check()
    assert list(deelrx.firing) == (["api-error-rate:/api/orders"] if fires else [])
    deelrx.go_on(5 * MINUTE)
    deelrx.check()
    assert deelrx.firing == {}


@pytest.mark.req("DX-04")
def test_a_database_failure_pages_and_is_an_outage_once_readiness_fails_too(deelrx, app):
    deelrx.check()
    deelrx.sentry(tags={"error_type": "database_connection"})
    deelrx.check()
    assert deelrx.firing["database-connection"][0] == "P1"
    incident = deelrx.incident("database-connection")
    assert incident.severity.key == "P1" and pages(incident) == 1
    app.status = 503
    deelrx.go_on(MINUTE)
    deelrx.check()
    level, words = deelrx.firing["database-connection"]
    assert level == "P0" and words.startswith("Complete outage")
    incident.refresh_from_db()
    assert incident.severity.key == "P0"
    assert "P1" in incident.timeline.get(kind="severity").text
    app.status = 200
    deelrx.go_on(MINUTE)
    deelrx.check()
    assert deelrx.firing["database-connection"][0] == "P1"


@pytest.mark.req("DX-05")
def test_a_payment_error_pages_and_payments_that_all_fail_are_the_gravest(deelrx):
    deelrx.sentry(tags={"component": "payment"})
    deelrx.check()
    assert deelrx.firing["payment-errors"][0] == "P1"
    incident = deelrx.incident("payment-errors")
    assert pages(incident) == 1 and "Stripe" in AlertRule.objects.get(key="payment-errors").runbook
    deelrx.go_on(6 * MINUTE)
    for number in range(9):
        deelrx.told("stripe", stripe("payment_intent.payment_failed", number))
    deelrx.check()
    assert deelrx.firing["payment-errors"][0] == "P1"
    deelrx.told("stripe", stripe("payment_intent.payment_failed", 9))
    deelrx.check()
    level, words = deelrx.firing["payment-errors"]
    assert level == "P0" and words.startswith("Payment processing down: 10 attempts")
    incident.refresh_from_db()
    assert incident.severity.key == "P0"


def test_one_payment_that_succeeds_shows_that_payments_work(deelrx):
    for number in range(20):
        deelrx.told("stripe", stripe("payment_intent.payment_failed", number))
    deelrx.told("stripe", stripe("payment_intent.succeeded", 20))
    deelrx.check()
    assert deelrx.firing["payment-errors"][0] == "P1"


def stripe(type: str, number: int) -> dict:
    return {"id": f"evt_{number}", "type": type, "data": {"object": {"id": f"pi_{number}", "object": "payment_intent"}}}


@pytest.mark.req("DX-06")
def test_an_authentication_event_pages_with_its_playbook(deelrx):
    deelrx.sentry(tags={"system": "authentication"})
    deelrx.check()
    assert deelrx.firing["authentication"][0] == "P1"
    assert pages(deelrx.incident("authentication")) == 1
    assert "Verify JWT token validation" in AlertRule.objects.get(key="authentication").runbook


@pytest.mark.req("DX-08")
@pytest.mark.parametrize(("failed", "ago", "fires"), [(5, 0, False), (6, 0, True), (6, 16, False), (6, 14, True)])
def test_the_failure_rate_of_jobs(deelrx, failed, ago, fires):
    at = deelrx.at - ago * MINUTE
    for number in range(50):
        early = number < failed
        deelrx.job("sync", "failed" if early else "ok", at=at if early else None)
    deelrx.check()
    assert deelrx.fires("job-failure-rate") == fires


@pytest.mark.req("DX-09")
@pytest.mark.parametrize(("failed", "fires"), [(4, False), (5, True)])
def test_the_failure_rate_of_uploads(deelrx, failed, fires):
    deelrx.events(*({"kind": "upload", "outcome": "failed" if n < failed else "ok"} for n in range(20)))
    deelrx.check()
    assert deelrx.fires("upload-failure-rate") == fires


@pytest.mark.req("DX-10")
def test_a_feature_gate_error_is_a_warning_without_a_page(deelrx):
    deelrx.sentry(tags={"feature_gate": "new-checkout"})
    deelrx.check()
    incident = deelrx.incident("feature-gate")
    assert AlertRule.objects.get(key="feature-gate").alert_class.key == "warning-30m"
    assert incident.severity.key == "P2" and pages(incident) == 0


@pytest.mark.req("DX-11")
@pytest.mark.parametrize(
    ("endpoint", "slow", "fires"),
    [("/api/orders", 2.0, False), ("/api/orders", 2.1, True), ("/static/logo", 2.1, False)],
)
def test_the_95th_percentile_of_critical_endpoints(deelrx, endpoint, slow, fires):
    """Of 100 samples the 95th value decides."""
    deelrx.events(*({"kind": "request", "name": endpoint, "duration": 0.1 if n < 94 else slow} for n in range(100)))
    deelrx.check()
    assert list(deelrx.firing) == ([f"response-time:{endpoint}"] if fires else [])


@pytest.mark.req("DX-12")
@pytest.mark.parametrize(("slow", "fires"), [(1.0, False), (1.01, True)])
def test_the_average_query_time(deelrx, slow, fires):
    deelrx.events(*({"kind": "query", "duration": seconds} for seconds in (slow - 0.5, slow + 0.5)))
    deelrx.check()
    assert deelrx.fires("query-time") == fires


@pytest.mark.req("DX-13")
@pytest.mark.parametrize(("seconds", "fires"), [(30, False), (31, True)])
def test_a_job_that_takes_long_is_named_with_its_time(deelrx, seconds, fires):
    deelrx.job("export-ledger", seconds=seconds)
    deelrx.check()
    assert deelrx.fires("job-duration") == fires
    if fires:
        assert deelrx.firing["job-duration:export-ledger"][1] == "Job export-ledger took 31.0 s"


@pytest.mark.req("DX-16")
@pytest.mark.req("DX-136")
def test_an_issue_that_is_seen_more_than_ten_times_a_minute(deelrx):
    for n in range(10):
        deelrx.sentry(issue="77", at=deelrx.at - n * SECOND)
    for _ in range(6):
        deelrx.sentry(issue="78")
        deelrx.sentry(issue="79")
    deelrx.check()
    assert deelrx.firing == {}
    deelrx.sentry(issue="77")
    deelrx.check()
    assert list(deelrx.firing) == ["issue-frequency:77"]
    for _ in range(39):
        deelrx.sentry(issue="77")
    deelrx.check()
    assert list(deelrx.firing) == ["issue-frequency:77"]
    assert deelrx.firing["issue-frequency:77"][1] == "Error: it broke: seen 50 times in 1 minute"


@pytest.mark.req("DX-22")
def test_knock_is_believed_once_and_only_when_it_signs(deelrx):
    told = {"type": "message.bounced", "created_at": deelrx.at.isoformat(), "data": {"id": "m1", "status": "bounced"}}
    assert [deelrx.post("knock", told).status_code for _ in range(2)] == [202, 200]
    assert Event.objects.filter(stream="knock").count() == 1
    told["data"]["id"] = "m2"
    wrong = deelrx.post("knock", told, **{"X-Knock-Signature": f"t={int(deelrx.at.timestamp())}000,s=AAAA"})
    assert wrong.status_code == 401
    assert WebhookLog.objects.filter(integration__kind="knock", verdict="refused", status_code=401).count() == 1


@pytest.mark.req("DX-23")
@pytest.mark.parametrize(("bounced", "fires"), [(5, False), (6, True)])
def test_the_bounce_rate_counts_messages_not_what_is_told_of_them(deelrx, bounced, fires):
    for n in range(100):
        deelrx.knock("sent", f"m{n}")
        deelrx.knock("bounced" if n < bounced else "delivered", f"m{n}")
    deelrx.check()
    assert deelrx.fires("bounce-rate") == fires


@pytest.mark.req("DX-24")
@pytest.mark.parametrize(("failed", "within", "fires"), [(10, 10, False), (11, 14, True), (11, 20, False)])
def test_failed_deliveries_within_fifteen_minutes(deelrx, failed, within, fires):
    for n in range(failed):
        deelrx.knock("undelivered", f"m{n}", at=deelrx.at - within * MINUTE * n / (failed - 1))
    deelrx.check()
    assert deelrx.fires("delivery-failures") == fires


@pytest.mark.req("DX-25")
@pytest.mark.parametrize(("took", "fires"), [(300, False), (301, True)])
def test_a_delivery_that_was_late(deelrx, took, fires):
    deelrx.knock("delivered", "m1", queued=deelrx.at - took * SECOND)
    deelrx.check()
    assert deelrx.fires("delivery-delay") == fires


@pytest.mark.req("DX-25")
def test_a_message_that_is_never_delivered(deelrx):
    deelrx.knock("sent", "m1")
    deelrx.check()
    deelrx.go_on(4 * MINUTE)
    deelrx.check()
    assert deelrx.firing == {}
    deelrx.go_on(MINUTE)
    deelrx.check()
    assert deelrx.fires("delivery-delay")
    deelrx.knock("delivered", "m1", queued=deelrx.at - 4 * MINUTE)
    deelrx.check()
    assert deelrx.fires("delivery-delay")  # it did take longer than five minutes
    deelrx.go_on(61 * MINUTE)
    deelrx.check()
    assert deelrx.firing == {}


@pytest.mark.req("DX-27")
@pytest.mark.parametrize(("fallback", "fires"), [(10, False), (11, True)])
def test_the_use_of_the_fallback(deelrx, fallback, fires):
    for n in range(50):
        if n < fallback:
            deelrx.resend("sent", f"m{n}")
        else:
            deelrx.knock("delivered", f"m{n}")
    deelrx.check()
    assert deelrx.fires("fallback-rate") == fires


@pytest.mark.req("DX-28")
def test_a_resend_error_pages(deelrx):
    deelrx.resend("bounced", "m0")
    deelrx.check()
    assert deelrx.firing == {}
    deelrx.resend("failed", "m1")
    deelrx.check()
    incident = deelrx.incident("resend-error")
    assert AlertRule.objects.get(key="resend-error").alert_class.key == "critical-immediate"
    assert incident.severity.key == "P1" and pages(incident) == 1


@pytest.mark.req("DX-29")
def test_both_providers_failing_the_same_notification_is_the_gravest_and_pages_at_once(deelrx):
    deelrx.knock("undelivered", "7")
    deelrx.resend("failed", "8")
    deelrx.check()
    assert not deelrx.fires("double-failure")
    deelrx.resend("failed", "m9", notification_id="7")
    deelrx.check()
    assert deelrx.firing["double-failure"][0] == "P0"
    escalation.climb_due(at=deelrx.at)
    paged = Page.objects.filter(incident=deelrx.incident("double-failure"))
    assert [str(page.contact) for page in paged] == ["On-Call Engineer"]


@pytest.mark.req("DX-43")
def test_payment_jobs_that_fail_more_than_twice(deelrx):
    for function, times in (("crm-process-payments", 2), ("crm-charge-cards", 2)):
        for _ in range(times):
            deelrx.job(function, "failed")
    deelrx.check()
    assert not deelrx.fires("payment-jobs")
    deelrx.job("crm-process-payments", "failed")
    deelrx.check()
    assert [key for key in deelrx.firing if key.startswith("payment-jobs")] == ["payment-jobs:crm-process-payments"]
    assert pages(deelrx.incident("payment-jobs:crm-process-payments")) == 1


@pytest.mark.req("DX-45")
def test_a_credit_reminder_that_fails_pages(deelrx):
    deelrx.job("send-credit-reminders")
    deelrx.check()
    assert deelrx.firing == {}
    deelrx.job("send-credit-reminders", "failed")
    deelrx.check()
    incident = deelrx.incident("credit-reminder-failed:send-credit-reminders")
    assert incident.severity.key == "P1" and pages(incident) == 1


@pytest.mark.req("DX-44")
def test_a_purge_that_fails_pages_with_its_runbook_and_is_raised_when_somebody_confirms_the_loss(deelrx, client):
    deelrx.job("purge-deleted-teams")
    deelrx.check()
    assert deelrx.firing == {}
    deelrx.job("purge-deleted-teams", "failed")
    deelrx.check()
    incident = deelrx.incident("purge-failed:purge-deleted-teams")
    assert incident.severity.key == "P1" and pages(incident) == 1
    rule = AlertRule.objects.select_related("policy").get(key="purge-failed")
    assert "Pause affected job types" in rule.runbook
    client.force_login(UserFactory(username="grace", is_superuser=True))
    here, words = incident.get_absolute_url(), "Data loss or corruption confirmed"
    assert words in client.get(here).content.decode()
    assert "Pause affected job types" in client.get(rule.get_absolute_url()).content.decode()
    refused = client.post(f"{here}confirm/", {"words": "something else"})
    incident.refresh_from_db()
    assert refused.status_code != 302 and incident.severity.key == "P1"
    assert client.post(f"{here}confirm/", {"words": words}).status_code == 302
    incident.refresh_from_db()
    assert incident.severity.key == "P0"
    entry = incident.timeline.filter(kind="severity").get()
    assert f"confirmed: {words}" in entry.text and entry.text.startswith("Raised from P1 to P0")
    assert "I confirm" not in client.get(here).content.decode()  # there is nothing left to confirm


@pytest.mark.parametrize(
    ("rule", "function"),
    [
        pytest.param("kb-link-verification", "verify-kb-links", marks=pytest.mark.req("DX-47")),
        pytest.param("file-cleanup", "cleanup-files", marks=pytest.mark.req("DX-48")),
    ],
)
def test_routine_jobs_that_fail_page_nobody(deelrx, rule, function):
    deelrx.job(function, "failed")
    deelrx.check()
    incident = deelrx.incident(f"{rule}:{function}")
    assert AlertRule.objects.get(key=rule).alert_class.key == "routine-1h"
    assert pages(incident) == 0


@pytest.mark.req("DX-49")
@pytest.mark.parametrize(("seconds", "fires"), [(299, False), (300, False), (301, True)])
def test_activity_tracking_that_is_late(deelrx, seconds, fires):
    deelrx.job("activity-tracking", seconds=seconds)
    deelrx.check()
    assert deelrx.fires("activity-tracking") == fires
