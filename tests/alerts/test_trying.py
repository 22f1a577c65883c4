"""Rules run once by hand: samples, verdict and whom it would page, and nothing is changed."""

import sys
from datetime import timedelta

import pytest
import yaml
from django.contrib.messages import get_messages
from django.core.management import call_command
from django.urls import reverse

from alerts.models import Alert, AlertRule
from incidents.models import Incident
from packs import loader
from tests.factories import NINE, UserFactory

pytestmark = pytest.mark.django_db
PACK = """
pack: {key: beat, name: Beat, version: 1, timezone: UTC}
severities:
  - {key: warning, label: Warning, page: true}
contacts: [{name: on-call, kind: role}]
escalations:
  - {key: beat, severities: warning, steps: [{after: 0s, contacts: on-call}]}
rules:
  - key: celery_beat_down
    code: ALERT-007
    severity: warning
    every: 1m
    source: {command: {command: celery-beat-logs, contains: "beat:", window: 10m}}
    when: value == 0
    message: "{{ value }} beat lines of {{ lines }}"
"""
FRESH = "[2026-11-23 08:59:00,000: INFO/MainProcess] beat: Sending due task heartbeat"
STALE = "[2026-11-23 08:40:00,000: INFO/MainProcess] beat: Sending due task heartbeat"


@pytest.fixture
def says(tmp_path, settings):
    """What stands in for `docker logs celery_beat --tail 100` prints."""
    path = tmp_path / "commands.yaml"
    settings.COMMANDS = str(path)

    def prints(*lines):
        program = f"import sys; sys.stderr.write({chr(10).join(lines)!r})"  # docker hands on what went to stderr
        path.write_text(yaml.safe_dump({"celery-beat-logs": [sys.executable, "-c", program]}))

    prints(FRESH)
    return prints


@pytest.fixture
def rule(says):
    loader.load(PACK, name="beat.yaml", at=NINE)
    return AlertRule.objects.get(key="celery_beat_down")


def run(capsys, *words, at=NINE):
    """Exit status and output of `run_checks`."""
    status = 0
    try:
        call_command("run_checks", *words, "--now", at.isoformat())
    except SystemExit as end:
        status = end.code
    return status, capsys.readouterr().out


@pytest.mark.req("ML-45")
def test_beat_is_missed_when_its_log_shows_no_regular_entries(rule, says, settings, capsys):
    assert run(capsys, "--pack", "beat") == (0, "")
    says(STALE, "[2026-11-23 09:00:30,000: INFO] worker: idle")
    status, said = run(capsys, "--pack", "beat", at=NINE + timedelta(minutes=1))
    assert (status, said) == (2, "0 beat lines of 2\n")
    assert Incident.objects.count() == 1
    says(FRESH)
    assert run(capsys, "--pack", "beat", at=NINE + timedelta(minutes=2))[0] == 0
    says()
    assert run(capsys, "--pack", "beat", at=NINE + timedelta(minutes=3))[0] == 2


@pytest.mark.req("ML-45")
def test_a_command_that_nobody_allowed_is_refused(rule, settings, tmp_path, capsys):
    (tmp_path / "commands.yaml").write_text("backup: [/bin/true]\n")
    status, said = run(capsys, "--pack", "beat")
    assert status == 3
    assert said == "ERROR: ALERT-007: The command celery-beat-logs is not allowed here. Allowed: backup.\n"
    rule.refresh_from_db()
    assert rule.state == "error"
    settings.COMMANDS = ""
    _, said = run(capsys, "--pack", "beat", at=NINE + timedelta(minutes=1))
    assert "is not run: commands are off" in said


def test_a_pack_cannot_say_what_a_command_is(says):
    with pytest.raises(loader.PackRefused) as refused:
        loader.load(PACK.replace("window: 10m", "args: [-f]"), name="beat.yaml", at=NINE)
    assert "rules.celery_beat_down.source.command.args" in str(refused.value)


def test_a_dry_run_shows_samples_verdict_and_whom_it_would_page(rule, says, capsys):
    says(STALE)
    before = AlertRule.objects.values().get()
    status, said = run(capsys, "--rule", "ALERT-007", "--dry-run")
    assert status == 2
    assert said.startswith("ALERT-007: firing. value 0 == 0")
    assert "sample: [command] exit_code = 0; ok = true; lines = 1;" in said and "value = 0" in said
    assert "Would say (warning): 0 beat lines of 1" in said
    assert "Would page after 0s: on-call" in said
    assert AlertRule.objects.values().get() == before
    assert not Alert.objects.exists() and not Incident.objects.exists()
    says(FRESH)
    status, said = run(capsys, "--rule", "ALERT-007", "--dry-run")
    assert status == 0 and "Nothing new would be told." in said


def test_a_dry_run_of_a_rule_that_is_off_and_of_one_that_cannot_be_asked(rule, settings, capsys):
    AlertRule.objects.update(enabled=False)
    assert run(capsys, "--rule", "celery_beat_down", "--dry-run")[0] == 0
    assert run(capsys, "--dry-run") == (0, "")
    settings.COMMANDS = ""
    status, said = run(capsys, "--rule", "celery_beat_down", "--dry-run")
    assert status == 3 and "commands are off" in said


def test_a_rule_is_tested_in_the_admin(rule, says, client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    says(STALE)
    chosen = {"action": "try_out", "_selected_action": [rule.pk]}
    answer = client.post(reverse("admin:alerts_alertrule_changelist"), chosen)
    (said,) = [str(message) for message in get_messages(answer.wsgi_request)]
    assert "ALERT-007: firing." in said and "Would page after 0s: on-call" in said
    assert "Save and test" in client.get(reverse("admin:alerts_alertrule_change", args=[rule.pk])).content.decode()
    rule.refresh_from_db()
    assert rule.state == "unknown" and not Alert.objects.exists()
