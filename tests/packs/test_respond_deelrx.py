"""DeelRx' playbooks, recovery procedures and checklists: their pages against the pack, ticked over HTTP; what their
steps look at and send, against the CRM, its providers and a database."""

import contextlib
import threading
from datetime import timedelta

import psycopg
import pytest
from django.test import override_settings
from django.urls import reverse

from alerts import evaluation, grouping
from alerts.models import AlertRule, Liveness
from incidents import triage
from incidents.models import Incident, Page
from notifications import outbox
from notifications.models import Delivery, DigestLine, Purpose
from oncall.models import EscalationContact
from opscenter import clock
from packs import lint, loader
from runbooks.models import Run, Runbook
from sources.models import Connection
from targets import database
from targets.deelrx import DeelRx
from tests.accounts import signed_in
from tests.packs.responding import Room
from tests.packs.test_deelrx_target import Stage
from tests.runbooks.showing import check_shown, pack_runbooks, shown_steps, tick_through

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
SAID = pack_runbooks("deelrx-crm")
RESTRICTION = "Consider temporary service restriction if security breach suspected"


class Crm(Room):
    """The CRM at the page's other end; `fire` lets something happen, and returns the incident that came of it."""

    def __init__(self, stage: Stage, client) -> None:
        super().__init__(stage, client)
        self.stage, self.crm = stage, stage.crm

    def fire(self, key: str, lever: str, **fields) -> Incident:
        getattr(self.crm, lever)(**fields)
        self.check(key)
        return self.stage.incident(key)

    def check(self, *alerts: str) -> None:
        """Check the rules of these alerts now."""
        rules = self.stage.policy.rules.filter(key__in=[alert.partition(":")[0] for alert in alerts])
        evaluation.check_due(at=self.stage.at, rules=rules, force=True)
        while grouping.assign_due(at=self.stage.at):
            pass


@pytest.fixture
def room(load, client, ada, monkeypatch):
    with DeelRx() as crm:
        monkeypatch.setenv("DEELRX_BASE_URL", crm.url)
        load("deelrx-crm")
        AlertRule.objects.filter(key="database-test").update(enabled=False)
        yield Crm(Stage(monkeypatch, crm), signed_in(client, ada, "Incident Commander"))


@pytest.fixture(scope="module")
def records(postgres_url):
    """A database with the CRM's transactions: two of them are not as they should be."""
    with database.scratch(postgres_url) as url:
        with psycopg.connect(url) as connection:
            connection.execute(
                "CREATE TABLE transactions (status text, stripe_payment_intent_id text, created_at timestamptz)"
            )
            connection.execute(
                "INSERT INTO transactions VALUES ('succeeded', 'pi_1', now()), ('succeeded', NULL, now()),"
                " ('pending', NULL, now() - interval '2 hours'), ('pending', NULL, now())"
            )
        yield url


@pytest.mark.req(
    "DX-58", "DX-63", "DX-64", "DX-103", "DX-104", "DX-106", "DX-110",
)  # fmt: skip
def test_every_runbook_is_shown_as_it_is_written_and_can_be_ticked(room):
    assert lint.lint_file(loader.find("deelrx-crm")) == []
    library = room.client.get(reverse("runbooks")).content.decode()
    assert [said["title"] for said in SAID.values() if f">{said['title']}</a>" not in library] == []
    assert set(Runbook.objects.values_list("key", flat=True)) == set(SAID)
    for key, said in SAID.items():
        run = room.start(key)
        check_shown(room.client, run, said, hidden=[RESTRICTION])
        tick_through(room.client, run, said)
    titles = {key: [step["title"] for step in said["steps"]] for key, said in SAID.items()}
    assert titles["job-backlog"][1] == "Scale Resources: Increase Inngest concurrency limits"
    [scaled] = Run.objects.get(runbook__key="job-backlog").ticks.filter(step="scale")
    assert set(scaled.values) == {"old_limit", "new_limit"}
    assert [words.partition(":")[0] for words in titles["data-consistency"]] == [
        "Immediate Stop", "Assess Impact", "Data Recovery", "Fix and Test", "Gradual Resume",
    ]  # fmt: skip
    restore = next(step for step in SAID["data-consistency"]["steps"] if step["key"] == "restore")
    assert restore["choose"][0] == "restored"
    assert titles["authentication-failures"][:4] == [
        "Check session management system", "Verify JWT token validation", "Review authentication logs",
        "Test login flow end-to-end",
    ]  # fmt: skip
    assert titles["job-system-issues"][1] == "Verify job registration and function deployment"


FIRST_RUNBOOKS = {
    # the alert: what is pulled or how long it then takes, the runbooks that must stand first
    "bounce-rate": (
        [("knock", {"messages": 38}), ("knock", {"outcome": "bounced", "messages": 3})], ["knock-degradation"],
    ),
    "delivery-failures": ([("knock", {"outcome": "undelivered", "messages": 11})], ["knock-degradation"]),
    "delivery-delay": ([("knock", {"outcome": "queued"}), 5 * MINUTE + SECOND], ["knock-degradation"]),
    "resend-error": ([("resend", {"outcome": "failed"})], ["resend-issues"]),
    "payment-errors": (
        [("payment", {"outcome": "payment_failed"})], ["payment-issues", "failed-payment-processing"],
    ),
    "payment-jobs:process-payment": (
        [("job", {"outcome": "failed", "runs": 3})], ["payment-issues", "failed-payment-processing"],
    ),
    "memory:app-1": ([("load", {"memory": 91})], ["process-health"]),
    "event-loop:app-1": ([("load", {"lag": 1.5})], ["process-health"]),
    "readiness": (
        [("ready", {"missing": "STRIPE_SECRET_KEY"})], ["database-issues", "readiness-failures", "missing-environment"],
    ),
    "job-failure-rate": (
        [("job", {"function": "sync", "runs": 8}), ("job", {"function": "sync", "outcome": "failed", "runs": 2})],
        ["job-system-issues", "job-backlog"],
    ),
}  # fmt: skip


@pytest.mark.req("DX-30", "DX-35", "DX-53", "DX-72", "DX-90", "DX-91", "DX-96", "DX-97", "DX-108", "DX-109")
def test_what_fires_brings_its_playbook_first_with_its_links(room, monkeypatch):
    monkeypatch.setenv("DATABASE_DASHBOARD_URL", "https://db.example/metrics")
    links = {
        "knock-degradation": ["https://status.knock.app", "https://dashboard.knock.app"],
        "resend-issues": ["https://resend-status.com", "https://resend.com/settings/usage"],
        "payment-issues": ["https://dashboard.stripe.com", "https://status.stripe.com"],
        "database-issues": ["https://db.example/metrics"],
        "job-system-issues": ["https://app.inngest.com", "https://status.inngest.com"],
        "failed-payment-processing": ["https://status.stripe.com", "https://dashboard.stripe.com/webhooks"],
    }
    for alert, (levers, books) in FIRST_RUNBOOKS.items():
        for step in levers:
            if isinstance(step, timedelta):
                room.stage.go_on(step)
            else:
                getattr(room.crm, step[0])(**step[1])
        room.check(alert)
        incident = room.stage.incident(alert)
        runs = list(Run.objects.filter(incident=incident).order_by("rank", "pk").select_related("runbook"))
        assert [run.runbook.key for run in runs][: len(books)] == books, alert
        page = room.client.get(reverse("incident-runbooks", args=[incident.pk])).content.decode()
        for run in runs[: len(books)]:
            steps = shown_steps(page, run)
            if wanted := links.get(run.runbook.key):
                assert [href for _, href in steps[0].links] == wanted, run
            if run.runbook.key == "process-health":
                assert [one.title.partition(":")[0] for one in steps] == ["Immediate", "Investigate", "Scale", "Fix"]
        room.stage.go_on(2 * HOUR)


@pytest.mark.req("DX-31", "DX-32", "DX-34")
def test_knock_degrades(room):
    incident = room.fire("delivery-failures", "knock", outcome="undelivered", messages=11)
    run = room.run_of(incident, "knock-degradation")
    assert "nothing went by the fallback" in room.ask(run, "assess")
    room.crm.resend("delivered", messages=48)
    room.crm.resend("failed", messages=2)
    assert "fallback success 96 %" in room.ask(run, "assess")

    notice = reverse("incident-tell", args=[incident.pk, "customer-notice"])
    page = room.client.get(run.get_absolute_url()).content.decode()
    assert f'href="{notice}' in page
    draft = room.client.get(notice).content.decode()
    assert "Notifications from DeelRx CRM are delayed since 2026-11-23 09:00 UTC" in draft
    words = "Notifications are late by up to 10 minutes."
    room.client.post(notice, {"text": words, "status": "acknowledged", "impact": "Late by up to 10 minutes"})
    assert words in room.texts(incident)

    letter = reverse("run-letter", args=[run.pk, "escalate", 0])
    draft = room.client.get(letter).content.decode()
    assert "11 deliveries failed in 15 minutes" in draft
    before = Delivery.objects.count()
    room.client.post(letter, {"subject": "DeelRx", "text": "11 deliveries failed in 15 minutes", "nonce": "1"})
    [mail] = Delivery.objects.order_by("pk")[before:]
    assert (mail.kind, mail.address) == ("email", "support@knock.app")
    [entry] = incident.timeline.filter(kind="vendor")
    assert entry.data["escalation"] and "ada wrote to Knock Support" in entry.text


@pytest.mark.req("DX-36", "DX-37", "DX-38")
def test_resend_fails(room, monkeypatch):
    monkeypatch.setenv("DEELRX_STAKEHOLDERS_EMAIL", "stakeholders@example.org")
    incident = room.fire("resend-error", "resend", outcome="failed")
    run = room.run_of(incident, "resend-issues")
    assert room.tick(run, "failover", choice="not available").status_code == 409  # without a reason
    assert room.tick(run, "failover", choice="not available", note="No SMTP account.").status_code == 302
    assert "not available" in room.texts(incident) and "No SMTP account." in room.texts(incident)

    url = reverse("incident-tell", args=[incident.pk, "stakeholders"])
    assert f'href="{url}' in room.client.get(run.get_absolute_url()).content.decode()
    told = {"text": "Delayed.", "status": "acknowledged", "start": "09:00 UTC", "impact": "Mails are late"}
    assert room.client.post(url, told).status_code == 302
    assert Delivery.objects.filter(destination__key="stakeholders").count() == 1

    room.move(incident, "acknowledge")
    assert room.move(incident, "resolve") == "acknowledged"
    assert room.tick(run, "test-knock").status_code == 409  # without the message's id
    assert room.tick(run, "test-knock", **{"field-knock_message": "2XbpHn"}).status_code == 302
    assert room.move(incident, "resolve") == "acknowledged"
    assert room.tick(run, "test-resend", **{"field-resend_message": "49a3999c"}).status_code == 302
    assert "49a3999c" in room.texts(incident)
    assert room.move(incident, "resolve") == "resolved"


@pytest.mark.req("DX-54", "DX-55", "DX-98", "DX-99", "DX-100", "DX-101")
def test_payments_fail(room, records, grace):
    EscalationContact.objects.get(name="finance").members.add(grace)
    Connection.objects.filter(key="database").update(url=records)
    room.crm.payment("succeeded", attempts=2)
    room.crm.sentry(issue="9", title="StripeRateLimitError: 429 too many requests")
    incident = room.fire("payment-errors", "payment", outcome="payment_failed")
    recovery = room.run_of(incident, "failed-payment-processing")
    assert "2 mismatching rows" in room.ask(recovery, "database")
    post = {"choice": "processed", "field-processed": "12 processed"}
    assert room.tick(recovery, "manual", **post).status_code == 302
    assert "12 processed" in room.texts(incident)

    playbook = room.run_of(incident, "payment-issues")
    shown = room.ask(playbook, "webhook")
    assert "answered 405 in " in shown and " ms" in shown
    shown = room.ask(playbook, "charges")
    assert shown.index("payment_failed") < shown.index("succeeded")
    assert "429 too many requests" in room.ask(playbook, "limits")

    room.move(incident, "acknowledge")
    assert room.move(incident, "resolve") == "acknowledged"
    before = Delivery.objects.count()
    url = reverse("incident-tell", args=[incident.pk, "finance"])
    assert f'href="{url}' in room.client.get(playbook.get_absolute_url()).content.decode()
    told = {"text": "Payments are late.", "status": "acknowledged", "start": "09:00 UTC"}
    assert room.client.post(url, told).status_code == 302
    mails = Delivery.objects.order_by("pk")[before:]
    assert [mail.to for mail in mails if "Payment delays" in mail.subject] == ["grace"]
    assert room.tick(playbook, "finance").status_code == 302
    assert room.move(incident, "resolve") == "resolved"


def _the_database_is_slow(room, records, monkeypatch):
    Connection.objects.filter(key="database").update(url=records)
    run = room.start("database-issues")
    asleep = psycopg.connect(records)
    waiting = threading.Thread(target=lambda: _sleep(asleep))
    waiting.start()
    try:
        shown = room.ask(run, "pool")
        assert "active" in shown
        shown = _until_listed(room, run)
        assert str(asleep.info.backend_pid) in shown and "age_s" in shown
    finally:
        asleep.cancel()
        waiting.join()
        asleep.close()
    room.crm.load(memory=62.5)
    assert "62.5" in room.ask(run, "resources")
    assert room.step(run, "resources").fields == ["disk"]


def _sleep(connection) -> None:
    with contextlib.suppress(psycopg.errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(120)")


def _until_listed(room: Crm, run: Run) -> str:
    for _ in range(50):
        if "pg_sleep(120)" in (shown := room.ask(run, "queries")):
            return shown
    raise AssertionError("The sleeping session was not listed.")


def _the_bottleneck_and_how_the_queue_recovers(room):
    run = room.start("job-backlog")
    for depth in (100, 80, 60):
        room.crm.queue("payments", depth)
        room.check("job-backlog")
        room.stage.go_on(MINUTE)
    for key in ("bottleneck", "monitor"):
        shown = " ".join(room.ask(run, key).split())
        assert "payments" in shown and "notifications" in shown
        assert "60" in shown and "20" in shown and "3 min" in shown, shown  # DX-60: what is left at that rate


@pytest.mark.req("DX-59")
def test_the_page_leaves_before_the_digests(room, ada):
    assert SAID["job-backlog"]["steps"][2]["title"] == "Prioritize: Process critical jobs first (payments, alerts)"
    at = room.stage.at
    for number in range(500):
        outbox.queue(
            kind="email", address=f"{number}@example.org", to="somebody", purpose=Purpose.NOTICE, subject="Digest",
            text="…", at=at, once=f"digest {number}",
        )  # fmt: skip
    incident = room.declare("P0", "Down")
    room.client.post(f"{incident.get_absolute_url()}page/", {"contacts": [ada.pk]})
    outbox.queue(
        kind="email", address="ada@example.org", to="ada", purpose=Purpose.PAGE, subject="Page", text="…", at=at,
        urgent=True, once="page",
    )  # fmt: skip
    first = Delivery.objects.due(at + SECOND)[0]
    assert first.urgent and first.purpose == Purpose.PAGE


@pytest.mark.req("DX-61", "DX-62", "DX-65")
def test_jobs_are_stopped_and_resumed_one_by_one(room):
    incident = room.fire("purge-failed:purge-teams", "job", function="purge-teams", outcome="failed")
    run = room.run_of(incident, "data-consistency")
    assert room.tick(run, "stop", **{"field-job_types": "purge-teams\nexport"}).status_code == 302
    assert "Paused: purge-teams, export" in room.texts(incident)
    room.crm.job("export", "ok", seconds=31)
    room.crm.job("mail", "ok", seconds=31)
    room.check("job-duration")
    assert _heard(room) == {"job-duration:mail"}  # the others are silenced

    assert room.tick(run, "assess", **{"field-records": "120", "field-users": "7"}).status_code == 302
    incident.refresh_from_db()
    assert incident.impact == "120 records, 7 users"

    assert room.tick(run, "resume", **{"field-job_type": "export"}).status_code == 302
    room.go_on(MINUTE)
    room.check("job-duration")
    assert _heard(room) == {"job-duration:mail", "job-duration:export"}
    room.crm.job("import", "ok", seconds=16)  # above the tightened 15 s
    room.check("job-duration")
    assert room.stage.fires("job-duration:import")
    room.go_on(HOUR)
    room.crm.job("import", "ok", seconds=16)
    room.check("job-duration")
    assert not room.stage.fires("job-duration:import")


def _heard(room: Crm) -> set[str]:
    """What fires and is not held back by anybody."""
    rows = Liveness.objects.filter(firing=True, alert__rule__key="job-duration")
    return set(rows.exclude(verdict=Liveness.Verdict.SUPPRESSED).values_list("alert__key", flat=True))


def _a_database_that_is_gone(room, postgres_url):
    with database.scratch(postgres_url) as url:
        Connection.objects.filter(key="database").update(url=url)
        AlertRule.objects.filter(key="database-test").update(enabled=True)
        room.check("database-test")
        run = room.start("readiness-failures")
        assert room.step(run, "database").commands == [
            'psql $DATABASE_URL -c "SELECT 1" || echo "DB connection failed"'
        ]
        assert "DB connection ok" in room.ask(run, "database")
    room.stage.go_on(MINUTE)
    room.check("database-test", "readiness")
    assert room.stage.firing["database-test"][1] == "DB connection failed"
    assert "DB connection failed" in room.ask(run, "database")
    assert room.first_of(room.stage.incident("database-test")) == "database-issues"


def _a_variable_that_is_missing_is_named(room):
    incident = room.fire("readiness", "ready", missing="STRIPE_SECRET_KEY")
    run = room.run_of(incident, "missing-environment")
    assert [one.title for one in shown_steps(room.client.get(run.get_absolute_url()).content.decode(), run)] == [
        "Check deployment configuration", "Verify secret management system", "Update environment in staging first",
    ]  # fmt: skip
    assert "STRIPE_SECRET_KEY" in room.ask(run, "deployment")


@pytest.mark.req("DX-41")
def test_a_complaint_suppresses_the_address_and_leaves_two_things_to_do(room, ada):
    row = outbox.queue(
        kind="email", address="ada@example.org", to="ada", purpose=Purpose.NOTICE, subject="x", text="x",
        at=room.stage.at, once="one",
    )  # fmt: skip
    assert row
    incident = room.fire("spam-complaint", "resend", outcome="complained")
    run = room.run_of(incident, "complaint-follow-up")
    steps = shown_steps(room.client.get(run.get_absolute_url()).content.decode(), run)
    assert [one.title for one in steps] == ["Review content for spam indicators", "Update email templates if needed"]
    assert run.state == Run.State.OPEN
    outbox.queue(
        kind="email", address="ada@example.org", to="ada", purpose=Purpose.NOTICE, subject="y", text="y",
        at=room.stage.at, once="two",
    )  # fmt: skip
    outbox.deliver_due(at=room.stage.at + MINUTE)
    second = Delivery.objects.get(once="two")
    assert (second.status, second.attempts) == ("suppressed", 0)


SYMPTOMS = {
    "complete-outage": ("P0", "database-issues"), "data-loss": ("P0", "data-consistency"),
    "breach-suspected": ("P0", "authentication-failures"), "payments-down": ("P0", "payment-issues"),
    "partial-degradation": ("P1", ""), "business-jobs": ("P1", "job-system-issues"), "minor-feature": ("P2", ""),
    "notification-delays": ("P2", "knock-degradation"), "cosmetic": ("P3", ""), "documentation": ("P3", ""),
    "optimization": ("P3", ""), "query-timeouts": ("P1", "database-issues"),
    "stripe-webhooks": ("P1", "payment-issues"), "login-failures": ("P1", "authentication-failures"),
    "unauthorized-access": ("P0", "authentication-failures"), "queue-backlog": ("P2", "job-system-issues"),
}  # fmt: skip


def _symptoms_propose_the_level_and_the_playbook(room):
    lines = triage.table(room.stage.policy, at=room.stage.at)
    found = {key: triage.propose(lines, [key]) for key in SYMPTOMS}
    assert {key: (str(one.severity.key), one.playbook) for key, one in found.items()} == SYMPTOMS


@pytest.mark.req("DX-73", "DX-105", "DX-107")
def test_a_suspected_breach_is_p0_and_asks_for_a_decision(room, monkeypatch, ada):
    EscalationContact.objects.get(name="On-Call Engineer").members.add(ada)
    post = {"symptoms": ["breach-suspected"], "title": "Somebody is in", "nonce": "1"}
    assert room.client.post(f"{reverse('declare')}?policy=deelrx-crm", post).status_code == 302
    incident = Incident.objects.get()
    assert incident.severity.key == "P0"
    clock.run(clock.TIMERS, at=room.stage.at)
    assert Delivery.objects.filter(purpose=Purpose.PAGE).exists()
    assert room.first_of(incident) == "authentication-failures"
    run = room.run_of(incident, "authentication-failures")
    room.crm.sentry(tag="component=auth", title="JWT signature is wrong")
    assert "JWT signature is wrong" in room.ask(run, "logs")
    monkeypatch.setenv("AUTHENTICATION_LOGS_URL", "https://logs.example/auth")
    assert room.step(run, "logs").links == [("Authentication logs", "https://logs.example/auth")]

    room.move(incident, "acknowledge")
    assert room.move(incident, "resolve") == "acknowledged"
    assert room.tick(run, "restriction", choice="restricted", note="Logins off for an hour").status_code == 302
    assert "restricted" in room.texts(incident) and "Logins off for an hour" in room.texts(incident)
    assert room.move(incident, "resolve") == "resolved"

    calm = room.declare("P1", "Login failures")
    assert (
        RESTRICTION
        not in room.client.get(room.run_of(calm, "authentication-failures").get_absolute_url()).content.decode()
    )


@pytest.mark.req("DX-111", "DX-113")
def test_the_job_system_fails(room):
    room.crm.load(memory=71.5, cpu=33)
    room.crm.job("send-invoices", "ok", seconds=40)
    room.crm.job("purge-teams", "ok", seconds=40)
    room.check("job-duration")
    incident = room.stage.incident("job-duration:send-invoices")
    run = room.run_of(incident, "job-system-issues")
    room.client.post(reverse("run-ask", args=[run.pk, "resources"]))
    shown = room.step(run, "resources").live
    assert "71.5" in shown[0] and "33" in shown[1]
    assert "user-facingsend-invoicesinternalnone" in room.step(run, "business-impact").text


@pytest.mark.req("DX-74")
def test_more_than_twice_the_normal_response_time_is_p1(room):
    for endpoint in ("/api/orders", "/api/teams"):
        room.crm.requests(endpoint, ok=20, seconds=0.4)
    room.check("response-degraded")
    room.stage.go_on(HOUR)
    room.crm.requests("/api/orders", ok=20, seconds=0.8)
    room.crm.requests("/api/teams", ok=20, seconds=0.801)
    room.check("response-degraded")
    assert {key: level for key, (level, _) in room.stage.firing.items()} == {"response-degraded:/api/teams": "P1"}
    incident = room.stage.incident("response-degraded:/api/teams")
    assert incident.targets.get(kind="respond").due_at == incident.detected_at + 30 * MINUTE


@pytest.mark.req("DX-02", "DX-42", "DX-82")
def test_what_is_immediate_is_paged_on_that_tick_and_the_rest_is_told_in_its_time(room):
    paged = Delivery.objects.filter(purpose=Purpose.PAGE)
    room.fire("authentication", "sentry", tag="component=auth")  # critical errors
    incident = room.fire("purge-failed:purge-teams", "job", function="purge-teams", outcome="failed")  # critical jobs
    clock.run(clock.TIMERS, at=room.stage.at)
    assert [(page.to, page.created_at) for page in paged] == [("On-Call Engineer", room.stage.at)] * 2
    outbox.deliver_due(at=room.stage.at)
    clock.run(clock.TIMERS, at=room.stage.at + SECOND)
    notify = incident.targets.get(kind="notify")
    assert (notify.due_at, notify.state) == (incident.detected_at + MINUTE, "met")

    due = {level: room.declare(level).targets.get(kind="notify").due_at - room.stage.at for level in ("P0", "P1", "P2")}
    assert due == {"P0": MINUTE, "P1": 30 * MINUTE, "P2": 2 * HOUR}
    clock.run(clock.TIMERS, at=room.stage.at)
    levels = set(Page.objects.values_list("incident__severity__key", flat=True))
    assert levels == {"P0", "P1"}
    told = Delivery.objects.filter(subject__contains="[P2]")
    assert "engineering-mail" in told.values_list("destination__key", flat=True)
    room.declare("P3")
    assert not Delivery.objects.filter(subject__contains="[P3]", destination__isnull=False).exists()
    [line] = DigestLine.objects.all()
    assert (line.destination.key, line.due_at) == ("team-chat", room.stage.at.replace(day=24, hour=9))


def _our_own_test_task_answers_or_the_cluster_is_not_running(room, monkeypatch):
    run = room.start("job-system-issues")
    url = reverse("run-test-task", args=[run.pk, "test-jobs"])
    with override_settings(ENGINE="inline"):
        assert room.client.post(url).status_code == 302
    assert "The test task has run" in room.step(run, "test-jobs").live[0]
    monkeypatch.setattr("opscenter.engine.enqueue", lambda *args: None)  # nobody takes it
    room.client.post(url)
    room.stage.go_on(11 * SECOND)
    assert "cluster not running" in room.step(run, "test-jobs").live[0]


@pytest.mark.req("DX-57", "DX-102", "DX-112", "DX-92", "DX-93", "DX-94")
def test_queues_symptoms_our_own_tasks_and_a_slow_database(room, records, monkeypatch):
    _the_bottleneck_and_how_the_queue_recovers(room)
    _symptoms_propose_the_level_and_the_playbook(room)
    _our_own_test_task_answers_or_the_cluster_is_not_running(room, monkeypatch)
    _the_database_is_slow(room, records, monkeypatch)


@pytest.mark.req("DX-68", "DX-67")
def test_what_the_health_checks_say(room, postgres_url):
    _a_variable_that_is_missing_is_named(room)
    _a_database_that_is_gone(room, postgres_url)
