"""The Mailer pack on a real PostgreSQL: every number just below, at and above; what is printed; what opens."""

from datetime import timedelta

import pytest

from alerts.models import Alert
from incidents.models import Incident

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
    first, fallback = watch_mailer.rule(BREAKER).sources.all()
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
