"""GET /api/v2/alerts: what fires, judged while it is read."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.test import Client

from alerts.alertmanager import views
from alerts.fingerprint import fingerprint
from alerts.models import AlertRule
from sources.models import Integration, WebhookLog
from tests.alerts.alertmanager.client import ZERO, Api
from tests.factories import AlertFactory, AlertRuleFactory, IntegrationFactory, LivenessFactory

MEMORY = {"keys": {"{}": {"fired_at": "2026-11-23T09:00:00+00:00"}}}  # of a rule that fires
MINUTE = timedelta(minutes=1)


def soon(**length):
    return (datetime.now(UTC) + timedelta(**length)).isoformat()


class TestWhatIsShown:
    def test_an_alert_in_full(self, am):
        labels = {"alertname": "Down", "severity": "critical", "team": "shop"}
        am.post("alerts", [{
            "labels": labels, "annotations": {"summary": "It is down"}, "generatorURL": "http://prom/graph",
            "startsAt": "2026-01-02T03:04:05.678901234+07:00", "endsAt": "2099-01-02T03:04:05Z",
        }])  # fmt: skip
        [alert] = am.alerts()
        updated = alert.pop("updatedAt")
        assert alert == {
            "labels": labels, "annotations": {"summary": "It is down"}, "generatorURL": "http://prom/graph",
            "startsAt": "2026-01-01T20:04:05.678Z", "endsAt": "2099-01-02T03:04:05.000Z",
            "fingerprint": fingerprint(labels), "receivers": [{"name": "chat:ops"}, {"name": "chat:shop"}],
            "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
        }  # fmt: skip
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", updated)

    def test_nothing_fires(self, am):
        answer = am.get("alerts")
        assert (answer.content, answer["Content-Type"]) == (b"[]", "application/json")

    def test_empty_values_are_no_labels_and_no_url_is_none(self, am):
        am.fire({"alertname": "A", "empty": ""})
        [alert] = am.alerts()
        assert alert["labels"] == {"alertname": "A"} and "generatorURL" not in alert

    def test_any_name_is_a_label(self, am):
        am.fire({"alertname": "A", "a.b c": "ü", "__x__": "y"})
        [alert] = am.alerts('"a.b c"="ü"')
        assert alert["labels"] == {"alertname": "A", "a.b c": "ü", "__x__": "y"}
        assert alert["fingerprint"] == fingerprint(alert["labels"])

    def test_sorted_by_fingerprint(self, am):
        am.fire(*({"alertname": f"A{number}"} for number in range(30)))
        numbers = [alert["fingerprint"] for alert in am.alerts()]
        assert len(numbers) == 30 and numbers == sorted(numbers)

    def test_amtools_zero_times_are_not_given(self, am):
        am.fire({"alertname": "A"}, startsAt=ZERO, endsAt=ZERO)
        [alert] = am.alerts()
        start, end = (datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
        assert end - start == timedelta(minutes=5) and datetime.now(UTC) - start < MINUTE

    def test_an_end_that_has_passed_counts_at_once(self, am):
        am.fire({"alertname": "Over"}, endsAt=soon(milliseconds=200))
        assert am.names() == ["Over"]
        time.sleep(0.25)  # nothing is swept: the end itself counts
        assert am.names() == []

    def test_what_was_resolved_vanishes_and_fires_again_with_a_new_start(self, am):
        am.fire({"alertname": "A"}, startsAt=soon(hours=-2), endsAt=soon(hours=1))
        am.fire({"alertname": "A"}, startsAt=soon(hours=-2), endsAt=soon(seconds=-1))
        assert am.names() == []
        am.fire({"alertname": "A"})
        [alert] = am.alerts()
        assert datetime.now(UTC) - datetime.fromisoformat(alert["startsAt"]) < MINUTE

    def test_what_was_told_without_a_start_keeps_its_first(self, am):
        start = soon(hours=-2)
        am.fire({"alertname": "A"}, startsAt=start, endsAt=soon(hours=1))
        am.fire({"alertname": "A"}, endsAt=soon(minutes=30))
        [alert] = am.alerts()
        assert alert["startsAt"][:19] == start[:19]

    def test_annotations_are_replaced_and_not_united(self, am):
        am.fire({"alertname": "A"}, annotations={"a": "1", "b": "2"})
        am.fire({"alertname": "A"}, annotations={"c": "3"})
        assert am.alerts()[0]["annotations"] == {"c": "3"}


class TestFilters:
    @pytest.fixture
    def some(self, am):
        am.fire(
            {"alertname": "A", "team": "shop", "code": "500"}, {"alertname": "B", "team": "search", "code": "40\n"},
            {"alertname": "C", "team": "SHOP"}, {"alertname": "D"},
        )  # fmt: skip
        return am

    @pytest.mark.parametrize(
        ("filters", "names"),
        [
            (["team=shop"], "A"),
            (["team=shop", "alertname=B"], ""),
            (["team=shop", "code=500"], "A"),
            ([' team = "shop" '], "A"),
            (["team!=shop"], "BCD"),
            (['team=""'], "D"),
            (["team="], "D"),
            (['team!=""'], "ABC"),
            (["team=~s.*"], "AB"),
            (["team=~hop"], ""),
            (["team=~(?i)shop"], "AC"),
            (["team=~sh(?i)OP"], "A"),
            (["code=~[[:digit:]]+"], "A"),
            ([r"team=~\pL+"], "ABC"),
            (["team!~s.*"], "CD"),
            (["team=~"], "D"),
            (["team=~.*"], "ABCD"),
            (["team=~a|shop|b"], "A"),
            ([r'code="40\n"'], "B"),
            (['"team"="shop"'], "A"),
            (["nothing=x"], ""),
        ],
    )
    def test_matchers(self, some, filters, names):
        assert "".join(some.names(*filters)) == names

    @pytest.mark.parametrize(
        "text", ["", "=", "team", "{team=x}", 'team="x', "team=~(", "team=~(?=x)", r"team=~(a)\1", "team=~a++b["]
    )
    def test_a_bad_one_is_400_with_the_reason_as_a_bare_text(self, am, text):
        answer = am.get("alerts", text)
        assert answer.status_code == 400 and isinstance(answer.json(), str) and len(answer.json()) > 5
        assert am.get("alerts/groups", text).status_code == am.get("silences", text).status_code == 400

    @pytest.mark.parametrize(
        ("receiver", "names"), [("", "ABCD"), ("chat:.*", "AB"), ("chat", ""), ("mail:all|x", "CD"), (".*ops", "B")]
    )
    def test_receiver_is_an_anchored_expression_and_empty_means_any(self, am, receiver, names):
        am.fire(
            {"alertname": "A", "team": "shop", "severity": "warning"}, {"alertname": "B", "severity": "critical"},
            {"alertname": "C", "severity": "warning"}, {"alertname": "D"},
        )  # fmt: skip
        assert "".join(am.names(receiver=receiver)) == names

    def test_a_bad_receiver_is_400(self, am):
        answer = am.get("alerts", receiver="(")
        assert answer.status_code == 400 and answer.json().startswith("failed to parse receiver param")

    def test_our_receivers_have_no_labels(self, am):
        am.fire({"alertname": "A"})
        assert am.names(receiver_matchers="owner=x") == []
        assert am.names(receiver_matchers="owner!=x") == ["A"]
        assert am.get("alerts", receiver_matchers="(").json().startswith("failed to parse receiver_matchers param")


class TestState:
    @pytest.fixture
    def inhibited(self, am, policy):
        level = policy.severities.get(key="critical")
        parent = AlertRuleFactory(severity=level, key="down", state=AlertRule.State.FIRING, memory=MEMORY)
        child = AlertRuleFactory(severity=level, key="slow")
        child.suppressed_by.add(parent)
        labels = {}
        for rule in (parent, child):
            labels[rule.key] = {"alertname": rule.key, "policy": "default"}
            alert = AlertFactory(integration=None, rule=rule, key=rule.key, name=rule.key, labels=labels[rule.key])
            LivenessFactory(alert=alert, severity_key="critical", starts_at=datetime.now(UTC) - MINUTE)
        return labels

    def test_a_silence_has_effect_at_once(self, am):
        am.fire({"alertname": "A"}, {"alertname": "B"})
        both = sorted([am.silence("alertname=A"), am.silence("alertname=A", comment="again")])
        states = {alert["labels"]["alertname"]: alert["status"] for alert in am.alerts()}
        assert states["A"]["silencedBy"] == both and states["A"]["state"] == "suppressed"
        assert (states["B"]["silencedBy"], states["B"]["state"]) == ([], "active")

    def test_an_alert_that_comes_later_is_silenced_too(self, am):
        am.silence("alertname=A")
        am.fire({"alertname": "A"})
        assert am.alerts()[0]["status"]["state"] == "suppressed"

    def test_a_firing_parent_inhibits_by_its_fingerprint(self, am, inhibited):
        status = {alert["labels"]["alertname"]: alert["status"] for alert in am.alerts()}
        assert status["slow"]["inhibitedBy"] == [fingerprint(inhibited["down"])]
        assert status["slow"]["state"] == "suppressed" and status["down"]["state"] == "active"

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({}, ["A", "B", "down", "slow"]),
            ({"active": "false"}, ["A", "slow"]),
            ({"silenced": "false"}, ["B", "down", "slow"]),
            ({"inhibited": "false"}, ["A", "B", "down"]),
            ({"silenced": "false", "inhibited": "false"}, ["B", "down"]),
            ({"active": "false", "silenced": "false", "inhibited": "false"}, []),
            ({"unprocessed": "false"}, ["A", "B", "down", "slow"]),
            ({"active": "nonsense"}, ["A", "slow"]),
            ({"active": "YES", "silenced": "1"}, ["A", "B", "down", "slow"]),
            ({"active": ""}, ["A", "B", "down", "slow"]),
        ],
    )
    def test_each_flag_removes(self, am, inhibited, query, names):
        am.fire({"alertname": "A"}, {"alertname": "B"})
        am.silence("alertname=A")
        assert am.names(**query) == names

    def test_an_open_ended_alert_of_a_rule_is_valid_for_the_usual_time(self, am, inhibited):
        ends = {datetime.fromisoformat(alert["endsAt"]) - datetime.now(UTC) for alert in am.alerts()}
        assert all(4 * MINUTE < length <= 5 * MINUTE for length in ends)


class TestWhoMayRead:
    @pytest.fixture
    def stranger(self, am):
        am.fire({"alertname": "A"})
        IntegrationFactory(kind="alertmanager", name="prom", key="k3y")
        IntegrationFactory(kind="generic", name="app", key="app-key")
        return Client(REMOTE_ADDR="192.0.2.7")

    @pytest.mark.parametrize("path", ["alerts", "alerts/groups", "silences", "receivers", "status", "silence/x"])
    def test_a_key_is_needed(self, stranger, path):
        answer = stranger.get(f"/api/v2/{path}")
        assert answer.status_code == 401 and answer["WWW-Authenticate"].startswith("Basic")
        assert WebhookLog.objects.filter(status_code=401, verdict="refused").count() == 1

    def test_the_three_ways(self, stranger):
        assert stranger.get("/api/v2/alerts", headers={"Authorization": "Bearer k3y"}).status_code == 200
        assert stranger.get("/api/v2/alerts", headers={"Authorization": "Basic eDprM3k="}).status_code == 200
        assert stranger.get("/api/v2/alerts?key=k3y").status_code == 200

    def test_of_the_right_kind(self, stranger):
        assert stranger.get("/api/v2/alerts?key=app-key").status_code == 403
        assert stranger.get("/api/v2/alerts?key=wrong").status_code == 401

    def test_every_key_reads_what_all_doors_of_the_kind_tell(self, stranger):
        answer = stranger.get("/api/v2/alerts?key=k3y")
        assert [alert["labels"]["alertname"] for alert in answer.json()] == ["A"]

    def test_of_two_doors_that_tell_the_same_one_is_shown(self, am, stranger):
        body = json.dumps([{"labels": {"alertname": "A"}, "endsAt": "2099-01-01T00:00:00Z"}])
        stranger.post("/api/v2/alerts?key=k3y", body, content_type="application/json")
        [alert] = am.alerts()
        assert alert["endsAt"] == "2099-01-01T00:00:00.000Z"

    def test_alerts_of_other_kinds_of_doors_stay_out(self, am, stranger):
        alert = AlertFactory(integration=Integration.objects.get(name="app"), labels={"alertname": "Other"})
        ends = datetime.now(UTC) + MINUTE
        LivenessFactory(alert=alert, starts_at=ends - 2 * MINUTE, ends_at=ends, check_at=ends)
        assert am.names() == ["A"]


class TestTheAddress:
    @pytest.mark.parametrize("path", ["alerts/", "alerts/groups/", "silences/", "receivers/", "status/"])
    def test_a_slash_at_the_end_is_no_redirect(self, am, path):
        assert am.get(path).status_code == 200

    def test_what_is_not_there(self, am):
        answer = am.get("nope")
        assert (answer.status_code, answer.json()["message"]) == (404, "path /api/v2/nope was not found")

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [("put", "alerts", "GET,POST"), ("delete", "silences", "GET,POST"), ("post", "status", "GET"),
         ("post", "silence/x", "GET,DELETE"), ("head", "alerts", "GET,POST"), ("post", "alerts/groups", "GET")],
    )  # fmt: skip
    def test_what_is_not_allowed(self, am, method, path, allowed):
        answer = getattr(am.client, method)(f"/api/v2/{path}")
        assert (answer.status_code, answer["Allow"]) == (405, allowed)

    @pytest.mark.parametrize("path", ["healthy", "ready"])
    def test_probes_need_no_key(self, db, path):
        client = Client(REMOTE_ADDR="192.0.2.7")
        answer = client.get(f"/-/{path}")
        assert (answer.status_code, answer.content) == (200, b"OK")
        assert client.head(f"/-/{path}").status_code == 200
        assert client.post(f"/-/{path}").status_code == 405


def test_a_long_list_is_the_same_in_pieces(am, monkeypatch):
    monkeypatch.setattr(views, "AT_ONCE", 7)
    am.fire(*({"alertname": f"A{number}"} for number in range(30)))
    assert am.get("alerts").streaming and len(am.alerts()) == 30


@pytest.mark.django_db(transaction=True)
def test_many_may_read_at_once():
    am = Api()
    am.fire(*({"alertname": f"A{number}"} for number in range(50)))

    def read(_):
        try:
            return len(Api().alerts())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(read, range(24))) == [50] * 24


def test_reading_takes_as_many_queries_for_many_as_for_few(am, django_assert_max_num_queries):
    def queries():
        with django_assert_max_num_queries(20) as captured:
            am.alerts()
        return len(captured)

    am.fire({"alertname": "A"})
    few = queries()
    am.fire(*({"alertname": f"A{number}", "team": f"t{number}"} for number in range(60)))
    assert queries() == few


@pytest.mark.parametrize("path", ["/api/v2/silences", "/api/v2/alerts", "/-/ready"])
def test_nothing_is_redirected_where_all_else_is(am, settings, path):
    settings.SECURE_SSL_REDIRECT = True
    client = Client()
    assert client.get("/alerts/").status_code == 301
    assert client.get(path).status_code == 200
