"""What every operation has in common: paging, ETags, idempotency keys, problems for awkward input."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.models import Answered
from incidents.models import Incident
from policies.models import Policy
from sources.models import Change
from tests.api.conftest import Api, problem
from tests.factories import (
    AnsweredFactory,
    ApiTokenFactory,
    ChangeFactory,
    HeartbeatFactory,
    IncidentFactory,
    LivenessFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db
LISTS = [
    "action-items", "alerts", "changes", "channels", "contacts", "deliveries", "deploys", "doors", "heartbeats",
    "incidents", "packs", "policies", "proposals", "reports", "reviews", "rules", "schedules", "shift-reviews",
    "silences", "threshold-reviews", "webhooks",
]  # fmt: skip


def whole(api, path):
    """Every item of a list, page by page."""
    items, cursor = [], ""
    while True:
        told = api.get(f"{path}{'&' if '?' in path else '?'}limit=2{f'&cursor={cursor}' if cursor else ''}").json()
        items += told["items"]
        if (cursor := told["next"]) is None:
            return items


@pytest.mark.parametrize("make", [
    lambda n: ChangeFactory(at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n // 2)),
    lambda n: IncidentFactory(), lambda n: HeartbeatFactory(), lambda n: LivenessFactory(),
])  # fmt: skip
def test_pages_hold_every_row_once(api, make):
    paths = {"Change": "/changes", "Incident": "/incidents", "Heartbeat": "/heartbeats", "Liveness": "/alerts"}
    made = [make(n) for n in range(7)]
    ids = [item["id"] for item in whole(api, paths[type(made[0]).__name__])]
    assert len(ids) == len(set(ids)) == 7
    if isinstance(made[0], Change):
        assert ids == [row.pk for row in reversed(made)]


def test_what_is_inserted_meanwhile_shifts_no_page(api, at):
    rows = [ChangeFactory(at=at + timedelta(hours=n)) for n in range(4)]
    first = api.get("/changes?limit=2").json()
    ChangeFactory(at=at + timedelta(days=1))
    second = api.get(f"/changes?limit=2&cursor={first['next']}").json()
    assert [item["id"] for item in first["items"] + second["items"]] == [row.pk for row in reversed(rows)]
    assert second["next"] is None


def test_microseconds_are_not_lost_between_pages(api, at):
    for n in range(5):
        ChangeFactory(at=at + timedelta(microseconds=n))
    assert len(whole(api, "/changes")) == 5


@pytest.mark.parametrize("path", LISTS)
def test_a_page_of_a_list_costs_the_same_however_long_it_is(api, world, path):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert api.get(f"/{path}?limit=200").status_code == 200
        return len(found)

    api.get("/me")  # notes the use of the token
    few = queries()
    for _ in range(3):
        severity = SeverityFactory(policy=Policy.objects.get(key="checkout"))
        incident = IncidentFactory(severity=severity)
        LivenessFactory(incident=incident)
        ChangeFactory()
        HeartbeatFactory()
    assert queries() == few <= 10


def test_an_etag_saves_what_has_not_changed(api, world):
    path = f"/incidents/{world['incidents']}"
    first = api.get(path)
    tag = first.headers["ETag"]
    again = api.get(path, If_None_Match=f'"other", W/{tag}')
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert api.get(path, If_None_Match='"other"').status_code == 200
    api.post(f"{path}/notes", {"text": "news"})
    assert api.get(path, If_None_Match=tag).status_code == 200


@pytest.mark.parametrize(
    ("area", "method", "action", "body"),
    [
        ("incidents", "PATCH", "", {"title": "Checkout is slow"}),
        ("incidents", "POST", "/mitigate", None),
        ("heartbeats", "PATCH", "", {"grace": 60}),
        ("heartbeats", "POST", "/pause", None),
        ("rules", "POST", "/disable", None),
        ("silences", "POST", "/expire", None),
    ],
)
def test_a_change_is_made_only_to_what_was_read(api, world, area, method, action, body):
    path = f"/{area}/{world[area]}"
    tag = api.get(path).headers["ETag"]
    assert "read it again" in problem(api(method, path + action, body, If_Match='"old"'), 412)["detail"]
    assert api.get(path).headers["ETag"] == tag
    assert api(method, path + action, body, If_Match=tag).status_code == 200
    assert api.get(path).headers["ETag"] != tag
    problem(api(method, path + action, body, If_Match=tag), 412)


def test_head_answers_as_get_without_a_body(api, world):
    got, head = api.get("/incidents"), api("HEAD", "/incidents")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == got.headers["ETag"]
    assert head.headers["Content-Length"] == str(len(got.content))


def test_a_request_sent_twice_is_done_once(api):
    body = {"summary": "4.2.1 deployed", "service": "checkout"}
    first = api.post("/deploys", body, Idempotency_Key="run-7")
    again = api.post("/deploys", body, Idempotency_Key="run-7")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json() and again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert Change.objects.count() == 1
    api.post("/deploys", body)
    assert Change.objects.count() == 2


def test_a_key_belongs_to_one_request(api):
    api.post("/deploys", {"summary": "one"}, Idempotency_Key="k")
    assert problem(api.post("/deploys", {"summary": "two"}, Idempotency_Key="k"), 422)["type"].endswith("key-reused")
    problem(api.post("/changes", {"summary": "one"}, Idempotency_Key="k"), 422)
    assert Change.objects.count() == 1


def test_a_key_belongs_to_one_user(api, grace):
    other = Api(ApiTokenFactory(name="other", user__username="other", user__is_superuser=True))
    api.post("/deploys", {"summary": "one"}, Idempotency_Key="k")
    assert other.post("/deploys", {"summary": "two"}, Idempotency_Key="k").status_code == 201


def test_the_same_request_at_the_same_time_waits(api, root):
    api.post("/deploys", {"summary": "one"}, Idempotency_Key="k")
    Answered.objects.update(status_code=None, body="", at=timezone.now())
    response = api.post("/deploys", {"summary": "one"}, Idempotency_Key="k")
    assert problem(response, 409)["type"].endswith("in-progress") and response.headers["Retry-After"] == "1"
    # whoever worked on it has ended
    Answered.objects.update(at=timezone.now() - timedelta(minutes=1))
    assert api.post("/deploys", {"summary": "one"}, Idempotency_Key="k").status_code == 201
    assert Answered.objects.get().status_code == 201


def test_a_refused_request_keeps_no_key(api, world):
    path = f"/incidents/{world['incidents']}/reopen"
    problem(api.post(path, {"reason": "again"}, Idempotency_Key="k"), 409)
    assert not Answered.objects.exists()
    assert api.post("/deploys", {"summary": "one"}, Idempotency_Key="k").status_code == 201


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "tab\tbed"])
def test_a_key_is_a_short_text(api, key):
    problem(api.post("/deploys", {"summary": "one"}, Idempotency_Key=key), 422)


def test_old_answers_are_forgotten(at):
    from opscenter.maintenance import prune

    AnsweredFactory(at=at - timedelta(hours=24, seconds=1))
    kept = AnsweredFactory(at=at - timedelta(hours=23))
    assert prune(at=at)["answered requests"] == 1
    assert list(Answered.objects.all()) == [kept]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "query.limit"), ("limit=201", "query.limit"), ("limit=ten", "query.limit"),
        ("limit=+1", "query.limit"), ("limit=" + "9" * 5000, "query.limit"), ("cursor=x", "query.cursor"),
        ("cursor=%00", "query.cursor"),
        ("cursor=1.x", "query.cursor"), ("since=yesterday", "query.since"), ("since=2026-11-23", "query.since"),
        ("since=2026-11-23T09:00:00", "query.since"), ("since=2026-13-01T00:00:00Z", "query.since"),
        ("since=1700000000", "query.since"), ("state=asleep", "query.state"), ("text=a%00b", "query.text"),
        ("severty=P1", "query.severty"), ("limit=1&limit=2", "query.limit"), ("drill=maybe", "query.drill"),
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_understood_is_refused_by_field(api, query, field):
    told = problem(api.get(f"/incidents?{query}"), 422)
    assert [error["field"] for error in told["errors"]] == [field]


@pytest.mark.parametrize(
    "query",
    [
        "cursor=999999999999999999.999999999999999999", "cursor=0.0", "since=0001-01-01T00:00:00%2B23:59",
        "until=9999-12-31T23:59:59-23:59", "since=2026-11-23T09:00:00 02:00", "since=2016-12-31T23:59:60Z",
        "text=%25_%5C'", "text=%ff%fe", "severity=%F0%9F%94%A5", "text=", "since=2026-11-23t09:00:00.123456789z",
    ],
)  # fmt: skip
def test_awkward_but_sound_queries_are_answered(api, world, query):
    assert api.get(f"/incidents?{query}").status_code == 200


@pytest.mark.parametrize(
    "number", ["0", "-1", "1.5", "x", "9" * 19, "9" * 100, "%00", "1%00", "\u0661", "1%0a", "a%0a/b"]
)
def test_a_number_that_no_row_can_have_is_not_found(api, number):
    problem(api.get(f"/incidents/{number}"), 404)


@pytest.mark.parametrize(
    ("raw", "kind", "status"),
    [
        (b"{", "application/json", 400), (b"\xff\xfe", "application/json", 400),
        (b"[" * 99_999, "application/json", 400),
        (b'{"summary": NaN}', "application/json", 400), (b'{"summary": "a", "summary": "b"}', "application/json", 400),
        (b'{"summary": 1' + b"0" * 5000 + b"}", "application/json", 400), (b"", "application/json", 422),
        (b"null", "application/json", 422), (b"[]", "application/json", 422), (b"{}", "application/json", 422),
        (b'{"summary": "a\\u0000b"}', "application/json", 422), (b'{"summary": "\\ud800"}', "application/json", 422),
        (b'{"summary": " "}', "application/json", 422), (b'{"summary": 7}', "application/json", 422),
        (b'{"summary": "a", "sumary": "b"}', "application/json", 422),
        (b'{"summary": "a", "at": 7}', "application/json", 422),
        (b'{"summary": "a", "labels": {"a": "\\ud800"}}', "application/json", 422),
        (b'{"summary": "a", "labels": {"\\u0000": "b"}}', "application/json", 422),
        (b"summary=a", "application/x-www-form-urlencoded", 415), (b'{"summary": "a"}', "", 415),
        (b" " * 3_000_000, "application/json", 413),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_understood_is_refused(api, raw, kind, status):
    head = {"Authorization": "Bearer ops_all"}
    response = api.client.generic("POST", "/api/v1/deploys", raw, content_type=kind, headers=head)
    problem(response, status)
    assert not Change.objects.exists()


def test_the_problem_names_the_field(api):
    told = problem(api.post("/silences", {"matchers": [{"name": "a"}], "comment": "x"}), 422)
    assert {error["field"] for error in told["errors"]} == {"body.matchers.0.value", "body.ends_at"}


@pytest.mark.parametrize("method", ["DELETE", "PUT", "POST", "OPTIONS", "TRACE", "NONSENSE"])
def test_a_method_that_is_not_offered_is_refused_with_those_that_are(api, world, method):
    response = api(method, f"/alerts/{world['alerts']}")
    problem(response, 405)
    assert response.headers["Allow"] == "GET, HEAD"


def test_what_is_not_there_is_a_problem_too(api):
    problem(api.get("/nothing"), 404)
    problem(api.get("/incidents/"), 404)
    assert "There is no incident 77." in problem(api.get("/incidents/77"), 404)["detail"]


def test_a_fault_of_ours_is_told_without_its_inside(api, monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise RuntimeError("secret inside")

    monkeypatch.setattr(Incident, "get_absolute_url", broken)
    IncidentFactory()
    response = api.get("/incidents")
    assert "secret" not in response.content.decode() and problem(response, 500)
    assert "secret inside" in caplog.text


def test_a_database_that_does_not_answer_is_told_as_such(api, monkeypatch):
    from django.db import OperationalError

    def down(*args, **kwargs):
        raise OperationalError("connection refused")

    monkeypatch.setattr(Incident, "get_absolute_url", down)
    IncidentFactory()
    response = api.get("/incidents")
    problem(response, 503)
    assert response.headers["Retry-After"] == "5"


def test_times_are_utc_and_answers_are_not_kept(api, at):
    IncidentFactory(detected_at=at)
    response = api.get("/incidents")
    assert response.json()["items"][0]["detected_at"] == "2026-11-23T09:00:00Z"
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in response.headers["Vary"]


def test_the_document_is_open_and_complete(client):
    response = client.get("/api/v1/openapi.json")
    told = json.loads(response.content)
    assert told["openapi"].startswith("3.1") and len(told["paths"]) > 50
    operations = [operation for path in told["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    for operation in operations:
        for parameter in operation["parameters"]:
            assert "examples" not in parameter and {"type": "null"} not in parameter["schema"].get("anyOf", [])
        assert operation["summary"] and operation["description"] and operation["tags"] and operation["security"]
        assert {"401", "403", "404", "422"} <= operation["responses"].keys()
    assert client.get("/api/v1/openapi.json", headers={"If-None-Match": response.headers["ETag"]}).status_code == 304


def test_the_page_needs_nothing_from_elsewhere(client):
    response = client.get("/api/v1/docs")
    page = response.content.decode()
    assert response.status_code == 200 and "//" not in page.replace("http://testserver", "")
    for name in ("ninja/swagger-ui-bundle.js", "ninja/swagger-ui.css", "ninja/swagger-ui-init.js"):
        assert f"/static/{name}" in page
        from django.contrib.staticfiles import finders

        assert finders.find(name)
    assert "'unsafe-inline'" not in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("old", "new"), [("/api/channels/status", "/channels"), ("/api/deploys", "/deploys")])
def test_the_older_addresses_answer_the_same(api, world, old, new):
    head = {"Authorization": "Bearer ops_all"}
    assert api.client.get(old, headers=head).json() == api.get(new).json()
    assert api.client.get(old).status_code == 401
