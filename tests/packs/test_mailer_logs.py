"""The Mailer pack watching logs in Loki and Elasticsearch: at the edges, with the source gone, in several ways."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse

from alerts import evaluation
from alerts.models import Alert, AlertRule, Liveness
from incidents.models import Incident
from policies.models import Severity
from targets.elastic import Elastic
from targets.loki import Loki
from tests.factories import NINE, ConnectionFactory, SeverityFactory, UserFactory
from tests.packs.conftest import Watch

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LIMITER, STUCK = "mailer_rate_limiter_redis_error", "mailer_processing_stuck"
BREAKER, THROTTLE, BEAT = "mailer_circuit_breaker_triggered", "mailer_throttle_backend_error", "mailer_celery_beat_down"
LIMITED = {
    "level": "ERROR",
    "error_type": "rate_limiter_backend_error",
    "policy": "fail_open",
    "message": "Error reserving rate limit token (Redis unavailable), allowing send (fail-open)",
}
STUCK_LINE = {"level": "WARNING", "message": "Stuck PROCESSING campaigns detected", "count": 2}
PAUSED = {"level": "ERROR", "message": "Campaign 7 paused: too many transient errors", "consecutive_errors": 10}
THROTTLED = {
    "level": "ERROR",
    "error_type": "throttle_backend_error",
    "message": "Throttle backend (Redis) unavailable for action send_campaign, refusing",
}
OF_RULE = {LIMITER: LIMITED, STUCK: STUCK_LINE, BREAKER: PAUSED, THROTTLE: THROTTLED}


class Logs:
    """A log store that is told of lines, and of the time only when it is asked."""

    def __init__(self, store) -> None:
        self.store = store

    def hold_clock(self, at) -> None:
        """Queries bring their time along."""

    def told(self, fields: dict, *, at, ago: timedelta = timedelta()) -> None:
        (self.store.entry if isinstance(self.store, Loki) else self.store.document)(fields, at=at, ago=ago)

    def beat(self, *, at, ago: timedelta = timedelta()) -> None:
        text = "[INFO/MainProcess] beat: Waking up in 5.00 seconds."
        if isinstance(self.store, Loki):
            self.store.line(text, {"app": "crm", "container": "celery_beat"}, at, ago)
        else:
            self.store.document({"container": "celery_beat", "message": text}, at, ago)


@pytest.fixture(scope="module")
def stores():
    with Loki() as loki, Elastic() as elastic:
        yield {"loki": loki, "elk": elastic}


@pytest.fixture(params=["loki", "elk"])
def way(request):
    return request.param


@pytest.fixture
def logs(stores, way, monkeypatch):
    for store in stores.values():
        store.accept()
        store.reset()
    monkeypatch.setenv("LOKI_URL", stores["loki"].url)
    monkeypatch.setenv("ELASTICSEARCH_URL", stores["elk"].url)
    return Logs(stores[way])


@pytest.fixture
def watch(load, logs, way):
    load("mailer", variants=[way])
    return Watch("mailer", logs)


@pytest.mark.req("ML-50", "ML-51", "ML-52", "ML-53", "ML-54", "ML-56", "ML-57", "ML-58", "ML-59")
def test_each_line_fires_its_own_rule(watch, logs):
    assert {rule.code for rule in AlertRule.objects.filter(enabled=True)} == {
        f"ALERT-00{n}" for n in (1, 2, 3, 6, 7)
    }  # fmt: skip
    logs.beat(at=watch.at)
    watch.check()
    assert watch.firing == []
    for key, line in OF_RULE.items():
        watch.go_on(10 * MINUTE)
        logs.beat(at=watch.at)
        logs.told(line, at=watch.at)
        watch.check()
        firing = Liveness.objects.filter(firing=True).values_list("alert__key", flat=True)
        assert list(firing) == [key]


@pytest.mark.req("ML-02", "ML-51")
def test_a_redis_error_of_the_rate_limiter_is_critical(watch, logs):
    logs.told(LIMITED, at=watch.at)
    assert watch.state(LIMITER) == "firing"
    alert = Alert.objects.get(key=LIMITER)
    assert alert.labels["alertname"] == LIMITER and alert.labels["code"] == "ALERT-001"
    assert alert.labels["severity"] == "critical"
    assert watch.firing == ["ALERT: Redis errors в rate limiter: 1 за 1 минуту"]


@pytest.mark.req("ML-03", "ML-41", "ML-56")
@pytest.mark.parametrize(
    ("key", "ago", "state"),
    [
        (LIMITER, 59 * SECOND, "firing"),
        (LIMITER, 60 * SECOND, "inactive"),
        (LIMITER, 61 * SECOND, "inactive"),
        (STUCK, 5 * MINUTE - SECOND, "firing"),
        (STUCK, 5 * MINUTE + SECOND, "inactive"),
        (BREAKER, 5 * MINUTE - SECOND, "firing"),
        (BREAKER, 5 * MINUTE + SECOND, "inactive"),
        (THROTTLE, 5 * MINUTE - SECOND, "firing"),
        (THROTTLE, 5 * MINUTE, "inactive"),
        (THROTTLE, 5 * MINUTE + SECOND, "inactive"),
    ],
)
def test_a_line_counts_in_its_window(watch, logs, key, ago, state):
    logs.told(OF_RULE[key], at=watch.at, ago=ago)
    assert watch.state(key) == state


@pytest.mark.req("ML-03")
def test_the_limiter_is_asked_every_minute_and_no_line_is_missed(watch, logs):
    assert watch.check(LIMITER, force=False).checked == 1
    watch.go_on(59 * SECOND)
    assert watch.check(LIMITER, force=False).checked == 0
    watch.go_on(4 * MINUTE + SECOND)  # nobody looked for five minutes
    logs.told(LIMITED, at=watch.at, ago=3 * MINUTE)
    watch.check(LIMITER, force=False)
    assert watch.rule(LIMITER).state == "firing"
    watch.go_on(MINUTE)
    watch.check(LIMITER, force=False)
    assert watch.rule(LIMITER).state == "inactive"


@pytest.mark.req("ML-21", "ML-53", "ML-58")
@pytest.mark.parametrize(
    ("errors", "state"), [(9, "inactive"), (10, "firing"), (11, "firing"), ("9", "inactive"), ("10", "firing")]
)
def test_the_breaker_needs_ten_errors(watch, logs, errors, state):
    logs.told({**PAUSED, "consecutive_errors": errors}, at=watch.at)
    assert watch.state(BREAKER) == state


@pytest.mark.req("ML-40", "ML-42", "ML-54", "ML-59")
def test_a_throttle_without_redis_is_a_warning(watch, logs):
    logs.told({**THROTTLED, "error_type": "throttle_backend"}, at=watch.at)
    assert watch.state(THROTTLE) == "inactive"
    logs.told(THROTTLED, at=watch.at)
    assert watch.state(THROTTLE) == "firing"
    assert Alert.objects.get(key=THROTTLE).labels["severity"] == "warning"


@pytest.mark.req("ML-04", "ML-56")
@pytest.mark.parametrize("way", ["elk"], indirect=True)
@pytest.mark.parametrize(
    ("change", "state"), [({}, "firing"), ({"policy": "fail_closed"}, "inactive"), ({"level": "WARNING"}, "inactive")]
)
def test_elk_asks_for_level_and_policy_too(watch, logs, change, state):
    logs.told({**LIMITED, **change}, at=watch.at)
    assert watch.state(LIMITER) == state


@pytest.mark.req("ML-58")
@pytest.mark.parametrize("way", ["elk"], indirect=True)
def test_the_kql_of_the_document_stands_beside_what_is_sent(watch, logs):
    watch.check(BREAKER)
    source = watch.rule(BREAKER).sources.get()
    assert source.spec["kql"] == 'level:ERROR AND message:*"too many transient errors"* AND consecutive_errors:>=10'
    sent = logs.store.asked[-1].fields()["query"]["bool"]["must"][0]["query_string"]["query"]
    assert sent == source.spec["query"] != source.spec["kql"]


@pytest.mark.req("ML-44")
@pytest.mark.parametrize(
    ("ago", "state"),
    [(4 * MINUTE, "inactive"), (5 * MINUTE - SECOND, "inactive"), (5 * MINUTE + SECOND, "firing"), (None, "firing")],
)
def test_a_beat_that_is_silent_for_five_minutes_is_a_warning(watch, logs, ago, state):
    if ago is not None:
        logs.beat(at=watch.at, ago=ago)
    assert watch.state(BEAT) == state
    if state == "firing":
        assert watch.firing == ["WARNING: Celery beat: нет логов за 5 минут"]
        assert Alert.objects.get(key=BEAT).labels["severity"] == "warning"
        logs.beat(at=watch.at)
        assert watch.state(BEAT) == "inactive"


@pytest.mark.req("ML-44")
@pytest.mark.parametrize("trouble", ["gone", "500", "refused"])
def test_logs_that_cannot_be_read_are_no_silent_beat(watch, logs, trouble):
    if trouble == "gone":
        logs.store.refuse()
    else:
        logs.store.fail(500 if trouble == "500" else 400, "too busy")
    assert watch.state(BEAT) == "error"
    life = Liveness.objects.select_related("alert").get(firing=True)
    assert life.alert.labels["alertname"] == "source-error"
    logs.store.accept()
    logs.store.recover()
    logs.beat(at=watch.at)
    watch.go_on(MINUTE)
    assert watch.state(BEAT) == "inactive"
    assert not Liveness.objects.filter(firing=True).exists()


@pytest.mark.req("ML-13", "ML-57")
@pytest.mark.parametrize("in_database", [True, False])
def test_log_and_table_feed_one_alert(load, logs, way, mailer, monkeypatch, in_database):
    monkeypatch.setenv("CRM_DATABASE_URL", mailer.monitor_url)
    load("mailer", variants=[way, "sql"])
    watch = Watch("mailer", mailer)
    assert watch.state(STUCK) == "inactive"
    logs.told(STUCK_LINE, at=watch.at)
    if in_database:
        mailer.stuck(1)
    watch.go_on(MINUTE)
    assert watch.state(STUCK) == "firing"
    alert = Alert.objects.get()
    told = f"sql, {way}" if in_database else way
    assert alert.annotations["reason"].endswith(f"(by {told})")
    assert Incident.objects.count() == 1
    mailer.stuck(0)
    watch.go_on(5 * MINUTE)
    assert watch.state(STUCK) == "inactive"
    assert Alert.objects.count() == 1


@pytest.mark.req("ML-19")
def test_a_log_line_holds_for_its_window_and_a_table_for_as_long_as_it_says_so(load, logs, way, mailer, monkeypatch):
    monkeypatch.setenv("CRM_DATABASE_URL", mailer.monitor_url)
    load("mailer", variants=[way, "sql"])
    watch = Watch("mailer", mailer)
    logs.told(PAUSED, at=watch.at)
    states = []
    for _ in range(3):
        states.append(watch.state(BREAKER))
        watch.go_on(5 * MINUTE)
    assert states == ["firing", "inactive", "inactive"]
    mailer.circuit(10)
    for _ in range(3):
        assert watch.state(BREAKER) == "firing"
        watch.go_on(5 * MINUTE)
    mailer.circuit(0)
    assert watch.state(BREAKER) == "inactive"
    assert Alert.objects.count() == 1


def test_ways_that_nobody_set_up_are_not_missed(load, mailer, monkeypatch, run_checks):
    monkeypatch.setenv("CRM_DATABASE_URL", mailer.monitor_url)
    for name in ("LOKI_URL", "ELASTICSEARCH_URL"):
        monkeypatch.delenv(name, raising=False)
    load("mailer")
    mailer.hold_clock(NINE)
    status, lines = run_checks("--pack=mailer", f"--now={NINE.isoformat()}")
    assert (status, lines) == (0, [])
    beat = AlertRule.objects.get(key=BEAT)
    assert beat.state == "unknown" and "none of loki, elk is set up" in beat.verdict and "LOKI_URL" in beat.verdict
    assert not Alert.objects.exists()


@pytest.mark.parametrize("way", ["loki"], indirect=True)
def test_the_chosen_way_that_is_not_set_up_is_an_error(load, monkeypatch, way):
    monkeypatch.delenv("LOKI_URL", raising=False)
    load("mailer", variants=["loki"])
    watch = Watch("mailer", Logs(None))
    assert watch.state(BEAT) == "error"
    assert "LOKI_URL is not set" in watch.rule(BEAT).verdict


@pytest.mark.parametrize("way", ["loki"], indirect=True)
def test_run_checks_prints_what_the_logs_say(watch, logs, run_checks):
    logs.beat(at=NINE)
    assert run_checks("--pack=mailer", f"--now={NINE.isoformat()}") == (0, [])
    logs.told(THROTTLED, at=NINE + 4 * MINUTE)
    later = NINE + 5 * MINUTE - SECOND
    words = "WARNING: Throttle backend errors: 1 за 5 минут"
    assert run_checks("--pack=mailer", "--force", "--variant=loki", f"--now={later.isoformat()}") == (1, [words])
    logs.store.refuse()
    status, lines = run_checks("--pack=mailer", "--force", "--rule=ALERT-007", f"--now={later.isoformat()}")
    assert status == 3 and lines[0].startswith("ERROR: ALERT-007: No answer from http://")


@pytest.mark.req("ML-71", "ML-72", "ML-73")
def test_the_phases_of_the_rollout(load):
    def standing() -> tuple[set[str], dict[str, str]]:
        on = {rule.code for rule in AlertRule.objects.filter(enabled=True)}
        return on, {rule.code: str(rule.planned_by) for rule in AlertRule.objects.filter(enabled=False)}

    def codes(*numbers: int) -> set[str]:
        return {f"ALERT-00{n}" for n in numbers}

    load("mailer", phase=1)
    on, planned = standing()
    assert on == codes(2, 3) and planned.keys() == codes(1, 4, 5, 6, 7)
    assert planned["ALERT-001"] == planned["ALERT-006"] == "2026-11-30"
    assert {planned[code] for code in codes(4, 5, 7)} == {"2026-12-23"}
    load("mailer", phase=2)
    on, planned = standing()
    assert on == codes(1, 2, 3, 6) and planned.keys() == codes(4, 5, 7)
    load("mailer", phase=3)
    assert standing() == (codes(1, 2, 3, 4, 5, 6, 7), {})


@pytest.mark.parametrize("name", ["loki", "elk", "sentry", "sql"])
def test_a_variant_can_be_loaded_by_its_name(db, name):
    call_command("load_pack", "mailer", "--variant", name)
    variants = {source.variant for rule in AlertRule.objects.filter(enabled=True) for source in rule.sources.all()}
    assert variants == {name}


@pytest.mark.parametrize("way", ["loki"], indirect=True)
def test_a_rule_made_by_hand_asks_the_same(db, client, logs, way):
    """Query, range and comparison in the admin's form, without a pack."""
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    level = SeverityFactory(key="critical")
    connection = ConnectionFactory(policy=level.policy, kind="loki", url=logs.store.url)
    query = '{app="crm"} |= "Stuck PROCESSING campaigns detected" | json'
    form = {
        "policy": level.policy.pk, "key": "stuck", "severity": level.pk, "every": "00:01:00", "enabled": "on",
        "condition": json.dumps({"when": "value > 0"}), "labels": "{}",
        "sources-TOTAL_FORMS": "1", "sources-INITIAL_FORMS": "0", "sources-0-position": "0",
        "sources-0-variant": "loki", "sources-0-kind": "loki", "sources-0-connection": connection.pk,
        "sources-0-spec": json.dumps({"query": query, "window": "1m"}),
    }  # fmt: skip
    answer = client.post(reverse("admin:alerts_alertrule_add"), form)
    assert answer.status_code == 302, answer.context["errors"]
    rule = AlertRule.objects.get(key="stuck")
    states = []
    for told in (False, True):
        if told:
            logs.told(STUCK_LINE, at=NINE)
        evaluation.check_due(at=NINE, rules=AlertRule.objects.all(), force=True)
        rule.refresh_from_db()
        states.append(rule.state)
    assert states == ["inactive", "firing"]


@pytest.mark.req("ML-01")
def test_the_plan_has_three_critical_and_four_warning_alerts(db, capsys):
    call_command("load_pack", "mailer")
    assert "created  rules" in capsys.readouterr().out
    levels = Severity.objects.filter(policy__key="mailer").order_by("rank")
    assert [level.key for level in levels] == ["critical", "warning"]
    rules = AlertRule.objects.filter(policy__key="mailer").order_by("code").values_list("code", "severity__key")
    assert list(rules) == [
        ("ALERT-001", "critical"),
        ("ALERT-002", "critical"),
        ("ALERT-003", "critical"),
        ("ALERT-004", "warning"),
        ("ALERT-005", "warning"),
        ("ALERT-006", "warning"),
        ("ALERT-007", "warning"),
    ]
