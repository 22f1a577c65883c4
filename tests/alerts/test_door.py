"""The thin Alertmanager door, asked as a WSGI server asks it."""

import base64
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client

from alerts import admission, door
from alerts.models import Alert, Liveness
from alerts.store import memory
from sources import intake
from sources.models import Integration, WebhookLog
from tests.factories import IntegrationFactory

ONE = b'[{"labels": {"alertname": "CheckoutDown"}}]'


@pytest.fixture(autouse=True)
def nothing_remembered():
    memory.forget()
    door.forget()
    intake.refusals.forget()


class Wsgi:
    """Calls the door in front of an application that only says it was reached."""

    def __init__(self):
        self.application = door.before(self.behind)

    def behind(self, environ, start_response):
        start_response("418 I'm a teapot", [])
        return [b"behind"]

    def __call__(
        self, body=ONE, *, method="POST", path="/api/v2/alerts", type="application/json", length=None, **environ
    ):
        told = {}
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": path, "CONTENT_TYPE": type, "REMOTE_ADDR": "127.0.0.1",
            "QUERY_STRING": "", "CONTENT_LENGTH": str(len(body)) if length is None else length,
            "wsgi.input": io.BytesIO(body), **environ,
        }  # fmt: skip

        def start_response(status, headers):
            told.update(status=int(status.split()[0]), headers=dict(headers))

        told["body"] = b"".join(self.application(environ, start_response))
        return told

    def stranger(self, body=ONE, **more):
        return self(body, REMOTE_ADDR="192.0.2.7", **more)


@pytest.fixture
def ask(db):
    return Wsgi()


def reason(answer):
    told = json.loads(answer["body"])
    return told if isinstance(told, str) else told["message"]


def only_log():
    return WebhookLog.objects.get()


def test_an_alert_is_stored_and_answered_with_an_empty_200(ask):
    answer = ask(ONE)
    assert (answer["status"], answer["body"], answer["headers"]["Content-Length"]) == (200, b"", "0")
    life = Liveness.objects.select_related("alert__integration").get()
    assert (life.alert.name, life.alert.integration.name) == ("CheckoutDown", "alertmanager")
    assert datetime.now(UTC) - life.last_seen_at < timedelta(seconds=10)
    assert not WebhookLog.objects.exists()


@pytest.mark.parametrize("body", [b"[]", b"null", b" [ ] "])
def test_nothing_is_fine(ask, body):
    assert ask(body)["status"] == 200


def test_a_trailing_slash_is_accepted_and_never_redirected(ask):
    assert ask(ONE, path="/api/v2/alerts/")["status"] == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v2/alerts"), ("POST", "/api/v2/alerts/groups"), ("POST", "/"), ("PUT", "/api/v2/alerts")],
)
def test_everything_else_goes_to_django(ask, method, path):
    assert ask(ONE, method=method, path=path)["body"] == b"behind"


class TestWhoMayPost:
    @pytest.fixture
    def key(self, db):
        return IntegrationFactory(kind="alertmanager", name="prom", key="s3same").key

    def basic(self, user, password):
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def test_a_bearer_token(self, ask, key):
        assert ask.stranger(HTTP_AUTHORIZATION=f"Bearer {key}")["status"] == 200
        assert Alert.objects.get().integration.name == "prom"

    def test_a_password(self, ask, key):
        assert ask.stranger(HTTP_AUTHORIZATION=self.basic("anything", key))["status"] == 200

    def test_a_key_in_the_address(self, ask, key):
        assert ask.stranger(QUERY_STRING=f"a=b&key={key}")["status"] == 200

    @pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1"])
    def test_this_machine_without_a_key(self, ask, address):
        assert ask(REMOTE_ADDR=address)["status"] == 200
        assert Integration.objects.get().kind == "alertmanager"

    def test_this_machine_only_while_it_is_trusted(self, ask, settings):
        settings.TRUST_LOOPBACK = False
        assert ask()["status"] == 401

    @pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED"])
    def test_not_somebody_behind_a_proxy_on_this_machine(self, ask, header):
        assert ask(**{header: "192.0.2.7"})["status"] == 401

    def test_not_a_stranger_without_a_key(self, ask):
        answer = ask.stranger()
        assert answer["status"] == 401
        assert "A key is needed" in reason(answer)
        assert answer["headers"]["WWW-Authenticate"].startswith("Basic")
        assert (only_log().verdict, only_log().sender, only_log().integration) == ("refused", "192.0.2.7", None)

    def test_not_even_from_this_machine_with_a_wrong_key(self, ask, key):
        answer = ask(HTTP_AUTHORIZATION="Bearer wrong")
        assert (answer["status"], "opens no door" in reason(answer)) == (401, True)

    @pytest.mark.parametrize("header", ["Basic !", "Basic //8=", "Basic"])
    def test_not_with_a_broken_header(self, ask, header):
        assert ask.stranger(HTTP_AUTHORIZATION=header)["status"] == 401

    def test_not_with_the_key_of_another_kind_of_door(self, ask):
        other = IntegrationFactory(kind="generic", name="app", key="app-key")
        answer = ask.stranger(QUERY_STRING="key=app-key")
        assert (answer["status"], "app, a door of kind generic" in reason(answer)) == (403, True)
        assert only_log().integration == other

    def test_not_through_a_door_that_is_switched_off(self, ask, key):
        Integration.objects.update(enabled=False)
        answer = ask.stranger(QUERY_STRING=f"key={key}")
        assert (answer["status"], "switched off" in reason(answer)) == (403, True)


@pytest.mark.parametrize("type", ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonx"])
def test_another_content_type_is_415(ask, type):
    answer = ask(ONE, type=type)
    assert (answer["status"], "application/json" in reason(answer)) == (415, True)
    assert not Alert.objects.exists()


def test_parameters_of_the_content_type_are_allowed(ask):
    assert ask(ONE, type="Application/JSON; charset=utf-8")["status"] == 200


def test_a_compressed_body_is_415(ask):
    assert ask(ONE, HTTP_CONTENT_ENCODING="gzip")["status"] == 415


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b'[{"labels": {"a": "b"}', 400, "not JSON"),
        (b'{"labels": {}}', 400, "list of alerts"),
        (b'[{"labels": {"a": 1}}]', 400, "labels of alert 0"),
        (b'[{"labels": {"a": "b"}, "endsAt": "soon"}]', 400, "endsAt of alert 0"),
        (b"[null]", 400, "null"),
        (b'[{"labels": ' + b"[" * 100_000, 400, "not JSON"),
        (b"", 422, "empty"),
        (b'[{"annotations": {}}]', 422, "no labels"),
        (b'[{"labels": {"a": "b"}, "generatorURL": "x y"}]', 422, "generatorURL"),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused_whole(ask, body, status, words):
    answer = ask(body)
    assert (answer["status"], words in reason(answer)) == (status, True)
    log = only_log()
    assert (log.verdict, log.status_code, log.reason) == ("refused", status, reason(answer))
    assert not Alert.objects.exists()


def test_a_fault_refuses_its_own_alert_and_says_which(ask):
    answer = ask(b'[{"labels": {"alertname": ""}}, {"labels": {"alertname": "Fine"}}]')
    assert answer["status"] == 400
    assert reason(answer) == (
        "1 of 2 alerts were not stored, the others were: alert 0: at least one label with a value is needed."
    )
    assert Alert.objects.get().name == "Fine"
    assert only_log().payload == '[{"labels": {"alertname": ""}}, {"labels": {"alertname": "Fine"}}]'


class TestLength:
    @pytest.fixture(autouse=True)
    def small(self, settings):
        settings.INTAKE_MAX_BYTES = 100

    class Untouchable(io.BytesIO):
        def read(self, *args):
            raise AssertionError("read although it is too large")

    def test_too_much_is_refused_unread(self, ask):
        answer = ask(b"", length="101", **{"wsgi.input": self.Untouchable()})
        assert (answer["status"], "larger than 100 bytes" in reason(answer)) == (413, True)

    @pytest.mark.parametrize(("size", "status"), [(99, 200), (100, 200), (101, 413)])
    def test_the_limit_is_the_limit(self, ask, size, status):
        assert ask(ONE.ljust(size))["status"] == status

    @pytest.mark.parametrize(("size", "status"), [(100, 200), (101, 413), (5000, 413)])
    def test_also_without_an_announced_length(self, ask, size, status):
        stream = io.BytesIO(ONE.ljust(size))
        assert ask(b"", length="", **{"wsgi.input": stream})["status"] == status
        assert stream.tell() <= 101

    def test_a_body_that_breaks_off_is_refused(self, ask):
        assert ask(ONE, length=str(len(ONE) + 1))["status"] == 400
        assert not Alert.objects.exists()


def test_secrets_are_not_kept_in_the_log(ask):
    ask(
        b'[{"labels": {"a": 1, "password": "hunter2"}, "annotations": {"api_key": "abc"}, "generatorURL": "http://u:pw@h/"}]'
    )
    payload = only_log().payload
    assert "hunter2" not in payload
    assert "abc" not in payload
    assert "pw@" not in payload


def test_refusals_fill_no_table(ask):
    for _ in range(intake.REFUSALS_A_MINUTE + 20):
        assert ask.stranger()["status"] == 401
    assert WebhookLog.objects.count() == intake.REFUSALS_A_MINUTE


def test_the_door_notes_when_it_was_last_used_once_a_minute(ask):
    ask()
    seen = Integration.objects.get().last_seen_at
    assert datetime.now(UTC) - seen < timedelta(seconds=10)
    ask()
    assert Integration.objects.get().last_seen_at == seen


def test_the_same_door_stands_in_django_for_servers_without_the_thin_one(db):
    client = Client()
    assert client.post("/api/v2/alerts", ONE, content_type="application/json").status_code == 200
    assert client.post("/api/v2/alerts/", ONE, content_type="application/json").status_code == 200
    assert client.post("/api/v2/alerts", b"{", content_type="application/json").status_code == 400
    assert Liveness.objects.get().times == 1


@pytest.mark.django_db(transaction=True)
class TestTheDatabaseFails:
    @pytest.fixture
    def unreachable(self):
        wanted = dict(connection.settings_dict)
        away = {"postgresql": {"HOST": "127.0.0.1", "PORT": "1"}, "sqlite": {"NAME": "/nonexistent/opscenter.sqlite3"}}
        admission._local_door()

        def lose():
            connection.close()
            connection.settings_dict.update(away[connection.vendor])

        yield lose
        connection.close()
        connection.settings_dict.update(wanted)

    def test_a_database_that_cannot_be_reached_is_503_and_comes_back(self, unreachable):
        ask = Wsgi()
        assert ask()["status"] == 200
        settings = dict(connection.settings_dict)
        unreachable()
        answer = ask()
        assert (answer["status"], answer["headers"]["Retry-After"]) == (503, "5")
        assert "nothing was stored" in reason(answer)
        connection.settings_dict.update(settings)
        assert ask()["status"] == 200

    def test_a_connection_that_was_cut_is_noticed_and_the_request_done_again(self):
        if connection.vendor != "postgresql":
            pytest.skip("SQLite has no server that could cut it")
        ask = Wsgi()
        assert ask()["status"] == 200
        other = connection.copy()
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
        other.close()
        assert ask(b'[{"labels": {"alertname": "Again"}}]')["status"] == 200
        assert Alert.objects.filter(name="Again").count() == 1

    def test_keys_are_believed_for_seconds_only(self):
        ask = Wsgi()
        integration = IntegrationFactory(kind="alertmanager", key="k1")
        assert ask.stranger(QUERY_STRING="key=k1")["status"] == 200
        Integration.objects.filter(pk=integration.pk).update(enabled=False)
        assert ask.stranger(QUERY_STRING="key=k1")["status"] == 200
        found, until = admission._doors["k1"]
        admission._doors["k1"] = (found, until - admission.REMEMBER_KEYS)
        assert ask.stranger(QUERY_STRING="key=k1")["status"] == 403
