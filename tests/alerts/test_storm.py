"""A door that tells of more trouble than anybody could look at: counted and grouped, never refused."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from alerts import admission, grouping
from alerts.models import Liveness
from alerts.store import memory
from incidents import recovery
from incidents.models import Incident, Status
from notifications.models import Delivery
from opscenter import clock
from sources.models import WebhookLog
from tests.factories import MINUTE, DestinationFactory, IntegrationFactory, PolicyFactory, RouteFactory, SeverityFactory

pytestmark = pytest.mark.django_db
CEILING = 3


@pytest.fixture
def door():
    memory.forget()
    admission.forget()
    policy = PolicyFactory(key="default", resolve_after=5 * MINUTE)
    SeverityFactory(policy=policy, key="critical", rank=0)
    SeverityFactory(policy=policy, key="warning", rank=1, page=False)
    RouteFactory(policy=policy, destinations=[DestinationFactory(policy=policy)])
    return IntegrationFactory(kind="alertmanager", name="production", policy=policy, ceiling=CEILING)


def post(door, names, *, ends=False, severity="warning"):
    """Tell of one alert for each name through the door, and let the clock look once."""
    now = datetime.now(UTC)
    alerts = [
        {
            "labels": {"alertname": name, "severity": severity},
            "startsAt": (now - timedelta(seconds=1)).isoformat(),
            "endsAt": (now - timedelta(milliseconds=1) if ends else now + timedelta(minutes=10)).isoformat(),
        }
        for name in names
    ]
    answer = Client().post(f"/api/v2/alerts?key={door.key}", json.dumps(alerts), content_type="application/json")
    assert answer.status_code == 200
    sweep(datetime.now(UTC))


def sweep(at):
    clock.exhaust(grouping.assign_due, at=at)


def storm():
    return Incident.objects.get(key="(storm)")


def keys():
    return sorted(Incident.objects.values_list("key", flat=True))


@pytest.mark.parametrize(("groups", "storms"), [(CEILING, 0), (CEILING + 1, 1)])
def test_beyond_the_ceiling_alerts_share_one_incident(door, groups, storms):
    post(door, [f"A{number}" for number in range(groups)])
    assert Incident.objects.filter(key="(storm)").count() == storms
    assert Incident.objects.count() == CEILING + storms


def test_the_storm_counts_its_alerts_and_refuses_none(door):
    post(door, [f"A{number}" for number in range(40)])
    assert storm().title == "37 alerts of production: storm"
    post(door, [f"B{number}" for number in range(10)])
    assert storm().title == "47 alerts of production: storm"
    assert Liveness.objects.filter(incident=None).count() == 0
    assert not WebhookLog.objects.filter(verdict="refused").exists()
    assert "ceiling of 3 incidents a minute" in storm().timeline.get(kind="detected").text


def test_messages_stay_few(door):
    post(door, [f"A{number}" for number in range(200)])
    for part in range(5):
        post(door, [f"B{part}.{number}" for number in range(40)])
    assert Delivery.objects.count() == CEILING + 1


def test_the_gravest_have_incidents_of_their_own(door):
    now = [f"minor {number}" for number in range(10)]
    alerts = [{"labels": {"alertname": name, "severity": "warning"}} for name in now]
    alerts += [{"labels": {"alertname": "Down", "severity": "critical"}}]
    Client().post(f"/api/v2/alerts?key={door.key}", json.dumps(alerts), content_type="application/json")
    sweep(datetime.now(UTC))
    assert "Down" in keys()


def test_no_resolve_is_dropped_and_the_storm_resolves_when_it_calms(door):
    names = [f"A{number}" for number in range(30)]
    post(door, names)
    post(door, names[:29], ends=True)
    assert Liveness.objects.filter(firing=True).count() == 1
    post(door, names, ends=True)
    assert Liveness.objects.filter(firing=True).count() == 0
    later = datetime.now(UTC) + timedelta(minutes=6)
    clock.exhaust(recovery.resolve_due, at=later)
    assert set(Incident.objects.values_list("status", flat=True)) == {Status.RESOLVED}


def test_what_joined_the_storm_stays_in_it_and_what_has_an_incident_joins_that(door):
    post(door, [f"A{number}" for number in range(10)])
    own = Incident.objects.exclude(key="(storm)").first()
    Incident.objects.update(detected_at=datetime.now(UTC) - timedelta(minutes=5))
    joined = storm().alerts.count()
    sweep_again = Liveness.objects.filter(firing=True)
    sweep_again.update(assign_at=datetime.now(UTC))
    sweep(datetime.now(UTC))
    assert storm().alerts.count() == joined and own.alerts.count() == 1
    assert Incident.objects.count() == CEILING + 1


def test_after_a_minute_the_door_may_open_incidents_again(door):
    post(door, [f"A{number}" for number in range(10)])
    Incident.objects.update(detected_at=datetime.now(UTC) - timedelta(seconds=61))
    post(door, ["New"])
    assert "New" in keys()


def test_without_a_ceiling_every_group_has_its_incident(door):
    door.ceiling = 0
    door.save()
    post(door, [f"A{number}" for number in range(10)])
    assert Incident.objects.count() == 10


def test_another_door_is_not_in_this_storm(door):
    other = IntegrationFactory(kind="alertmanager", name="staging", policy=door.policy, ceiling=CEILING)
    post(door, [f"A{number}" for number in range(10)])
    post(other, ["Calm"])
    assert Incident.objects.get(key="Calm").scope == f"door:{other.pk}"
