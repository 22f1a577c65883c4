"""PagerDuty's Events API v2 over HTTP: the documented answers, and what an event does to incidents."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from alerts import grouping, replaying
from alerts.models import Alert, Liveness
from incidents import recovery
from incidents.models import Incident, Status
from notifications.models import Delivery, Purpose
from sources.models import Change, Integration, WebhookLog
from tests.factories import (
    MINUTE,
    NINE,
    EscalationPolicyFactory,
    EscalationStepFactory,
    IntegrationFactory,
    PolicyFactory,
    SeverityFactory,
    SilenceFactory,
)

pytestmark = pytest.mark.django_db
KEY = "0123456789abcdef0123456789abcdef"
PAYLOAD = {"summary": "Disk is full", "source": "db-1.example.org", "severity": "critical"}


@pytest.fixture
def now(monkeypatch):
    clock = [NINE]
    monkeypatch.setattr(timezone, "now", lambda: clock[0])
    return clock


@pytest.fixture
def policy():
    policy = PolicyFactory(key="default", resolve_after=5 * MINUTE)
    for rank, key in enumerate(("P0", "P1", "P2", "P3")):
        SeverityFactory(policy=policy, key=key, rank=rank, page=rank == 0)
    return policy


@pytest.fixture
def door(now, policy):
    return IntegrationFactory(kind="pagerduty", name="tools", key=KEY, policy=policy)


@pytest.fixture
def send(client, door):
    def post(body, path="/v2/enqueue", type="application/json", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post(path, body, content_type=type, headers=headers)

    return post


@pytest.fixture
def event(send):
    """Send an event with this action; what is given in `payload` comes on top of a sound one, None leaves it out."""

    def post(action="trigger", key="disk", payload=None, **more):
        body = {"routing_key": KEY, "event_action": action, "dedup_key": key, **more}
        if action == "trigger":
            body["payload"] = {**PAYLOAD, **(payload or {})}
        return send({name: value for name, value in body.items() if value is not None})

    return post


def swept(at):
    grouping.assign_due(at=at)
    recovery.resolve_due(at=at)


def the_incident() -> Incident:
    return Incident.objects.get()


# the answers


@pytest.mark.parametrize("path", ["/v2/enqueue", "/v2/enqueue/"])
def test_a_trigger_is_answered_as_documented(send, path):
    answer = send({"routing_key": KEY, "event_action": "trigger", "dedup_key": "disk", "payload": PAYLOAD}, path)
    assert answer.status_code == 202
    assert answer.json() == {"status": "success", "message": "Event processed", "dedup_key": "disk"}
    assert answer["Content-Type"] == "application/json"


def test_a_trigger_without_a_key_gets_one_of_its_own(event):
    first, second = (event(key=None).json()["dedup_key"] for _ in range(2))
    assert len(first) == 32 and first != second
    assert set(Alert.objects.values_list("key", flat=True)) == {first, second}
    assert event("resolve", first).json()["dedup_key"] == first
    assert not Liveness.objects.get(alert__key=first).firing


def told(answer) -> list[str]:
    body = answer.json()
    assert answer.status_code == 400
    assert (body["status"], body["message"]) == ("invalid event", "Event object is invalid")
    assert not Alert.objects.exists() and WebhookLog.objects.latest("pk").verdict == "refused"
    return body["errors"]


SEVERITY = "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')"


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"summary": None}, "'payload.summary' is missing or blank"),
        ({"summary": "  "}, "'payload.summary' is missing or blank"),
        ({"summary": 7}, "'payload.summary' is invalid (must be a string)"),
        ({"summary": "é" * 1025}, "'payload.summary' is too long (maximum is 1024 characters)"),
        ({"source": ""}, "'payload.source' is missing or blank"),
        ({"severity": None}, "'payload.severity' is missing or blank"),
        ({"severity": "none"}, SEVERITY),
        ({"severity": "Critical"}, SEVERITY),
        ({"severity": ["info"]}, SEVERITY),
        ({"component": {}}, "'payload.component' is invalid (must be a string)"),
        ({"timestamp": "yesterday"}, "'payload.timestamp' is invalid (must be an ISO 8601 date and time)"),
    ],
)
def test_a_payload_that_is_not_as_documented(event, payload, error):
    assert told(event(payload=payload)) == [error]


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"event_action": "page"}, "'event_action' is invalid (must be one of the following: "),
        ({"dedup_key": "k" * 256}, "'dedup_key' is too long (maximum is 255 characters)"),
        ({"dedup_key": 7}, "'dedup_key' is invalid (must be a string)"),
        ({"payload": []}, "'payload' is invalid (must be an object)"),
        ({"links": {}}, "'links' is invalid (must be an array of objects)"),
        ({"links": [{"text": "a"}]}, "'links[0].href' is missing or blank"),
        ({"images": [{"src": "https://x"}, "y"]}, "'images[1]' is invalid (must be an object)"),
        ({"images": [{"href": "https://x"}]}, "'images[0].src' is missing or blank"),
    ],
)
def test_an_event_that_is_not_as_documented(send, more, error):
    (told_error,) = told(send({"routing_key": KEY, "event_action": "trigger", "payload": PAYLOAD} | more))
    assert told_error.startswith(error)


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_whoever_acknowledges_or_resolves_says_what(event, action):
    assert told(event(action, None)) == ["'dedup_key' is missing or blank"]
    assert told(event(action, "")) == ["'dedup_key' is missing or blank"]


def test_everything_that_is_wrong_is_told_at_once(send):
    assert told(send({})) == ["'routing_key' cannot be blank", "'event_action' is missing or blank"]
    assert told(send({"routing_key": KEY, "event_action": "trigger"})) == [
        "'payload.summary' is missing or blank",
        "'payload.source' is missing or blank",
        "'payload.severity' is missing or blank",
    ]


@pytest.mark.parametrize(
    ("key", "errors"),
    [
        ("f" * 32, ["Invalid routing key"]),
        ("f" * 31, ["Length of 'routing_key' is incorrect (should be 32 characters)"]),
        (
            "e+23rschqsESqk9Q6_-g",
            [
                "Length of 'routing_key' is incorrect (should be 32 characters)",
                "'routing_key' cannot contain non-alphanumeric characters.",
            ],
        ),
        (7, ["'routing_key' is invalid (must be a string)"]),
        ("\0" * 32, ["'routing_key' cannot contain non-alphanumeric characters."]),
    ],
)
def test_a_routing_key_that_is_none(send, key, errors):
    assert told(send({"routing_key": key, "event_action": "trigger", "payload": PAYLOAD})) == errors


def test_a_door_of_another_kind_has_no_routing_key(send):
    IntegrationFactory(kind="generic", key="e" * 32)
    event = {"routing_key": "e" * 32, "event_action": "trigger", "payload": PAYLOAD}
    assert told(send(event)) == ["Invalid routing key"]


def test_the_key_may_come_as_a_header(send):
    event = {"event_action": "trigger", "payload": PAYLOAD}
    assert send(event, **{"X-Routing-Key": KEY}).status_code == 202
    assert told_after_one(send(event, **{"X-Routing-Key": "f" * 32})) == ["Invalid routing key"]


def told_after_one(answer) -> list[str]:
    assert answer.status_code == 400 and Alert.objects.count() == 1
    return answer.json()["errors"]


@pytest.mark.parametrize("body", [b"", b"{", b"routing_key=x&event_action=trigger", b"\xff", b"NaN", b"[" * 100_000])
def test_what_is_no_json(send, body):
    answer = send(body)
    assert answer.status_code == 400
    assert answer.json() == {
        "status": "Unrecognized object",
        "message": "Event object format is unrecognized",
        "errors": ["JSON parse error"],
    }


def test_json_that_is_no_object(send):
    answer = send([PAYLOAD])
    assert (answer.status_code, answer.json()["status"]) == (400, "invalid event")
    assert answer.json()["errors"] == ["'routing_key' cannot be blank"]


@pytest.mark.parametrize(
    ("type", "status"),
    [
        ("application/json; charset=utf-8", 202),
        ("application/vnd.acme+json", 202),
        ("application/x-www-form-urlencoded", 202),
        ("", 202),
        ("text/xml", 400),
        ("multipart/form-data; boundary=x", 400),
    ],
)
def test_content_types(send, type, status):
    event = {"routing_key": KEY, "event_action": "trigger", "payload": PAYLOAD}
    assert send(event, type=type).status_code == status


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_only_post(client, door, method):
    answer = getattr(client, method)("/v2/enqueue")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_the_longest_texts_are_taken(event):
    assert event(key="k" * 255, payload={"summary": "é" * 1024}).status_code == 202
    alert = Alert.objects.get()
    assert (alert.key, alert.annotations["summary"]) == ("k" * 255, "é" * 1024)
    swept(NINE)
    assert the_incident().key == "k" * 255


@pytest.mark.parametrize(("size", "status"), [(512 * 1024, 202), (512 * 1024 + 1, 413)])
def test_an_event_of_512_kilobytes(send, size, status):
    event = {"routing_key": KEY, "event_action": "trigger", "payload": {**PAYLOAD, "custom_details": {"dump": ""}}}
    event["payload"]["custom_details"]["dump"] = "x" * (size - len(json.dumps(event)))
    answer = send(event)
    assert answer.status_code == status
    assert ("errors" in answer.json()) == (status == 413)
    assert Alert.objects.count() == (status == 202)


def test_a_door_that_is_switched_off(event, door):
    Integration.objects.update(enabled=False)
    answer = event()
    assert answer.status_code == 403 and "switched off" in answer.json()["message"]


# what an event does


def test_one_key_is_one_incident_and_another_key_another(event):
    for key in ("disk", "disk", "cpu"):
        event(key=key)
        swept(NINE)
    assert sorted(Incident.objects.values_list("key", flat=True)) == ["cpu", "disk"]
    assert Liveness.objects.get(alert__key="disk").times == 1


def test_labels_group_when_the_door_says_so(event, door):
    Integration.objects.update(group_by=["source", "group"])
    for key, source in (("a", "db-1"), ("b", "db-1"), ("c", "db-2")):
        event(key=key, payload={"source": source, "group": "prod"})
    swept(NINE)
    assert sorted(Incident.objects.values_list("key", flat=True)) == ["db-1/prod", "db-2/prod"]


def test_another_trigger_brings_the_alert_up_to_date(event):
    event(payload={"summary": "Disk at 91 %", "severity": "warning"})
    swept(NINE)
    event(payload={"summary": "Disk at 99 %", "severity": "critical"})
    swept(NINE)
    assert Alert.objects.get().annotations["summary"] == "Disk at 99 %"
    assert the_incident().severity.key == "P0"


def paged(policy, person):
    plan = EscalationPolicyFactory(policy=policy)
    EscalationStepFactory(policy=plan, contacts=[person])


def test_acknowledge_takes_the_incident_and_stops_the_paging(event, policy, ada, now):
    paged(policy, ada)
    event()
    swept(NINE)
    now[0] = NINE + MINUTE
    assert event("acknowledge").json()["message"] == "Event processed"
    incident = the_incident()
    assert (incident.status, incident.acknowledged_at, incident.acknowledged_by) == (Status.ACKNOWLEDGED, now[0], None)
    assert incident.timeline.get(kind="acknowledged").text == "Acknowledged by tools (PagerDuty Events API v2)."
    assert incident.escalations.get().state == "stopped"
    assert not Delivery.objects.filter(purpose=Purpose.PAGE, status="queued").exists()
    assert WebhookLog.objects.latest("pk").became == {"incidents": [incident.pk]}


def test_acknowledge_right_behind_the_trigger_finds_it(event):
    event()
    event("acknowledge")  # no sweep has been there
    assert the_incident().status == Status.ACKNOWLEDGED


def test_a_trigger_after_the_acknowledge_leaves_it_acknowledged(event, now):
    event()
    event("acknowledge")
    now[0] = NINE + MINUTE
    event()
    swept(now[0])
    assert the_incident().status == Status.ACKNOWLEDGED
    event("acknowledge")
    assert the_incident().timeline.filter(kind="acknowledged").count() == 1


def test_acknowledge_and_resolve_of_what_is_not_there_change_nothing(event):
    for action in ("acknowledge", "resolve"):
        assert event(action, "nothing").status_code == 202
    swept(NINE)
    assert not Alert.objects.exists() and not Incident.objects.exists()
    assert WebhookLog.objects.filter(verdict="accepted").count() == 2


def test_an_acknowledge_through_another_door_is_dropped(event, send, policy):
    event()
    IntegrationFactory(kind="pagerduty", key="e" * 32, policy=policy)
    send({"routing_key": "e" * 32, "event_action": "acknowledge", "dedup_key": "disk"})
    send({"routing_key": "e" * 32, "event_action": "resolve", "dedup_key": "disk"})
    swept(NINE)
    assert the_incident().status == Status.DETECTED and Liveness.objects.get().firing


def test_what_is_silenced_is_not_opened_by_an_acknowledge(event):
    matcher = {"name": "source", "value": PAYLOAD["source"], "isRegex": False, "isEqual": True}
    SilenceFactory(matchers=[matcher], starts_at=NINE - MINUTE)
    event()
    assert event("acknowledge").status_code == 202
    assert not Incident.objects.exists()


def test_resolve_ends_the_alert_and_the_incident_with_it(event, now):
    event(links=[{"href": "https://example.org/graph"}])
    swept(NINE)
    now[0] = NINE + MINUTE
    event("resolve")
    swept(now[0])
    assert the_incident().status == Status.RESOLVED and not Liveness.objects.get().firing
    alert = Alert.objects.get()
    assert (alert.name, alert.labels["source"]) == ("Disk is full", PAYLOAD["source"])  # a resolve says nothing of it
    assert "graph" in alert.annotations["links"] and Liveness.objects.get().severity_key == "P0"


def test_a_door_may_want_a_quiet_time_all_the_same(event, now):
    Integration.objects.filter(kind="pagerduty").update(resolve_after=5 * MINUTE)
    event()
    swept(NINE)
    now[0] = NINE + MINUTE
    event("resolve")
    swept(now[0])
    assert the_incident().status == Status.DETECTED and not Liveness.objects.get().firing
    swept(NINE + 6 * MINUTE)
    assert the_incident().status == Status.RESOLVED


def test_a_trigger_after_the_resolve_is_a_new_occurrence(event, now):
    event()
    swept(NINE)
    event("resolve")
    now[0] = NINE + 5 * MINUTE
    swept(now[0])
    now[0] += MINUTE
    event()
    swept(now[0])
    assert [each.status for each in Incident.objects.order_by("pk")] == [Status.RESOLVED, Status.DETECTED]
    assert (Alert.objects.count(), Liveness.objects.get().times) == (1, 2)
    assert event("resolve").status_code == 202


@pytest.mark.parametrize(("theirs", "ours"), [("critical", "P0"), ("error", "P1"), ("warning", "P2"), ("info", "P3")])
def test_a_level_the_policy_does_not_name_becomes_the_one_as_urgent(event, theirs, ours):
    event(payload={"severity": theirs})
    swept(NINE)
    assert the_incident().severity.key == ours
    assert Alert.objects.get().labels["severity"] == theirs


def test_the_table_of_the_door_and_the_names_of_the_policy_go_before(event, policy):
    Integration.objects.update(severities={"error": "P3"})
    SeverityFactory(policy=policy, key="Warning", rank=9)
    event(key="a", payload={"severity": "error"})
    event(key="b", payload={"severity": "warning"})
    swept(NINE)
    levels = dict(Incident.objects.values_list("key", "severity__key"))
    assert levels == {"a": "P3", "b": "Warning"}


def test_everything_that_was_told_is_kept_without_secrets(event):
    event(
        payload={
            "component": "postgres", "group": "prod", "class": "disk",
            "custom_details": {"free": "1%", "password": "hunter2", "lines": [1, None]},
        },
        client="Nagios", client_url="https://nagios.example.org/1",
        links=[{"href": "https://example.org/graph", "text": "Graph"}],
        images=[{"src": "https://example.org/a.png", "alt": "Disk"}],
    )  # fmt: skip
    alert = Alert.objects.get()
    wanted = {"source": PAYLOAD["source"], "component": "postgres", "group": "prod", "class": "disk"}
    assert wanted.items() <= alert.labels.items()
    assert (alert.url, alert.annotations["client"]) == ("https://nagios.example.org/1", "Nagios")
    kept = {name: json.loads(alert.annotations[name]) for name in ("links", "images", "custom_details")}
    assert kept["links"] == [{"href": "https://example.org/graph", "text": "Graph"}]
    assert kept["images"] == [{"src": "https://example.org/a.png", "alt": "Disk"}]
    assert (kept["custom_details"]["free"], kept["custom_details"]["lines"]) == ("1%", [1, None])
    assert "hunter2" not in str(Alert.objects.values()) + str(WebhookLog.objects.values("payload"))


@pytest.mark.parametrize(
    ("timestamp", "starts"),
    [
        ("2026-11-23T08:42:58.315+0000", NINE.replace(hour=8, minute=42, second=58, microsecond=315000)),
        ("2026-11-23T09:42:00+01:00", NINE.replace(hour=8, minute=42)),
        ("2026-11-23T08:42:00+00:00Z", NINE.replace(hour=8, minute=42)),  # as the official Python client writes it
        ("2026-11-23T08:42:00", NINE.replace(hour=8, minute=42)),
        (1795423320, NINE.replace(hour=8, minute=42)),
        (1795423320000, NINE.replace(hour=8, minute=42)),
        ("2036-01-01T00:00:00Z", NINE),  # nothing begins later than it is told
        (None, NINE),
    ],
)
def test_when_it_began(event, timestamp, starts):
    event(payload={"timestamp": timestamp})
    assert Liveness.objects.get().starts_at == starts


def test_every_request_leaves_a_row_in_the_log_without_the_routing_key(event):
    event()
    event(payload={"severity": "none"})
    accepted, refused = WebhookLog.objects.order_by("pk")
    assert (accepted.verdict, accepted.status_code, accepted.became) == (
        "accepted",
        202,
        {"alerts": [Alert.objects.get().pk]},
    )
    assert (refused.verdict, refused.status_code) == ("refused", 400) and "severity" in refused.reason
    assert KEY not in accepted.payload + refused.payload


def test_the_key_that_was_made_is_kept_with_the_request(event):
    key = event(key=None).json()["dedup_key"]
    assert WebhookLog.objects.get().query == f"dedup_key={key}"


# change events


@pytest.mark.parametrize("path", ["/v2/change/enqueue", "/v2/change/enqueue/"])
def test_a_change_event(send, path):
    answer = send(
        {
            "routing_key": KEY,
            "payload": {
                "summary": "Build Success: Increase snapshot create timeout to 30 seconds",
                "timestamp": "2026-11-23T08:42:58.315+0000",
                "source": "acme-build-pipeline-tool-default-i-9999",
                "custom_details": {"build_state": "passed", "api_token": "hunter2"},
            },
            "links": [{"href": "https://acme.example.org/build/2", "text": "View more details in Acme!"}],
        },
        path,
    )
    assert answer.status_code == 202
    assert answer.json() == {"status": "success", "message": "Change event processed"}
    change = Change.objects.get()
    assert (change.source, change.at) == ("acme-build-pipeline-tool-default-i-9999", NINE - timedelta(seconds=1021.685))
    assert change.url == "https://acme.example.org/build/2" and change.data["build_state"] == "passed"
    assert "hunter2" not in str(Change.objects.values())
    assert WebhookLog.objects.get().became == {"changes": [change.pk]}
    assert not Alert.objects.exists()


def test_a_change_event_needs_no_more_than_a_summary(send):
    assert send({"routing_key": KEY, "payload": {"summary": "Flag on"}}, "/v2/change/enqueue").status_code == 202
    answer = send({"routing_key": KEY, "payload": {"source": "ci"}}, "/v2/change/enqueue")
    assert (answer.status_code, answer.json()["errors"]) == (400, ["'payload.summary' is missing or blank"])
    assert Change.objects.get().at == NINE


def test_a_change_belongs_to_the_service_of_the_doors_policy(send, policy):
    send({"routing_key": KEY, "payload": {"summary": "One"}}, "/v2/change/enqueue")
    send(
        {"routing_key": KEY, "payload": {"summary": "Two", "custom_details": {"service": "billing"}}},
        "/v2/change/enqueue",
    )
    assert dict(Change.objects.values_list("summary", "service")) == {"One": policy.service.key, "Two": "billing"}


# taking a request again from the log


def test_a_request_taken_again_is_the_same_alert_and_the_same_change(event, send):
    event(key=None)
    replaying.take_again(WebhookLog.objects.get(), by="ada", at=NINE + MINUTE)
    assert Liveness.objects.get().times == 1
    send({"routing_key": KEY, "payload": {"summary": "Flag on"}}, "/v2/change/enqueue")
    again = replaying.take_again(WebhookLog.objects.latest("pk"), by="ada", at=NINE + MINUTE)
    assert (again.verdict, Change.objects.count()) == ("accepted", 1)


def test_what_was_refused_for_its_content_is_taken_when_it_is_understood_later(event):
    event(payload={"severity": "none"})
    again = replaying.take_again(WebhookLog.objects.get(), by="ada", at=NINE + MINUTE)
    assert again.verdict == "refused" and "payload.severity" in again.reason


# the command


def test_a_door_made_by_the_command_has_a_key_as_pagerduty_makes_them(client, policy, settings):
    settings.BASE_URL = "https://ops.example.org"
    for kind in ("pagerduty", "events", "events-v2", "pd", "pagerduty-events-v2"):
        out = StringIO()
        call_command("integration", "add", kind, f"by {kind}", stdout=out)
        told = json.loads(out.getvalue())
        assert (told["kind"], told["url"]) == ("pagerduty", "https://ops.example.org/v2/enqueue")
        assert len(told["key"]) == 32 and int(told["key"], 16)
    body = {"routing_key": told["key"], "event_action": "trigger", "payload": PAYLOAD}
    assert client.post("/v2/enqueue", body, content_type="application/json").status_code == 202
