"""The rules of a heartbeat's life, as values: just below, at and just above each number."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from sources.heartbeats import life as lives
from sources.heartbeats.life import Beat
from sources.models import Heartbeat
from sources.signals import instant, micros

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
TINY = timedelta(microseconds=1)
ONE, TWO = UUID(int=1), UUID(int=2)


def life(**settings) -> lives.Life:
    return lives.of(Heartbeat(**{"name": "backup", "period": HOUR, "grace": 10 * MINUTE, **settings}))


def ping(beats: lives.Life, at: datetime, kind: str = "success", **facts) -> Beat:
    beat = Beat(micros(at), kind, **facts)
    lives.take(beats, beat)
    return beat


def deadline(beats: lives.Life) -> datetime | None:
    return None if beats.deadline_at is None else instant(beats.deadline_at)


def test_one_that_never_pinged_is_in_no_hurry():
    assert lives.deadline(life()) is None


def test_a_good_ping_sets_the_deadline_a_period_and_a_grace_time_away():
    beats = life()
    ping(beats, NINE)
    assert (beats.state, deadline(beats)) == ("up", NINE + HOUR + 10 * MINUTE)
    assert beats.due_at == beats.deadline_at


@pytest.mark.parametrize(("after", "lapsed"), [(-TINY, False), (0 * SECOND, True), (TINY, True)])
def test_it_is_down_at_its_deadline_and_not_before(after, lapsed):
    beats = life()
    ping(beats, NINE)
    assert lives.lapse(beats, at=micros(NINE + HOUR + 10 * MINUTE + after)) == lapsed
    assert (beats.state, beats.trouble, beats.untold) == (("down", "missed", True) if lapsed else ("up", "", False))


def test_a_deadline_that_nobody_noticed_is_still_told_when_the_ping_comes_late():
    beats = life()
    ping(beats, NINE)
    ping(beats, NINE + 3 * HOUR)
    assert (beats.state, beats.trouble, beats.untold) == ("up", "missed", True)
    assert instant(beats.trouble_at) == NINE + HOUR + 10 * MINUTE
    assert instant(beats.due_at) <= NINE + 3 * HOUR


def test_a_look_that_is_planned_earlier_stays():
    beats = life()
    ping(beats, NINE)
    planned = beats.due_at
    ping(beats, NINE + 30 * MINUTE)
    assert (beats.due_at, deadline(beats)) == (planned, NINE + 100 * MINUTE)


@pytest.mark.parametrize(("state", "wakes"), [("up", False), ("new", False)])
def test_a_deadline_far_away_wakes_nobody(state, wakes):
    beats = life(state=state)
    ping(beats, NINE)
    assert beats.wake == wakes


def test_a_failure_is_down_at_once_and_waits_for_nothing():
    beats = life()
    ping(beats, NINE)
    ping(beats, NINE + MINUTE, "fail", exit_status=3)
    assert (beats.state, beats.trouble, deadline(beats), beats.wake) == ("down", "failed", None, True)
    assert (beats.last_exit_status, beats.failed_in_a_row, beats.runs) == (3, 1, 2)
    ping(beats, NINE + 2 * MINUTE, "fail")
    assert (beats.last_exit_status, beats.failed_in_a_row) == (None, 2)
    ping(beats, NINE + 3 * MINUTE)
    assert (beats.state, beats.failed_in_a_row) == ("up", 0)


@pytest.mark.parametrize("state", ["new", "up", "paused"])
def test_a_start_wants_an_end_within_the_grace_time(state):
    beats = life(state=state, last_ping_at=NINE - MINUTE)
    ping(beats, NINE, "start")
    assert deadline(beats) == NINE + 10 * MINUTE
    assert not lives.lapse(beats, at=micros(NINE + 10 * MINUTE - TINY))
    assert lives.lapse(beats, at=micros(NINE + 10 * MINUTE))
    assert beats.trouble == "unfinished"


def test_a_start_never_moves_an_earlier_deadline_on():
    beats = life()
    ping(beats, NINE)
    ping(beats, NINE + HOUR + 5 * MINUTE, "start")
    assert deadline(beats) == NINE + HOUR + 10 * MINUTE


def test_the_end_of_a_run_gives_its_length_and_goes_back_to_the_schedule():
    beats = life()
    ping(beats, NINE, "start")
    beat = ping(beats, NINE + 4 * MINUTE)
    assert beat.duration == beats.last_duration == 4 * 60 * 1_000_000
    assert deadline(beats) == NINE + 4 * MINUTE + 70 * MINUTE


@pytest.mark.parametrize(("took", "known"), [(timedelta(hours=72) - TINY, True), (timedelta(hours=72), False)])
def test_a_start_three_days_ago_is_of_another_run(took, known):
    beats = life(grace=timedelta(days=10))
    ping(beats, NINE, "start")
    assert (ping(beats, NINE + took).duration is not None) == known


def test_runs_that_overlap_are_told_apart_by_their_ids():
    beats = life()
    ping(beats, NINE, "start", rid=ONE)
    ping(beats, NINE + MINUTE, "start", rid=TWO)
    assert ping(beats, NINE + 5 * MINUTE, rid=ONE).duration == 5 * 60 * 1_000_000
    # the run that began last still goes on, and is the one that is watched
    assert (instant(beats.last_start_at), deadline(beats)) == (NINE + MINUTE, NINE + 11 * MINUTE)
    assert ping(beats, NINE + 6 * MINUTE, rid=TWO).duration == 5 * 60 * 1_000_000
    assert beats.last_start_at is None


@pytest.mark.parametrize(
    ("kind", "rid", "runs_on"), [("success", ONE, True), ("success", None, False), ("fail", ONE, False)]
)
def test_only_a_good_end_of_another_run_lets_the_last_one_run_on(kind, rid, runs_on):
    beats = life()
    ping(beats, NINE, "start", rid=TWO)
    assert ping(beats, NINE + MINUTE, kind, rid=rid).duration is None
    assert (beats.last_start_at is not None) == runs_on


@pytest.mark.parametrize("state", ["new", "up", "down", "paused"])
def test_a_log_changes_nothing(state):
    beats = life(state=state, last_ping_at=NINE - HOUR, last_start_at=NINE - MINUTE)
    before = lives.columns(beats) | {"ping_count": 1}
    ping(beats, NINE, "log", body="hello")
    assert lives.columns(beats) == before


@pytest.mark.parametrize(("manual", "state", "counts_as"), [(False, "up", "success"), (True, "paused", "ignored")])
def test_a_paused_one_resumes_with_a_ping_unless_a_person_is_to_do_it(manual, state, counts_as):
    beats = life(state="paused", manual_resume=manual)
    assert ping(beats, NINE).kind == counts_as
    assert beats.state == state


@pytest.mark.parametrize(("method", "counts_as"), [("GET", "ignored"), ("HEAD", "ignored"), ("POST", "success")])
def test_link_previews_ping_nothing_when_only_post_counts(method, counts_as):
    assert ping(life(post_only=True), NINE, method=method).kind == counts_as


@pytest.mark.parametrize(
    ("body", "kind", "counts_as"),
    [
        ("backup DONE", "success", "success"),
        ("DONE, with ERROR 7", "success", "fail"),  # failure words come first
        ("BEGIN", "success", "start"),
        ("done", "success", "ignored"),  # case counts
        ("", "success", "ignored"),
        ("DONE", "fail", "fail"),  # who says so means it
        ("", "start", "start"),
        ("ERROR", "log", "log"),
    ],
)
def test_words_in_the_body_decide_what_a_plain_ping_counts_as(body, kind, counts_as):
    beats = life(success_words="DONE, OK", failure_words="ERROR", start_words="BEGIN")
    assert ping(beats, NINE, kind, body=body).kind == counts_as


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("pinged", "expected"),
    [
        (datetime(2026, 3, 28, 2, 31, tzinfo=BERLIN), datetime(2026, 3, 29, 3, 0, tzinfo=BERLIN)),  # no 02:30
        (datetime(2026, 3, 29, 3, 1, tzinfo=BERLIN), datetime(2026, 3, 30, 2, 30, tzinfo=BERLIN)),
        (
            datetime(2026, 10, 24, 2, 31, tzinfo=BERLIN),
            datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN),
        ),  # the first
        (datetime(2026, 10, 25, 2, 31, tzinfo=BERLIN), datetime(2026, 10, 26, 2, 30, tzinfo=BERLIN)),  # not again
    ],
)
def test_a_cron_schedule_follows_the_local_clock(pinged, expected):
    beats = life(schedule="cron", expression="30 2 * * *", timezone="Europe/Berlin", period=None)
    ping(beats, pinged)
    assert deadline(beats) == expected.astimezone(UTC) + 10 * MINUTE


def test_oncalendar_takes_several_lines():
    beats = life(schedule="oncalendar", expression="Mon 12:00\nMon 10:00 UTC", timezone="Europe/Berlin", period=None)
    ping(beats, NINE)  # 10:00 in Berlin
    assert deadline(beats) == NINE + HOUR + 10 * MINUTE  # 10:00 UTC and 11:00 UTC
    ping(beats, NINE + HOUR + MINUTE)
    assert deadline(beats) == NINE + 2 * HOUR + 10 * MINUTE


def test_a_schedule_that_has_no_more_times_waits_for_nothing():
    beats = life(schedule="oncalendar", expression="2026-11-23 10:00", period=None)
    ping(beats, NINE)
    assert deadline(beats) == NINE + HOUR + 10 * MINUTE
    ping(beats, NINE + HOUR + MINUTE)
    assert deadline(beats) is None
