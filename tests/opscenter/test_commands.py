"""The commands for cron and for the first start."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from alerts.models import Alert
from incidents.models import ResponseTarget
from notifications.models import DeliveryAttempt
from oncall.models import EscalationContact
from opscenter import beat, clock, maintenance
from opscenter.bootstrap import bootstrap
from opscenter.models import Beat
from packs.models import LoadedPack
from policies.locks import only_one
from policies.models import Policy
from sources.models import Integration, WebhookLog
from tests.factories import (
    MINUTE,
    NINE,
    DeliveryAttemptFactory,
    IncidentFactory,
    LivenessFactory,
    ResponseTargetFactory,
    WebhookLogFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def said(capsys, *words, **options):
    call_command(*words, **options)
    return capsys.readouterr().out


# run_timers


@pytest.mark.req("CARD-20", "CARD-24")
def test_run_timers_works_what_is_due_at_the_given_instant(capsys):
    target = ResponseTargetFactory(due_at=NINE, check_at=NINE + timedelta(microseconds=1))
    assert "nothing was due" in said(capsys, "run_timers", "--now", "2026-11-23T09:00:00Z")
    assert "incidents.targets.check_due 1" in said(capsys, "run_timers", "--now", "2026-11-23T09:00:01")
    target.refresh_from_db()
    assert target.state == ResponseTarget.State.BREACHED
    assert "nothing was due" in said(capsys, "run_timers", "--now", "2026-11-23T09:00:02Z")


def test_run_timers_takes_the_present_without_an_instant(capsys):
    ResponseTargetFactory(due_at=timezone.now() - MINUTE, check_at=timezone.now() - MINUTE)
    assert "incidents.targets.check_due 1" in said(capsys, "run_timers")
    assert timezone.now() - Beat.objects.get(key="run_timers").at < MINUTE


def test_one_timer_alone(capsys):
    ResponseTargetFactory(due_at=NINE, check_at=NINE)
    now = ["--now", "2026-11-23T09:00:01Z"]
    assert "nothing was due" in said(capsys, "run_timers", *now, "--only", "climb_due")
    assert "check_due 1" in said(capsys, "run_timers", *now, "--only", "incidents.targets.check_due")


@pytest.mark.req("CARD-20")
def test_a_second_run_leaves_the_first_alone(transactional_db):
    with only_one("run_timers") as mine:
        assert mine
        outcome = []

        def run():
            try:
                call_command("run_timers")
            except CommandError as refusal:
                outcome.append((str(refusal), refusal.returncode))
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert outcome == [("already running: another run_timers has not ended yet.", 3)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--now", "tomorrow"], "is no instant"),
        (["--now", "2026-13-01"], "is no instant"),
        (["--only", "x"], "climb_due"),
    ],
)
def test_run_timers_refuses_in_words(words, told):
    with pytest.raises(CommandError, match=told):
        call_command("run_timers", *words)


def test_a_timer_that_fails_shows_in_the_exit_code(monkeypatch, capsys):
    def broken(*, at):
        raise ValueError("no")

    monkeypatch.setattr(clock, "TIMERS", [broken])
    with pytest.raises(SystemExit) as exit_code:
        call_command("run_timers")
    assert exit_code.value.code == 1 and "broken FAILED" in capsys.readouterr().out


@pytest.mark.req("CARD-24")
def test_run_timers_runs_due_jobs_where_there_is_no_clock(capsys):
    beat.register()
    PeriodicTask.objects.update(last_run_at=NINE)
    assert "jobs: maintenance" in said(capsys, "run_timers", "--now", "2026-11-24T03:30:00Z")
    assert "maintenance" not in said(capsys, "run_timers", "--now", "2026-11-24T03:31:00Z")
    assert Beat.objects.get(key="job:maintenance").detail["ended"]


# housekeeping


@pytest.mark.req("RB-08")
def test_maintenance_removes_what_is_older_than_the_settings_keep_it(settings):
    settings.KEEP_WEBHOOK_LOGS_DAYS = 30
    WebhookLog.objects.bulk_create(
        WebhookLog(at=NINE - 30 * DAY - MINUTE, verdict="accepted", status_code=200) for _ in range(1000)
    )
    kept = WebhookLogFactory(at=NINE - 30 * DAY)
    assert maintenance.prune(at=NINE)["webhook logs"] == 1000
    assert WebhookLog.objects.get() == kept
    assert sum(maintenance.prune(at=NINE).values()) == 0


def test_maintenance_removes_old_attempts_and_ended_alerts_only(settings):
    settings.KEEP_DELIVERY_ATTEMPTS_DAYS, settings.KEEP_ALERTS_DAYS = 90, 365
    DeliveryAttemptFactory(at=NINE - 91 * DAY)
    young = DeliveryAttemptFactory(at=NINE - 89 * DAY)
    old = {"last_seen_at": NINE - 366 * DAY, "assign_at": None}
    LivenessFactory(firing=False, **old)
    LivenessFactory(firing=False, incident=IncidentFactory(status="closed"), **old)
    kept = [
        LivenessFactory(firing=True, **old),
        LivenessFactory(firing=False, incident=IncidentFactory(status="detected"), **old),
        LivenessFactory(firing=False, last_seen_at=old["last_seen_at"], assign_at=NINE),
        LivenessFactory(firing=False, last_seen_at=NINE - 364 * DAY, assign_at=None),
    ]
    removed = maintenance.prune(at=NINE)
    assert (removed["delivery attempts"], removed["ended alerts"]) == (1, 2)
    assert DeliveryAttempt.objects.get() == young
    assert set(Alert.objects.values_list("pk", flat=True)) == {row.alert_id for row in kept}


def test_maintenance_goes_in_batches(monkeypatch):
    monkeypatch.setattr(maintenance, "BATCH", 2)
    for _ in range(5):
        WebhookLogFactory(at=NINE - 365 * DAY)
    assert maintenance.remove(WebhookLog.objects.all()) == 5


def test_the_command_and_its_words(capsys):
    WebhookLogFactory(at=NINE - 365 * DAY)
    assert "removed 1 webhook logs" in said(capsys, "ops_maintenance")
    assert "removed nothing" in said(capsys, "ops_maintenance")


# crontab


@pytest.mark.req("ML-70", "CARD-24")
def test_the_crontab_has_every_runner(capsys):
    lines = said(capsys, "print_crontab").splitlines()
    for command in ("run_checks", "run_timers", "run_deliveries"):
        assert any(line.startswith("* * * * * ") and line.endswith(f"manage.py {command}") for line in lines)
    assert any("*/5 * * * *" in line and line.endswith("run_checks") for line in lines)
    assert any("*/30 * * * *" in line and line.endswith("run_checks --warnings-only") for line in lines)


# bootstrap


def test_the_first_start_makes_everything_a_page_needs(capsys):
    told = said(capsys, "bootstrap")
    user = get_user_model().objects.get()
    name, _, password = told.partition("First login: ")[2].splitlines()[0].partition(" / ")
    assert (name, user.is_superuser) == ("admin", True) and user.check_password(password)
    assert Policy.objects.filter(key="default").exists()
    assert Integration.objects.get(name="alertmanager").kind == "alertmanager"
    role = EscalationContact.objects.get(name="on-call")
    assert [member.user for member in role.members.all()] == [user]
    assert user.contact.catch_all
    assert PeriodicTask.objects.filter(name="maintenance", enabled=True).exists()


def test_a_second_start_changes_nothing(capsys):
    bootstrap(at=NINE)
    Policy.objects.filter(key="default").update(name="Ours")
    grace = EscalationContact.objects.create(name="grace")
    EscalationContact.objects.get(name="on-call").members.set([grace])
    assert said(capsys, "bootstrap") == ""
    assert get_user_model().objects.count() == 1 and LoadedPack.objects.count() == 1
    assert Policy.objects.get(key="default").name == "Ours"
    assert EscalationContact.objects.get(name="on-call").members.get() == grace


def test_the_super_user_that_is_asked_for():
    bootstrap(at=NINE, admin="ada", password="correct horse")
    ada = get_user_model().objects.get()
    assert ada.username == "ada" and ada.is_superuser and ada.check_password("correct horse")
    bootstrap(at=NINE, admin="ada", password="battery staple")
    ada.refresh_from_db()
    assert ada.check_password("battery staple")
    hashed = ada.password
    bootstrap(at=NINE, admin="ada", password="battery staple")
    ada.refresh_from_db()
    assert ada.password == hashed  # sessions stay valid


def test_a_password_alone_is_refused():
    with pytest.raises(CommandError, match="together"):
        call_command("bootstrap", "--password", "x")
