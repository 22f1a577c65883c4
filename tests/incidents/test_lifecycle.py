"""The state machine: what each move does, and what it refuses."""

from datetime import timedelta

import pytest

from incidents import gates, lifecycle
from incidents.models import IllegalMove, Incident, Status
from notifications.models import Delivery
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    EscalationPolicyFactory,
    EscalationStepFactory,
    GatePlanFactory,
    SeverityFactory,
    TargetPlanFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def level():
    return SeverityFactory(key="P1", rank=1)


def opened(level, key="checkout", at=NINE, **kwargs) -> Incident:
    opening = lifecycle.Opening(policy=level.policy, severity=level, key=key, title="Checkout is down", **kwargs)
    return lifecycle.open_incident(opening, at=at)


def kinds(incident) -> list[str]:
    return list(incident.timeline.values_list("kind", flat=True))


@pytest.mark.req("CARD-12")
def test_every_legal_move_is_on_the_timeline_and_an_illegal_one_is_refused(level, ada):
    incident = opened(level)
    lifecycle.acknowledge(incident, by=ada, at=NINE + MINUTE)
    lifecycle.mitigate(incident, by=ada, at=NINE + 2 * MINUTE)
    lifecycle.resolve(incident, by=ada, at=NINE + 3 * MINUTE)
    lifecycle.close(incident, by=ada, at=NINE + 4 * MINUTE)
    with pytest.raises(IllegalMove, match="is closed and cannot become acknowledged"):
        lifecycle.acknowledge(incident, by=ada, at=NINE + 5 * MINUTE)
    lifecycle.reopen(incident, by=ada, at=NINE + 6 * MINUTE, reason="it is back")
    assert incident.status == Status.DETECTED
    moves = [
        k for k in kinds(incident) if k in {"detected", "acknowledged", "mitigated", "resolved", "closed", "reopened"}
    ]
    assert moves == ["detected", "acknowledged", "mitigated", "resolved", "closed", "reopened"]


def test_of_two_who_acknowledge_one_wins_and_the_other_is_told_who(level, ada, grace):
    incident = opened(level)
    same = Incident.objects.get(pk=incident.pk)
    lifecycle.acknowledge(incident, by=ada, at=NINE + MINUTE)
    with pytest.raises(IllegalMove):
        lifecycle.acknowledge(same, by=grace, at=NINE + MINUTE)
    with pytest.raises(IllegalMove, match="already acknowledged by ada"):
        lifecycle.acknowledge(Incident.objects.get(pk=incident.pk), by=grace, at=NINE + MINUTE)
    assert kinds(incident).count("acknowledged") == 1


def test_acknowledging_twice_as_the_same_person_is_no_fault(level, ada):
    incident = opened(level)
    lifecycle.acknowledge(incident, by=ada, at=NINE + MINUTE)
    lifecycle.acknowledge(incident, by=ada, at=NINE + 2 * MINUTE)
    incident.refresh_from_db()
    assert incident.acknowledged_at == NINE + MINUTE
    assert kinds(incident).count("acknowledged") == 1


def test_acknowledging_takes_back_the_pages_that_have_not_gone_out(level, ada, grace):
    plan = EscalationPolicyFactory(policy=level.policy)
    EscalationStepFactory(policy=plan, contacts=[ada, grace])
    incident = opened(level)
    from incidents import escalation

    escalation.climb_due(at=NINE)
    assert Delivery.objects.waiting().filter(purpose="page").count() == 2
    lifecycle.acknowledge(incident, by=ada, at=NINE + MINUTE)
    assert not Delivery.objects.waiting().filter(purpose="page").exists()
    notices = Delivery.objects.filter(purpose="notice", thread=incident.thread)
    assert [d.to for d in notices] == ["grace"]  # never the one who acted


def test_only_one_incident_is_open_for_a_key(level):
    from django.db import IntegrityError, transaction

    opened(level)
    with pytest.raises(IntegrityError), transaction.atomic():
        opened(level)
    assert Incident.objects.count() == 1


def test_a_gate_keeps_the_incident_from_moving_until_its_demand_is_met(level, ada):
    GatePlanFactory(policy=level.policy, to="closed", require=["cause_stated"])
    incident = opened(level)
    lifecycle.resolve(incident, by=ada, at=NINE + MINUTE)
    with pytest.raises(gates.GateShut, match="State the cause"):
        lifecycle.close(incident, by=ada, at=NINE + 2 * MINUTE)
    incident.refresh_from_db()
    assert incident.status == Status.RESOLVED
    lifecycle.edit(incident, by=ada, at=NINE + 3 * MINUTE, cause="A bad deploy")
    lifecycle.close(incident, by=ada, at=NINE + 4 * MINUTE)
    assert incident.status == Status.CLOSED


def test_an_override_passes_the_gate_and_stands_on_the_timeline(level, ada):
    GatePlanFactory(policy=level.policy, to="closed", require=["cause_stated"])
    incident = opened(level)
    lifecycle.resolve(incident, by=ada, at=NINE + MINUTE)
    lifecycle.close(incident, by=ada, at=NINE + 2 * MINUTE, override_reason="nobody will ever know")
    entry = incident.timeline.get(kind="override")
    assert entry.by == ada and entry.data["missing"] == ["State the cause."]


def test_a_gate_with_a_role_lets_only_its_holder_through(level, ada, grace):
    GatePlanFactory(policy=level.policy, to="resolved", role="commander", require=[])
    incident = opened(level)
    lifecycle.assign_role(incident, "commander", grace, by=ada, at=NINE)
    with pytest.raises(gates.GateShut, match="Only the commander"):
        lifecycle.resolve(incident, by=ada, at=NINE + MINUTE)
    lifecycle.resolve(incident, by=grace, at=NINE + MINUTE)
    assert incident.status == Status.RESOLVED


def test_a_role_is_handed_over_with_its_times(level, ada, grace):
    incident = opened(level)
    lifecycle.assign_role(incident, "commander", ada, by=ada, at=NINE)
    lifecycle.assign_role(incident, "commander", grace, by=ada, at=NINE + HOUR)
    held = list(incident.roles.order_by("since").values_list("contact__name", "since", "until"))
    assert held == [("ada", NINE, NINE + HOUR), ("grace", NINE + HOUR, None)]


@pytest.mark.req("CARD-18")
def test_a_timeline_entry_is_never_changed_only_corrected(level, ada):
    from incidents.models.record import TimelineFrozen

    incident = opened(level)
    entry = lifecycle.note(incident, "It is the database", by=ada, at=NINE)
    entry.text = "It is the network"
    with pytest.raises(TimelineFrozen):
        entry.save()
    with pytest.raises(TimelineFrozen):
        entry.delete()
    correction = lifecycle.correct(entry, "It is the network", by=ada, at=NINE + MINUTE)
    assert correction.corrects == entry
    assert incident.timeline.get(pk=entry.pk).text == "It is the database"


def test_a_false_positive_needs_a_reason_and_stops_every_clock(level, ada):
    TargetPlanFactory(policy=level.policy, severity=level)
    incident = opened(level)
    with pytest.raises(IllegalMove, match="Say why"):
        lifecycle.mark_false_positive(incident, by=ada, at=NINE, reason=" ")
    lifecycle.mark_false_positive(incident, by=ada, at=NINE + MINUTE, reason="A test host")
    assert incident.targets.get().state == "cancelled"


def test_a_merged_incident_points_to_the_one_people_work_on(level, ada):
    one, other = opened(level), opened(level, key="payments")
    lifecycle.merge(other, one, by=ada, at=NINE + MINUTE)
    assert other.status == Status.MERGED and other.merged_into == one
    with pytest.raises(IllegalMove):
        lifecycle.merge(one, one, by=ada, at=NINE + MINUTE)


def test_a_raise_of_level_replans_the_clocks_and_starts_paging(level, ada):
    quiet = SeverityFactory(policy=level.policy, key="P3", rank=3, page=False)
    TargetPlanFactory(policy=level.policy, severity=level, within=timedelta(minutes=15))
    TargetPlanFactory(policy=level.policy, severity=quiet, within=timedelta(hours=4))
    EscalationStepFactory(policy=EscalationPolicyFactory(policy=level.policy), contacts=[ada])
    incident = opened(quiet)
    assert not incident.escalations.exists()
    lifecycle.set_severity(incident, level, by=ada, at=NINE + MINUTE, reason="it spreads")
    assert incident.targets.get(state="pending").due_at == NINE + 15 * MINUTE
    assert incident.escalations.get().state == "running"
    assert "Raised from P3 to P1" in incident.timeline.get(kind="severity").text


def test_reopening_is_refused_while_another_is_open_for_the_key(level, ada):
    old = opened(level)
    lifecycle.resolve(old, by=ada, at=NINE + MINUTE)
    opened(level, at=NINE + HOUR)
    with pytest.raises(IllegalMove, match="already open for the same key"):
        lifecycle.reopen(old, by=ada, at=NINE + 2 * HOUR, reason="again")
