"""The mailer, each way of watching it: every lever pulled, exactly the expected incidents, and recovery."""

from datetime import timedelta

import pytest
import requests

from alerts.models import AlertRule, RuleSource
from targets.elastic import Elastic
from targets.loki import Loki
from targets.sentry import Sentry
from tests.packs.stories import MINUTE, Case, Story, every_lever_is_pulled

SECOND, HALF_HOUR = timedelta(seconds=1), timedelta(minutes=30)
STUCK = ("critical", "ALERT: 1 campaigns stuck in PROCESSING > 30 minutes")
BREAKER = ("critical", "ALERT: 1 campaigns triggered circuit breaker")
LIMITER = ("critical", "ALERT: Redis errors в rate limiter: 1 за 1 минуту")
THROTTLE = ("warning", "WARNING: Throttle backend errors: 1 за 5 минут")
SILENT = ("warning", "WARNING: Celery beat: нет логов за 5 минут")

OF_THE_DATABASE = {
    "stuck": Case(
        below=[("stuck", {"count": 3, "started_ago": "30m"})],
        pulls=[("stuck", {"count": 1, "started_ago": "30m1s"})],
        back=[("reconcile", {})],
        opens={"mailer_processing_stuck": STUCK},
    ),
    "breaker": Case(
        below=[("circuit", {"errors": 9})],
        pulls=[("circuit", {"errors": 10})],
        back=[("resume", {})],
        opens={"mailer_circuit_breaker_triggered": BREAKER},
    ),
    "breaker without settings": Case(
        below=[("circuit", {"errors": 9, "setting": "missing table"})],
        pulls=[("circuit", {"errors": 10, "setting": "missing table"})],
        back=[("circuit", {"errors": 0, "setting": "10"})],
        opens={"mailer_circuit_breaker_triggered": BREAKER},
    ),
    "depth": Case(
        below=[("pending", {"count": 50})],
        pulls=[("pending", {"count": 51})],
        back=[("pending", {"count": 50})],
        opens={"mailer_queue_depth_high": ("warning", "WARNING: Queue depth is 51 (threshold: 50)")},
    ),
    "quota": Case(
        below=[("quota", {"available": 1, "synced_ago": "5h"}), ("quota", {"available": 0, "synced_ago": "2h"})],
        pulls=[("quota", {"available": 0, "synced_ago": "2h1s"})],
        back=[("sync_quota", {"available": 500})],
        opens={"mailer_quota_exhausted_long": ("warning", "WARNING: Quota exhausted and not synced for > 2 hours")},
    ),
    "what no rule is about": Case(
        pulls=[
            ("no_quota", {}),
            ("paused", {"reasons": {"quota_exhausted": 60}}),
            ("finished", {"count": 60, "with_errors": 60}),
            ("redis", {}),
            ("smtp", {}),
        ]
    ),
}
TAGS = {"limiter": {"error_type": "rate_limiter_backend_error"}, "throttle": {"error_type": "throttle_backend_error"}}
LIMITED = {**TAGS["limiter"], "level": "ERROR", "policy": "fail_open", "message": "Error reserving rate limit token"}
THROTTLED = {**TAGS["throttle"], "level": "ERROR", "message": "Throttle backend (Redis) unavailable"}
STUCK_LINE = {"level": "WARNING", "message": "Stuck PROCESSING campaigns detected", "count": 2}
PAUSED = {"level": "ERROR", "message": "Campaign 7 paused: too many transient errors"}


def of_logs(lever: str) -> dict[str, Case]:
    """The cases of a store of logs whose `lever` writes a line; lines end by growing old."""

    def line(fields: dict, **more) -> tuple:
        return (lever, {"fields": fields, **more})

    return {
        "limiter": Case(
            below=[line({**LIMITED, "error_type": "other"}), line(LIMITED, ago="5m")], pulls=[line(LIMITED)],
            back=[], settle=MINUTE, opens={"mailer_rate_limiter_redis_error": LIMITER},
        ),
        "stuck": Case(
            below=[line({**STUCK_LINE, "message": "Stuck"}), line(STUCK_LINE, ago="5m")],
            pulls=[line(STUCK_LINE, ago="4m59s")],
            back=[], settle=5 * MINUTE, opens={"mailer_processing_stuck": STUCK},
        ),
        "breaker": Case(
            below=[line({**PAUSED, "consecutive_errors": 9})], pulls=[line({**PAUSED, "consecutive_errors": 10})],
            back=[], settle=5 * MINUTE, opens={"mailer_circuit_breaker_triggered": BREAKER},
        ),
        "throttle": Case(
            below=[line({**THROTTLED, "error_type": "throttle_backend"})], pulls=[line(THROTTLED)],
            back=[], settle=5 * MINUTE, opens={"mailer_throttle_backend_error": THROTTLE},
        ),
        "beat": Case(pulls=[], keep=False, back=[], opens={"mailer_celery_beat_down": SILENT}),
    }  # fmt: skip


def alert(name: str, *, level: str = "", tag: str = "", contains: str = "") -> dict:
    """An issue alert of variant C, as Sentry's API takes it; "немедленно" is every event."""
    filters = "sentry.rules.filters"
    wanted = [
        {"id": f"{filters}.level.LevelFilter", "match": "eq", "level": {"error": "40", "warning": "30"}.get(level)},
        {"id": f"{filters}.tagged_event.TaggedEventFilter", "key": "error_type", "match": "eq", "value": tag},
        {"id": f"{filters}.event_attribute.EventAttributeFilter", "attribute": "message", "match": "co",
         "value": contains},
    ]  # fmt: skip
    return {
        "name": name, "actionMatch": "all", "filterMatch": "all", "frequency": 5,
        "conditions": [{"id": "sentry.rules.conditions.every_event.EveryEventCondition"}],
        "filters": [part for part, said in zip(wanted, (level, tag, contains), strict=True) if said],
        "actions": [{"id": "sentry.rules.actions.notify_event.NotifyEventAction"}],
    }  # fmt: skip


ALERTS = [
    alert("ALERT-001", level="error", tag="rate_limiter_backend_error"),
    alert("ALERT-002", level="warning", contains="Stuck PROCESSING campaigns detected"),
    alert("ALERT-003", contains="too many transient errors"),
    alert("ALERT-006", tag="throttle_backend_error"),
]
OF_SENTRY = {
    "limiter": Case(
        below=[("event", {"tags": TAGS["limiter"], "level": "warning"}), ("event", {"tags": {"error_type": "other"}})],
        pulls=[("event", {"tags": TAGS["limiter"]})],
        back=[], settle=5 * MINUTE, opens={"mailer_rate_limiter_redis_error": LIMITER},
    ),
    "stuck": Case(
        below=[("event", {"message": STUCK_LINE["message"], "level": "error"})],
        pulls=[("event", {"message": STUCK_LINE["message"], "level": "warning"})],
        back=[], settle=5 * MINUTE, opens={"mailer_processing_stuck": STUCK},
    ),
    "breaker": Case(
        below=[("event", {"message": "Campaign 7 paused: a transient error"})],
        pulls=[("event", {"message": PAUSED["message"]})],
        back=[], settle=5 * MINUTE, opens={"mailer_circuit_breaker_triggered": BREAKER},
    ),
    "throttle": Case(
        pulls=[("event", {"tags": TAGS["throttle"]})],
        back=[], settle=5 * MINUTE, opens={"mailer_throttle_backend_error": THROTTLE},
    ),
}  # fmt: skip


def on_call(level: str) -> list[str]:
    return ["on-call"]


@pytest.fixture
def of_database(load, mailer, monkeypatch):
    monkeypatch.setenv("CRM_DATABASE_URL", mailer.monitor_url)
    load("mailer", variants=["sql"])
    return Story("mailer", mailer, monkeypatch, owners=on_call, step=HALF_HOUR)


def test_the_mailers_database(of_database):
    for case in OF_THE_DATABASE.values():
        of_database.play(case)
    every_lever_is_pulled(
        of_database.target, OF_THE_DATABASE.values(), ("refuse_database", {}), ("accept_database", {})
    )


def test_the_mailers_database_gone_is_one_incident_of_the_source(of_database):
    of_database.look()
    of_database.pull("refuse_database")
    of_database.at += HALF_HOUR
    assert of_database.look() == 3
    of_database.pull("accept_database")
    assert {key: level for key, (level, _) in of_database.open.items()} == {"source:crm": "warning"}
    of_database.go_on(HALF_HOUR)
    assert of_database.look() == 0
    of_database.recover(Case(pulls=[], opens={"source:crm": ("warning", "")}))


BEAT = {"text": "[INFO/MainProcess] beat: Waking up in 5.00 seconds.", "labels": {"container": "celery_beat"}}
STORES = {
    "loki": (Loki, "entry", ("line", BEAT)),
    "elk": (Elastic, "document", ("document", {"fields": {"container": "celery_beat", "message": BEAT["text"]}})),
}
NOT_PULLED = ["fail", "hang", "recover", "oddities"]  # ways to fail, shown in tests/sources


@pytest.fixture(params=sorted(STORES))
def of_logs_in(request, load, monkeypatch):
    kind, lever, beat = STORES[request.param]
    with kind() as store:
        monkeypatch.setenv("LOKI_URL", store.url)
        monkeypatch.setenv("ELASTICSEARCH_URL", store.url)
        load("mailer", variants=[request.param])
        story = Story("mailer", store, monkeypatch, owners=on_call, calm=[beat], step=5 * MINUTE)
        story.look()
        yield story, of_logs(lever)


def test_the_mailers_logs(of_logs_in):
    story, cases = of_logs_in
    for case in cases.values():
        story.play(case)
    every_lever_is_pulled(story.target, cases.values(), *story.calm, but=NOT_PULLED)


SPOILT = {
    "loki": ['{app="crm"} |= "Error" | json | error_type="rate', '{app="crm"} |> "Error"', '{} |= "Error"'],
    "elk": ["level:ERROR AND", 'level:ERROR AND (error_type:"x"', 'message:*"too many"* AND ['],
}


@pytest.mark.parametrize("number", range(3))
def test_a_store_refuses_a_query_that_is_spoilt(of_logs_in, number):
    story, cases = of_logs_in
    source = RuleSource.objects.get(rule__key="mailer_rate_limiter_redis_error")
    source.spec["query"] = SPOILT[source.variant][number]
    source.save()
    story.go_on(5 * MINUTE)
    story.do(cases["limiter"].pulls)
    rule = AlertRule.objects.get(key="mailer_rate_limiter_redis_error")
    assert rule.state == AlertRule.State.ERROR and "pars" in rule.verdict, rule.verdict
    assert "mailer_rate_limiter_redis_error" not in story.open


def test_a_query_that_asks_for_something_else_finds_nothing(of_logs_in):
    story, cases = of_logs_in
    source = RuleSource.objects.get(rule__key="mailer_rate_limiter_redis_error")
    source.spec["query"] = source.spec["query"].replace("rate_limiter_backend_error", "rate_limiter")
    source.save()
    story.go_on(5 * MINUTE)
    assert story.do(cases["limiter"].pulls) == 0
    assert story.open == {}


def sentry_takes(sentry: Sentry, body: dict) -> requests.Response:
    return requests.post(f"{sentry.url}/api/0/projects/shop/crm/rules/", json=body, timeout=10)


@pytest.fixture
def of_sentry(load, monkeypatch):
    monkeypatch.setenv("SENTRY_MAILER_SECRET", "a client secret")
    load("mailer", variants=["sentry"])
    with Sentry() as sentry:
        story = Story("mailer", sentry, monkeypatch, owners=on_call, secrets={"sentry": "a client secret"})
        sentry.doors = story.letters
        yield story


def test_the_mailers_sentry(of_sentry):
    for body in ALERTS:
        assert sentry_takes(of_sentry.target, body).status_code == 201
    for case in OF_SENTRY.values():
        of_sentry.play(case)
    every_lever_is_pulled(of_sentry.target, OF_SENTRY.values(), but=[*NOT_PULLED, "forget_rules"])


@pytest.mark.parametrize(
    ("part", "spoilt"),
    [
        ("conditions", [{"id": "sentry.rules.conditions.every_event.Every"}]),
        ("filters", [{"id": "sentry.rules.filters.level.LevelFilter", "match": "eq", "level": "45"}]),
        (
            "filters",
            [{"id": "sentry.rules.filters.tagged_event.TaggedEventFilter", "match": "=", "key": "a", "value": "b"}],
        ),
        ("actions", []),
        ("frequency", 0),
    ],
)
def test_sentry_refuses_an_alert_that_is_spoilt(of_sentry, part, spoilt):
    answer = sentry_takes(of_sentry.target, {**ALERTS[0], part: spoilt})
    assert answer.status_code == 400 and part in answer.json()
    assert of_sentry.do(OF_SENTRY["limiter"].pulls) == 0
    assert of_sentry.open == {}
