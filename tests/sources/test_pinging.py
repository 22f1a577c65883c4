"""Ping addresses as Healthchecks has them, over HTTP."""

import io
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from sources import pinging
from sources.models import Heartbeat, Integration, Ping
from tests.factories import HeartbeatFactory, IntegrationFactory

RID, OTHER = "728b3763-ea80-4113-9fc0-f49b3adf226a", "00000000-0000-4000-8000-000000000001"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered():
    pinging.forget()
    yield
    pinging.forget()


@pytest.fixture
def backup():
    return HeartbeatFactory(name="backup", slug="backup")


def said(answer) -> tuple[int, str]:
    return answer.status_code, answer.content.decode()


@pytest.mark.parametrize("method", ["get", "post", "head"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_ping_is_answered_ok_and_kept(client, backup, method, slash):
    answer = getattr(client, method)(f"/ping/{backup.pk}{slash}", HTTP_USER_AGENT="curl/8")
    assert said(answer) == (200, "" if method == "head" else "OK")
    assert answer["Content-Type"].startswith("text/plain")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Ping-Body-Limit"] == "100000"
    ping = backup.pings.get()
    assert (ping.kind, ping.method, ping.agent, ping.sender) == ("success", method.upper(), "curl/8", "127.0.0.1")
    backup.refresh_from_db()
    assert (backup.state, backup.ping_count, backup.last_ping_at) == ("up", 1, ping.at)
    assert backup.deadline_at == ping.at + backup.period + backup.grace == backup.due_at


@pytest.mark.parametrize(
    ("word", "kind", "status", "state"),
    [
        ("start", "start", None, "new"), ("fail", "fail", None, "down"), ("log", "log", None, "new"),
        ("0", "success", 0, "up"), ("1", "fail", 1, "down"), ("255", "fail", 255, "down"),
    ],
)  # fmt: skip
def test_the_word_behind_says_what_happened(client, backup, word, kind, status, state):
    assert said(client.get(f"/ping/{backup.pk}/{word}")) == (200, "OK")
    ping = backup.pings.get()
    assert (ping.kind, ping.exit_status) == (kind, status)
    backup.refresh_from_db()
    assert backup.state == state


@pytest.mark.parametrize("rest", ["256", "1000", "done", "-1", "1.5", "start/again", "99999999999999999999", "²"])
def test_any_other_word_is_refused(client, backup, rest):
    assert said(client.get(f"/ping/{backup.pk}/{rest}")) == (400, "invalid url format")
    assert not Ping.objects.exists()


def test_an_unknown_id_is_not_found(client):
    assert said(client.get(f"/ping/{uuid4()}")) == (404, "not found")
    assert said(client.get(f"/ping/{uuid4()}/fail")) == (404, "not found")
    assert said(client.get("/ping/nobody")) == (404, "not found")
    assert not Ping.objects.exists()


@pytest.mark.parametrize("rid", ["12345", "684e2e73-017e-465f-8149-d70b7c5aaa490", "", f"{{{RID}}}"])
def test_a_run_id_that_is_none_is_refused(client, backup, rid):
    assert said(client.get(f"/ping/{backup.pk}/start", {"rid": rid})) == (400, "invalid uuid format")
    assert not Ping.objects.exists()


def test_other_methods_are_refused_and_browsers_may_ask(client, backup):
    assert client.delete(f"/ping/{backup.pk}").status_code == 405
    asked = client.options(f"/ping/{backup.pk}")
    assert (asked.status_code, asked["Access-Control-Allow-Origin"]) == (204, "*")
    assert "POST" in asked["Access-Control-Allow-Methods"]
    assert not Ping.objects.exists()


@pytest.mark.parametrize(("length", "kept"), [(99_999, 99_999), (100_000, 100_000), (100_001, 100_000)])
def test_the_beginning_of_the_body_is_kept(client, backup, length, kept):
    client.post(f"/ping/{backup.pk}/fail", "x" * length, content_type="text/plain")
    assert len(backup.pings.get().body) == kept


def test_any_bytes_are_taken(client, backup):
    client.post(f"/ping/{backup.pk}", b"a\0b\xff\xc3", content_type="application/octet-stream")
    assert backup.pings.get().body == "a\ufffdb\ufffd\ufffd"


def test_durations_belong_to_their_runs(client, backup):
    for word, rid in [("start", RID), ("start", OTHER), ("", RID), ("0", OTHER), ("", RID)]:
        client.get(f"/ping/{backup.pk}/{word}", {"rid": rid})
    one, two, three, four, five = backup.pings.order_by("pk")
    assert three.duration == three.at - one.at
    assert four.duration == four.at - two.at
    assert five.duration is None  # its run has ended before


def test_the_start_of_a_run_is_found_by_another_process_too(client, backup):
    client.get(f"/ping/{backup.pk}/start", {"rid": RID})
    client.get(f"/ping/{backup.pk}/start", {"rid": OTHER})
    pinging.forget()
    client.get(f"/ping/{backup.pk}", {"rid": RID})
    start, _, end = backup.pings.order_by("pk")
    assert end.duration == end.at - start.at


def test_what_somebody_else_changed_meanwhile_is_noticed(client, backup):
    client.get(f"/ping/{backup.pk}")
    Heartbeat.objects.filter(pk=backup.pk).update(post_only=True)
    client.get(f"/ping/{backup.pk}")
    assert list(backup.pings.order_by("pk").values_list("kind", flat=True)) == ["success", "ignored"]
    Heartbeat.objects.all().delete()
    assert client.get(f"/ping/{backup.pk}").status_code == 404


def test_the_alias_of_the_api_takes_key_and_word(client, backup):
    assert said(client.post(f"/api/heartbeat/{backup.pk}")) == (200, "OK")
    assert said(client.post(f"/api/heartbeat/{backup.pk}/fail")) == (200, "OK")
    backup.integration = IntegrationFactory(kind="heartbeat", key="nightly")
    backup.save()
    assert said(client.post("/api/heartbeat/nightly")) == (200, "OK")
    assert said(client.get("/ping/nightly/1")) == (200, "OK")
    assert said(client.get("/ping/nightly/done")) == (400, "invalid url format")
    assert said(client.get("/ping/nightly/a/b")) == (400, "invalid url format")
    assert list(backup.pings.order_by("pk").values_list("kind", flat=True)) == ["success", "fail", "success", "fail"]


class TestSlugs:
    @pytest.fixture
    def project(self):
        return IntegrationFactory(kind="heartbeats", key="fqOOd6-F4MMNuCEnzTU01w", name="team")

    def test_a_slug_is_pinged_by_the_key_of_its_door(self, client, backup, project):
        path = f"/ping/{project.key}/backup"
        assert [said(client.get(path + word)) for word in ("", "/start", "/fail", "/log", "/0", "/7")] == 6 * [
            (200, "OK")
        ]
        kinds = list(backup.pings.order_by("pk").values_list("kind", flat=True))
        assert kinds == ["success", "start", "fail", "log", "success", "fail"]
        assert said(client.get(path + "/nonsense")) == (400, "invalid url format")
        assert said(client.get(path + "/256")) == (400, "invalid url format")

    def test_a_slug_may_look_like_a_word(self, client, project):
        start = HeartbeatFactory(slug="start")
        assert said(client.get(f"/ping/{project.key}/start/fail")) == (200, "OK")
        assert start.pings.get().kind == "fail"

    def test_a_key_reaches_its_own_heartbeats_and_nobodys(self, client, backup, project):
        backup.project = IntegrationFactory(kind="heartbeats")
        backup.save()
        assert said(client.get(f"/ping/{project.key}/backup")) == (404, "not found")
        assert said(client.get("/ping/another-key/backup")) == (404, "not found")
        assert said(client.get(f"/ping/{project.key}")) == (404, "not found")
        project.enabled = False
        project.save()
        pinging.forget()
        assert said(client.get(f"/ping/{project.key}/backup?create=1")) == (404, "not found")

    def test_a_slug_of_two_is_ambiguous(self, client, backup, project):
        HeartbeatFactory(slug="backup")
        assert said(client.get(f"/ping/{project.key}/backup")) == (409, "ambiguous slug")
        assert not Ping.objects.exists()

    def test_a_missing_one_is_made_when_asked_for(self, client, project):
        path = f"/ping/{project.key}/db-backup"
        assert said(client.get(path)) == (404, "not found")
        assert said(client.get(path + "?create=0")) == (404, "not found")
        assert said(client.get(path + "?create=1")) == (201, "Created")
        assert said(client.get(path + "?create=1")) == (200, "OK")
        made = Heartbeat.objects.get()
        assert (made.name, made.slug, made.project) == ("db-backup", "db-backup", project)
        assert (made.period, made.grace, made.ping_count) == (timedelta(days=1), timedelta(hours=1), 2)
        assert made.integration.policy == project.policy

    def test_nothing_is_made_of_a_slug_that_is_none_or_of_a_bad_request(self, client, project):
        assert said(client.get(f"/ping/{project.key}/Db%20Backup?create=1")) == (404, "not found")
        assert said(client.get(f"/ping/{project.key}/db-backup/256?create=1")) == (400, "invalid url format")
        assert said(client.get(f"/ping/{project.key}/db-backup?create=1&rid=1")) == (400, "invalid uuid format")
        assert not Heartbeat.objects.exists()

    def test_a_name_that_is_taken_is_no_obstacle(self, client, project):
        HeartbeatFactory(name="db-backup", slug="", project=IntegrationFactory(kind="heartbeats"))
        assert said(client.get(f"/ping/{project.key}/db-backup?create=1")) == (201, "Created")
        assert Heartbeat.objects.get(slug="db-backup").name == "db-backup (team)"


class TestBeforeDjango:
    def call(self, path: str, method: str = "GET", body: bytes = b"", **environ):
        heard = []
        application = pinging.before(lambda environ, start_response: [b"django"])
        told = {
            "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", "REMOTE_ADDR": "10.0.0.9",
            "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), **environ,
        }  # fmt: skip
        answered = b"".join(application(told, lambda status, headers: heard.append((status, dict(headers)))))
        return (*(heard[0] if heard else ("", {})), answered)

    def test_pings_never_reach_django(self, backup):
        status, headers, body = self.call(f"/ping/{backup.pk}/fail", "POST", b"disk full")
        assert (status, headers["Content-Length"], body) == ("200 OK", "2", b"OK")
        assert (backup.pings.get().body, backup.pings.get().sender) == ("disk full", "10.0.0.9")
        assert self.call(f"/ping/{uuid4()}")[::2] == ("404 Not Found", b"not found")
        assert self.call("/ping/")[0] == "400 Bad Request"

    def test_everything_else_does(self):
        assert [self.call(path)[2] for path in ("/", "/pings/x", "/api/heartbeats/")] == 3 * [b"django"]

    def test_head_has_no_body(self, backup):
        assert self.call(f"/ping/{backup.pk}", "HEAD")[::2] == ("200 OK", b"")

    def test_a_chunked_body_is_read_to_its_end(self, backup):
        stream = io.BytesIO(b"y" * 300_000)
        self.call(f"/ping/{backup.pk}", "POST", **{"CONTENT_LENGTH": "", "wsgi.input": stream})
        assert len(backup.pings.get().body) == 100_000
        assert stream.read() == b""

    def test_behind_a_proxy_the_first_sender_is_noted(self, backup):
        self.call(f"/ping/{backup.pk}", HTTP_X_FORWARDED_FOR="203.0.113.7, 10.0.0.1")
        assert backup.pings.get().sender == "203.0.113.7"


def test_a_ping_says_when_it_came(client, backup):
    before = timezone.now()
    client.get(f"/ping/{backup.pk}")
    assert before <= backup.pings.get().at <= timezone.now()


def test_doors_of_other_kinds_are_no_heartbeats(client):
    IntegrationFactory(kind="generic", key="a-webhook")
    assert said(client.get("/ping/a-webhook")) == (404, "not found")
    assert Integration.objects.count() == 1
