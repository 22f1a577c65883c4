"""The cadence of updates, and the quiet time after which an incident resolves itself."""

from datetime import timedelta

import pytest

from incidents import lifecycle, recovery, updates
from incidents.models import Status
from tests.factories import MINUTE, NINE, CadencePlanFactory, GatePlanFactory, SeverityFactory

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def level():
    return SeverityFactory(key="P1", rank=1, page=False)


def opened(level, **kwargs):
    opening = lifecycle.Opening(policy=level.policy, severity=level, key="checkout", title="Checkout", **kwargs)
    return lifecycle.open_incident(opening, at=NINE)


def overdue(incident) -> int:
    return incident.timeline.filter(kind="update_overdue").count()


def test_an_update_is_due_one_interval_after_the_last(level, ada):
    CadencePlanFactory(policy=level.policy, severity=level, every=10 * MINUTE)
    incident = opened(level)
    assert incident.update_due_at == NINE + 10 * MINUTE
    updates.post(incident, by=ada, at=NINE + 8 * MINUTE, text="We found it.")
    incident.refresh_from_db()
    assert incident.update_due_at == NINE + 18 * MINUTE


@pytest.mark.parametrize(
    ("after", "reminders"), [(10 * MINUTE - SECOND, 0), (10 * MINUTE, 0), (10 * MINUTE + SECOND, 1)]
)
def test_a_late_update_is_reminded_of_once_an_interval(level, after, reminders):
    CadencePlanFactory(policy=level.policy, severity=level, every=10 * MINUTE)
    incident = opened(level)
    updates.remind_due(at=NINE + after)
    updates.remind_due(at=NINE + after)
    assert overdue(incident) == reminders


def test_the_cadence_stops_when_it_is_resolved(level, ada):
    CadencePlanFactory(policy=level.policy, severity=level, every=10 * MINUTE)
    incident = opened(level)
    lifecycle.resolve(incident, by=ada, at=NINE + MINUTE)
    updates.remind_due(at=NINE + 60 * MINUTE)
    assert overdue(incident) == 0


def test_a_required_field_left_empty_is_named(level, ada):
    CadencePlanFactory(policy=level.policy, severity=level, fields=["status", "start", "impact", "eta"])
    incident = opened(level)
    with pytest.raises(updates.UpdateRefused, match="Fill in impact, eta"):
        updates.post(incident, by=ada, at=NINE, text="On it.")
    assert not incident.updates.exists()
    update = updates.post(incident, by=ada, at=NINE, text="On it.", fields={"impact": "All shops", "eta": "10:00"})
    assert set(update.fields) == {"status", "start", "impact", "eta"}


@pytest.mark.parametrize(("after", "status"), [(5 * MINUTE - SECOND, "detected"), (5 * MINUTE, "resolved")])
def test_it_resolves_after_the_quiet_time(level, after, status):
    incident = opened(level, resolve_after=5 * MINUTE)
    recovery.ended(incident, at=NINE, since=NINE)
    recovery.resolve_due(at=NINE + after)
    incident.refresh_from_db()
    assert incident.status == status


def test_firing_again_starts_the_quiet_time_over(level):
    incident = opened(level, resolve_after=5 * MINUTE)
    recovery.ended(incident, at=NINE, since=NINE)
    recovery.fires_again(incident, at=NINE + 4 * MINUTE)
    recovery.resolve_due(at=NINE + 10 * MINUTE)
    incident.refresh_from_db()
    assert incident.status == Status.DETECTED


def test_a_shut_gate_keeps_a_recovered_incident_open_and_says_so_once(level):
    GatePlanFactory(policy=level.policy, to="resolved", require=["impact_stated"])
    incident = opened(level, resolve_after=MINUTE)
    recovery.ended(incident, at=NINE, since=NINE)
    for minute in (1, 2, 3):
        recovery.resolve_due(at=NINE + minute * MINUTE)
    incident.refresh_from_db()
    assert incident.status == Status.DETECTED
    assert incident.timeline.filter(text__contains="not resolved yet").count() == 1
