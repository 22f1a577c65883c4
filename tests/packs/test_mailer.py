"""The Mailer pack on a real PostgreSQL: every number just below, at and above; what is printed; what opens."""

from datetime import timedelta

import pytest

from alerts.models import Alert
from incidents.models import Incident

PACK = "mailer"
pytestmark = pytest.mark.usefixtures("pack_of_module")
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
STUCK, BREAKER = "mailer_processing_stuck", "mailer_circuit_breaker_triggered"
DEPTH, QUOTA = "mailer_queue_depth_high", "mailer_quota_exhausted_long"


@pytest.mark.req("ML-10")
@pytest.mark.parametrize(
    ("ago", "state"),
    [
        (30 * MINUTE - SECOND, "inactive"),
        (30 * MINUTE, "inactive"),
        (30 * MINUTE + SECOND, "firing"),
    ],
)
def test_a_campaign_is_stuck_after_more_than_half_an_hour(watch_mailer, mailer, ago, state):
    mailer.stuck(1, started_ago=ago)
    assert watch_mailer.state(STUCK) == state


@pytest.mark.parametrize(("count", "state"), [(0, "inactive"), (1, "firing"), (2, "firing")])
def test_one_stuck_campaign_is_enough(watch_mailer, mailer, count, state):
    mailer.stuck(count)
    assert watch_mailer.state(STUCK) == state


@pytest.mark.req("ML-18")
@pytest.mark.parametrize(("errors", "state"), [(9, "inactive"), (10, "firing"), (11, "firing")])
def test_the_breaker_counts_ten_errors_in_a_row(watch_mailer, mailer, errors, state):
    mailer.circuit(errors)
    assert watch_mailer.state(BREAKER) == state


@pytest.mark.req("ML-20")
@pytest.mark.parametrize(
    ("errors", "setting", "state"),
    [
        (4, "5", "inactive"),
        (5, "5", "firing"),
        (6, "5", "firing"),
        (9, "20", "inactive"),
        (10, "20", "firing"),  # or: the smaller number counts
        (9, "missing table", "inactive"),
        (10, "missing table", "firing"),
        (11, "missing table", "firing"),
    ],
)
def test_the_breaker_follows_the_smaller_of_setting_and_ten(watch_mailer, mailer, errors, setting, state):
    mailer.circuit(errors, setting=setting)
    assert watch_mailer.state(BREAKER) == state
    first, fallback = watch_mailer.rule(BREAKER).sources.filter(variant="sql")
    if setting == "missing table":
        assert "django_settings" in first.error and fallback.error == ""
        assert first.last_seen_at is None and fallback.last_seen_at == watch_mailer.at
    else:
        assert first.error == "" and fallback.last_seen_at is None


@pytest.mark.req("ML-26", "ML-28")
@pytest.mark.parametrize(("count", "state"), [(49, "inactive"), (50, "inactive"), (51, "firing")])
def test_the_queue_is_deep_above_fifty(watch_mailer, mailer, count, state):
    mailer.pending(count)
    assert watch_mailer.state(DEPTH) == state
    assert f"value {count} > 50" in watch_mailer.rule(DEPTH).verdict


@pytest.mark.req("ML-31", "ML-32")
@pytest.mark.parametrize(
    ("available", "synced_ago", "state"),
    [
        (0, 2 * HOUR - MINUTE, "inactive"),
        (0, 2 * HOUR, "inactive"),
        (0, 2 * HOUR + SECOND, "firing"),
        (0, 2 * HOUR + MINUTE, "firing"),
        (1, 5 * HOUR, "inactive"),
        (-1, 3 * HOUR, "firing"),
        (-3, 3 * HOUR, "firing"),
    ],
)
def test_the_quota_is_used_up_and_unsynced_for_more_than_two_hours(watch_mailer, mailer, available, synced_ago, state):
    mailer.quota(available, synced_ago=synced_ago)
    assert watch_mailer.state(QUOTA) == state


def test_a_newer_good_row_of_the_quota_is_what_counts(watch_mailer, mailer):
    mailer.quota(0, synced_ago=5 * HOUR)
    mailer.quota(500, synced_ago=MINUTE)
    assert watch_mailer.state(QUOTA) == "inactive"


@pytest.mark.req("ML-34")
def test_the_quota_row_goes_along_into_the_alert_and_no_row_is_no_data(watch_mailer, mailer):
    mailer.quota(0, synced_ago=5 * HOUR)
    mailer.quota(500, synced_ago=MINUTE)
    assert watch_mailer.state(QUOTA) == "inactive"  # the older row is bad, the newest good
    mailer.quota(0, synced_ago=3 * HOUR, sync_error="401 Unauthorized")
    assert watch_mailer.state(QUOTA) == "firing"
    alert = Alert.objects.get(rule=watch_mailer.rule(QUOTA))
    assert alert.annotations["sync_error"] == "401 Unauthorized"
    assert alert.annotations["emails_available"] == "0"
    mailer.no_quota()
    watch_mailer.go_on(30 * MINUTE)
    assert watch_mailer.state(QUOTA) == "nodata"
    assert alert.liveness.firing  # nothing says that it is over


def test_a_quota_never_synced_is_no_data(watch_mailer, mailer):
    mailer.quota(0, synced_ago=None)
    assert watch_mailer.state(QUOTA) == "nodata"


@pytest.mark.req("ML-12")
def test_queries_run_as_written_read_only_and_with_an_end(watch_mailer, mailer):
    mailer.stuck(2)
    assert watch_mailer.state(STUCK) == "firing"
    assert "value 2" in watch_mailer.rule(STUCK).verdict
    source = watch_mailer.rule(STUCK).sources.get(variant="sql")
    for query, words in [
        ("DELETE FROM mailer_campaignqueue", "would write"),
        ("SELECT nextval('mailer_campaignqueue_id_seq')", "would write"),  # past the guard, stopped by the session
    ]:
        source.spec = {"query": query}
        source.save()
        assert watch_mailer.state(STUCK) == "error"
        assert words in watch_mailer.rule(STUCK).verdict
    source.spec = {"query": "SELECT 1 FROM pg_sleep(60)"}
    source.save()
    source.connection.timeout = timedelta(milliseconds=300)
    source.connection.save()
    assert watch_mailer.state(STUCK) == "error"
    assert "cut off" in watch_mailer.rule(STUCK).verdict
    assert mailer.database.rows("SELECT count(*) AS n FROM mailer_campaignqueue") == [{"n": 2}]


@pytest.mark.req("ML-11", "ML-27")
@pytest.mark.parametrize("key", [STUCK, BREAKER, DEPTH])
def test_rules_of_five_minutes_are_checked_every_five(watch_mailer, key):
    assert watch_mailer.check(key, force=False).checked == 1
    watch_mailer.go_on(4 * MINUTE)
    assert watch_mailer.check(key, force=False).checked == 0
    watch_mailer.go_on(MINUTE)
    assert watch_mailer.check(key, force=False).checked == 1


@pytest.mark.req("ML-33")
def test_the_quota_is_checked_every_half_hour(watch_mailer):
    assert watch_mailer.check(QUOTA, force=False).checked == 1
    watch_mailer.go_on(29 * MINUTE)
    assert watch_mailer.check(QUOTA, force=False).checked == 0
    watch_mailer.go_on(MINUTE)
    assert watch_mailer.check(QUOTA, force=False).checked == 1


@pytest.mark.req("ML-19", "ML-25")
def test_an_hour_over_the_threshold_is_one_alert_and_it_ends_with_the_counter(watch_mailer, mailer):
    mailer.circuit(10)
    for _ in range(12):
        watch_mailer.check(BREAKER, force=False)
        watch_mailer.go_on(5 * MINUTE)
    alert = Alert.objects.get(rule=watch_mailer.rule(BREAKER))
    assert alert.liveness.firing and alert.liveness.times == 1
    incident = Incident.objects.get()
    assert incident.timeline.filter(kind="alerts_joined").count() == 0
    mailer.circuit(0)
    assert watch_mailer.state(BREAKER) == "inactive"
    alert.liveness.refresh_from_db()
    assert not alert.liveness.firing


@pytest.mark.req("ML-65", "ML-66", "ML-67", "ML-68")
def test_each_finding_is_printed_as_the_plan_words_it(watch_mailer, mailer, run_checks):
    now = f"--now={watch_mailer.at.isoformat()}"
    mailer.stuck(2)
    mailer.circuit(10)
    mailer.pending(51)
    mailer.quota(0, synced_ago=2 * HOUR + MINUTE)
    status, lines = run_checks("--pack=mailer", "--variant=sql", now)
    assert status == 2
    assert lines == [
        "ALERT: 2 campaigns stuck in PROCESSING > 30 minutes",
        "ALERT: 1 campaigns triggered circuit breaker",
        "WARNING: Queue depth is 51 (threshold: 50)",
        "WARNING: Quota exhausted and not synced for > 2 hours",
    ]
    titles = [title for _, title in watch_mailer.incidents]
    assert sorted(titles) == sorted(lines)


@pytest.mark.req("ML-64")
def test_the_exit_status_tells_the_four_situations(watch_mailer, mailer, run_checks):
    mailer.quota(100, synced_ago=timedelta())

    def run():
        watch_mailer.at += 30 * MINUTE
        return run_checks("--pack=mailer", "--variant=sql", f"--now={watch_mailer.at.isoformat()}")

    assert run() == (0, [])
    mailer.pending(51)
    assert run()[0] == 1
    mailer.stuck(1)
    assert run()[0] == 2
    mailer.stuck(0)
    mailer.pending(0)
    assert run()[0] == 0
    mailer.database.refuse()
    status, lines = run()
    mailer.database.accept()
    assert status == 3
    assert len(lines) == 4 and all(line.startswith("ERROR: ALERT-00") for line in lines)


def test_an_empty_quota_table_is_told_and_breaks_nothing(watch_mailer, mailer, run_checks):
    mailer.no_quota()
    status, lines = run_checks("--pack=mailer", f"--now={watch_mailer.at.isoformat()}")
    assert status == 0
    assert [line[:20] for line in lines] == ["NO DATA: ALERT-005: "]


@pytest.mark.req("ML-69")
def test_each_finding_is_one_message_and_none_while_it_lasts(watch_mailer, mailer, monkeypatch):
    from notifications.models import Delivery

    monkeypatch.setenv("MAILER_ALERT_WEBHOOK_URL", "http://127.0.0.1:9/chat")
    mailer.stuck(2)
    mailer.circuit(10)
    mailer.pending(51)
    mailer.quota(0, synced_ago=3 * HOUR)
    for _ in range(4):
        watch_mailer.check()
        watch_mailer.go_on(30 * MINUTE)
    told = Delivery.objects.filter(destination__key="mailer-chat", purpose="notice")
    assert told.count() == 4
    for words in ("stuck in PROCESSING", "circuit breaker", "Queue depth is 51", "Quota exhausted"):
        assert sum(words in message.subject for message in told) == 1


def test_warnings_only_leaves_the_critical_rules_alone(watch_mailer, mailer, run_checks):
    mailer.stuck(1)
    mailer.pending(51)
    status, lines = run_checks("--pack=mailer", "--warnings-only", f"--now={watch_mailer.at.isoformat()}")
    assert (status, lines) == (1, ["WARNING: Queue depth is 51 (threshold: 50)"])
    assert watch_mailer.rule(STUCK).state == "unknown"
    assert watch_mailer.rule(DEPTH).state == "firing"
