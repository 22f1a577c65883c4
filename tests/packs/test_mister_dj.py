"""The pack of Mister DJ against its backend: each threshold just below, at and above, and what follows."""

from datetime import timedelta

import pytest

from alerts.models import Alert, AlertRule, Liveness
from incidents.models import Incident
from packs import lint, loader
from policies.models import Parameter, Policy
from sources.models import Connection
from targets.misterdj import MisterDJ
from tests.packs.mister_dj import LIMITS, Stage

PACK = "mister-dj"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def backend():
    with MisterDJ() as backend:
        yield backend


@pytest.fixture
def stage(pack_of_module, db, backend, monkeypatch):
    for name, value in {**LIMITS, "MISTER_DJ_BASE_URL": backend.url}.items():
        monkeypatch.setenv(name, value)
    stage = Stage(monkeypatch, backend)
    stage.trace()
    return stage


@pytest.mark.req("DJ-01")
def test_it_loads_and_is_clean(load):
    load("mister-dj")
    policy = Policy.objects.get(key="mister-dj")
    assert str(policy.service) == "mr-dj-backend"
    assert [level.key for level in policy.severities.order_by("rank")] == ["critical", "warning"]
    assert policy.rules.count() == 6 and policy.routes.count() == 3
    assert lint.lint_file(loader.find("mister-dj")) == []


@pytest.mark.req("DJ-12")
@pytest.mark.parametrize(
    ("backlog", "level"), [(99, None), (100, "warning"), (499, "warning"), (500, "critical"), (501, "critical")]
)
@pytest.mark.parametrize("queue", ["rentguy", "sevensa"])
def test_the_backlog_of_one_queue(stage, queue, backlog, level):
    stage.backend.queue(queue, backlog=backlog)
    assert stage.levels() == ({f"queue-backlog:{queue}": level} if level else {})


@pytest.mark.req("DJ-12")
def test_a_rise_and_a_fall_are_one_alert(stage):
    stage.backend.queue(backlog=100)
    assert stage.levels() == {"queue-backlog:rentguy": "warning"}
    stage.go_on(30 * SECOND)
    stage.backend.queue(backlog=500)
    assert stage.levels() == {"queue-backlog:rentguy": "critical"}
    assert Alert.objects.count() == 1
    incident = Incident.objects.get()
    assert incident.severity.key == "critical"
    stage.go_on(30 * SECOND)
    stage.backend.flush()
    assert stage.levels() == {}


@pytest.mark.req("DJ-13")
@pytest.mark.parametrize(
    ("age", "level"),
    [(59_999, None), (60_000, "warning"), (299_999, "warning"), (300_000, "critical"), (300_001, "critical")],
)
def test_the_retry_age_in_milliseconds(stage, age, level):
    stage.backend.queue("sevensa", retry_age_ms=age)
    assert stage.levels() == ({"queue-retry-age:sevensa": level} if level else {})


@pytest.mark.req("DJ-13")
def test_the_retry_age_is_shown_as_a_length_of_time(stage):
    stage.backend.queue(retry_age_ms=60_000, backlog=7)
    _, words = stage.look()["queue-retry-age:rentguy"]
    assert words == "queue thresholds exceeded: rentguy warning, retry_age 1 min (60000 ms), backlog 7 jobs"


@pytest.mark.req("DJ-14")
@pytest.mark.parametrize(("jobs", "level"), [(0, None), (1, "warning"), (2, "warning"), (100_000, "warning")])
def test_dead_letters_are_a_warning_and_never_critical(stage, jobs, level):
    stage.backend.queue(dead_letter=jobs)
    assert stage.levels() == ({"queue-dead-letter:rentguy": level} if level else {})
    if level:
        assert stage.firing["queue-dead-letter:rentguy"][1].startswith(
            "Job moved to dead-letter queue: rentguy warning"
        )


@pytest.mark.req("DJ-12", "DJ-13", "DJ-14")
def test_a_threshold_that_nobody_set_is_off_and_says_so(stage, monkeypatch):
    stage.backend.queue(backlog=10_000, retry_age_ms=10**9, dead_letter=10_000)
    monkeypatch.delenv("ALERT_QUEUE_CRITICAL_BACKLOG")
    monkeypatch.delenv("ALERT_QUEUE_DEAD_LETTER_WARNING")
    assert stage.levels() == {"queue-backlog:rentguy": "warning", "queue-retry-age:rentguy": "critical"}
    backlog, dead = (AlertRule.objects.get(key=key) for key in ("queue-backlog", "queue-dead-letter"))
    assert "The level critical is off: ALERT_QUEUE_CRITICAL_BACKLOG is not set." in backlog.verdict
    assert (dead.state, dead.verdict) == ("inactive", "Off: ALERT_QUEUE_DEAD_LETTER_WARNING is not set.")


@pytest.mark.req("DJ-18")
def test_each_queue_is_found_also_one_that_is_new(stage):
    stage.backend.queue("spotify", backlog=100, retry_age_ms=60_000, dead_letter=1, active=3)
    assert set(stage.levels()) == {"queue-backlog:spotify", "queue-retry-age:spotify", "queue-dead-letter:spotify"}
    alert = Alert.objects.get(key="queue-backlog:spotify")
    shown = {name: alert.annotations[name] for name in ("backlog", "active", "retry_age_ms", "dead_letter")}
    assert shown == {"backlog": "100", "active": "3", "retry_age_ms": "60000", "dead_letter": "1"}


@pytest.mark.parametrize("body", [{"backlog": 100, "retry_age_ms": 0}, {"queueSize": 100, "backlog": 5}])
def test_the_figures_are_read_by_either_of_their_names(stage, body, monkeypatch):
    listed = [{"name": "rentguy", **body}]
    monkeypatch.setattr(stage.backend, "_metrics", lambda: {"queues": listed})
    assert stage.levels() == {"queue-backlog:rentguy": "warning"}


@pytest.mark.parametrize(("flag", "queue"), [("RENTGUY", "rentguy"), ("SEVENSA", "sevensa")])
def test_a_flag_switches_the_rules_of_its_queue(stage, monkeypatch, flag, queue):
    for each in ("rentguy", "sevensa"):
        stage.backend.queue(each, backlog=100, retry_age_ms=60_000, dead_letter=1)
    assert len(stage.levels()) == 6
    monkeypatch.setenv(f"FLAG_{flag}_INTEGRATION", "off")
    stage.go_on(30 * SECOND)
    assert len(stage.levels()) == 3 and not any(key.endswith(queue) for key in stage.levels())


@pytest.mark.req("DJ-19")
def test_what_fires_and_what_the_queues_are_like_is_there_for_grafana_and_as_json(stage, client):
    stage.backend.queue(backlog=500, retry_age_ms=60_000)
    stage.look()
    text = client.get("/metrics", REMOTE_ADDR="127.0.0.1").content.decode()
    firing = {line for line in text.splitlines() if line.startswith("opscenter_alerts_firing{")}
    assert firing == {
        'opscenter_alerts_firing{pack="mister-dj",policy="mister-dj",severity="critical"} 1.0',
        'opscenter_alerts_firing{pack="mister-dj",policy="mister-dj",severity="warning"} 1.0',
    }
    backlog = [line for line in text.splitlines() if "backlog" in line and 'queue="rentguy"' in line]
    assert any(line.endswith(" 500.0") for line in backlog)
    series = client.get("/metrics?format=json", REMOTE_ADDR="127.0.0.1").json()["series"]
    told = [(each["name"], each["labels"].get("severity"), each["value"]) for each in series]
    assert ("opscenter_alerts_firing", "critical", 1) in told
    assert any(each["labels"].get("queue") == "rentguy" and each["value"] == 500 for each in series)
    assert "rentguy" not in client.get("/metrics", REMOTE_ADDR="203.0.113.7").content.decode()
    stage.go_on(30 * SECOND)
    stage.backend.trouble(status=500)
    assert stage.levels()["metrics-endpoint"] == "warning"  # the endpoint has an alert of its own


@pytest.mark.req("DJ-18")
@pytest.mark.parametrize("trouble", [{"status": 500}, {"status": 404}, {"close": True}])
def test_an_endpoint_that_fails_has_an_alert_of_its_own_and_ends_nothing(stage, trouble):
    stage.backend.queue(backlog=500)
    stage.look()
    stage.go_on(30 * SECOND)
    stage.backend.trouble(**trouble)
    assert stage.levels() == {"queue-backlog:rentguy": "critical", "metrics-endpoint": "warning"}
    assert stage.firing["metrics-endpoint"][1].startswith("metrics endpoint failing: GET /metrics/queues")
    assert Connection.objects.filter(policy=stage.policy, key="backend").exists()
    stage.go_on(30 * SECOND)
    stage.backend.no_trouble()
    assert stage.levels() == {"queue-backlog:rentguy": "critical"}


@pytest.mark.parametrize(("silent", "fires"), [(4 * MINUTE + 59 * SECOND, False), (5 * MINUTE + SECOND, True)])
def test_traces_that_stay_away(stage, silent, fires):
    stage.go_on(silent)
    assert ("otel-silent" in stage.levels()) == fires
    stage.trace()
    stage.go_on(SECOND)
    assert "otel-silent" not in stage.levels()


def test_traces_of_another_environment_or_service_do_not_count(stage):
    stage.go_on(5 * MINUTE + SECOND)
    stage.trace(environment="staging")
    stage.trace(service="other")
    assert stage.levels() == {"otel-silent": "warning"}


@pytest.mark.parametrize("value", ["off", ""])
def test_without_telemetry_nobody_waits_for_traces(stage, monkeypatch, value):
    stage.go_on(10 * MINUTE)
    assert "otel-silent" in stage.levels()
    monkeypatch.setenv("FLAG_TELEMETRY", value)
    stage.go_on(30 * SECOND)
    assert "otel-silent" not in stage.levels()
    assert AlertRule.objects.get(key="otel-silent").verdict.startswith("Inactive: flag off")


def test_the_parameters_are_the_documents(load):
    load("mister-dj")
    rows = {row.key: row for row in Parameter.objects.filter(policy__key="mister-dj")}
    throttle = rows["ALERT_THROTTLE_MS"]
    assert (throttle.type, throttle.default, throttle.origin) == ("int", "120000", "document")
    for name in LIMITS:
        if name.startswith("ALERT_QUEUE"):
            assert (rows[name].type, rows[name].default, rows[name].origin) == ("int", "", "document")
    assert AlertRule.objects.filter(policy__key="mister-dj").exclude(owners=None).count() == 0
    assert not Liveness.objects.exists()
