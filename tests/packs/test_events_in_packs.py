"""Rules over events in the Mailer and WhatsApp packs, and ways of watching that an installation chooses."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from alerts.models import AlertRule
from incidents.models import Incident
from packs.models import LoadedPack
from tests.packs.senders import Senders

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def mailer_sentry(load, monkeypatch):
    load("mailer", variants=["sentry"])
    return Senders("mailer", monkeypatch)


@pytest.fixture
def inbox(load, monkeypatch):
    load("whatsapp-alert-policy")
    senders = Senders("whatsapp-alert-policy", monkeypatch)
    senders.policy.rules.exclude(key__in=["events-rising", "warning-non-urgent"]).update(enabled=False)
    return senders


@pytest.mark.req("ML-61")
@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ({"tags": {"error_type": "rate_limiter_backend_error"}}, "mailer_rate_limiter_redis_error"),
        ({"tags": {"error_type": "throttle_backend_error"}}, "mailer_throttle_backend_error"),
        ({"message": "Paused: too many transient errors (10)"}, "mailer_circuit_breaker_triggered"),
        ({"tags": {"error_type": "rate_limiter_backend"}}, None),
        ({"tags": {"error": "throttle_backend_error"}}, None),
        ({"message": "too many errors"}, None),
    ],
)
def test_sentry_tells_of_the_right_one(mailer_sentry, told, rule):
    mailer_sentry.check()  # all are asked, and have their turn in minutes
    mailer_sentry.sentry(**told)
    mailer_sentry.check()
    assert list(mailer_sentry.firing) == ([rule] if rule else [])


@pytest.mark.req("ML-62")
@pytest.mark.parametrize(("level", "fires"), [("error", False), ("warning", True), ("info", False)])
def test_stuck_campaigns_are_told_by_a_warning(mailer_sentry, level, fires):
    mailer_sentry.sentry(message="Stuck PROCESSING campaigns detected", level=level)
    mailer_sentry.check()
    assert list(mailer_sentry.firing) == (["mailer_processing_stuck"] if fires else [])


def test_an_event_that_sentry_is_late_to_tell_is_not_missed(mailer_sentry):
    mailer_sentry.check()
    mailer_sentry.go_on(10 * MINUTE)
    mailer_sentry.sentry(tags={"error_type": "rate_limiter_backend_error"}, at=mailer_sentry.at - 4 * MINUTE)
    mailer_sentry.check()
    assert list(mailer_sentry.firing) == ["mailer_rate_limiter_redis_error"]
    for _ in range(2):
        mailer_sentry.go_on(MINUTE)
        mailer_sentry.check()
    assert mailer_sentry.firing == {}


def watched() -> dict[str, set[str]]:
    """The rules that are on, by their code, with the ways in which each is watched."""
    rules = AlertRule.objects.filter(enabled=True)
    return {rule.code: {source.variant for source in rule.sources.all()} for rule in rules}


@pytest.mark.req("ML-50")
def test_the_variants_of_a_pack(load, capsys):
    load("mailer", variants=["sentry"])
    on = {
        rule.code: [source.variant for source in rule.sources.all()] for rule in AlertRule.objects.filter(enabled=True)
    }
    assert on == {code: ["sentry"] for code in ("ALERT-001", "ALERT-002", "ALERT-003", "ALERT-006")}
    with pytest.raises(CommandError, match="no variant 'splunk'; the pack has loki, elk, sentry, sql"):
        call_command("load_pack", "mailer", "--variant", "splunk")
    call_command("load_pack", "mailer", now="2026-11-24T09:00:00Z")  # as chosen before
    assert capsys.readouterr().out.strip().endswith("0 created, 0 changed, 0 removed")
    assert LoadedPack.objects.first().variants == ["sentry"]
    call_command("load_pack", "mailer", "--variant", "sql", now="2026-11-25T09:00:00Z")
    on = {
        rule.code: {source.variant for source in rule.sources.all()} for rule in AlertRule.objects.filter(enabled=True)
    }
    assert on == {code: {"sql"} for code in ("ALERT-002", "ALERT-003", "ALERT-004", "ALERT-005")}
    call_command("load_pack", "mailer", "--variant", "all", now="2026-11-26T09:00:00Z")
    assert not AlertRule.objects.filter(policy__key="mailer", enabled=False).exists()


@pytest.mark.req("ML-50")
def test_two_ways_at_once_feed_one_alert(watch_mailer, mailer, monkeypatch):
    senders = Senders("mailer", monkeypatch)
    mailer.stuck()
    watch_mailer.check("mailer_processing_stuck")
    senders.sentry(message="Stuck PROCESSING campaigns detected", level="warning")
    watch_mailer.check("mailer_processing_stuck")
    assert list(senders.firing) == ["mailer_processing_stuck"]
    assert Incident.objects.count() == 1


@pytest.mark.req("AP-24")
@pytest.mark.parametrize(("now", "fires"), [(15, False), (16, True)])
def test_a_small_rise_of_events_is_p3(inbox, now, fires):
    for ago in range(4, 1, -1):  # ten an hour, in the hours before the last
        times = (inbox.at - ago * HOUR + n * 5 * MINUTE for n in range(2, 12))
        inbox.events(*({"name": "send", "at": at.isoformat()} for at in times))
    inbox.events(*({"name": "send", "at": (inbox.at - n * MINUTE).isoformat()} for n in range(now)))
    inbox.check()
    assert list(inbox.firing) == (["events-rising"] if fires else [])
    inbox.go_on(2 * HOUR)
    inbox.check()
    assert inbox.firing == {}


@pytest.mark.req("AP-24")
def test_a_warning_that_no_rule_claims_is_p3_and_pages_nobody(inbox):
    inbox.events({"level": "info", "text": "all is well"})
    inbox.check()
    assert inbox.firing == {}
    inbox.events({"level": "warning", "text": "The template is old"})
    inbox.check()
    assert inbox.firing == {"warning-non-urgent": ("P3", "Warning non-urgent: The template is old")}
    assert not inbox.incident("warning-non-urgent").escalations.exists()


@pytest.mark.req("AP-24")
def test_a_warning_that_another_rule_claims_is_not_told_twice(inbox):
    rule = inbox.policy.rules.get(key="events-rising")
    rule.sources.update(spec={"kind": "template", "window": "1h"})
    rule.condition = {"when": "count > 100"}
    rule.save()
    inbox.events({"kind": "template", "level": "warning"}, {"kind": "other", "level": "warn"})
    inbox.check()
    assert list(inbox.firing) == ["warning-non-urgent"]
    assert AlertRule.objects.get(key="warning-non-urgent").memory["keys"]["{}"]["value"] == 1
