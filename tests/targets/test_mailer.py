"""The mailer's levers reach every edge of its SQL alerts, judged by the plan's own queries on PostgreSQL."""

import socket
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import requests
from psycopg.rows import dict_row

from targets import database
from targets import mailer as crm

pytestmark = pytest.mark.once

NINE = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HALF_HOUR = timedelta(minutes=30)
HOUR = timedelta(hours=1)


def ask(mailer, query):
    """The rows of `query`, as Opscenter would get them."""
    with psycopg.connect(mailer.monitor_url, row_factory=dict_row) as connection:
        connection.read_only = True
        return connection.execute(query).fetchall()


def post(mailer, lever, **fields):
    return requests.post(f"{mailer.url}/_levers/{lever}", json=fields, timeout=10)


def test_after_a_reset_nothing_is_over_an_edge(mailer):
    mailer.stuck(2)
    mailer.circuit(10, setting="missing table")
    mailer.pending(60)
    mailer.no_quota()
    mailer.hold_clock(NINE)
    mailer.reset()
    assert ask(mailer, crm.STUCK) == [{"stuck_count": 0}]
    assert ask(mailer, crm.CIRCUIT) == [{"circuit_breaker_count": 0}]
    assert ask(mailer, crm.DEPTH) == [{"queue_depth": 0}]
    [quota] = ask(mailer, crm.QUOTA)
    assert quota["emails_available"] == 10_000
    assert abs(datetime.now(UTC) - quota["last_synced_at"]) < timedelta(minutes=1)


@pytest.mark.parametrize(("started_ago", "found"), [(HALF_HOUR - SECOND, 0), (HALF_HOUR, 0), (HALF_HOUR + SECOND, 2)])
def test_stuck_campaigns_stand_exactly_on_the_edge_while_the_clock_is_held(mailer, started_ago, found):
    mailer.hold_clock(NINE)
    mailer.stuck(2, started_ago=started_ago)
    assert ask(mailer, crm.STUCK) == [{"stuck_count": found}]


def test_stuck_replaces_what_was_stuck_and_time_moves_it_over_the_edge(mailer):
    mailer.stuck(3, started_ago=timedelta(minutes=31))
    assert ask(mailer, crm.STUCK) == [{"stuck_count": 3}]
    mailer.stuck(1, started_ago=timedelta(minutes=29))
    assert ask(mailer, crm.STUCK) == [{"stuck_count": 0}]
    mailer.hold_clock(datetime.now(UTC) + timedelta(minutes=2))
    assert ask(mailer, crm.STUCK) == [{"stuck_count": 1}]
    mailer.stuck(0)
    assert ask(mailer, crm.STUCK) == [{"stuck_count": 0}]


@pytest.mark.parametrize(
    ("errors", "setting", "found"),
    [
        (9, None, 0),
        (10, None, 1),
        (11, None, 1),
        (4, 5, 0),
        (5, 5, 1),
        (6, 5, 1),
        (9, 20, 0),
        (10, 20, 1),  # the plan's OR
        (0, 10, 0),
    ],
)
def test_the_circuit_breaker_at_each_edge(mailer, errors, setting, found):
    mailer.circuit(errors, setting=setting)
    assert ask(mailer, crm.CIRCUIT) == [{"circuit_breaker_count": found}]


def test_the_settings_table_goes_and_comes_back(mailer):
    mailer.circuit(10, setting="missing table")
    with pytest.raises(psycopg.errors.UndefinedTable, match="django_settings"):
        ask(mailer, crm.CIRCUIT)
    assert "django_settings" in mailer.state()["circuit_breaker_error"]
    mailer.circuit(10, setting=10)
    assert ask(mailer, crm.CIRCUIT) == [{"circuit_breaker_count": 1}]


@pytest.mark.parametrize("count", [0, 49, 50, 51])
def test_pending_sets_the_depth_of_the_queue(mailer, count):
    mailer.pending(7)
    mailer.pending(count)
    assert ask(mailer, crm.DEPTH) == [{"queue_depth": count}]


@pytest.mark.parametrize(
    ("available", "synced_ago", "exhausted"),
    [
        (0, 2 * HOUR - SECOND, False),
        (0, 2 * HOUR, False),
        (0, 2 * HOUR + SECOND, True),
        (1, 5 * HOUR, False),
        (-3, 3 * HOUR, True),
        (0, None, None),
    ],
)
def test_the_quota_at_each_edge(mailer, available, synced_ago, exhausted):
    mailer.hold_clock(NINE)
    mailer.quota(available, synced_ago, sync_error="401 bad key")
    [quota] = ask(mailer, crm.QUOTA)
    synced_at = None if synced_ago is None else NINE - synced_ago
    assert quota == {"emails_available": available, "last_synced_at": synced_at, "sync_error": "401 bad key"}
    assert mailer.state()["quota_exhausted_long"] is exhausted


def test_only_the_newest_quota_counts_and_the_table_can_be_empty(mailer):
    mailer.quota(0, 3 * HOUR)
    mailer.quota(500)
    assert ask(mailer, crm.QUOTA)[0]["emails_available"] == 500
    mailer.no_quota()
    assert ask(mailer, crm.QUOTA) == []
    assert mailer.state()["quota"] is None


def test_pause_reasons_can_be_counted(mailer):
    mailer.paused({"quota_exhausted": 3, "outside_hours": 1})
    mailer.circuit(10)
    query = "SELECT pause_reason, count(*) AS n FROM mailer_campaignqueue GROUP BY 1 ORDER BY 2 DESC, 1"
    rows = [(row["pause_reason"], row["n"]) for row in ask(mailer, query)]
    assert rows == [("quota_exhausted", 3), ("outside_hours", 1), ("transient_error", 1)]


def test_finished_campaigns_have_their_times_and_their_errors(mailer):
    mailer.finished(20, with_errors=1, first_send_after=timedelta(minutes=4, seconds=59))
    [row] = ask(
        mailer,
        """SELECT count(DISTINCT c.id) AS campaigns, count(*) FILTER (WHERE l.status = 'failed') AS errors,
                  max(first_send_at - ready_at) AS slowest
           FROM mailer_campaignqueue c JOIN mailer_sendlog l ON l.campaign_id = c.id WHERE c.status = 'finished'""",
    )
    assert row == {"campaigns": 20, "errors": 1, "slowest": timedelta(minutes=4, seconds=59)}


def test_a_held_clock_stands_still_and_leaves_other_connections_alone(mailer):
    mailer.hold_clock(NINE)
    assert ask(mailer, "SELECT now() AS at") == [{"at": NINE}]
    with psycopg.connect(mailer.database.url) as plain:
        assert plain.execute("SELECT now()").fetchone()[0] != NINE
    mailer.hold_clock(None)
    assert ask(mailer, "SELECT abs(extract(epoch FROM now() - pg_catalog.now())) < 1 AS real") == [{"real": True}]
    with pytest.raises(ValueError, match="no time zone"):
        mailer.hold_clock(NINE.replace(tzinfo=None))


def test_levers_work_over_http(mailer):
    assert post(mailer, "stuck", count=2, started_ago="31m").json()["stuck_count"] == 2
    assert post(mailer, "circuit", errors=5, setting=5).json()["circuit_breaker_count"] == 1
    assert post(mailer, "circuit", errors=0, setting=None).json()["circuit_breaker_count"] == 0
    assert post(mailer, "pending", count="51").json()["queue_depth"] == 51
    assert post(mailer, "quota", available=0, synced_ago="2h1m").json()["quota_exhausted_long"] is True
    assert post(mailer, "quota", available=0, synced_ago=None).json()["quota"]["last_synced_at"] is None
    held = post(mailer, "hold_clock", at="2026-11-21T09:00:00Z").json()["clock_held_at"]
    assert datetime.fromisoformat(held) == NINE
    assert post(mailer, "reset").json()["queue_depth"] == 0
    listed = {row["lever"]: row for row in requests.get(f"{mailer.url}/_levers", timeout=20).json()}
    assert {"circuit", "pending", "quota", "refuse", "refuse_database", "reset", "stuck"} <= set(listed)
    assert "ALERT-002" in listed["stuck"]["about"]


@pytest.mark.parametrize(
    ("lever", "fields", "complaint"),
    [
        ("stuk", {}, "There is no lever 'stuk'; there is accept_database"),
        ("stuck", {"counts": 1}, "knows no counts"),
        ("stuck", {"count": "many"}, 'stuck.count = "many" is no int'),
        ("stuck", {"started_ago": "soon"}, "write it like 30m"),
        ("circuit", {}, "missing a required argument: 'errors'"),
        ("hold_clock", {"at": "2026-11-21T09:00:00"}, "no time zone"),
        ("hold_clock", {"at": "noon"}, "is no datetime"),
    ],
)
def test_a_wrong_lever_is_refused_with_words(mailer, lever, fields, complaint):
    answer = post(mailer, lever, **fields)
    assert answer.status_code == 400
    assert complaint in answer.text


def test_the_database_refuses_and_comes_back(mailer):
    with psycopg.connect(mailer.monitor_url) as connection:
        mailer.refuse_database()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(mailer.monitor_url)
    assert "refuses" in requests.get(f"{mailer.url}/_state", timeout=10).json()["database"]
    page = requests.get(mailer.url, timeout=10)
    assert page.ok
    assert "cannot tell" in page.text
    refused = post(mailer, "pending", count=1)
    assert (refused.status_code, "accept_database" in refused.text) == (409, True)
    assert post(mailer, "accept_database").json()["database"] == "answers"


def test_the_page_shows_each_rule_and_its_buttons_work_without_javascript(mailer):
    page = requests.get(mailer.url, timeout=10).text
    for words in ("ALERT-002", "ALERT-003", "ALERT-004", "ALERT-005", "51 waiting", "width=device-width"):
        assert words in page
    assert "over the edge" not in page
    after = requests.post(f"{mailer.url}/_levers/pending", data={"count": "51"}, timeout=10)
    assert after.history[0].status_code == 303
    assert "51 campaigns waiting" in after.text
    assert "over the edge" in after.text


def test_data_survives_a_second_start(mailer):
    mailer.pending(51)
    with crm.Mailer(mailer.database.url) as second:
        assert second.state()["queue_depth"] == 51


def test_a_password_is_not_shown():
    url = "postgresql://ada:s3cret@127.0.0.1:5432/crm"
    assert database.masked(url) == "postgresql://ada:***@127.0.0.1:5432/crm"
    assert database.masked("postgresql://127.0.0.1/crm") == "postgresql://127.0.0.1/crm"


@pytest.mark.parametrize("url", ["sqlite:///crm", "postgresql://127.0.0.1"])
def test_an_address_without_a_database_is_refused(url):
    with pytest.raises(ValueError, match="A target needs an address such as"):
        crm.Mailer(url)


def test_redis_and_the_mail_server_beside_it_answer_or_refuse(mailer):
    for port, sent, heard in [
        (mailer.redis_server.port, b"*1\r\n$4\r\nPING\r\n", b"+PONG"),
        (mailer.mail_server.port, b"", b"220 "),
    ]:
        with socket.create_connection(("127.0.0.1", port), 5) as line:
            line.sendall(sent)
            assert line.recv(100).startswith(heard)
    post(mailer, "redis", answers=False)
    post(mailer, "smtp", answers=False)
    assert (mailer.state()["redis"], mailer.state()["smtp"]) == ("refuses", "refuses")
    for port in (mailer.redis_server.port, mailer.mail_server.port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)
    mailer.reset()
    assert (mailer.state()["redis"], mailer.state()["smtp"]) == ("answers", "answers")


def test_what_its_operators_do_heals_the_rows(mailer):
    mailer.stuck(2)
    mailer.circuit(10, setting="10")
    mailer.quota(0, synced_ago=3 * HOUR)
    for lever in ("reconcile", "resume", "sync_quota"):
        assert post(mailer, lever).status_code == 200
    state = mailer.state()
    assert (state["stuck_count"], state["circuit_breaker_count"], state["quota_exhausted_long"]) == (0, 0, False)
    assert state["queue_depth"] == 3  # they wait again
