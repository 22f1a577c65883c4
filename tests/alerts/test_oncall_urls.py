"""Grafana OnCall's form of address leads to our doors."""

import json

import pytest

from alerts.models import Alert, Liveness
from sources.models import WebhookLog
from tests.factories import IntegrationFactory
from tests.sources.inbound.security import example

pytestmark = pytest.mark.django_db
TOKEN = "Jp0K9DdbHpTWGcWCyMWbwHgqY"


def post(client, type, body, token=TOKEN, slash="/"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(f"/integrations/v1/{type}/{token}{slash}", body, content_type="application/json")


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_formatted_webhook_fires_and_resolves(client, slash):
    IntegrationFactory(kind="oncall", key=TOKEN)
    told = json.loads(example("oncall_formatted"))
    assert post(client, "formatted_webhook", told, slash=slash).status_code == 202
    alert = Alert.objects.get()
    assert (alert.key, alert.name, alert.url) == (told["alert_uid"], told["title"], told["link_to_upstream_details"])
    assert alert.annotations["description"] == told["message"]
    assert json.loads(alert.annotations["images"]) == [{"src": told["image_url"]}]
    assert post(client, "formatted_webhook", {**told, "state": "OK"}, slash=slash).status_code == 202
    assert not Liveness.objects.get().firing


def test_no_field_is_required_but_something_must_be_said(client):
    IntegrationFactory(kind="oncall", key=TOKEN)
    assert post(client, "formatted_webhook", {"message": "Disk is full\non db-1"}).status_code == 202
    assert post(client, "formatted_webhook", {"title": "CPU"}).status_code == 202
    assert post(client, "formatted_webhook", {"title": "CPU", "state": "ok"}).status_code == 202
    assert dict(Liveness.objects.values_list("alert__name", "firing")) == {"Disk is full": True, "CPU": False}
    answer = post(client, "formatted_webhook", {"state": "alerting"})
    assert answer.status_code == 400 and "neither alert_uid, title nor message" in answer.json()["error"]


RECEIVED = {
    "version": "4", "status": "firing", "receiver": "ops", "groupKey": "g", "groupLabels": {}, "commonLabels": {},
    "commonAnnotations": {}, "externalURL": "http://am.example.org", "truncatedAlerts": 0,
    "alerts": [
        {
            "status": "firing", "labels": {"alertname": "Down"}, "annotations": {}, "fingerprint": "f",
            "startsAt": "2026-11-23T08:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://p.example.org",
        }
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("type", "kind"),
    [
        ("alertmanager", "alertmanager-webhook"),
        ("alertmanagerV2", "alertmanager-webhook"),
        ("legacy_alertmanager", "alertmanager-webhook"),
        ("alertmanager", "alertmanager"),
        ("grafana_alerting", "grafana"),
        ("grafana", "grafana"),
    ],
)
def test_what_alertmanager_and_grafana_send(client, type, kind):
    IntegrationFactory(kind=kind, key=TOKEN)
    assert post(client, type, RECEIVED).status_code == 202
    assert Alert.objects.get().labels["alertname"] == "Down"


@pytest.mark.parametrize(("type", "kind"), [("webhook", "generic"), ("zabbix", "generic"), ("generic", "generic")])
def test_plain_webhooks_are_read_by_the_doors_mapping(client, type, kind):
    IntegrationFactory(kind=kind, key=TOKEN, mapping={"title": "event.name"})
    assert post(client, type, {"event": {"name": "Down"}}).status_code == 202
    assert Alert.objects.get().name == "Down"


def test_pagerduty_events_too(client):
    IntegrationFactory(kind="pagerduty", key=TOKEN)
    event = {"event_action": "trigger", "payload": {"summary": "Down", "source": "a", "severity": "info"}}
    answer = post(client, "pagerduty", event)
    assert answer.status_code == 202 and len(answer.json()["dedup_key"]) == 32


@pytest.mark.parametrize(
    ("type", "kind"),
    [("sentry", "generic"), ("webhook", "oncall"), ("formatted_webhook", "generic"), ("nonsense", "generic"),
     ("grafana", "alertmanager-webhook"), ("zabbix", "sentry")],
)  # fmt: skip
def test_another_type_than_the_doors_is_refused(client, type, kind):
    IntegrationFactory(kind=kind, key=TOKEN, name="theirs")
    answer = post(client, type, {"title": "Down"})
    assert answer.status_code == 400
    assert f"This address is for {type!r}, and the token is of theirs, a door of kind {kind}" in answer.json()["error"]
    assert not Alert.objects.exists() and WebhookLog.objects.get().verdict == "refused"


def test_a_token_of_nobody_and_a_door_that_is_shut(client):
    assert post(client, "webhook", {"title": "Down"}, token="nobody").status_code == 404
    IntegrationFactory(kind="generic", key=TOKEN, enabled=False)
    assert post(client, "webhook", {"title": "Down"}).status_code == 403
    assert client.get(f"/integrations/v1/webhook/{TOKEN}/").status_code == 403
