"""System jobs: when they are due, and that each time is run once."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask

from opscenter import beat, engine
from opscenter.models import Beat
from tests.factories import HOUR, MINUTE, NINE

SECOND = timedelta(seconds=1)


def crontab(words="30 3 * * *", zone="UTC"):
    names = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    return CrontabSchedule(**dict(zip(names, words.split(), strict=True)), timezone=zone)


@pytest.fixture
def ran(monkeypatch):
    """Instants at which the job ran."""
    runs = []

    def ops_maintenance():
        runs.append(len(runs))
        return "3 sessions"

    monkeypatch.setattr(engine, "resolve", lambda dotted: ops_maintenance)
    return runs


def job(**fields) -> PeriodicTask:
    """A job every five minutes that last ran at nine."""
    if not fields.keys() & {"crontab", "clocked"}:
        fields["interval"] = IntervalSchedule.objects.create(every=5, period="minutes")
    fields = {"name": "maintenance", "task": "opscenter.tasks.ops_maintenance", **fields}
    return PeriodicTask.objects.create(**{"last_run_at": NINE, **fields})


# the registry


def test_register_stores_each_job_once_and_leaves_edits_alone(db):
    assert beat.register() == len(beat.JOBS)
    PeriodicTask.objects.filter(name="maintenance").update(enabled=False, task="opscenter.tasks.answer")
    assert beat.register() == 0
    assert PeriodicTask.objects.get(name="maintenance").task == "opscenter.tasks.answer"


def test_every_registered_job_is_a_task_with_a_schedule(db):
    beat.register()
    for job in beat.JOBS:
        engine.resolve(job.task)
    assert len(beat.entries()) == len(beat.JOBS)


# when


@pytest.mark.parametrize(
    ("words", "zone", "after", "expected"),
    [
        ("30 3 * * *", "UTC", "2026-11-23 03:29:59", "2026-11-23 03:30"),
        ("30 3 * * *", "UTC", "2026-11-23 03:30:00", "2026-11-24 03:30"),
        ("0 9 * * *", "Asia/Jakarta", "2026-11-23 01:00:00", "2026-11-23 02:00"),
        ("0 8 1 * *", "UTC", "2026-11-02 00:00:00", "2026-12-01 08:00"),
        ("0 9 * * mon-fri", "UTC", "2026-11-20 09:00:00", "2026-11-23 09:00"),
        ("0 9 13 * fri", "UTC", "2026-10-01 00:00:00", "2026-11-13 09:00"),  # Celery means both, cron either
        ("*/15 * * * *", "UTC", "2026-11-23 09:00:01", "2026-11-23 09:15"),
        # Amsterdam, clocks forward on 2027-03-28: 02:30 does not exist, the offset before the gap counts
        ("30 2 * * *", "Europe/Amsterdam", "2027-03-27 12:00:00", "2027-03-28 01:30"),
        ("30 2 * * *", "Europe/Amsterdam", "2027-03-28 01:30:00", "2027-03-29 00:30"),
        # clocks back on 2026-10-25: 02:30 comes twice, the first counts
        ("30 2 * * *", "Europe/Amsterdam", "2026-10-24 12:00:00", "2026-10-25 00:30"),
        ("30 2 * * *", "Europe/Amsterdam", "2026-10-25 00:30:00", "2026-10-26 01:30"),
        # every half hour means real hours, the doubled one too
        ("*/30 * * * *", "Europe/Amsterdam", "2026-10-25 00:30:00", "2026-10-25 01:00"),
        ("*/30 * * * *", "Europe/Amsterdam", "2026-10-25 01:00:00", "2026-10-25 01:30"),
    ],
)
def test_a_crontab_names_the_next_instant_in_its_zone(words, zone, after, expected):
    after = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert beat.next_crontab(crontab(words, zone), after) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("words", ["61 * * * *", "0 0 31 2 *", "x y * * *"])
def test_a_crontab_that_names_no_time_is_refused_with_its_row(words):
    with pytest.raises(beat.BadSchedule, match=r"Schedule 'report' has the crontab"):
        beat.next_crontab(crontab(words), NINE, name="report")


def test_an_interval_counts_from_the_last_run(db):
    assert beat.next_due(job()) == NINE + 5 * MINUTE


def test_a_job_that_never_ran_counts_from_its_last_edit(db):
    row = job(last_run_at=None)
    assert beat.next_due(row) == row.date_changed + 5 * MINUTE


def test_a_job_waits_for_its_start_and_ends_with_its_expiry(db):
    row = job(start_time=NINE + HOUR)
    assert beat.next_due(row) == NINE + HOUR + 5 * MINUTE - timedelta(microseconds=1)
    row.start_time, row.expires = None, NINE + 5 * MINUTE
    assert beat.next_due(row) == NINE + 5 * MINUTE
    row.expires = NINE + 5 * MINUTE - SECOND
    assert beat.next_due(row) is None


def test_a_job_at_one_instant_runs_once(db, ran):
    clocked = ClockedSchedule.objects.create(clocked_time=NINE + HOUR)
    job(clocked=clocked, one_off=True, last_run_at=None)
    [entry] = beat.entries()
    assert entry.due_at == NINE + HOUR
    assert beat.run_due(at=NINE + HOUR) == ["maintenance"]
    assert beat.run_due(at=NINE + 2 * HOUR) == []
    assert not PeriodicTask.objects.get().enabled


def test_a_schedule_that_cannot_be_followed_is_logged_and_holds_up_no_other(db, caplog):
    row = crontab("0 0 31 2 *")
    row.save()
    job(name="never", crontab=row)
    job(name="maintenance")
    assert [entry.name for entry in beat.entries()] == ["maintenance"]
    assert "'never'" in caplog.text


def test_a_switched_off_job_is_not_due(db):
    job(enabled=False)
    assert beat.entries() == []


# once


def test_a_night_of_downtime_runs_a_job_once(db, ran):
    job()
    assert beat.run_due(at=NINE + 9 * HOUR) == ["maintenance"]
    assert beat.run_due(at=NINE + 9 * HOUR + MINUTE) == []
    assert ran == [0]
    assert PeriodicTask.objects.get().total_run_count == 1


def test_of_two_clocks_one_hands_a_job_over(db, settings):
    settings.ENGINE = "django-q"
    job()
    [seen] = beat.entries()  # both have read the same row
    at = NINE + 5 * MINUTE
    assert [beat.hand_over(seen, at=at), beat.hand_over(seen, at=at + SECOND)] == [True, False]
    assert engine.waiting() == 1


def test_two_clocks_at_the_same_moment_hand_over_once(transactional_db, settings):
    settings.ENGINE = "django-q"
    job()
    [seen] = beat.entries()
    won, start = [], threading.Barrier(4)

    def clock():
        start.wait()
        won.append(beat.hand_over(seen, at=NINE + 5 * MINUTE))
        connection.close()

    threads = [threading.Thread(target=clock) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False, False, False, True]
    assert engine.waiting() == 1


def test_an_edit_in_the_meantime_makes_the_hand_over_void(db, settings):
    settings.ENGINE = "django-q"
    row = job()
    [seen] = beat.entries()
    row.enabled = False
    row.save()
    assert not beat.hand_over(seen, at=NINE + 5 * MINUTE)
    assert engine.waiting() == 0


def test_a_job_handed_over_runs_once_however_often_it_arrives(db, ran):
    job()
    at = NINE + 5 * MINUTE
    assert beat.run_job("maintenance", at, at=at + SECOND)
    assert not beat.run_job("maintenance", at, at=at + 2 * SECOND)
    assert ran == [0]
    sign = Beat.objects.get(key="job:maintenance")
    assert sign.at == at and sign.detail["result"] == "3 sessions" and sign.detail["ended"]
    assert beat.run_job("maintenance", at + 5 * MINUTE, at=at + 5 * MINUTE)


def test_an_older_hand_over_that_arrives_late_is_dropped(db, ran):
    job()
    beat.run_job("maintenance", NINE + 10 * MINUTE, at=NINE + 10 * MINUTE)
    assert not beat.run_job("maintenance", NINE + 5 * MINUTE, at=NINE + 11 * MINUTE)


def test_a_job_that_fails_says_so_on_its_sign_of_life(db, monkeypatch):
    def broken():
        raise ValueError("the disk is full")

    monkeypatch.setattr(engine, "resolve", lambda dotted: broken)
    job()
    with pytest.raises(ValueError, match="disk"):
        beat.run_job("maintenance", NINE, at=NINE)
    assert Beat.objects.get(key="job:maintenance").detail["error"] == "ValueError: the disk is full"


def test_a_job_whose_task_is_none_of_ours_is_refused(db):
    job(task="os.getcwd")
    with pytest.raises(engine.UnknownTask):
        beat.run_job("maintenance", NINE, at=NINE)


def test_a_hand_over_that_nobody_took_is_seen(db, ran):
    job(last_run_at=NINE)
    assert beat.not_started(before=NINE - SECOND) == []
    assert beat.not_started(before=NINE) == [("maintenance", NINE)]
    beat.run_job("maintenance", NINE, at=NINE + MINUTE)
    assert beat.not_started(before=NINE + HOUR) == []


def test_a_worker_is_busy_from_the_beginning_to_the_end_of_a_job(db):
    Beat.note("job:maintenance", NINE, {"began_at": NINE.isoformat()})
    assert beat.busy(NINE + MINUTE)
    assert not beat.busy(NINE + 3 * MINUTE)  # longer than any task may take
    Beat.note("job:maintenance", NINE, {"ended": True})
    assert not beat.busy(NINE + MINUTE)


def test_a_sign_of_life_moves_on_for_one_of_two(db):
    assert Beat.claim("job:x", NINE)
    assert not Beat.claim("job:x", NINE)
    assert Beat.claim("job:x", NINE + SECOND)
    assert not Beat.claim("job:x", NINE)
