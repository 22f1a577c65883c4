"""The mailer's runbooks: what the incident of each alert shows, against the pack, and each step ticked over HTTP."""

from datetime import timedelta

import pytest
from django.urls import reverse

from alerts.models import AlertRule
from incidents.models import Incident
from runbooks.models import Run, Runbook
from targets.loki import Loki
from tests.accounts import signed_in
from tests.factories import HeartbeatFactory
from tests.packs.conftest import Watch
from tests.packs.stories import MINUTE
from tests.runbooks.showing import ShownStep, check_shown, pack_runbooks, shown_steps, tick_through, tree

BOOKS = {
    "mailer_rate_limiter_redis_error": "redis-unavailable",
    "mailer_processing_stuck": "processing-stuck",
    "mailer_circuit_breaker_triggered": "transient-error",
    "mailer_queue_depth_high": "pause-reasons",
    "mailer_quota_exhausted_long": "quota-exhausted",
    "mailer_throttle_backend_error": "redis-unavailable",
    "mailer_celery_beat_down": "celery-beat",
}
SECTIONS = {
    "redis-unavailable": "Redis недоступен",
    "processing-stuck": "PROCESSING > 30 минут",
    "transient-error": "transient_error",
    "pause-reasons": "Топ причин пауз",
    "quota-exhausted": "quota_exhausted",
    "celery-beat": "Как проверить, что Celery beat работает",
}
PLAN = {  # the plan's own action lists: the words of each step, and the command to copy
    "redis-unavailable": [
        ("Проверить доступность Redis", "redis-cli PING"),
        ("Перезапустить Redis при необходимости", "docker restart redis"),
        ("Проверить логи на детали ошибки", 'docker logs celery_worker | grep "rate_limiter_backend_error"'),
    ],
    "processing-stuck": [
        ("Проверить статус воркеров", "celery -A crm inspect active"),
        ("Запустить cleanup", "reconcile_campaign_queue.delay()"),
        ("При необходимости перезапустить воркер", "docker restart celery_worker"),
    ],
    "transient-error": [
        ("Проверить SMTP доступность (smtp.bz)", None),
        ("Проверить SMTP настройки в `GlobalMailAccount`", None),
        ("После исправления: вручную возобновить кампанию через UI или SQL", None),
    ],
    "pause-reasons": [
        ('Проверить причины пауз: выполнить SQL запрос "Топ причин пауз"', ...),
        ("Возможно увеличить пропускную способность или устранить блокирующие причины", None),
    ],
    "quota-exhausted": [
        ("Проверить, что `sync_smtp_bz_quota` task работает", None),
        ("Проверить `GlobalMailAccount.smtp_bz_api_key`", None),
        ("Запустить sync вручную", "sync_smtp_bz_quota.delay()"),
        ("Пополнить квоту в smtp.bz при необходимости", None),
    ],
    "celery-beat": [
        ("Проверить статус контейнера", "docker ps | grep celery_beat"),
        ("Перезапустить beat", "docker restart celery_beat"),
        ("Проверить scheduled tasks", "celery -A crm inspect scheduled"),
    ],
}
LIMITED = {
    "level": "ERROR", "error_type": "rate_limiter_backend_error", "policy": "fail_open",
    "message": "Error reserving rate limit token (Redis unavailable), allowing send (fail-open)",
}  # fmt: skip
THROTTLED = {
    "level": "ERROR", "error_type": "throttle_backend_error",
    "message": "Throttle backend (Redis) unavailable for action",
}  # fmt: skip


class Ward(Watch):
    """All seven alerts fire; `incident` is that of a rule, and the pages stand at the watch's own time."""

    loki: Loki

    def incident(self, rule: str) -> Incident:
        return Incident.objects.get(alerts__alert__rule__key=rule)

    def run(self, rule: str) -> Run:
        return Run.objects.get(incident=self.incident(rule), runbook__key=BOOKS[rule])

    def shown(self, client, rule: str, step: str) -> ShownStep:
        """The step on its page."""
        run = self.run(rule)
        steps = shown_steps(client.get(run.get_absolute_url()).content.decode(), run)
        return next(one for one in steps if one.key == step)

    def asked(self, client, rule: str, step: str) -> str:
        """What the step's live items say after a press of its button."""
        assert client.post(reverse("run-ask", args=[self.run(rule).pk, step])).status_code == 302
        return " ".join(self.shown(client, rule, step).live)

    def tick(self, client, rule: str, step: str, **fields):
        return client.post(reverse("run-tick", args=[self.run(rule).pk, step]), fields)


@pytest.fixture
def ward(load, mailer, monkeypatch):
    with Loki() as loki:
        for name, value in {
            "CRM_DATABASE_URL": mailer.monitor_url, "LOKI_URL": loki.url, "CRM_REDIS_URL": mailer.redis_server.url,
            "SMTP_BZ_URL": mailer.mail_server.url, "CRM_ADMIN_URL": "https://crm.example.org/admin",
            "MAILER_DOCS_URL": "https://docs.example.org/mailer",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        load("mailer")
        ward = Ward("mailer", mailer)
        ward.loki = loki
        monkeypatch.setattr("django.utils.timezone.now", lambda: ward.at)
        loki.hold_clock(ward.at)
        for line in (LIMITED, THROTTLED):
            loki.entry(line, ago=timedelta(seconds=5))
        mailer.stuck(2)
        mailer.circuit(10)
        mailer.pending(51)
        mailer.quota(0, synced_ago=timedelta(hours=3))
        mailer.paused({"rate_per_hour": 3, "quota_exhausted": 7, "outside_window": 1})
        ward.check()
        yield ward


@pytest.fixture
def responder(client, grace):
    return signed_in(client, grace, "Responder")


@pytest.mark.req(
    "ML-06", "ML-08", "ML-14", "ML-15", "ML-17", "ML-22", "ML-35", "ML-39", "ML-43", "ML-46", "ML-47", "ML-48",
    "ML-49", "ML-80",
)  # fmt: skip
def test_each_alert_brings_its_section_of_the_playbook_whose_steps_are_ticked(ward, responder):
    said = pack_runbooks("mailer")
    assert {key: one["title"] for key, one in said.items()} == SECTIONS
    assert Runbook.objects.filter(policy=ward.policy, offered=True).count() == 6
    assert set(BOOKS) == set(AlertRule.objects.filter(policy=ward.policy).values_list("key", flat=True))
    for rule, book in BOOKS.items():
        incident = ward.incident(rule)
        [run] = Run.objects.filter(incident=incident)
        assert run.runbook.key == book
        page = responder.get(run.get_absolute_url()).content.decode()
        assert [(one.title, one.commands) for one in shown_steps(page, run) if one.title != PLAN[book][0][0]] == [
            (title, [command] if command else []) for title, command in PLAN[book][1:]
        ]
        whole = tree(responder.get(reverse("incident-runbooks", args=[incident.pk])).content.decode())
        assert whole.first("h2").text.strip().startswith(SECTIONS[book])
        assert f'href="https://docs.example.org/mailer/{run.runbook.book}"' in page
        check_shown(responder, run, said[book])
        ward.at += MINUTE
        ticked = tick_through(responder, run, said[book])
        assert len(ticked) == len(PLAN[book])
        told = incident.timeline.filter(kind="step", by__name="grace", at=ward.at)
        for title, _ in PLAN[book]:
            assert told.filter(text__contains=title).count() == 1, title


@pytest.mark.req(
    "ML-07", "ML-09", "ML-16", "ML-23", "ML-24", "ML-25", "ML-29", "ML-30", "ML-36", "ML-37", "ML-38"
)  # fmt: skip
def test_what_a_step_asks_is_asked_now_and_a_tick_has_its_rule_checked_at_once(ward, responder, mailer):
    asks_redis_and_the_log(ward, responder, mailer)
    asks_the_mail_server(ward, responder, mailer)
    lists_the_reasons_of_pauses(ward, responder)
    tells_the_age_of_a_heartbeat(ward, responder)
    for rule, step, lever in RECHECKS:
        rechecks(ward, responder, mailer, rule, step, lever)
    assert "value 0" in ward.rule("mailer_processing_stuck").verdict


RECHECKS = [
    ("mailer_processing_stuck", "cleanup", "reconcile"),
    ("mailer_circuit_breaker_triggered", "resume", "resume"),
    ("mailer_quota_exhausted_long", "sync", "sync_quota"),
]
ADMIN = ("GlobalMailAccount", "https://crm.example.org/admin/mailer/globalmailaccount/")


def asks_redis_and_the_log(ward, responder, mailer):
    rule = "mailer_rate_limiter_redis_error"
    assert "PONG" in ward.asked(responder, rule, "ping")
    mailer.redis(answers=False)
    assert "refused" in ward.asked(responder, rule, "ping")
    assert LIMITED["message"] in ward.asked(responder, rule, "logs")  # the line that fired


def asks_the_mail_server(ward, responder, mailer):
    rule = "mailer_circuit_breaker_triggered"
    assert "220" in ward.asked(responder, rule, "smtp")
    mailer.smtp(answers=False)
    assert "refused" in ward.asked(responder, rule, "smtp")
    assert ward.shown(responder, rule, "settings").links == [ADMIN]


def lists_the_reasons_of_pauses(ward, responder):
    rule = "mailer_queue_depth_high"
    ward.asked(responder, rule, "reasons")
    page = tree(responder.get(ward.run(rule).get_absolute_url()).content.decode())
    rows = [[cell.text for cell in row.all("td")] for row in page.first("table").all("tr")]
    # the campaign of the breaker is paused as well
    counts = {"quota_exhausted": "7", "rate_per_hour": "3", "outside_window": "1", "transient_error": "1"}
    assert rows[1:] == [list(row) for row in counts.items()]
    more = "увеличить пропускную способность"
    assert ward.tick(responder, rule, "decide", choice=more).status_code == 409  # without a reason
    assert ward.tick(responder, rule, "decide", choice=more, note="ещё два воркера").status_code == 302
    [entry] = ward.incident(rule).timeline.filter(kind="step", by__name="grace")
    assert more in entry.text and "ещё два воркера" in entry.text


def tells_the_age_of_a_heartbeat(ward, responder):
    rule = "mailer_quota_exhausted_long"
    beat = HeartbeatFactory(name="sync_smtp_bz_quota")  # the task may ping us, and need not
    assert responder.get(f"/ping/{beat.pk}").status_code == 200
    ward.go_on(20 * MINUTE)
    assert "ok, 20 min" in ward.asked(responder, rule, "task")
    key = ward.shown(responder, rule, "api-key")
    assert key.title == "Проверить `GlobalMailAccount.smtp_bz_api_key`"
    assert (key.links, key.commands, key.variables) == ([ADMIN], [], [])  # no value anywhere


def rechecks(ward, responder, mailer, rule, step, lever):
    ward.go_on(MINUTE)
    assert ward.tick(responder, rule, step).status_code == 302
    assert ward.rule(rule).state == "firing"  # nothing was mended yet
    back = responder.post(reverse("run-undo", args=[ward.run(rule).pk, step]), {"reason": "it had not run"})
    assert back.status_code == 302
    getattr(mailer, lever)()
    ward.go_on(MINUTE)
    assert ward.tick(responder, rule, step).status_code == 302
    assert (ward.rule(rule).state, ward.rule(rule).checked_at) == ("inactive", ward.at)
    assert not ward.incident(rule).alerts.filter(firing=True).exists()
