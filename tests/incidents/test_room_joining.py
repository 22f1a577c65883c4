"""Merged, taken apart, split: alerts, pages, clocks and the timeline go where people work; drills stay marked."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts import grouping
from alerts.models import Liveness
from incidents import cost, escalation, lifecycle, similar, splitting, targets
from incidents.models import IllegalMove, Incident, Page
from notifications.models import Delivery
from tests.accounts import signed_in
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    AlertRuleFactory,
    DestinationFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    LivenessFactory,
    RouteFactory,
    SeverityFactory,
    TargetPlanFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def level(ada):
    level = SeverityFactory(key="P1", rank=1, page=True)
    step = EscalationStepFactory(policy=EscalationPolicyFactory(policy=level.policy), position=0)
    step.contacts.add(ada)
    TargetPlanFactory(policy=level.policy, severity=level)
    return level


def opened(level, key, at=NINE, **kwargs) -> Incident:
    opening = lifecycle.Opening(
        policy=level.policy, severity=level, key=key, title=f"{key} is down", scope="test", **kwargs
    )
    return lifecycle.open_incident(opening, at=at)


def act(client, incident, action, **data):
    return client.post(reverse("incident-act", args=[incident.pk, action]), data)


def test_a_merged_incident_gives_its_alerts_and_its_story_and_pages_nobody_any_more(client, level, ada, grace):
    child, parent = opened(level, "cart"), opened(level, "checkout")
    life = LivenessFactory(incident=child, assign_at=None, verdict="joined", firing=True)
    lifecycle.note(child, "The cart is empty for everybody", by=grace, at=NINE + MINUTE)
    signed_in(client, grace, "Incident Commander")
    act(client, child, "merge", into=parent.pk)
    life.refresh_from_db()
    assert life.incident == parent
    assert not child.escalations.filter(state="running").exists()
    assert not child.targets.filter(state="pending").exists()
    assert "The cart is empty for everybody" in client.get(parent.get_absolute_url()).content.decode()
    act(client, child, "unmerge", reason="another trouble")
    life.refresh_from_db()
    child.refresh_from_db()
    assert (life.incident, child.status) == (child, "detected")
    assert child.escalations.filter(state="running").exists() and child.targets.filter(state="pending").exists()


def test_what_fires_again_after_a_merge_joins_where_people_work_and_after_a_split_its_own(level, grace):
    rule = AlertRuleFactory(policy=level.policy, severity=level)
    life = LivenessFactory(alert__rule=rule, alert__integration=None, firing=True, assign_at=NINE, starts_at=NINE)
    grouping.assign_due(at=NINE)
    life.refresh_from_db()
    child, parent = life.incident, opened(level, "checkout")
    lifecycle.merge(child, parent, by=grace, at=NINE + MINUTE)

    def fires_again(at):
        Liveness.objects.filter(pk=life.pk).update(firing=True, starts_at=at, assign_at=at, verdict="new")
        grouping.assign_due(at=at)
        life.refresh_from_db()
        return life.incident

    assert fires_again(NINE + HOUR) == parent
    part = splitting.split(
        parent, title="Only the cart", severity=level, alerts=[life.pk], by=grace, at=NINE + HOUR + MINUTE
    )
    assert fires_again(NINE + 2 * HOUR) == part
    assert Incident.objects.open().count() == 2


def test_a_split_refuses_what_is_not_in_it(level, grace):
    incident = opened(level, "checkout")
    stranger = LivenessFactory(assign_at=None)
    with pytest.raises(IllegalMove, match="not in this incident"):
        splitting.split(incident, title="x", severity=level, alerts=[stranger.pk], by=grace, at=NINE)
    assert Incident.objects.count() == 1


def test_past_incidents_like_it_tell_what_helped(client, level, ada, grace):
    labels = {"alertname": "checkout-down"}
    old = opened(level, "checkout", at=NINE - 72 * HOUR, labels=labels)
    lifecycle.edit(old, by=ada, at=NINE - 71 * HOUR, cause="Full disk on db-1")
    lifecycle.resolve(old, by=ada, at=NINE - 70 * HOUR, reason="Rotated the logs")
    drill = opened(level, "checkout", at=NINE - 50 * HOUR, labels=labels, drill=True)
    lifecycle.resolve(drill, by=ada, at=NINE - 49 * HOUR)
    other = opened(level, "mail", at=NINE - 30 * HOUR)
    lifecycle.resolve(other, by=ada, at=NINE - 29 * HOUR)
    incident = opened(level, "checkout", labels=labels)
    likes = similar.past(incident, Incident.objects.all())
    assert likes[0].incident == old and drill not in [like.incident for like in likes]
    assert likes[0].helped == ["Cause: Full disk on db-1", "Resolved: Rotated the logs"]
    signed_in(client, grace, "Viewer")
    page = client.get(reverse("incident-more", args=[incident.pk])).content.decode()
    assert "Rotated the logs" in page


def test_an_old_one_of_the_same_key_is_found_behind_many_others(level, ada):
    old = opened(level, "checkout", at=NINE - 72 * HOUR)
    lifecycle.resolve(old, by=ada, at=NINE - 70 * HOUR)
    facts = {"policy": level.policy, "severity": level, "title": "Something else", "status": "closed"}
    between = NINE - 10 * HOUR
    Incident.objects.bulk_create(
        Incident(key=f"other-{n}", detected_at=between, opened_at=between, **facts) for n in range(450)
    )
    found = similar.past(opened(level, "checkout"), Incident.objects.all())
    assert [like.incident for like in found] == [old]


def test_an_incident_costs_peoples_hours_and_the_minutes_of_customers(level, ada, grace):
    policy = level.policy
    policy.cost_currency, policy.cost_responder_hour, policy.cost_impact_minute = "EUR", 80, 25
    policy.save()
    incident = opened(level, "checkout")
    lifecycle.acknowledge(incident, by=ada, at=NINE)
    lifecycle.note(incident, "I help", by=grace, at=NINE + HOUR)
    incident.impact_stretches.create(start_at=NINE, end_at=NINE + 10 * MINUTE)
    lifecycle.resolve(incident, by=ada, at=NINE + 2 * HOUR)
    price = cost.of(incident, at=NINE + 9 * HOUR)
    assert (price.hours, price.responders, price.customers, price.total) == (3, 240, 250, 490)


def test_a_drill_runs_the_real_chain_is_marked_in_every_message_and_in_no_figure(client, level, ada, grace):
    RouteFactory(policy=level.policy, destinations=[DestinationFactory(policy=level.policy)])
    drill = opened(level, "checkout", drill=True)
    escalation.climb_due(at=NINE)
    targets.check_due(at=NINE + HOUR)
    lifecycle.acknowledge(drill, by=ada, at=NINE + HOUR)
    lifecycle.resolve(drill, by=ada, at=NINE + 2 * HOUR)
    assert Page.objects.filter(incident=drill).exists() and drill.targets.filter(state="breached").exists()
    rows = Delivery.objects.filter(thread=drill.thread)
    assert rows.count() > 2
    assert [row.subject for row in rows if "DRILL" not in row.subject] == []
    signed_in(client, grace, "Responder")
    assert str(drill) not in client.get(reverse("late-targets")).content.decode()
    assert str(drill) in client.get(reverse("late-targets") + "?drills=only").content.decode()


def test_pinned_entries_stand_above_and_carry_their_evidence(client, level, ada, grace):
    incident = opened(level, "checkout", at=timezone.now())
    signed_in(client, grace, "Responder")
    shown = "https://grafana.example.org/d/1"
    act(client, incident, "note", text="Error rate falls", evidence=shown)
    entry = incident.timeline.get(kind="note")
    for value in ("on", "on"):
        client.post(reverse("incident-pin", args=[incident.pk, entry.pk]), {"pin": value})
    page = client.get(incident.get_absolute_url()).content.decode()
    assert page.count(shown) == 2 and 'aria-label="Pinned"' in page
    assert incident.timeline.filter(kind="pinned").count() == 1
    refused = act(client, incident, "note", text="x", evidence="javascript:alert(1)")
    assert refused.status_code == 422
    client.post(reverse("incident-pin", args=[incident.pk, entry.pk]), {"pin": "off"})
    assert 'aria-label="Pinned"' not in client.get(incident.get_absolute_url()).content.decode()


def test_two_commanders_a_tick_and_a_lost_answer_leave_one_true_record(level, ada, grace, linus, client):
    """Both act on the same page; the clock ticks in between; a form whose answer was lost is sent again."""
    lower = SeverityFactory(policy=level.policy, key="P2", rank=2, page=False)
    now = timezone.now().replace(microsecond=0)
    incident = opened(level, "checkout", at=now - 20 * MINUTE)
    first, second = signed_in(client, grace, "Incident Commander"), signed_in(Client(), linus, "Incident Commander")
    assert act(first, incident, "role", role="commander", contact=grace.pk).status_code == 302
    assert act(first, incident, "role", role="commander", contact=grace.pk).status_code == 302  # the answer was lost
    call_command("run_timers", now=now, verbosity=0)
    assert act(first, incident, "acknowledge").status_code == 302
    lost = act(second, incident, "acknowledge")
    assert lost.status_code == 409 and "already acknowledged by grace" in lost.content.decode()
    seen = incident.severity_id
    assert act(first, incident, "severity", severity=lower.pk, seen=seen, reason="only the cart").status_code == 302
    late = act(second, incident, "severity", severity=lower.pk, seen=seen, reason="me too")
    assert late.status_code == 409 and "meanwhile" in late.content.decode() and "me too" in late.content.decode()
    call_command("run_timers", now=now + timedelta(seconds=1), verbosity=0)
    assert act(first, incident, "impact-on").status_code == 302
    again = act(second, incident, "impact-on")
    assert again.status_code == 409 and "affected already" in again.content.decode()
    assert act(second, incident, "role", role="commander", contact=linus.pk).status_code == 302  # hands over
    assert act(second, incident, "resolve").status_code == 302
    gone = act(first, incident, "resolve")
    assert gone.status_code == 409 and "linus" in gone.content.decode()
    incident.refresh_from_db()
    kinds = list(incident.timeline.values_list("kind", flat=True))
    for kind, times in {"acknowledged": 1, "severity": 1, "impact": 2, "role": 2, "resolved": 1}.items():
        assert kinds.count(kind) == times, kind
    assert (incident.status, incident.acknowledged_by, incident.severity) == ("resolved", grace, lower)
    assert [(row.contact, row.until is None) for row in incident.roles.order_by("pk")] == [
        (grace, False), (linus, True),
    ]  # fmt: skip
    assert incident.targets.exclude(state="pending").count() == incident.targets.count()
