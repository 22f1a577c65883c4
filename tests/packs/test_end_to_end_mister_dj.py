"""Mister DJ: every lever pulled over HTTP, exactly the expected incidents, and recovery."""

from datetime import timedelta

import pytest

from sources.models import Connection
from targets.misterdj import MisterDJ
from tests.packs.stories import MINUTE, Case, Story, every_lever_is_pulled

LIMITS = {
    "ALERT_QUEUE_WARNING_BACKLOG": "100", "ALERT_QUEUE_CRITICAL_BACKLOG": "500",
    "ALERT_QUEUE_WARNING_RETRY_AGE_MS": "60000", "ALERT_QUEUE_CRITICAL_RETRY_AGE_MS": "300000",
    "ALERT_QUEUE_DEAD_LETTER_WARNING": "1", "FLAG_TELEMETRY": "on",
}  # fmt: skip
FAILING = "metrics endpoint failing: GET /metrics/queues "


def queue(**figures) -> tuple:
    return ("queue", figures)


CASES = {
    "backlog": Case(
        below=[queue(backlog=99)], pulls=[queue(backlog=100)], back=[("flush", {})],
        opens={
            "queue-backlog:rentguy": (
                "warning", "queue thresholds exceeded: rentguy warning, backlog 100 jobs (0 actief), retry-age 0 s"
            )
        },
    ),
    "backlog of the other": Case(
        below=[queue(queue="sevensa", backlog=99)], pulls=[queue(queue="sevensa", backlog=500)],
        back=[("flush", {"queue": "sevensa"})],
        opens={
            "queue-backlog:sevensa": (
                "critical", "queue thresholds exceeded: sevensa critical, backlog 500 jobs (0 actief), retry-age 0 s"
            )
        },
    ),
    "retry age": Case(
        below=[queue(retry_age_ms=59_999)], pulls=[queue(retry_age_ms=60_000)], back=[queue(retry_age_ms=0)],
        opens={
            "queue-retry-age:rentguy": (
                "warning", "queue thresholds exceeded: rentguy warning, retry_age 1 min (60000 ms), backlog 0 jobs"
            )
        },
    ),
    "retry age, critical": Case(
        pulls=[queue(retry_age_ms=300_000)], back=[queue(retry_age_ms=0)],
        opens={
            "queue-retry-age:rentguy": (
                "critical", "queue thresholds exceeded: rentguy critical, retry_age 5 min (300000 ms), backlog 0 jobs"
            )
        },
    ),
    "dead letter": Case(
        pulls=[("dead_letters", {"jobs": 1})], back=[queue(dead_letter=0)],
        opens={
            "queue-dead-letter:rentguy": (
                "warning",
                "Job moved to dead-letter queue: rentguy warning, 1 dead letters, backlog 0 jobs, retry-age 0 s",
            )
        },
    ),
    "a new queue, which goes": Case(
        below=[queue(queue="spotify", backlog=99)], pulls=[queue(queue="spotify", backlog=100)],
        back=[("remove_queue", {"queue": "spotify"})],
        opens={
            "queue-backlog:spotify": (
                "warning", "queue thresholds exceeded: spotify warning, backlog 100 jobs (0 actief), retry-age 0 s"
            )
        },
    ),
    "an endpoint that fails": Case(
        pulls=[("trouble", {"status": 500})], back=[("no_trouble", {})],
        hidden=["queue-backlog:error", "queue-retry-age:error", "queue-dead-letter:error"],
        opens={"metrics-endpoint": ("warning", f"{FAILING}answered 500")},
    ),
    "silence": Case(
        below=[("trace", {}), timedelta(minutes=4, seconds=59)],
        pulls=[("trace", {}), 5 * MINUTE, ("trace", {"environment": "staging"}), ("trace", {"service": "other"})],
        keep=False, back=[("trace", {})],
        opens={
            "otel-silent": (
                "warning",
                "Geen nieuwe traces binnen 5 min van service.name=mr-dj-backend, deployment.environment=production",
            )
        },
    ),
    "what no rule is about": Case(
        pulls=[("flag", {"name": "FLAG_PERSONALIZATION", "value": "off"}), ("redis", {}), ("restart", {})]
    ),
}  # fmt: skip


@pytest.fixture
def story(load, monkeypatch):
    with MisterDJ() as backend:
        for name, value in {**LIMITS, "MISTER_DJ_BASE_URL": backend.url, "OTLP_TOKEN": "a token"}.items():
            monkeypatch.setenv(name, value)
        load("mister-dj")
        owners = ["Operations Engineer"]
        story = Story(
            "mister-dj", backend, monkeypatch, owners=lambda level: owners, calm=[("trace", {})],
            secrets={"otlp": "a token", "logs": "a token"},
        )  # fmt: skip
        backend.doors = story.letters
        story.look()
        yield story


def test_mister_dj(story):
    for case in CASES.values():
        story.play(case)
    every_lever_is_pulled(story.target, CASES.values(), *story.calm, ("webhook", {}))


def test_its_own_webhook_alert_opens_an_incident_of_its_queue(story):
    story.pull("webhook", queue="sevensa", severity="critical")
    story.look()
    assert [level for level, _ in story.open.values()] == ["critical"]


@pytest.mark.parametrize("trouble", [{"close": True}, {"hang": 5}])
def test_an_endpoint_that_does_not_answer(story, trouble):
    place = Connection.objects.get(key="backend")
    Connection.objects.filter(pk=place.pk).update(timeout=timedelta(seconds=1))
    story.go_on(MINUTE)
    story.do([("trouble", trouble)])
    assert story.open["metrics-endpoint"][1].startswith(f"{FAILING}does not answer: ")
    opened = set(story.open)
    place.save(update_fields=["timeout"])
    story.go_on(MINUTE)
    assert story.do([("no_trouble", {})]) == 0
    story.recover(Case(pulls=[], opens=dict.fromkeys(opened, ("warning", ""))))
