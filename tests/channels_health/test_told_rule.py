"""Rules that count channels in the state we were told, from the door to the incident."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from alerts import evaluation, grouping
from alerts.models import AlertRule
from channels_health.models import Channel
from channels_health.probe import Channels
from incidents.models import Incident
from packs import loader
from sources.probes import Asker, BadSpec
from tests.factories import NINE, ChannelFactory, IntegrationFactory

MINUTE = timedelta(minutes=1)
RULE = "channels-told-disconnected"


@pytest.fixture
def pack(db):
    call_command("load_pack", "whatsapp-alert-policy", verbosity=0)
    IntegrationFactory(kind="channels", name="inbox", key="c-1")


@pytest.fixture
def clock(monkeypatch):
    now = [NINE]
    monkeypatch.setattr(timezone, "now", lambda: now[0])
    return now


def tell(client, tenant, count, status="DISCONNECTED"):
    """The state of so many of a tenant's channels, over HTTP."""
    told = [{"tenant": tenant, "channel": f"{tenant}-{n}", "status": status} for n in range(count)]
    path = "/api/channels/status?key=c-1"
    assert client.post(path, json.dumps(told), content_type="application/json").status_code == 202


def tick(clock):
    """A minute later, the rules that are due are checked and their alerts join incidents."""
    clock[0] += MINUTE
    evaluation.check_due(at=clock[0], rules=AlertRule.objects.filter(key=RULE))
    while grouping.assign_due(at=clock[0]):
        pass


def incidents():
    found = Incident.objects.open().order_by("pk").select_related("severity")
    return [(one.severity.key, one.key, one.title) for one in found]


@pytest.mark.req("AP-19")
def test_more_than_one_disconnected_channel_of_a_tenant_is_one_p2_of_that_tenant(client, pack, clock):
    tell(client, "a", 3, "CONNECTED")
    tell(client, "a", 1)
    tell(client, "b", 1)
    tick(clock)
    assert incidents() == []
    tell(client, "a", 2)
    tick(clock)
    first = ("P2", f"{RULE}:a", "Tenant a: 2 channel disconnected")
    assert incidents() == [first]
    tell(client, "b", 3)
    tick(clock)
    second = ("P2", f"{RULE}:b", "Tenant b: 3 channel disconnected")
    assert incidents() == [first, second]
    tick(clock)
    assert incidents() == [first, second]
    tell(client, "a", 1, "CONNECTED")
    clock[0] += MINUTE
    tick(clock)
    assert not Incident.objects.get(key=f"{RULE}:a").alerts.filter(firing=True).exists()
    assert Incident.objects.get(key=f"{RULE}:b").alerts.filter(firing=True).exists()


def test_the_rule_is_due_as_soon_as_a_channel_is_told(client, pack, clock):
    tick(clock)
    clock[0] += MINUTE / 4
    assert not AlertRule.objects.due(clock[0]).filter(key=RULE).exists()
    tell(client, "a", 2)
    assert AlertRule.objects.due(clock[0]).filter(key=RULE).exists()


@pytest.fixture
def channels(db):
    for tenant, key, status, kind in [
        ("a", "1", "DISCONNECTED", "whatsapp"),
        ("a", "2", "Flagged", "whatsapp"),
        ("a", "3", "CONNECTED", "mail"),
        ("b", "1", "CONNECTED", "mail"),
    ]:
        ChannelFactory(tenant=tenant, key=key, status=status, kind=kind, name=f"{tenant}{key}", changed_at=NINE)
    assert Channel.objects.count() == 4


def read(**spec):
    return [(r.labels, r.fields["value"], r.fields["names"]) for r in Channels().read(spec, at=NINE, asker=Asker())]


def test_tenants_without_such_a_channel_are_told_as_none(channels):
    assert read(state="DISCONNECTED") == [({"tenant": "a"}, 1, ["a1"]), ({"tenant": "b"}, 0, [])]


def test_several_states_in_upper_or_lower_case(channels):
    assert read(state=["disconnected", "FLAGGED"])[0] == ({"tenant": "a"}, 2, ["a1", "a2"])


def test_by_kind_and_of_one_tenant_alone(channels):
    assert read(state="CONNECTED", by="kind") == [({"kind": "mail"}, 2, ["a3", "b1"]), ({"kind": "whatsapp"}, 0, [])]
    assert read(state="CONNECTED", tenant="b", kind="mail") == [({"tenant": "b"}, 1, ["b1"])]


def test_since_is_when_the_first_of_them_changed(channels):
    Channel.objects.filter(tenant="a", key="2").update(changed_at=NINE - MINUTE)
    spec = {"state": ["DISCONNECTED", "FLAGGED"], "as": "down"}
    first = Channels().read(spec, at=NINE, asker=Asker())[0].fields
    assert (first["down"], first["value"], first["total"], first["since"]) == (2, 2, 3, NINE - MINUTE)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({}, "state"), ({"state": []}, "state"), ({"state": [7]}, "state"), ({"state": "X", "by": "name"}, "by"),
        ({"state": "X", "as": "a b"}, "as"), ({"state": "X", "tenant": 7}, "tenant"),
        ({"state": "X", "url": "x"}, "url"),
    ],
)  # fmt: skip
def test_a_spec_that_cannot_work_is_told_when_the_pack_is_read(spec, path):
    with pytest.raises(BadSpec) as refusal:
        Channels().check(spec)
    assert refusal.value.path == path


def test_a_pack_names_the_wrong_key(db):
    text = """
    pack: {key: p, name: P, version: 1}
    severities: [{key: P1, label: High}]
    destinations: [{key: team, kind: chat, address: "https://chat.example.org/x"}]
    routes: [{default: true, to: team}]
    rules: [{key: r, severity: P1, every: 60s, source: {channels: {state: DOWN, by: planet}}, when: value > 1}]
    """
    with pytest.raises(loader.PackRefused) as refusal:
        loader.load(text, name="my.yaml", at=NINE)
    assert "source.channels.by" in str(refusal.value.problems)
    assert "planet" in str(refusal.value.problems)
