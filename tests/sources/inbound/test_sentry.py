import json
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from alerts import grouping
from alerts.models import Alert, Liveness
from incidents.models import Incident
from sources.inbound import sentry_event
from sources.models import Event, Integration, WebhookLog
from sources.probes.masking import MASK
from tests.factories import NINE, IntegrationFactory, PolicyFactory, SeverityFactory
from tests.sources.inbound.making import body_of, hex_hmac, payload
from tests.sources.inbound.security import DoorContract, example

ISSUE = "4509877001"
REQUIRED = [
    "user.id", "user.email", "user.role", "request.endpoint", "request.method", "request.parameters",
    "business.teamId", "business.operation", "business.featureFlags", "technical.queries", "technical.external_calls",
]  # fmt: skip


class TestSentry(DoorContract):
    kind, example = "sentry", "sentry_event_alert"
    stale_after, repeats = timedelta(minutes=5), 200
    tamper = (b"ThrottleError", b"throttleError")
    resource = "event_alert"
    request_id = "7d0c1c9a8a0f4c0f9f2f"

    def sign(self, body, secret, at):
        return {
            "Sentry-Hook-Resource": self.resource, "Sentry-Hook-Timestamp": str(int(at.timestamp())),
            "Sentry-Hook-Signature": hex_hmac(secret, body), "Request-ID": self.request_id,
        }  # fmt: skip

    def tell(self, send, what, resource, *, number=1, **change):
        """Post the documented body of a resource with parts of it changed, as a request of its own."""
        told = payload(what) | {name: value for name, value in change.items() if name != "data"}
        if "data" in change:
            told["data"] = told["data"] | change["data"]
        body = body_of(told)
        headers = self.sign(body, self.secret, NINE)
        return send(body, headers=headers | {"Sentry-Hook-Resource": resource, "Request-ID": f"r-{number}"})

    def event_alert(self, send, number=1, **change):
        event = payload(self.example)["data"]["event"] | {"event_id": f"{number:032x}"} | change
        return self.tell(send, self.example, "event_alert", number=number, data={"event": event})

    def test_an_issue_alert_is_an_event_and_an_alert(self, send):
        answer = send()
        event, alert = Event.objects.get(), Alert.objects.get()
        assert answer.json() == {"accepted": 2, "alerts": [alert.pk], "events": [event.pk]}
        assert (event.stream, event.kind, event.subject, event.level) == ("sentry", "error", ISSUE, "error")
        assert event.name == "ThrottleError: too many transient errors"
        assert event.text == "ThrottleError: too many transient errors\nbatch 17 gave up"
        assert event.at == NINE - timedelta(seconds=29, milliseconds=750)
        assert (alert.key, alert.name, alert.liveness.severity_key) == (ISSUE, event.name, "error")
        assert (alert.liveness.firing, alert.liveness.ends_at) == (True, None)
        assert alert.url.startswith("https://sentry.io/organizations/example/issues/4509877001/events/")
        assert alert.annotations["rule"] == "Backend errors"
        for labels in (event.labels, alert.labels):
            assert labels["error_type"] == "throttle_backend_error"
            assert (labels["environment"], labels["release"]) == ("production", "shop@2.14.0")
            assert (labels["transaction"], labels["endpoint"], labels["method"]) == (
                "/api/orders",
                "/api/orders",
                "POST",
            )
            assert (labels["user_id"], labels["user_role"], labels["teamId"]) == ("41", "buyer", "team-7")
            assert "ada@example.org" not in str(labels)

    def test_its_context_is_kept_and_secrets_in_it_are_not(self, send):
        send()
        data = Event.objects.get().data
        assert data["user"] == {
            "id": "41", "email": "ada@example.org", "ip_address": "203.0.113.9", "role": "buyer"
        }  # fmt: skip
        assert data["request"]["url"] == "https://shop.example.org/api/orders"
        assert data["request"]["parameters"]["coupon"] == "X1"
        assert data["business"] == {"teamId": "team-7", "operation": "checkout", "featureFlags": ["new-cart"]}
        assert data["technical"] == {
            "queries": ["SELECT id FROM orders WHERE id = %s"],
            "external_calls": ["POST https://pay.example.org/v1/charge"],
        }
        for secret in ("hunter2", "tok-4711", "key=abc"):
            assert secret not in json.dumps(data)

    @pytest.mark.req("DX-136")
    def test_fifty_events_of_an_issue_are_one_alert(self, send, door):
        door.policy = PolicyFactory()
        door.save()
        SeverityFactory(policy=door.policy, key="error")
        for number in range(50):
            assert self.event_alert(send, number).status_code == 202
            grouping.assign_due(at=NINE)
        alert = Alert.objects.get()
        assert (alert.key, alert.liveness.times) == (ISSUE, 1)
        assert Event.objects.filter(subject=alert.key).count() == 50
        assert alert.told_times == 50
        assert Incident.objects.get().key == ISSUE
        out = StringIO()
        call_command("incident_state", "--key", ISSUE, stdout=out)
        assert out.getvalue().strip() == "triggered 1"
        self.event_alert(send, 99, issue_id="4509877002")
        assert Alert.objects.count() == 2

    def test_an_event_is_told_once_by_each_rule_in_whichever_request(self, send):
        assert self.event_alert(send, 7).status_code == 202
        again = send(example(self.example))  # another event, so another message
        assert again.status_code == 202
        headers = self.sign(example(self.example), self.secret, NINE) | {"Request-ID": "made-up"}
        assert send(headers=headers).status_code == 200
        assert Event.objects.count() == 2

    def test_an_issue_that_is_resolved_ends_its_alert(self, send):
        self.event_alert(send)
        assert self.tell(send, "sentry_issue", "issue", number=2).status_code == 202
        alert = Alert.objects.get()
        assert not alert.liveness.firing
        assert alert.labels["error_type"] == "throttle_backend_error"  # what was said of it stands
        told = Event.objects.get(kind="issue")
        assert (told.outcome, told.subject, told.data["count"]) == ("resolved", ISSUE, "50")
        self.event_alert(send, 3)
        assert Liveness.objects.values_list("firing", "times").get() == (True, 2)
        assert self.tell(send, "sentry_issue", "issue", number=4).status_code == 202  # in the very same words
        assert not Liveness.objects.get().firing

    @pytest.mark.parametrize(
        ("action", "ends"), [("created", False), ("assigned", False), ("unresolved", False), ("archived", True)]
    )
    def test_what_else_becomes_of_an_issue(self, send, action, ends):
        self.event_alert(send)
        self.tell(send, "sentry_issue", "issue", number=2, action=action)
        assert Liveness.objects.get().firing is not ends
        assert Event.objects.get(kind="issue").outcome == action

    def test_an_issue_without_alert_is_an_event_only(self, send):
        self.tell(send, "sentry_issue", "issue", action="created")
        self.tell(send, "sentry_issue", "issue", number=2)
        assert not Alert.objects.exists()
        assert Event.objects.count() == 2

    def test_a_metric_alert_by_its_levels(self, send, now):
        self.tell(send, "sentry_metric_alert", "metric_alert", action="warning")
        alert = Alert.objects.get()
        assert (alert.key, alert.name, alert.liveness.severity_key) == ("metric:4", "Too many errors", "warning")
        self.tell(send, "sentry_metric_alert", "metric_alert", number=2)
        alert.liveness.refresh_from_db()
        assert (alert.liveness.severity_key, alert.liveness.firing) == ("critical", True)
        assert alert.annotations["description"].startswith("1000 events in the last 10 minutes")
        self.tell(send, "sentry_metric_alert", "metric_alert", number=3, action="resolved")
        assert not Liveness.objects.get().firing
        assert list(Event.objects.order_by("pk").values_list("kind", "outcome", "level")) == [
            ("metric", "warning", "warning"), ("metric", "critical", "critical"), ("metric", "resolved", ""),
        ]  # fmt: skip

    def test_a_door_may_keep_events_for_rules_only(self, send, door):
        door.options = {"alerts": False}
        door.save()
        self.event_alert(send)
        self.tell(send, "sentry_metric_alert", "metric_alert", number=2)
        assert (Alert.objects.count(), Event.objects.count()) == (0, 2)

    def test_an_error_is_an_event_and_told_by_a_rule_as_well_kept_once(self, send):
        assert self.tell(send, "sentry_error", "error").status_code == 202
        assert (Alert.objects.count(), Event.objects.get().subject) == (0, ISSUE)
        send()
        assert (Alert.objects.count(), Event.objects.count()) == (1, 1)

    def test_the_header_may_be_lost_on_the_way(self, send):
        headers = {"Sentry-Hook-Signature": hex_hmac(self.secret, example(self.example))}
        assert send(headers=headers).status_code == 202
        assert Alert.objects.get().key == ISSUE

    def test_an_installation_is_taken_and_noted(self, send):
        answer = self.tell(send, "sentry_installation", "installation")
        assert (answer.status_code, "installation created" in answer.json()["note"]) == (202, True)
        assert WebhookLog.objects.get().verdict == "accepted"

    def test_the_older_plugin_that_signs_nothing(self, send, door):
        self.assert_refused(send(example("sentry_plugin"), headers={}), 401)
        door.secret = ""
        door.save()
        assert send(example("sentry_plugin"), headers={}).status_code == 202
        event, alert = Event.objects.get(), Alert.objects.get()
        assert (event.subject, event.level, alert.key) == (ISSUE, "warning", ISSUE)
        assert event.text == "Stuck PROCESSING campaigns detected"
        assert (event.labels["rule"], event.labels["project"]) == ("Stuck campaigns", "shop")

    def test_all_required_context_came_along(self, send, door):
        door.options = {"required_context": REQUIRED}
        door.save()
        send()
        assert Event.objects.get().missing == []

    def test_missing_context_is_named(self, send, door):
        door.options = {"required_context": REQUIRED}
        door.save()
        self.event_alert(send, user={"id": "41"}, contexts={}, breadcrumbs=None, request={"method": "GET"})
        assert Event.objects.get().missing == [
            "user.email", "user.role", "request.parameters", "business.teamId", "business.operation",
            "business.featureFlags", "technical.queries", "technical.external_calls",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("resource", "data", "words"),
        [
            ("event_alert", {"event": None}, "data.event must be an object"),
            ("event_alert", {"event": {"title": "x"}}, "neither issue_id nor event_id"),
            ("metric_alert", {"metric_alert": {"id": "4"}}, "action of a metric alert is 'triggered'"),
            ("metric_alert", {"metric_alert": {}}, "metric_alert.id"),
            ("issue", {"issue": {"title": "x"}}, "data.issue.id"),
        ],
    )
    def test_what_cannot_be_understood(self, send, resource, data, words):
        assert words in self.assert_refused(self.tell(send, self.example, resource, data=data), 400)


@pytest.mark.parametrize(
    ("wanted", "event", "there"),
    [
        ("user.role", {"tags": [["user.role", "admin"]]}, True),
        ("user.role", {"tags": [["user_role", "admin"]]}, True),
        ("user.role", {"tags": [["role", "admin"]]}, False),  # whose role it is nobody knows
        ("user.role", {"user": {"role": ""}}, False),
        ("user.role", {"contexts": {"user": {"role": "admin"}}}, True),
        ("user.id", {"tags": [["id", "4"]]}, False),
        ("user.id", {"user": {"id": 0}}, True),
        ("business.teamId", {"tags": [["team_id", "7"]]}, True),
        ("business.teamId", {"tags": {"teamId": "7"}}, True),
        ("business.teamId", {"extra": {"teamId": 7}}, True),
        ("business.teamId", {"extra": {"business": {"team-id": 7}}}, True),
        ("business.teamId", {"contexts": {"business": {"teamId": None}}}, False),
        ("business.featureFlags", {"contexts": {"flags": {"values": [1]}}}, False),
        ("business.operation", {"tags": [{"key": "operation_type", "value": "upload"}]}, True),
        ("request.endpoint", {"transaction": "/api/a"}, True),
        ("request.endpoint", {"request": {"url": "https://a.example.org/api/a?x=1"}}, True),
        ("request.endpoint", {"request": {"url": "https://[bad"}}, False),
        ("request.parameters", {"request": {"data": "a=1&b=2"}}, True),
        ("request.parameters", {"request": {"data": '{"a": 1}'}}, True),
        ("request.parameters", {"request": {"query_string": ""}}, False),
        ("technical.queries", {"spans": [{"op": "db.sql.query", "description": "SELECT 1"}]}, True),
        ("technical.external_calls", {"spans": [{"op": "http.client", "description": "GET https://a"}]}, True),
        ("technical.external_calls", {"breadcrumbs": [{"category": "fetch", "data": {"url": "https://a"}}]}, True),
        ("technical.queries", {"breadcrumbs": {"values": [{"category": "ui.click", "message": "x"}]}}, False),
        ("trace.trace_id", {"contexts": {"trace": {"trace_id": "ab"}}}, True),
    ],
)
def test_where_context_is_looked_for(wanted, event, there):
    tags = sentry_event.tags_of(event)
    found = sentry_event.missing([wanted], event, tags, sentry_event.context_of(event, tags))
    assert found == (() if there else (wanted,))


def test_the_alerts_page_says_how_many_events_were_told(client, admin_client, db):
    door = IntegrationFactory(kind="sentry", key="d-1")
    for number in range(3):
        event = payload("sentry_event_alert")["data"]["event"] | {"event_id": f"{number:032x}"}
        body = body_of({"action": "triggered", "data": {"event": event}})
        assert client.post("/api/ingest/d-1", body, content_type="application/json").status_code == 202
    assert Integration.objects.get(pk=door.pk).events.count() == 3
    page = admin_client.get("/alerts/").content.decode()
    assert page.count("ThrottleError: too many transient errors</strong>") == 1
    assert "<span>3 events</span>" in page


class TestContext:
    """What comes along with an event, from the door to the page."""

    @pytest.fixture
    def told(self, client, db):
        policy = PolicyFactory()
        SeverityFactory(policy=policy, key="error")
        wanted = {"required_context": ["technical.queries", "technical.external_calls"]}
        IntegrationFactory(kind="sentry", key="d-1", policy=policy, options=wanted)

        def tell(**change) -> Event:
            event = payload("sentry_event_alert")["data"]["event"] | change
            body = body_of({"action": "triggered", "data": {"event": event, "triggered_rule": "Errors"}})
            assert client.post("/api/ingest/d-1", body, content_type="application/json").status_code == 202
            return Event.objects.latest("pk")

        return tell

    @pytest.mark.req("DX-19")
    def test_the_incident_shows_endpoint_and_method_and_no_secret(self, told, admin_client):
        event = told()
        assert event.missing == []
        assert (event.data["request"]["endpoint"], event.data["request"]["method"]) == ("/api/orders", "POST")
        assert event.data["request"]["parameters"] == {
            "coupon": "X1", "access_token": MASK, "quantity": 2, "password": MASK,
        }  # fmt: skip
        grouping.assign_due(at=timezone.now())
        incident = Incident.objects.get()
        page = admin_client.get(incident.get_absolute_url()).content.decode()
        facts = [re.sub(r"<[^>]*>|\s", "", item) for item in re.findall(r"<li>.*?</li>", page, re.DOTALL)]
        assert {"endpoint/api/orders", "methodPOST"} <= set(facts)
        log = WebhookLog.objects.get()
        for secret in ("hunter2", "tok-4711"):
            assert secret not in page
            assert secret not in log.payload

    @pytest.mark.req("DX-21")
    def test_technical_context_that_is_missing_is_named(self, told):
        assert told().missing == []
        bare = told(event_id="1" * 32, breadcrumbs=None)
        assert bare.missing == ["technical.queries", "technical.external_calls"]
        half = told(event_id="2" * 32, breadcrumbs=[{"category": "query", "message": "SELECT 1"}])
        assert half.missing == ["technical.external_calls"]
