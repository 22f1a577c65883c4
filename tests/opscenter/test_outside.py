"""The heartbeat to somebody else's watch: sent by the clock, its failure told, its address kept."""

import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.management import call_command

from opscenter import health, outside
from opscenter.clockwork import Clockwork
from opscenter.models import Beat
from tests.factories import MINUTE, NINE, AlertRuleFactory

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def watch(settings):
    """A dead man's switch on this machine; answers `status`, keeps the paths it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            self.send_response(self.server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings.OUTSIDE_HEARTBEAT_URL = f"http://127.0.0.1:{server.server_port}/ping/secret-uuid"
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def told(at):
    return health.check(at=at).checks["outside heartbeat"]


@pytest.mark.req("CARD-25")
def test_it_is_sent_and_its_failure_shows_in_health_without_the_address(watch):
    assert told(NINE) == "The outside heartbeat has never been sent."
    assert outside.send(at=NINE) == "" and watch.asked == ["/ping/secret-uuid"]
    assert told(NINE) == "ok"
    watch.status = 404
    outside.send(at=NINE + MINUTE)
    outside.send(at=NINE + 2 * MINUTE)
    words = told(NINE + 2 * MINUTE)
    assert "fails since 2026-11-23 09:01:00 UTC" in words and "404" in words and "secret" not in words
    assert health.check(at=NINE + 2 * MINUTE).status == "degraded"
    watch.status = 200
    outside.send(at=NINE + 3 * MINUTE)
    assert told(NINE + 5 * MINUTE) == "ok"
    assert "was last sent at 2026-11-23 09:03:00 UTC" in told(NINE + 5 * MINUTE + SECOND)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:9/ping/secret", "could not be reached"),
        ("ping/secret", "no address that can be asked"),
        ("ftp://host/secret", "no address that can be asked"),
        ("http://[secret", "no address that can be asked"),
    ],
)
def test_an_address_that_cannot_be_asked_is_told_in_words(settings, address, words):
    settings.OUTSIDE_HEARTBEAT_URL = address
    assert words in outside.send(at=NINE)
    assert words in told(NINE) and "secret" not in told(NINE)


def test_without_an_address_nothing_is_sent_or_missed(settings):
    settings.OUTSIDE_HEARTBEAT_URL = ""
    assert not outside.due(None, at=NINE)
    assert told(NINE) == "ok"


@pytest.mark.parametrize(("seconds", "due"), [(0, False), (29, False), (30, True), (-5, True)])
def test_one_is_due_every_half_minute(watch, seconds, due):
    assert outside.due(None, at=NINE)
    assert outside.due(NINE, at=NINE + seconds * SECOND) == due


def test_a_tick_of_the_clock_asks_for_it_beside_itself(watch):
    clockwork = Clockwork()
    clockwork.beat_at = NINE  # its own sign of life has just been given
    clockwork._tick(NINE)
    assert clockwork.teller.wanted.is_set() and watch.asked == []
    clockwork.teller.wanted.clear()
    clockwork._tick(NINE + SECOND)
    assert not clockwork.teller.wanted.is_set()


def test_cron_sends_it_where_no_clock_runs(watch):
    call_command("run_timers")
    call_command("run_timers")
    assert watch.asked == ["/ping/secret-uuid"]
    assert Beat.objects.get(key=outside.SIGN).detail == {}


@pytest.mark.req("CARD-25")
@pytest.mark.parametrize(
    ("checked", "waits", "words"),
    [
        (2 * MINUTE, 3 * MINUTE, "ok"),
        (5 * MINUTE, MINUTE, "ok"),
        (5 * MINUTE, 4 * MINUTE, "No check of a rule has run for 5 min, and 1 are due."),
        (None, 4 * MINUTE, "No check of a rule has run yet, and 1 are due."),
    ],
)
def test_that_no_check_runs_is_told(checked, waits, words):
    AlertRuleFactory(checked_at=checked and NINE - checked, next_check_at=NINE - waits)
    AlertRuleFactory(enabled=False, next_check_at=NINE - 9 * MINUTE)
    assert health.check(at=NINE).checks["checks"] == words
