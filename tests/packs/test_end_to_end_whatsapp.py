"""The WhatsApp inbox under its alert policy and its runbook: every lever, exactly the expected incidents, recovery."""

from datetime import timedelta

import pytest

from alerts.models import AlertRule
from sources.models import Connection
from tests.packs.stories import MINUTE, Case, Story, every_lever_is_pulled

OWNERS = {"P0": ["Platform Lead"], "P1": ["Platform", "Operations"], "P2": ["Platform"], "P3": ["Platform"]}
DOWN = ("P0", "GET /api/health status down")
FAILED = ("P1", "Retry worker status failed >= 3 kali berturut")
FIVE_FAILED = [("job_run", {"outcome": "failed"}), MINUTE] * 2 + [("job_run", {"outcome": "failed"})]


def channels(tenant: str, disconnected: int) -> tuple:
    return ("channels", {"tenant": tenant, "disconnected": disconnected})


CASES = {
    "down": Case(pulls=[("health", {"status": "down"})], back=[("health", {})], opens={"health-down": DOWN}),
    "degraded": Case(
        pulls=[("health", {"status": "degraded"})], back=[("health", {"status": "ok"})],
        opens={"health-degraded": ("P2", "GET /api/health degraded")},
    ),
    "a server error": Case(
        below=[("trouble", {"status": 404})], pulls=[("trouble", {"status": 500})], back=[("no_trouble", {})],
        opens={"health-unreachable": ("P0", "GET /api/health tidak menjawab atau 5xx: 500")},
    ),
    "retries blocked": Case(
        below=[("retries_waiting", {"count": 5}), ("job", {"last_success_ago": "15m"})],
        pulls=[("retries_waiting", {"count": 5}), ("job", {"last_success_ago": "15m1s"})],
        keep=False,
        back=[("retries_waiting", {"count": 0}), ("job", {})],
        opens={
            "retry-blocked": (
                "P0",
                "Tidak bisa mengirim/menarik retry campaign selama >15 menit: 5 retry menunggu, "
                "sukses terakhir 15 menit lalu",
            )
        },
    ),
    "nothing waits": Case(pulls=[("retries_waiting", {"count": 5, "due_ago": "-1m"}), ("recipients", {"failed": 50})]),
    "failed three times": Case(
        below=FIVE_FAILED[2:], pulls=FIVE_FAILED, keep=False, back=[("job_run", {"outcome": "ok"})],
        opens={"retry-failed": FAILED},
    ),
    "failures rise": Case(
        below=[("failures", {"count": 1}), MINUTE, ("failures", {"count": 2}), MINUTE, ("failures", {"count": 2})],
        pulls=[step for n in (1, 2, 3, 4) for step in (("failures", {"count": n}), MINUTE)][:-1],
        keep=False, back=[("job_run", {"outcome": "ok"})],
        opens={"retry-failures-rising": ("P1", "BackgroundJobState.consecutiveFailures naik terus: 4")},
    ),
    "stale": Case(
        below=[("job", {"last_run_ago": "30m"})], pulls=[("job", {"last_run_ago": "30m1s"})], keep=False,
        back=[("job", {})],
        opens={"retry-worker-not-running": ("P3", "campaign-retry-worker tidak berjalan > 30 menit")},
    ),
    "not running": Case(
        pulls=[("job", {"last_run_ago": "60m1s"})], keep=False, back=[("job", {})],
        opens={"retry-worker-not-running": ("P1", "campaign-retry-worker tidak berjalan > 60 menit")},
    ),
    "webhooks": Case(
        below=[("webhooks", {"failed": 20, "processed": 500})], pulls=[("webhooks", {"failed": 21})],
        back=[("webhooks", {"failed": 20})],
        opens={"webhook-failures": ("P1", "Failed webhook 1 jam melebihi threshold: 21 (threshold: 20)")},
    ),
    "channels": Case(
        below=[channels("acme", 1), channels("borneo", 1)], pulls=[channels("acme", 2), channels("borneo", 3)],
        back=[channels("acme", 0), channels("borneo", 0)],
        opens={
            "channels-disconnected:acme": ("P2", "Tenant acme: 2 channel disconnected"),
            "channels-disconnected:borneo": ("P2", "Tenant borneo: 3 channel disconnected"),
        },
    ),
}  # fmt: skip
LOCK = Case(
    below=[("job", {"locked_ago": "30m"})], pulls=[("job", {"locked_ago": "30m1s"})], keep=False, back=[("job", {})],
    opens={"retry-lock-stuck": ("P1", "Retry lock stuck: lock stale")},
)  # fmt: skip


@pytest.fixture
def story(load, whatsapp, monkeypatch):
    monkeypatch.setenv("WHATSAPP_DATABASE_URL", whatsapp.monitor_url)
    monkeypatch.setenv("WHATSAPP_BASE_URL", whatsapp.url)
    load("whatsapp-alert-policy")
    story = Story("whatsapp-alert-policy", whatsapp, monkeypatch, owners=OWNERS.__getitem__, calm=[("job_run", {})])
    story.look()
    return story


def test_the_inbox(story):
    for case in CASES.values():
        story.play(case)
    calm = [*story.calm, ("refuse_database", {}), ("accept_database", {})]
    every_lever_is_pulled(story.target, CASES.values(), *calm)


@pytest.mark.parametrize("trouble", [{"close": True}, {"hang": 5}])
def test_an_inbox_that_does_not_answer(story, trouble):
    place = Connection.objects.get(key="inbox")
    Connection.objects.filter(pk=place.pk).update(timeout=timedelta(seconds=1))
    story.go_on(MINUTE)
    assert story.do([("trouble", trouble)]) == 2
    assert {key: level for key, (level, _) in story.open.items()} == {"health-unreachable": "P0"}
    place.save(update_fields=["timeout"])
    story.go_on(MINUTE)
    assert story.do([("no_trouble", {})]) == 0
    story.recover(Case(pulls=[], opens={"health-unreachable": ("P0", "")}))


def test_an_inbox_without_its_database_is_one_p0(story):
    story.go_on(MINUTE)
    story.pull("refuse_database")
    try:
        story.look(calm=False)
    finally:
        story.pull("accept_database")
    assert {key: level for key, (level, _) in story.open.items()} == {"db-unreachable": "P0"}
    assert story.open["db-unreachable"][1].startswith("DB unreachable: ")
    story.go_on(MINUTE)
    assert story.look() == 0
    story.recover(Case(pulls=[], opens={"db-unreachable": ("P0", "")}))
    assert not AlertRule.objects.filter(state=AlertRule.State.ERROR).exists()


def test_the_runbooks_own_check(story, load, whatsapp, monkeypatch):
    monkeypatch.setenv("CAMPAIGN_RETRY_TOKEN", whatsapp.job_token)
    load("whatsapp-runbook")
    story.go_on(MINUTE)
    story.look()
    story.play(LOCK)
