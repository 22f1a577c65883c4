"""Many tools at once: one incident, acknowledged once, and no answer that is an error of ours."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from alerts.models import Alert
from incidents.models import Incident, Status
from sources.models import WebhookLog
from tests.factories import IntegrationFactory, PolicyFactory, SeverityFactory

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "0123456789abcdef0123456789abcdef"
PAYLOAD = {"summary": "Disk is full", "source": "db-1", "severity": "critical"}


def send(action: str, key: str) -> int:
    event = {"routing_key": KEY, "event_action": action, "dedup_key": key, "payload": PAYLOAD}
    try:
        return Client().post("/v2/enqueue", json.dumps(event), content_type="application/json").status_code
    finally:
        connection.close()


def test_triggers_and_acknowledgements_of_one_group_at_once():
    policy = PolicyFactory(key="default")
    SeverityFactory(policy=policy, key="critical")
    IntegrationFactory(kind="pagerduty", name="tools", key=KEY, policy=policy, group_by=["source"])
    keys = [f"disk-{n}" for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(send, ["trigger"] * 12, keys * 2)) == {202}
        assert set(pool.map(send, ["acknowledge"] * 12, keys * 2)) == {202}
    assert Alert.objects.count() == 6
    incident = Incident.objects.get()
    assert (incident.status, incident.timeline.filter(kind="acknowledged").count()) == (Status.ACKNOWLEDGED, 1)
    assert WebhookLog.objects.filter(verdict="accepted").count() == 24
