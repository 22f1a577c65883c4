"""Incidents over the API: found, read, declared and worked on, with every refusal in words."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from incidents.models import Incident
from tests.api.conftest import Api, problem
from tests.factories import (
    ApiTokenFactory,
    ContactFactory,
    GatePlanFactory,
    IncidentFactory,
    PolicyFactory,
    SeverityFactory,
    TimelineEntryFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def level(db):
    return SeverityFactory(policy=PolicyFactory(key="checkout"), key="P1", rank=1)


@pytest.fixture
def incident(level):
    return IncidentFactory(severity=level, title="Checkout is down", detected_at=timezone.now())


@pytest.fixture
def responder(grace):
    grace.user = UserFactory(username="grace")
    grace.save()
    grace.user.groups.add(Group.objects.get(name="Responder"))
    return Api(ApiTokenFactory(user=grace.user))


def numbers(api, query):
    response = api.get(f"/incidents?{query}")
    assert response.status_code == 200, response.content
    return [item["id"] for item in response.json()["items"]]


def test_incidents_are_found_by_what_they_are(api, level, at):
    down = IncidentFactory(severity=level, service=level.policy.service, title="Checkout is down", detected_at=at)
    slow = IncidentFactory(title="Search is 50% slow", status="closed", detected_at=at - timedelta(hours=1))
    assert numbers(api, "") == [down.pk, slow.pk]
    assert numbers(api, "state=open") == numbers(api, "state=detected") == [down.pk]
    assert numbers(api, "state=closed") == [slow.pk]
    assert numbers(api, "severity=p1") == numbers(api, "policy=checkout") == [down.pk]
    assert numbers(api, f"service={level.policy.service.key}") == [down.pk]
    assert numbers(api, "text=SEARCH") == numbers(api, "text=50%25") == [slow.pk]
    assert numbers(api, "text=5_%25") == []
    assert numbers(api, "since=2026-11-23T09:00:00Z") == [down.pk]
    assert numbers(api, "until=2026-11-23T10:00:00%2B01:00") == [slow.pk]
    assert numbers(api, f"key={slow.key}") == [slow.pk]
    assert numbers(api, "policy=nowhere") == []


def test_an_incident_comes_with_what_belongs_to_it(api, world):
    told = api.get(f"/incidents/{world['incidents']}").json()
    assert told["state"] == "detected" and told["open"] is True
    assert told["severity"] == {"key": "P1", "label": "P1", "rank": 1} and told["policy"] == "checkout"
    assert told["acknowledged_by"]["name"] == "ada"
    assert [role["contact"]["name"] for role in told["roles"]] == ["ada"]
    assert [(target["kind"], target["within"]) for target in told["targets"]] == [("acknowledge", 300.0)]
    assert [entry["text"] for entry in told["timeline"]] == ["Looking into it."]
    assert [update["text"] for update in told["updates"]] == ["We are on it."]
    assert told["url"] == f"/incidents/{world['incidents']}/"


def test_a_long_timeline_is_cut_and_paged(api, incident, at):
    for n in range(203):
        TimelineEntryFactory(incident=incident, text=f"{n}", at=at + timedelta(seconds=n))
    told = api.get(f"/incidents/{incident.pk}").json()
    assert told["timeline_is_cut"] and [told["timeline"][0]["text"], told["timeline"][-1]["text"]] == ["3", "202"]
    first = api.get(f"/incidents/{incident.pk}/timeline?limit=200").json()
    rest = api.get(f"/incidents/{incident.pk}/timeline?limit=200&cursor={first['next']}").json()
    assert [entry["text"] for entry in first["items"] + rest["items"]] == [str(n) for n in reversed(range(203))]


def test_an_incident_is_declared(responder, level):
    body = {"title": "Nobody can pay", "policy": "checkout", "severity": "P1", "impact": "all shops", "key": "pay",
            "labels": {"team": "payments"}, "started_at": "2026-11-23T09:00:00+01:00"}  # fmt: skip
    response = responder.post("/incidents", body)
    told = response.json()
    assert response.status_code == 201 and told["impact"] == "all shops" and told["labels"] == {"team": "payments"}
    assert told["started_at"] == "2026-11-23T08:00:00Z"
    assert told["timeline"][0]["by"]["name"] == "grace"
    clash = problem(responder.post("/incidents", body), 409)
    assert clash["errors"][0]["field"] == "body.key"
    assert Incident.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"policy": "checkuot", "severity": "P1"}, "body.policy", "there are: checkout"),
        ({"policy": "checkout", "severity": "P9"}, "body.severity", "there are: P1"),
        ({"policy": "checkout", "severity": "P1", "service": "x"}, "body.service", "There is no service x"),
        ({"policy": "checkout", "severity": "P1", "alert_class": "x"}, "body.alert_class", "There is no class x"),
    ],
)
def test_a_name_that_is_none_is_answered_with_those_there_are(api, level, body, field, words):
    told = problem(api.post("/incidents", {"title": "x", **body}), 409)
    assert told["errors"][0]["field"] == field and words in told["detail"]
    assert not Incident.objects.exists()


def test_an_incident_is_worked_from_end_to_end(responder, incident, ada):
    path = f"/incidents/{incident.pk}"
    told = responder.post(f"{path}/acknowledge").json()
    assert (told["state"], told["acknowledged_by"]["name"]) == ("acknowledged", "grace")
    assert "by API" in told["timeline"][-1]["text"]
    assert (
        responder.post(f"{path}/roles", {"role": "commander", "contact": "ada"}).json()["roles"][0]["role"]
        == "commander"
    )
    told = responder.post(f"{path}/updates", {"text": "Working on it", "impact": "all shops", "eta": "1 h"}).json()
    assert (told["updates"][0]["text"], told["impact"], told["eta"]) == ("Working on it", "all shops", "1 h")
    assert responder.post(f"{path}/notes", {"text": "The queue drains"}).json()["timeline"][-1]["kind"] == "note"
    assert responder("PATCH", path, {"cause": "a full disk"}).json()["cause"] == "a full disk"
    assert responder.post(f"{path}/mitigate").json()["state"] == "mitigated"
    assert responder.post(f"{path}/resolve", {"reason": "disk cleared"}).json()["state"] == "resolved"
    assert responder.post(f"{path}/close", {}).json()["state"] == "closed"
    told = responder.post(f"{path}/reopen", {"reason": "it is back"}).json()
    assert (told["state"], told["reopened"]) == ("detected", 1)
    assert responder.post(f"{path}/false-positive", {"reason": "a test"}).json()["state"] == "false_positive"


def test_the_level_is_changed(responder, incident):
    SeverityFactory(policy=incident.policy, key="P0", rank=0)
    told = responder.post(f"/incidents/{incident.pk}/severity", {"severity": "P0", "reason": "worse"}).json()
    assert told["severity"]["key"] == "P0" and "Raised from P1 to P0" in told["timeline"][-1]["text"]
    assert (
        "there are: P0, P1"
        in problem(responder.post(f"/incidents/{incident.pk}/severity", {"severity": "P7"}), 409)["detail"]
    )


def test_a_move_that_is_none_is_refused_in_words(responder, incident):
    path = f"/incidents/{incident.pk}"
    told = problem(responder.post(f"{path}/close"), 409)
    assert told["detail"] == f"Incident #{incident.pk} is detected and cannot become closed."
    responder.post(f"{path}/resolve")
    problem(responder.post(f"{path}/acknowledge"), 409)
    told = problem(responder.post(f"{path}/severity", {"severity": "P1"}), 409)
    assert "is resolved" in told["detail"]


def test_a_shut_gate_says_what_is_missing_and_is_passed_only_by_right(responder, api, incident):
    GatePlanFactory(policy=incident.policy, to="resolved", require=["cause_stated", "impact_stated"])
    path = f"/incidents/{incident.pk}/resolve"
    told = problem(responder.post(path), 409)
    assert told["type"].endswith("gate-shut")
    assert [error["detail"] for error in told["errors"]] == ["State the cause.", "State the impact."]
    problem(responder.post(path, {"override_reason": "in a hurry"}), 403)
    assert Incident.objects.get().status == "detected"
    told = api.post(path, {"override_reason": "in a hurry"}).json()
    assert told["state"] == "resolved" and any(entry["kind"] == "override" for entry in told["timeline"])


def test_two_people_cannot_both_take_it(responder, api, incident):
    responder.post(f"/incidents/{incident.pk}/acknowledge")
    assert "already acknowledged by grace" in problem(api.post(f"/incidents/{incident.pk}/acknowledge"), 409)["detail"]
    # the same person again: already so
    assert responder.post(f"/incidents/{incident.pk}/acknowledge").status_code == 200


def test_a_person_is_asked(responder, incident, ada):
    told = responder.post(f"/incidents/{incident.pk}/pages", {"contact": "ada"}).json()
    assert "asked for ada" in told["timeline"][-1]["text"]
    ContactFactory(name="nobody")
    assert (
        "no usable" in problem(responder.post(f"/incidents/{incident.pk}/pages", {"contact": "nobody"}), 409)["detail"]
    )


def test_incidents_are_merged(responder, incident, level):
    into = IncidentFactory(severity=level)
    told = responder.post(f"/incidents/{incident.pk}/merge", {"into": into.pk}).json()
    assert (told["state"], told["merged_into"]) == ("merged", into.pk)
    problem(responder.post(f"/incidents/{into.pk}/merge", {"into": 999}), 409)


def test_what_is_left_out_of_an_edit_stays(responder, incident):
    path = f"/incidents/{incident.pk}"
    responder("PATCH", path, {"impact": "all", "started_at": "2026-11-23T08:00:00Z"})
    told = responder("PATCH", path, {"started_at": None}).json()
    assert (told["impact"], told["started_at"], told["title"]) == ("all", None, "Checkout is down")


def test_a_repeated_note_with_a_key_is_written_once(responder, incident):
    path = f"/incidents/{incident.pk}/notes"
    first = responder.post(path, {"text": "once"}, Idempotency_Key="n1")
    assert responder.post(path, {"text": "once"}, Idempotency_Key="n1").content == first.content
    assert incident.timeline.filter(text="once").count() == 1
