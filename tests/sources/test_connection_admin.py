"""Connections in the admin: how each is doing, and whether it answers when it is asked by hand."""

import sqlite3

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from sources.models import Connection
from tests.accounts import signed_in
from tests.factories import ConnectionFactory, ParameterFactory, PolicyFactory, UserFactory
from tests.sources.sockets import certificate, closed_port, listening

pytestmark = pytest.mark.django_db
LIST = "admin:sources_connection_changelist"


@pytest.fixture
def chief(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def ask(client, *connections):
    """Choose the action; return what the admin says, a text for each."""
    chosen = {"action": "test", "_selected_action": [one.pk for one in connections]}
    answer = client.post(reverse(LIST), chosen, follow=False)
    said = [str(message) for message in get_messages(answer.wsgi_request)]
    for one in connections:
        one.refresh_from_db()
    return said


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "shop.db"
    sqlite3.connect(path).close()
    return f"sqlite:///{path}"


def test_a_connection_that_answers_says_how_fast(chief, database):
    connection = ConnectionFactory(key="shop", kind="sql", url=database, state="error", error="It was away.")
    (said,) = ask(chief, connection)
    assert said.startswith("shop: It answered in ") and said.endswith(" ms.")
    assert (connection.state, connection.error) == ("ok", "")
    assert connection.last_seen_at is not None and connection.latency_ms > 0
    page = chief.get(reverse(LIST)).content.decode()
    assert f"{connection.latency_ms:g} ms" in page


def test_a_connection_that_does_not_answer_says_why_without_its_password(chief):
    port = closed_port()
    connection = ConnectionFactory(key="cache", kind="redis", url=f"redis://:geheim@127.0.0.1:{port}")
    (said,) = ask(chief, connection)
    assert said == f"cache: No connection to redis://127.0.0.1:{port}: Connection refused."
    assert connection.state == "error" and connection.error in said
    assert connection.last_seen_at is None
    assert "geheim" not in chief.get(reverse(LIST)).content.decode()


def test_the_address_is_completed_with_the_parameters_of_its_policy(chief, database, monkeypatch):
    policy = PolicyFactory(key="shop")
    connection = ConnectionFactory(policy=policy, kind="sql", url="${SHOP_DSN}")
    (said,) = ask(chief, connection)
    assert "SHOP_DSN" in said and connection.state == "error"
    ParameterFactory(policy=policy, key="SHOP_DSN", type="secret", default=database)
    assert "It answered in" in ask(chief, connection)[-1]


def test_a_service_that_rejects_us_or_has_a_bad_certificate_is_told(chief, tmp_path):
    def forbidden(connection):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")

    _, context = certificate(tmp_path)
    with listening(forbidden) as port, listening(lambda connection: None, context=context) as secure:
        http = ConnectionFactory(kind="http", url=f"http://127.0.0.1:{port}")
        site = ConnectionFactory(kind="tls", url=f"tls://localhost:{secure}")
        said = sorted(ask(chief, http, site), key=lambda words: "certificate" in words)
    assert said[0].endswith("It answered with status 401: it rejects the token or password.")
    assert said[1].endswith("but its certificate is not accepted: self-signed certificate.")
    assert (http.state, site.state) == ("error", "ok")


def test_an_address_that_is_none_is_told(chief):
    assert ask(chief, ConnectionFactory(key="x", kind="sql", url=""))[-1] == "x: It has no address yet."
    assert "There is no database 'ftp'" in ask(chief, ConnectionFactory(kind="sql", url="ftp://a/b"))[-1]


def test_a_connection_is_tried_as_it_is_saved(chief, database):
    connection = ConnectionFactory(key="shop", kind="sql", url=database)
    fields = {"key": "shop", "kind": "sql", "url": "", "policy": "", "timeout": "", "concurrency": "2"}
    url = reverse("admin:sources_connection_change", args=[connection.pk])
    assert "Save and test now" in chief.get(url).content.decode()
    answer = chief.post(url, fields | {"sources_connection_test_now": "1"})
    assert any("It answered in" in str(message) for message in get_messages(answer.wsgi_request))
    connection.refresh_from_db()
    assert (connection.state, connection.concurrency, connection.url) == ("ok", 2, database)


@pytest.mark.parametrize(("given", "taken"), [("0", False), ("1", True), ("32", True), ("33", False)])
def test_how_many_questions_at_a_time_has_bounds(chief, database, given, taken):
    fields = {"key": "shop", "kind": "sql", "url": database, "policy": "", "timeout": "", "concurrency": given}
    chief.post(reverse("admin:sources_connection_add"), fields)
    assert Connection.objects.filter(key="shop").exists() is taken


def test_who_may_not_change_connections_may_not_test_them(client, ada, database):
    connection = ConnectionFactory(kind="sql", url=database)
    signed_in(client, ada, "Viewer")
    client.post(reverse(LIST), {"action": "test", "_selected_action": [connection.pk]})
    connection.refresh_from_db()
    assert connection.state == "unknown"
