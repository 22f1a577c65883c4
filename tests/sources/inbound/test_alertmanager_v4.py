import base64
from datetime import timedelta
from io import StringIO

from django.core.management import call_command

from alerts import grouping
from alerts.models import Alert, Liveness
from incidents.models import Incident
from sources.models import WebhookLog
from tests.factories import NINE, PolicyFactory, SeverityFactory
from tests.sources.inbound.making import body_of, payload
from tests.sources.inbound.security import DoorContract


class TestAlertmanagerWebhook(DoorContract):
    kind, example = "alertmanager-webhook", "alertmanager_v4"
    repeats, covers_body = 202, False  # it repeats what fires, and it cannot sign
    tamper = (b"", b"")

    def sign(self, body, secret, at):
        return {"Authorization": f"Bearer {secret}"}

    def test_each_alert_of_the_group(self, send):
        assert send().json()["accepted"] == 2
        assert list(Alert.objects.order_by("key").values_list("key", "name")) == [
            ("5ef77f1f8a3ecf8d", "CheckoutDown"), ("8a1d2f2f8a3ecf8d", "CheckoutDown"),
        ]  # fmt: skip
        alert = Alert.objects.get(key="5ef77f1f8a3ecf8d")
        assert alert.annotations == {"summary": "Checkout is down"}
        assert alert.url.startswith("http://prometheus.example.org:9090/graph")
        assert (alert.liveness.severity_key, alert.liveness.ends_at) == ("critical", None)
        assert alert.liveness.starts_at == NINE - timedelta(minutes=10) + timedelta(milliseconds=123)

    def test_basic_authentication(self, send):
        both = base64.b64encode(f"am:{self.secret}".encode()).decode()
        assert send(headers={"Authorization": f"Basic {both}"}).status_code == 202
        both = base64.b64encode(f"{self.secret}:".encode()).decode()
        assert send(headers={"Authorization": f"Basic {both}"}).status_code == 401

    def test_the_group_becomes_one_incident_and_ends_with_its_last_alert(self, send, door, now):
        door.group_by = ["alertname"]
        door.policy = PolicyFactory()
        door.save()
        SeverityFactory(policy=door.policy, key="critical")
        send()
        grouping.assign_due(at=now[0])
        assert Incident.objects.get().key == "CheckoutDown"
        assert self.state("CheckoutDown") == self.state("5ef77f1f8a3ecf8d") == "triggered 1"
        told = payload(self.example)
        for alert in told["alerts"]:
            alert |= {"status": "resolved", "endsAt": "2026-11-23T09:00:30Z"}
        now[0] += timedelta(minutes=1)
        send(body_of(told))
        assert not Liveness.objects.filter(firing=True).exists()

    def state(self, key):
        out = StringIO()
        call_command("incident_state", "--key", key, stdout=out)
        return out.getvalue().strip()

    def test_a_resolve_of_something_unknown_is_taken(self, send):
        told = payload(self.example)
        for alert in told["alerts"]:
            alert |= {"status": "resolved", "endsAt": "2026-11-23T08:59:30Z"}
        assert send(body_of(told)).status_code == 202
        assert not Liveness.objects.filter(firing=True).exists()

    def test_what_the_sender_left_out_is_noted(self, send):
        answer = send(body_of(payload(self.example) | {"truncatedAlerts": 7}))
        assert answer.json()["note"] == "The sender left out 7 alerts of this group."
        assert WebhookLog.objects.get().verdict == "accepted"

    def test_an_alert_without_fingerprint_is_known_by_its_labels(self, send, now):
        told = payload(self.example)
        for alert in told["alerts"]:
            del alert["fingerprint"]
        send(body_of(told))
        now[0] += timedelta(minutes=1)
        send(body_of(told))
        assert list(Alert.objects.values_list("key", flat=True)) == ["", ""]
