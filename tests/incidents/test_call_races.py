"""A sweep and a person at the same moment, on two connections: neither waits for what the other holds."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from incidents import lapsing, lifecycle, paging
from incidents.models import Call, Escalation, Incident, Page, Status
from notifications.models import Delivery
from opscenter import clock
from policies.claims import locked
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    ContactMethodFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    PersonalRuleFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    if connection.vendor != "postgresql":
        pytest.skip("on SQLite one transaction writes at a time")
    with ThreadPoolExecutor(1) as threads:
        yield threads
        threads.submit(lambda: connection.close()).result(timeout=10)  # its own, not ours


@pytest.fixture
def incident(ada):
    level = SeverityFactory(key="P1")
    plan = EscalationPolicyFactory(policy=level.policy, ack_timeout=HOUR)
    EscalationStepFactory(policy=plan, contacts=[ada])
    chat = ContactMethodFactory(contact=ada, position=1, kind="slack", address="https://chat.example.org/ada")
    PersonalRuleFactory(contact=ada, method=ada.methods.get(kind="email"))
    PersonalRuleFactory(contact=ada, method=chat, after=2 * MINUTE)
    opening = lifecycle.Opening(policy=level.policy, severity=level, key="P1", title="Down")
    incident = lifecycle.open_incident(opening, at=NINE)
    clock.run(clock.TIMERS, at=NINE)
    return incident


def acknowledge(threads: ThreadPoolExecutor, incident: Incident, ada) -> Future:
    return threads.submit(lifecycle.acknowledge, incident, by=ada, at=NINE + 2 * MINUTE)


def test_who_acknowledges_does_not_wait_for_the_call_that_is_about_to_be_made(beside, incident, ada):
    at = NINE + 2 * MINUTE
    with transaction.atomic():
        assert len(locked(Call.objects.due(at))) == 1  # as the sweep holds it, before it asks for the incident
        acknowledge(beside, incident, ada).result(timeout=10)
    clock.run(clock.TIMERS, at=at)
    call = Call.objects.get(method__kind="slack")
    assert (call.state, call.reason) == (Call.State.SKIPPED, "The incident was acknowledged.")
    assert not Delivery.objects.filter(kind="slack", status=Delivery.Status.QUEUED).exists()


@pytest.mark.parametrize("sweep", ["lapse", "follow up"])
def test_a_sweep_does_not_wait_for_whoever_moves_the_incident(beside, incident, ada, sweep):
    at = NINE + 2 * HOUR
    if sweep == "lapse":
        lifecycle.acknowledge(incident, by=ada, at=NINE)
        work = lapsing.lapse_due
    else:
        Delivery.objects.update(status=Delivery.Status.FAILED, next_attempt_at=None, ended_at=NINE, error="no")
        work = paging.follow_up_due
    with transaction.atomic():
        Incident.objects.select_for_update().get()
        beside.submit(work, at=at).result(timeout=10)
        assert not incident.timeline.filter(kind__in=["ack_lapsed", "page_failed"]).exists()
    work(at=at)
    if sweep == "lapse":
        assert Incident.objects.get().status == Status.DETECTED
        assert Escalation.objects.filter(lapse_at=None).exists()
    else:
        assert Page.objects.get().method.kind == "slack"
