"""The verdict on Opscenter itself, its figures and the readiness for a page."""

from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.db import OperationalError, connection
from prometheus_client.parser import text_string_to_metric_families

from opscenter import health, metrics, readiness
from opscenter.models import Beat
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    AlertRuleFactory,
    ConnectionFactory,
    ContactFactory,
    ContactMethodFactory,
    DeliveryFactory,
    DestinationFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    IncidentFactory,
    LivenessFactory,
    ParameterFactory,
    PolicyFactory,
    RouteFactory,
    RuleSourceFactory,
    SeverityFactory,
    TurnFactory,
)

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def runs(settings):
    """Clock and queue gave their sign of life at nine."""
    settings.ENGINE = "django-q"
    Beat.note("clock", NINE, {"reasons": []})
    Beat.note("queue", NINE, {"asked_at": NINE.isoformat()})


def reasons(at=NINE):
    found = health.check(at=at)
    assert found.status == ("degraded" if found.reasons else "ok")
    return found.reasons


def test_all_is_well(runs, client, django_assert_max_num_queries):
    health.readiness()
    with django_assert_max_num_queries(9):
        assert reasons() == []


def test_a_database_without_signs_of_life(settings):
    settings.ENGINE = "django-q"
    assert any("clock has never run" in reason for reason in reasons())
    assert any("queue has never answered" in reason for reason in reasons())


@pytest.mark.req("CARD-25")
@pytest.mark.parametrize(("seconds", "told"), [(29, False), (30, False), (31, True), (300, True)])
def test_a_clock_that_does_not_tick_is_told(runs, seconds, told):
    found = [reason for reason in reasons(NINE + seconds * SECOND) if "clock last ticked" in reason]
    assert bool(found) == told


def test_what_the_clock_complains_of_is_passed_on(runs):
    Beat.note("clock", NINE, {"reasons": ["A sweep fails."], "queue": ["The task queue is behind."]})
    assert reasons() == ["A sweep fails.", "The task queue is behind."]


@pytest.mark.parametrize(("seconds", "told"), [(90, False), (91, True)])
def test_a_queue_that_does_not_answer_is_told(runs, seconds, told):
    """By the clock, and while the clock is away by this."""
    at = NINE + seconds * SECOND
    assert any("queue last answered" in reason for reason in reasons(at)) == told


def test_without_a_queue_none_is_missed(runs, settings):
    settings.ENGINE = "inline"
    Beat.objects.filter(key="queue").delete()
    assert reasons() == []


@pytest.mark.parametrize(("seconds", "told"), [(30, False), (31, True)])
def test_due_work_that_nobody_takes_is_told(runs, seconds, told):
    TurnFactory(due_at=NINE - seconds * SECOND)
    assert (reasons() == [f"Due work waits unclaimed: incidents.escalation.climb_due {seconds} s."]) == told


@pytest.mark.req("CARD-24")
def test_cron_may_stand_in_for_the_clock(settings):
    settings.ENGINE = "django-q"
    Beat.note("run_timers", NINE)
    TurnFactory(due_at=NINE)
    assert reasons(NINE + 2 * MINUTE) == []
    assert any("clock has never run" in reason for reason in reasons(NINE + 3 * MINUTE))


def test_jobs_that_failed_or_hang_are_told(runs):
    Beat.note("job:maintenance", NINE - 2 * HOUR, {"began_at": "7:00"})
    Beat.note("job:report", NINE, {"ended": True, "error": "ValueError: secret words"})
    [told] = reasons()
    assert "job maintenance began" in told and "job report failed" in told and "secret" not in told


def test_deliveries_that_do_not_arrive_are_told(runs):
    DeliveryFactory(status="failed", next_attempt_at=None, ended_at=NINE - HOUR)
    DeliveryFactory(status="failed", next_attempt_at=None, ended_at=NINE - HOUR - SECOND)
    DeliveryFactory(status="retrying", next_attempt_at=NINE + MINUTE)
    assert reasons() == ["Messages do not arrive: 1 failed in the last hour, 1 are being tried again."]


def test_a_rule_that_was_just_switched_on_has_not_waited(runs):
    AlertRuleFactory()
    assert reasons() == []


def test_rules_in_error_are_told_by_number(runs):
    AlertRuleFactory(state="error", key="mailer-secret", next_check_at=NINE)
    AlertRuleFactory(state="error", enabled=False)
    assert reasons() == ["1 rules cannot be checked because their source fails."]


@pytest.fixture
def no_database(monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError("connection to server at 10.1.2.3 failed: password=hunter2")

    health.readiness()
    monkeypatch.setattr(connection, "cursor", away)


@pytest.mark.req("CARD-25")
def test_without_its_database_it_is_down_and_tells_nothing_more(runs, client, no_database):
    for path in ("/api/health", "/api/ready"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert answer.json()["status"] == "down" and answer.json()["reasons"] == ["The database does not answer."]
    assert client.get("/metrics").status_code == 503
    assert client.get("/api/live").status_code == 200


def test_missing_migrations_make_it_down(client, monkeypatch):
    monkeypatch.setattr(health, "_migrated", False)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'opscenter'")
    assert "migrations have not been applied" in health.readiness()
    assert client.get("/api/ready").status_code == 503


def test_the_faces(runs, client):
    with time_machine.travel(NINE, tick=False):
        assert client.get("/api/live").json() == {"status": "ok"}
        assert client.get("/api/ready").json() == {"status": "ok"}
        answer = client.get("/api/health")
        assert answer.status_code == 200 and answer.json()["status"] == "ok"
        assert answer.json()["checks"]["clock"] == "ok"
        TurnFactory(due_at=NINE - MINUTE)
        assert client.get("/api/health").json()["status"] == "degraded"
        assert client.get("/api/health").status_code == 200
    assert client.post("/api/health").status_code == 405
    assert client.head("/api/health").status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]


def test_live_asks_nothing_of_the_database(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get("/api/live")


# figures


def figures(at=NINE):
    found = {}
    for family in text_string_to_metric_families(metrics.text(at=at).decode()):
        for sample in family.samples:
            found[sample.name, *sample.labels.values()] = sample.value
    return found


@pytest.mark.req("CARD-25")
def test_the_figures_that_prometheus_scrapes(runs, client, django_assert_max_num_queries):
    critical = SeverityFactory(policy__key="shop", key="P0")
    IncidentFactory(severity=critical)
    IncidentFactory(severity=critical, status="resolved")
    LivenessFactory(firing=True)
    LivenessFactory(firing=False)
    TurnFactory(due_at=NINE - MINUTE, escalation__incident__severity=critical)
    DeliveryFactory(next_attempt_at=NINE)
    DeliveryFactory(status="failed", next_attempt_at=None, ended_at=NINE)
    AlertRuleFactory(state="error")
    with django_assert_max_num_queries(10):
        found = figures(NINE + SECOND)
    assert found["opscenter_incidents_open", "shop", "P0"] == 2
    assert found["opscenter_alerts_firing", "", "", ""] == 1
    assert found["opscenter_sweep_lag_seconds", "incidents.escalation.climb_due"] == 61
    assert found["opscenter_sweep_lag_seconds", "reviews.followup.remind_due"] == 0
    assert found["opscenter_deliveries_due",] == 1
    assert found["opscenter_deliveries_newest", "failed"] == 1
    assert found["opscenter_rules", "error"] == 1 and found["opscenter_rules", "firing"] == 0
    assert found["opscenter_last_sign_of_life_seconds", "clock"] == 1
    assert found["opscenter_queue_tasks",] == 0
    answer = client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain")


# readiness


def verdicts(check, at=NINE):
    return [(finding.verdict, finding.text) for finding in readiness.findings(at=at) if finding.check == check]


@pytest.mark.req("RB-09")
def test_a_missing_parameter_is_named_where_something_needs_it(monkeypatch):
    monkeypatch.delenv("CRM_DSN", raising=False)
    policy = PolicyFactory()
    ParameterFactory(policy=policy, key="CRM_DSN", type="secret", default="")
    crm = ConnectionFactory(policy=policy, key="crm", url="${CRM_DSN}")
    source = RuleSourceFactory(connection=crm, rule__severity__policy=policy, rule__key="stuck")
    assert verdicts("parameters") == [("FAIL", "CRM_DSN is not set, and the rule stuck needs it.")]
    monkeypatch.setenv("CRM_DSN", "postgres://crm")
    assert verdicts("parameters")[0][0] == "ok"
    monkeypatch.delenv("CRM_DSN")
    source.rule.enabled = False
    source.rule.save()
    assert verdicts("parameters")[0][0] == "ok"


def test_only_destinations_that_a_route_uses_need_their_parameters(monkeypatch):
    monkeypatch.delenv("TEAM_WEBHOOK_URL", raising=False)
    destination = DestinationFactory(key="team-chat", address="${TEAM_WEBHOOK_URL}")
    assert verdicts("parameters")[0][0] == "ok"
    route = RouteFactory(policy=destination.policy)
    route.destinations.add(destination)
    assert verdicts("parameters") == [("FAIL", "TEAM_WEBHOOK_URL is not set, and the destination team-chat needs it.")]


@pytest.mark.req("ML-79")
def test_a_policy_without_anybody_on_call_is_warned_of():
    role = ContactFactory(name="mailer-oncall", kind="role")
    plan = EscalationPolicyFactory(policy=SeverityFactory(policy__key="mailer").policy)
    EscalationStepFactory(policy=plan, contacts=[role])
    assert verdicts("on-call")[0] == ("warn", "mailer: no on-call. Put somebody on its schedule or role.")
    ada = ContactFactory(name="ada", catch_all=True)
    role.members.add(ada)
    assert "ada has no usable contact method" in verdicts("on-call")[0][1]
    ContactMethodFactory(contact=ada)
    assert verdicts("on-call") == [("ok", "mailer: ada.")]


def test_production_asks_for_an_https_address_and_hosts(settings):
    settings.PRODUCTION, settings.BASE_URL, settings.ALLOWED_HOSTS = True, "http://ops.example.org", []
    told = verdicts("settings")
    assert [verdict for verdict, _ in told] == ["FAIL", "FAIL"]
    assert "OPSCENTER_BASE_URL" in told[0][1] and "ALLOWED_HOSTS" in told[1][1]


@pytest.mark.req("RB-09")
def test_the_command_prints_a_line_a_check_and_its_exit_code_tells(runs, capsys):
    with time_machine.travel(NINE, tick=False):
        call_command("ops_readiness")
        said = capsys.readouterr().out.splitlines()
        assert all(line[:4] in ("ok  ", "warn") for line in said[:-1]) and said[-1].startswith("0 failed")
        Beat.objects.filter(key="clock").delete()
        with pytest.raises(SystemExit) as exit_code:
            call_command("ops_readiness")
    assert exit_code.value.code == 1
    assert "FAIL  clock" in capsys.readouterr().out


def test_the_health_command_tells_by_its_exit_code(runs, capsys, request):
    with time_machine.travel(NINE, tick=False):
        call_command("ops_healthcheck")
        TurnFactory(due_at=NINE - MINUTE)
        with pytest.raises(SystemExit) as degraded:
            call_command("ops_healthcheck")
        request.getfixturevalue("no_database")
        with pytest.raises(SystemExit) as down:
            call_command("ops_healthcheck")
    assert (degraded.value.code, down.value.code) == (1, 2)
    assert "climb_due" in capsys.readouterr().out
