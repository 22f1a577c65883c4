"""From pings, and from those that do not come, to incidents: through the ping addresses and the clock's sweeps."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from alerts.models import Liveness
from incidents.models import Incident
from opscenter import clock
from sources import pinging
from sources.heartbeats import managing
from sources.models import Heartbeat
from tests.factories import NINE, PolicyFactory, SeverityFactory

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
TINY = timedelta(microseconds=1)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered():
    pinging.forget()
    yield
    pinging.forget()


@pytest.fixture
def policy():
    policy = PolicyFactory(key="default")
    SeverityFactory(policy=policy, key="P0", rank=0)
    SeverityFactory(policy=policy, key="P3", rank=3)
    return policy


@pytest.fixture
def backup(policy):
    return managing.add(name="backup", period=HOUR, grace=10 * MINUTE, at=NINE)


@pytest.fixture
def ping(client, backup):
    def send(at: datetime, word: str = "", body: str | None = None, **query) -> None:
        with time_machine.travel(at, tick=False):
            path = f"/ping/{backup.pk}/{word}"
            answer = client.get(path, query) if body is None else client.post(path, body, content_type="text/plain")
        assert answer.status_code == 200

    return send


def tick(at: datetime) -> None:
    clock.run(clock.TIMERS, at=at)


def incidents() -> list[Incident]:
    return list(Incident.objects.order_by("pk"))


def is_open() -> bool:
    return Incident.objects.open().filter(key=str(Heartbeat.objects.get().pk)).exists()


def firing() -> bool:
    return Liveness.objects.filter(firing=True).exists()


DEADLINE = NINE + HOUR + 10 * MINUTE


@pytest.mark.parametrize(("at", "down"), [(DEADLINE - TINY, False), (DEADLINE, True), (DEADLINE + SECOND, True)])
def test_a_missed_deadline_opens_an_incident(ping, backup, at, down):
    ping(NINE)
    tick(at)
    assert is_open() == down
    backup.refresh_from_db()
    assert backup.state == ("down" if down else "up")


def test_it_is_told_once_and_says_what_was_missed(ping, backup):
    ping(NINE, "0", body="wrote 12 files\n")
    for seconds in range(5):
        tick(DEADLINE + seconds * SECOND)
    (incident,) = incidents()
    assert incident.title == "backup did not ping in time"
    assert incident.severity.key == "P0"  # the gravest, as it names none
    assert incident.key == str(backup.pk)
    assert "expected at 2026-11-23 10:00:00 UTC" in incident.summary
    assert "grace time of 10m, until 2026-11-23 10:10:00 UTC" in incident.summary
    assert "The last ping came at 2026-11-23 09:00:00 UTC, success." in incident.summary
    assert "wrote 12 files" in incident.summary
    facts = Liveness.objects.get().alert
    assert facts.annotations["last_exit_status"] == "0"
    assert facts.annotations["expected_at"] == "2026-11-23 10:00:00 UTC"
    assert facts.url.endswith(f"/heartbeats/{backup.pk}/")
    assert Liveness.objects.get().times == 1


def test_after_a_night_of_downtime_it_fires_once_and_says_how_late(ping, backup):
    ping(NINE)
    tick(NINE + 20 * HOUR)
    tick(NINE + 20 * HOUR + MINUTE)
    (incident,) = incidents()
    assert "It is 19h late now." in incident.summary
    assert incident.started_at == DEADLINE


def test_a_good_ping_ends_it_and_the_next_miss_fires_again(ping, backup):
    ping(NINE)
    tick(DEADLINE)
    assert firing()
    ping(DEADLINE + 5 * MINUTE)
    tick(DEADLINE + 5 * MINUTE)
    assert not firing()
    again = DEADLINE + 5 * MINUTE + HOUR + 10 * MINUTE
    tick(again - TINY)
    assert not firing()
    tick(again)
    assert firing()
    assert Liveness.objects.get().times == 2


def test_a_deadline_missed_while_nobody_looked_is_told_though_the_ping_came_late(ping, backup):
    ping(NINE)
    ping(NINE + 5 * HOUR)
    tick(NINE + 5 * HOUR)
    (incident,) = incidents()
    assert "It came 4h late." in incident.summary
    assert "The last ping came at 2026-11-23 09:00:00 UTC" in incident.summary
    tick(NINE + 5 * HOUR + 2 * SECOND)
    assert not firing()


def test_a_ping_in_time_moves_the_deadline_and_tells_nothing(ping, backup):
    ping(NINE)
    ping(DEADLINE - SECOND)
    tick(DEADLINE)
    assert not incidents()
    backup.refresh_from_db()
    assert backup.due_at == backup.deadline_at == DEADLINE - SECOND + HOUR + 10 * MINUTE


@pytest.mark.parametrize(("word", "says"), [("fail", "backup failed"), ("3", "backup failed with exit status 3")])
def test_a_failure_fires_at_once(ping, word, says):
    ping(NINE)
    ping(NINE + MINUTE, word, body="disk full")
    tick(NINE + MINUTE)
    (incident,) = incidents()
    assert incident.title == says
    assert "disk full" in incident.summary
    ping(NINE + 2 * MINUTE)
    tick(NINE + 2 * MINUTE)
    assert not firing()


def test_a_failure_that_is_over_before_anybody_looked_is_told_and_ends(ping):
    ping(NINE, "fail")
    ping(NINE + SECOND)
    tick(NINE + SECOND)
    assert len(incidents()) == 1 and firing()
    tick(NINE + 2 * SECOND)
    assert len(incidents()) == 1 and not firing()


@pytest.mark.parametrize(("after", "down"), [(10 * MINUTE - TINY, False), (10 * MINUTE, True)])
def test_a_run_that_does_not_end_within_the_grace_time_fires(ping, after, down):
    ping(NINE, "start")
    tick(NINE + after)
    assert [incident.title for incident in incidents()] == (["backup did not finish in time"] if down else [])
    ping(NINE + 11 * MINUTE)
    tick(NINE + 11 * MINUTE)
    tick(NINE + 11 * MINUTE + 2 * SECOND)
    assert not firing()


def test_a_log_is_no_sign_of_life(ping):
    ping(NINE)
    ping(DEADLINE - SECOND, "log")
    tick(DEADLINE)
    assert firing()
    ping(DEADLINE + SECOND, "log")
    tick(DEADLINE + SECOND)
    assert firing()


def test_a_paused_one_tells_nothing_and_its_alert_ends(ping, backup):
    ping(NINE)
    tick(DEADLINE)
    managing.pause(backup, at=DEADLINE + MINUTE)
    tick(DEADLINE + MINUTE)
    assert not firing()
    tick(DEADLINE + 100 * HOUR)
    assert not firing()
    ping(DEADLINE + 100 * HOUR)
    backup.refresh_from_db()
    assert backup.state == "up"


def test_one_that_was_never_pinged_is_not_missed(backup):
    tick(NINE + 1000 * HOUR)
    assert not incidents()


def test_a_shorter_period_counts_at_once(ping, backup):
    ping(NINE)
    backup.period = 5 * MINUTE
    backup.save(update_fields=["period"])
    managing.changed(backup, at=NINE + MINUTE)
    tick(NINE + 15 * MINUTE - TINY)
    assert not firing()
    tick(NINE + 15 * MINUTE)
    assert firing()


def test_a_door_that_is_switched_off_tells_nothing(ping, backup):
    backup.integration.enabled = False
    backup.integration.save()
    ping(NINE)
    tick(DEADLINE)
    assert not incidents()


def test_a_cron_job_is_missed_by_its_own_clock(client, policy):
    nightly = managing.add(
        name="nightly",
        schedule="cron",
        expression="30 2 * * *",
        timezone="Europe/Berlin",
        period=None,
        grace=HOUR,
        at=NINE,
    )
    with time_machine.travel(datetime(2026, 10, 24, 0, 31, tzinfo=UTC), tick=False):  # 02:31 in Berlin
        client.get(f"/ping/{nightly.pk}")
    tick(datetime(2026, 10, 25, 1, 30, tzinfo=UTC) - TINY)  # 02:30 comes twice that night; the first counts
    assert not incidents()
    tick(datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
    (incident,) = incidents()
    assert "expected at 2026-10-25 02:30:00 Europe/Berlin" in incident.summary
    assert "until 2026-10-25 02:30:00 Europe/Berlin" in incident.summary  # the second one


def test_heartbeats_that_only_moved_on_are_looked_at_in_one_go(policy, client, django_assert_max_num_queries):
    rows = [managing.add(name=f"job {n}", period=HOUR, grace=MINUTE, at=NINE) for n in range(30)]
    Heartbeat.objects.update(state="up", last_ping_at=NINE + HOUR, deadline_at=NINE + 2 * HOUR, due_at=NINE + HOUR)
    from alerts.heartbeats import look_due

    with django_assert_max_num_queries(6):
        assert look_due(at=NINE + HOUR) == len(rows)
    assert set(Heartbeat.objects.values_list("due_at", flat=True)) == {NINE + 2 * HOUR}
    assert look_due(at=NINE + HOUR) == 0
