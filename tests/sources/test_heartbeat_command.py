import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from sources.models import Heartbeat, Integration
from tests.factories import PolicyFactory

KEY = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"
pytestmark = pytest.mark.django_db


def add(capsys, *words) -> dict:
    call_command("integration", "add", "heartbeat", *words)
    return json.loads(capsys.readouterr().out)


def test_it_prints_the_address_to_ping(capsys, client):
    policy = PolicyFactory(key="shop")
    made = add(
        capsys, "backup", "--key", KEY, "--period", "5m", "--grace", "90s", "--severity", "P1", "--policy", "shop"
    )
    assert made["url"].endswith(f"/ping/{KEY}") and made["key"] == KEY
    beat = Heartbeat.objects.get()
    assert (str(beat.pk), beat.name, beat.slug, beat.severity_key) == (KEY, "backup", "backup", "P1")
    assert (beat.period, beat.grace) == (timedelta(minutes=5), timedelta(seconds=90))
    assert beat.integration == Integration.objects.get(kind="heartbeat", name="backup", policy=policy)
    assert client.get(made["url"]).content == b"OK"


def test_without_words_it_is_a_day_and_an_hour_as_healthchecks_has_them(capsys, client):
    made = add(capsys, "backup")
    beat = Heartbeat.objects.get()
    assert (beat.schedule, beat.period, beat.grace) == ("period", timedelta(days=1), timedelta(hours=1))
    assert made["key"] == str(beat.pk)


def test_a_key_of_another_form_stands_in_the_address_too(capsys, client):
    made = add(capsys, "backup", "--key", "nightly-backup")
    assert client.get(made["url"] + "/fail").status_code == 200
    assert client.get("/api/heartbeat/nightly-backup/0").status_code == 200
    assert Heartbeat.objects.get().ping_count == 2


@pytest.mark.parametrize(
    ("words", "kind", "expression"),
    [
        (["--cron", "30 3 * * *", "--timezone", "Europe/Berlin"], "cron", "30 3 * * *"),
        (["--oncalendar", "Mon 03:30", "--oncalendar", "Fri 05:00"], "oncalendar", "Mon 03:30\nFri 05:00"),
    ],
)
def test_a_schedule_may_be_an_expression(capsys, words, kind, expression):
    add(capsys, "backup", *words)
    beat = Heartbeat.objects.get()
    assert (beat.schedule, beat.expression, beat.period) == (kind, expression, None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cron", "30 3 * *"], "--cron: '30 3 * *' is not a cron expression: Wrong number of fields."),
        (["--oncalendar", "never"], "--oncalendar: 'never' is not an OnCalendar expression"),
        (["--oncalendar", "2001-01-01"], "names no time that is still to come"),
        (["--cron", "* * * * *", "--timezone", "Mars"], "--timezone: There is no time zone 'Mars'"),
        (["--period", "5"], "--period: '5' is not a length of time."),
        (["--period", "0"], "--period: A period is at least a second"),
        (["--grace", "10ms"], "--grace: A grace time is at least a second"),
        (["--period", "5m", "--cron", "* * * * *"], "--period and --cron are several; choose one."),
    ],
)
def test_what_cannot_be_a_schedule_is_refused(capsys, words, said):
    with pytest.raises(CommandError) as refusal:
        add(capsys, "backup", *words)
    assert said in str(refusal.value)
    assert not Heartbeat.objects.exists() and not Integration.objects.exists()


def test_names_and_ids_are_unique(capsys):
    add(capsys, "backup", "--key", KEY)
    for words, said in [(["backup"], "already"), (["other", "--key", KEY], "taken")]:
        with pytest.raises(CommandError, match=said):
            add(capsys, *words)


def test_other_doors_know_no_schedule():
    with pytest.raises(CommandError, match="--period belongs to the kind heartbeat"):
        call_command("integration", "add", "generic", "shop", "--period", "5m")
