"""Mister DJ's clocks: who acknowledges in time, a commander in time, and how long customers are affected."""

import pytest
from django.core.management import call_command

from incidents import lifecycle, roles
from notifications.models import Delivery
from oncall.models import EscalationContact, Schedule
from tests.factories import ContactMethodFactory, LayerFactory
from tests.packs.test_response import MINUTE, SECOND, TEN, opened


@pytest.fixture
def duty(load, ada, linus, monkeypatch):
    """Ada is the primary on-call, Linus the commander's back-up."""
    monkeypatch.setenv("MISTER_DJ_OPS_WEBHOOK_URL", "https://sink.invalid/oncall-ops")
    load("mister-dj")
    LayerFactory(schedule=Schedule.objects.get(key="mr-dj-prod"), members=[ada], first_handoff_at=TEN - 60 * MINUTE)
    EscalationContact.objects.get(name="Incident Commander back-up").members.add(linus)
    return ada


def timers(at) -> None:
    call_command("run_timers", now=at, verbosity=0)


@pytest.mark.req("DJ-23", "DJ-27")
@pytest.mark.parametrize(("level", "within"), [("warning", 5 * MINUTE), ("critical", 2 * MINUTE)])
def test_the_primary_acknowledges_in_time(duty, grace, level, within):
    incident = opened("mister-dj", level)
    timers(TEN + SECOND)
    target = incident.targets.get(kind="acknowledge")
    assert target.due_at == TEN + within
    lifecycle.acknowledge(incident, by=duty, at=TEN + within - SECOND)
    target.refresh_from_db()
    assert target.state == "met"
    lifecycle.resolve(incident, by=duty, at=TEN + 50 * MINUTE, override_reason="The gates have a test of their own.")

    late = opened("mister-dj", level, at=TEN + 60 * MINUTE)
    timers(TEN + 60 * MINUTE + SECOND)
    timers(TEN + 60 * MINUTE + within)
    assert late.targets.get(kind="acknowledge").state == "pending"
    timers(TEN + 60 * MINUTE + within + SECOND)
    assert late.targets.get(kind="acknowledge").state == "breached"
    assert late.timeline.filter(kind="target_breached", data__kind="acknowledge").count() == 1
    if level == "warning":  # escalated to #oncall-ops
        assert Delivery.objects.filter(thread=late.thread, destination__key="oncall-ops").exists()
    else:
        assert late.escalations.get().turns.get(position=1).taken_at is not None


def test_somebody_elses_acknowledgement_is_recorded_and_does_not_meet_it(duty, grace):
    incident = opened("mister-dj", "critical")
    timers(TEN + SECOND)
    lifecycle.acknowledge(incident, by=grace, at=TEN + MINUTE)
    assert incident.timeline.filter(kind="acknowledged", by=grace).exists()
    assert incident.targets.get(kind="acknowledge").state == "pending"
    timers(TEN + 2 * MINUTE + SECOND)
    assert incident.targets.get(kind="acknowledge").state == "breached"


@pytest.mark.req("DJ-28")
def test_a_commander_is_appointed_within_ten_minutes_or_the_back_up_is_alerted(duty, linus, grace):
    ContactMethodFactory(contact=linus, address="linus@example.org")
    incident = opened("mister-dj", "critical")
    lifecycle.acknowledge(incident, by=duty, at=TEN + MINUTE)
    timers(TEN + 10 * MINUTE)
    assert incident.targets.get(kind="appoint").state == "pending"
    timers(TEN + 10 * MINUTE + SECOND)
    assert incident.targets.get(kind="appoint").state == "breached"
    timers(TEN + 10 * MINUTE + 2 * SECOND)
    assert Delivery.objects.filter(thread=incident.thread, to="linus").exists()
    lifecycle.resolve(incident, by=duty, at=TEN + 20 * MINUTE, override_reason="The gates have a test of their own.")
    other = opened("mister-dj", "critical", at=TEN + 30 * MINUTE)
    roles.assign(other, "commander", grace, by=duty, at=TEN + 39 * MINUTE)
    assert other.targets.get(kind="appoint").state == "met"
