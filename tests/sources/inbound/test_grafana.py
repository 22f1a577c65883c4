import base64
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from alerts.models import Alert, Liveness
from sources.models import Integration
from tests.factories import NINE
from tests.sources.inbound.making import body_of, hex_hmac, payload
from tests.sources.inbound.security import DoorContract, example

TIMESTAMP = "X-Grafana-Alerting-Timestamp"


class TestGrafana(DoorContract):
    """With a time in the signature, as it should be set up."""

    kind, example = "grafana", "grafana_alerts"
    stale_after, repeats = timedelta(minutes=5), 409
    tamper = (b"us-1", b"us-2")

    def sign(self, body, secret, at):
        t = str(int(at.timestamp()))
        return {"X-Grafana-Alerting-Signature": hex_hmac(secret, f"{t}:".encode() + body), TIMESTAMP: t}

    def test_what_fires_and_what_is_over(self, send):
        answer = send()
        assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
        alert = Alert.objects.get()  # of the other one nothing was known, so its end says nothing
        assert (alert.key, alert.name) == ("c6eadffa33fcdf37", "High memory usage")
        assert alert.labels == {
            "alertname": "High memory usage", "team": "blue", "zone": "us-1", "grafana_folder": "Shop",
            "severity": "critical",
        }  # fmt: skip
        assert alert.annotations["summary"] == "This alert was triggered for zone us-1"
        assert alert.annotations["panel_url"] == "https://play.grafana.org/d/abcd?orgId=1&viewPanel=2"
        assert alert.annotations["silence_url"].startswith("https://play.grafana.org/alerting/silence/new")
        assert (alert.annotations["value_B"], alert.annotations["image_url"][-5:]) == ("44.23943737541908", "x.png")
        assert "44.2" in alert.annotations["value"]
        assert alert.url == "https://play.grafana.org/alerting/1afz29v7z/edit"
        life = alert.liveness
        assert (life.firing, life.ends_at, life.severity_key) == (True, None, "critical")
        assert life.starts_at == datetime(2026, 11, 23, 6, 51, 3, 157076, tzinfo=UTC)

    def test_a_resolve_by_its_fingerprint(self, send, now):
        send()
        told = payload(self.example)
        told["alerts"][0] |= {"status": "resolved", "endsAt": "2026-11-23T09:00:30Z"}
        now[0] += timedelta(minutes=1)
        assert send(body_of(told | {"status": "resolved"})).status_code == 202
        life = Liveness.objects.get()
        assert (life.firing, life.ends_at) == (False, NINE + timedelta(seconds=30))

    def test_a_signature_without_time_is_taken_and_a_reminder_is_no_replay(self, send):
        headers = {"X-Grafana-Alerting-Signature": hex_hmac(self.secret, example(self.example))}
        assert send(headers=headers).status_code == 202
        assert send(headers=headers).status_code == 202
        assert Liveness.objects.get().times == 1
        self.assert_401(send(headers=headers | {TIMESTAMP: str(int(NINE.timestamp()))}))
        self.assert_401(send(headers=headers | {TIMESTAMP: "noon"}))

    def assert_401(self, answer):
        assert answer.status_code == 401, answer.content

    def test_the_headers_may_have_other_names(self, send, door):
        door.options = {"signature_header": "X-Signed", "timestamp_header": "X-At"}
        door.save()
        t = str(int(NINE.timestamp()))
        good = hex_hmac(self.secret, f"{t}:".encode() + example(self.example))
        self.assert_401(send(headers={"X-Grafana-Alerting-Signature": good, TIMESTAMP: t}))
        assert send(headers={"X-Signed": good, "X-At": t}).status_code == 202

    @pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
    def test_the_secret_may_be_sent_along_instead(self, send, scheme):
        for secret, status in ((self.secret, 202), ("wrong", 401)):
            given = base64.b64encode(f"grafana:{secret}".encode()).decode() if scheme == "Basic" else secret
            assert send(headers={"Authorization": f"{scheme} {given}"}).status_code == status

    def test_a_new_door_makes_one_incident_of_a_rule_and_folder(self, db, capsys):
        call_command("integration", "add", "grafana", "ours")
        assert Integration.objects.get().group_by == ["alertname", "grafana_folder"]
        call_command("integration", "add", "grafana", "theirs", "--group-by", "team")
        assert Integration.objects.get(name="theirs").group_by == ["team"]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"alerts": None}, "alerts must be a list of objects, and it is missing"),
            ({"alerts": {}}, "alerts must be a list of objects, and it is an object"),
            ({"alerts": [7]}, "alerts[0] must be an object"),
            ({"alerts": [{"status": "melting", "labels": {"a": "b"}}]}, "alerts[0] is 'melting'"),
            ({"alerts": [{"status": "firing", "labels": []}]}, "labels of alerts[0] must be an object"),
            ({"alerts": [{"status": "firing", "labels": {}}]}, "alerts[0] has no labels"),
            ({"version": "2"}, "version is '2'"),
        ],
    )
    def test_what_cannot_be_understood(self, send, change, words):
        assert words in self.assert_refused(send(body_of(payload(self.example) | change)), 400)
