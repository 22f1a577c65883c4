"""Alerts that began or ended become, join, and let go of incidents."""

from datetime import timedelta

import pytest
from django.db import connection

from alerts import grouping, suppression
from alerts.models import AlertRule, Liveness
from incidents import recovery
from incidents.models import Incident, Status
from policies import claims
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    AlertFactory,
    AlertRuleFactory,
    DestinationFactory,
    GatePlanFactory,
    IntegrationFactory,
    LivenessFactory,
    PolicyFactory,
    RouteFactory,
    SeverityFactory,
    SilenceFactory,
)

pytestmark = pytest.mark.django_db
MEMORY = {"keys": {"{}": {"fired_at": "2026-11-23T09:00:00+00:00"}}}  # of a rule that fires


@pytest.fixture
def door():
    policy = PolicyFactory(key="default", resolve_after=5 * MINUTE)
    SeverityFactory(policy=policy, key="critical", rank=0)
    SeverityFactory(policy=policy, key="warning", rank=1, page=False)
    return IntegrationFactory(kind="alertmanager", policy=policy)


def fires(door, name="CheckoutDown", severity="critical", at=NINE, **labels) -> Liveness:
    labels = {"alertname": name, "severity": severity, **labels}
    alert = AlertFactory(integration=door, name=name, labels=labels)
    return LivenessFactory(alert=alert, severity_key=severity, starts_at=at, last_seen_at=at, assign_at=at)


def ends(liveness, at):
    Liveness.objects.filter(pk=liveness.pk).update(firing=False, ends_at=at, assign_at=at)
    grouping.assign_due(at=at)


def test_alerts_of_one_name_make_one_incident_with_their_common_labels(door):
    for host in ("web-1", "web-2", "web-3"):
        fires(door, host=host, team="shop")
    assert grouping.assign_due(at=NINE) == 3
    incident = Incident.objects.get()
    assert incident.key == "CheckoutDown"
    assert incident.labels["team"] == "shop" and "host" not in incident.labels
    assert incident.alerts.count() == 3
    assert grouping.assign_due(at=NINE) == 0


def test_a_later_alert_joins_the_open_incident(door):
    fires(door, host="web-1")
    grouping.assign_due(at=NINE)
    fires(door, host="web-2", at=NINE + MINUTE)
    grouping.assign_due(at=NINE + MINUTE)
    incident = Incident.objects.get()
    assert incident.timeline.filter(kind="alerts_joined").count() == 1


def test_an_alert_of_a_higher_level_raises_the_incident(door):
    fires(door, severity="warning", host="web-1")
    grouping.assign_due(at=NINE)
    fires(door, severity="critical", host="web-2")
    grouping.assign_due(at=NINE + MINUTE)
    assert Incident.objects.get().severity.key == "critical"


def test_an_unknown_level_counts_as_the_least_urgent(door):
    fires(door, severity="catastrophic")
    grouping.assign_due(at=NINE)
    assert Incident.objects.get().severity.key == "warning"


def test_the_incident_resolves_when_the_last_alert_has_been_quiet_long_enough(door):
    one, two = fires(door, host="web-1"), fires(door, host="web-2")
    grouping.assign_due(at=NINE)
    ends(one, NINE + MINUTE)
    assert Incident.objects.get().quiet_until is None
    ends(two, NINE + 2 * MINUTE)
    assert Incident.objects.get().quiet_until == NINE + 7 * MINUTE
    recovery.resolve_due(at=NINE + 7 * MINUTE)
    assert Incident.objects.get().status == Status.RESOLVED


def test_firing_again_within_the_quiet_time_keeps_the_incident(door):
    alert = fires(door)
    grouping.assign_due(at=NINE)
    ends(alert, NINE + MINUTE)
    Liveness.objects.filter(pk=alert.pk).update(firing=True, ends_at=None, assign_at=NINE + 2 * MINUTE)
    grouping.assign_due(at=NINE + 2 * MINUTE)
    recovery.resolve_due(at=NINE + HOUR)
    assert Incident.objects.get().status == Status.DETECTED


def test_a_silenced_alert_opens_nothing_and_says_by_whom_and_why(door):
    SilenceFactory()
    silenced = fires(door)
    grouping.assign_due(at=NINE)
    silenced.refresh_from_db()
    assert not Incident.objects.exists()
    assert (silenced.verdict, silenced.reason) == ("suppressed", "silenced by ada: Known, being repaired.")


@pytest.mark.parametrize(("after", "incidents"), [(HOUR - timedelta(seconds=1), 0), (HOUR, 1)])
def test_at_the_end_of_the_silence_what_still_fires_acts(door, after, incidents):
    SilenceFactory(starts_at=NINE, ends_at=NINE + HOUR)
    fires(door)
    grouping.assign_due(at=NINE)
    grouping.assign_due(at=NINE + after)
    assert Incident.objects.count() == incidents


def test_ending_a_silence_by_hand_lets_it_act_at_once(door):
    silence = SilenceFactory()
    fires(door)
    grouping.assign_due(at=NINE)
    suppression.expire(silence, at=NINE + MINUTE)
    grouping.assign_due(at=NINE + MINUTE)
    assert Incident.objects.count() == 1


def test_what_ended_while_it_was_silenced_never_acts(door):
    SilenceFactory()
    silenced = fires(door)
    grouping.assign_due(at=NINE)
    ends(silenced, NINE + MINUTE)
    grouping.assign_due(at=NINE + 2 * HOUR)
    assert not Incident.objects.exists()


def test_a_firing_parent_rule_hides_its_children(door):
    policy = door.policy
    level = policy.severities.get(key="critical")
    parent = AlertRuleFactory(severity=level, name="down", state=AlertRule.State.FIRING, memory=MEMORY)
    child = AlertRuleFactory(severity=level, name="degraded")
    child.suppressed_by.add(parent)
    alert = AlertFactory(integration=None, rule=child, key="degraded")
    LivenessFactory(alert=alert, severity_key="critical")
    grouping.assign_due(at=NINE)
    assert Liveness.objects.get().reason == "hidden by firing down"
    AlertRule.objects.filter(pk=parent.pk).update(state="inactive", memory={})
    grouping.assign_due(at=NINE + MINUTE)
    assert Incident.objects.get().key == "degraded"


@pytest.mark.parametrize("length", [1, 2, 3])
def test_rules_that_would_hide_each_other_hide_nothing(door, length):
    level = door.policy.severities.get(key="critical")
    ring = [
        AlertRuleFactory(severity=level, name=f"rule {n}", state=AlertRule.State.FIRING, memory=MEMORY)
        for n in range(length)
    ]
    for number, rule in enumerate(ring):
        rule.suppressed_by.add(ring[(number + 1) % length])
        alert = AlertFactory(integration=None, rule=rule, key=rule.name)
        LivenessFactory(alert=alert, severity_key="critical")
    below = AlertRuleFactory(severity=level, name="below")
    below.suppressed_by.add(ring[0])
    LivenessFactory(alert=AlertFactory(integration=None, rule=below, key="below"), severity_key="critical")
    grouping.assign_due(at=NINE)
    assert set(Incident.objects.values_list("key", flat=True)) == {rule.name for rule in ring}


def test_many_incidents_are_opened_slice_by_slice(door, monkeypatch):
    monkeypatch.setattr(claims, "SLICE", 0.0)
    for name in ("Checkout", "Search", "Login"):
        fires(door, name=name, host="web-1")
        fires(door, name=name, host="web-2")
    assert [grouping.assign_due(at=NINE) for _ in range(4)] == [2, 2, 2, 0]
    assert Incident.objects.count() == 3


def test_a_group_that_cannot_be_told_holds_up_no_other(door):
    destination = DestinationFactory(policy=door.policy)
    RouteFactory(policy=door.policy, match={"labels": {"team": "lost"}}, default=False, destinations=[destination])
    with connection.cursor() as cursor:  # as a secret that was written with a key that is gone
        cursor.execute("UPDATE notifications_destination SET address = 'gAAAAAnonsense'")
    fires(door, name="Broken", team="lost")
    fires(door, name="Fine", team="shop")
    assert grouping.assign_due(at=NINE) == 2
    broken = Liveness.objects.get(alert__name="Broken")
    assert broken.assign_at == NINE + MINUTE and "could not be judged" in broken.reason
    RouteFactory._meta.model.objects.all().delete()
    grouping.assign_due(at=NINE + MINUTE)
    assert set(Incident.objects.values_list("key", flat=True)) == {"Broken", "Fine"}


def test_groups_that_join_together_each_note_what_joined_and_a_rise_is_still_seen(door):
    for name in ("Checkout", "Search", "Login"):
        fires(door, name=name, severity="warning", host="web-1")
    grouping.assign_due(at=NINE)
    fires(door, name="Checkout", severity="warning", host="web-2")
    fires(door, name="Search", severity="critical", host="web-2")
    quiet = Incident.objects.get(key="Login")
    first = Liveness.objects.get(incident=quiet)
    ends(first, NINE + MINUTE)  # the others join in the same sweep in which this one begins to be quiet
    fires(door, name="Login", severity="warning", host="web-2", at=NINE + 2 * MINUTE)
    grouping.assign_due(at=NINE + 2 * MINUTE)
    incidents = {incident.key: incident for incident in Incident.objects.select_related("severity")}
    assert len(incidents) == 3
    assert {key: incident.severity.key for key, incident in incidents.items()} == {
        "Checkout": "warning", "Search": "critical", "Login": "warning",
    }  # fmt: skip
    assert incidents["Login"].quiet_until is None
    for incident in incidents.values():
        joined = incident.timeline.get(kind="alerts_joined")
        assert joined.text == f"1 more: {incident.key}." and len(joined.data["alerts"]) == 1
    assert set(Liveness.objects.exclude(pk=first.pk).values_list("verdict", "assign_at")) == {("joined", None)}


def test_joining_many_incidents_costs_as_many_statements_as_incidents(door, django_assert_max_num_queries):
    names = [f"Group{n}" for n in range(12)]
    for name in names:
        fires(door, name=name, severity="warning")
    while grouping.assign_due(at=NINE):
        pass
    for name in names:
        for n in range(5):
            fires(door, name=name, severity="warning", host=str(n))
    with django_assert_max_num_queries(18 + len(names)):
        assert grouping.assign_due(at=NINE) == 60


def test_an_incident_is_quiet_only_when_none_of_its_alerts_fires(door):
    one, other = fires(door, host="web-1"), fires(door, host="web-2")
    grouping.assign_due(at=NINE)
    ends(one, NINE + MINUTE)
    assert Incident.objects.get().quiet_until is None
    ends(other, NINE + 2 * MINUTE)
    assert Incident.objects.get().quiet_until == NINE + 7 * MINUTE


@pytest.mark.parametrize("minutes", [None, 10])
def test_an_end_that_is_told_late_is_not_the_last_and_a_longer_gate_is_waited_for(door, minutes):
    """Of two alerts that ended at 9:08 and 9:10 the earlier is told last."""
    one, other = fires(door, host="web-1"), fires(door, host="web-2")
    grouping.assign_due(at=NINE)
    incident = Incident.objects.get()
    if minutes:
        GatePlanFactory(policy=incident.policy, to="resolved", require=[f"quiet {minutes}m"])
    ends(one, NINE + 10 * MINUTE)
    Liveness.objects.filter(pk=other.pk).update(
        firing=False, ends_at=NINE + 8 * MINUTE, last_seen_at=NINE + 11 * MINUTE, assign_at=NINE + 11 * MINUTE
    )
    grouping.assign_due(at=NINE + 11 * MINUTE)
    for minute in range(11, 10 + (minutes or 5)):
        recovery.resolve_due(at=NINE + minute * MINUTE)
        assert Incident.objects.get().is_open
    recovery.resolve_due(at=NINE + (10 + (minutes or 5)) * MINUTE)
    assert Incident.objects.get().status == "resolved"
    assert not incident.timeline.filter(text__contains="not resolved yet").exists()
