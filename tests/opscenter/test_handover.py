"""What the clock hands to the queue, when it does the work itself, and what it asks of the queue."""

import itertools
from datetime import timedelta

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from opscenter import engine, handover
from opscenter.due import Look
from opscenter.handover import ANSWER, CHECKS, RUN_CHECKS, HandOver
from opscenter.models import Beat
from opscenter.supervisor import RESTART_WORKER
from tests.factories import HOUR, MINUTE, NINE

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


class Clock:
    """A hand-over whose queue is a list, and whose own hands note what they did."""

    def __init__(self):
        self.now = NINE
        self.checked, self.jobs = 0, []
        self.hands = HandOver(check=self.check, do_job=lambda name, at: self.jobs.append((name, at)))

    def check(self):
        self.checked += 1

    def tick(self, *, after=SECOND, rules_due=None, changed=None):
        """A second later; `rules_due` is when the oldest unclaimed rule was due."""
        self.now += after
        due = {} if rules_due is None else {CHECKS: rules_due}
        self.hands.tick(Look(due, changed), at=self.now)
        self.hands.listen(at=self.now)

    def answer(self, *, asked_at=None):
        Beat.note("queue", self.now, {"asked_at": (asked_at or self.now).isoformat()})
        self.hands.listen(at=self.now)

    @property
    def reasons(self):
        return self.hands.reasons(self.now)


@pytest.fixture
def queue(monkeypatch, settings, tmp_path):
    """What was put into the queue, by its dotted names; nobody takes it out."""
    settings.ENGINE, settings.DATA_DIR = "django-q", tmp_path
    tasks = []
    monkeypatch.setattr(engine, "enqueue", lambda dotted, *args: tasks.append(dotted))
    return tasks


@pytest.fixture
def clock(queue):
    return Clock()


def every_minute(*, began=True, **fields):
    """A job that was handed over at nine."""
    if began:
        Beat.note("job:maintenance", NINE, {"ended": True})
    interval = IntervalSchedule.objects.create(every=1, period="minutes")
    return PeriodicTask.objects.create(
        name="maintenance", task="opscenter.tasks.ops_maintenance", interval=interval, last_run_at=NINE, **fields
    )


def test_due_rules_are_handed_over_once_until_they_are_taken(clock, queue):
    due = NINE
    for _ in range(4):
        clock.tick(rules_due=due)
    assert queue.count(RUN_CHECKS) == 1 and clock.checked == 0
    clock.tick()  # taken
    clock.tick(rules_due=clock.now)
    assert queue.count(RUN_CHECKS) == 2


def test_rules_that_fall_due_after_a_hand_over_are_handed_over_again(clock, queue):
    clock.tick(rules_due=NINE)
    clock.tick(rules_due=clock.now + SECOND / 2)  # what was due then is taken, something else is due now
    assert queue.count(RUN_CHECKS) == 2 and clock.reasons == []


@pytest.mark.req("CARD-08")
def test_rules_left_for_five_seconds_are_checked_by_the_clock_and_told(clock, queue):
    for _ in range(5):
        clock.tick(rules_due=NINE)
    assert clock.checked == 0 and clock.reasons == []
    clock.tick(rules_due=NINE)
    assert clock.checked == 1
    assert "behind" in clock.reasons[0] and "rule checks waited 5 s" in clock.reasons[0]
    clock.tick(rules_due=clock.now)  # from now on at once, without the queue
    assert clock.checked == 2 and queue.count(RUN_CHECKS) == 1


def test_the_queue_is_trusted_again_when_it_answers_what_was_asked_since(clock, queue):
    for _ in range(6):
        clock.tick(rules_due=NINE)
    clock.answer(asked_at=NINE + SECOND)  # asked before it fell behind: proves nothing
    assert clock.reasons
    clock.tick()  # asks again at once
    clock.answer()
    assert clock.reasons == []
    clock.tick(rules_due=clock.now)
    assert queue.count(RUN_CHECKS) == 2


def test_the_queue_is_asked_every_half_minute(clock, queue):
    for _ in range(61):
        clock.tick()
        clock.answer()
    assert queue.count(ANSWER) == 3  # at 1, 31 and 61 s


@pytest.mark.req("CARD-08")
def test_a_silent_queue_is_told_after_a_minute_and_gets_a_fresh_worker(clock, queue, settings):
    clock.tick()
    for _ in range(59):
        clock.tick()
    assert clock.reasons == []
    clock.tick()
    assert "has not answered for 60 s" in clock.reasons[0]
    assert (settings.DATA_DIR / RESTART_WORKER).exists()


def test_fresh_workers_that_do_not_help_are_asked_for_ever_more_rarely(clock, settings):
    request = settings.DATA_DIR / RESTART_WORKER
    asked = []
    for _ in range(4 * 60):
        clock.tick(after=10 * SECOND)
        if request.exists():
            request.unlink()
            asked.append(clock.now - NINE)
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert pauses[:3] == [4 * MINUTE, 8 * MINUTE, 16 * MINUTE]


def test_a_worker_at_a_long_job_is_not_restarted(clock, settings):
    clock.tick()
    Beat.note("job:maintenance", NINE + 30 * SECOND, {"began_at": "now"})
    clock.tick(after=MINUTE)
    assert clock.reasons and not (settings.DATA_DIR / RESTART_WORKER).exists()
    clock.tick(after=2 * MINUTE)  # longer than any task may take
    assert (settings.DATA_DIR / RESTART_WORKER).exists()


def test_a_crowded_queue_is_asked_nothing_more(clock, queue, monkeypatch):
    monkeypatch.setattr(engine, "waiting", lambda: handover.CROWDED)
    clock.tick()
    assert ANSWER not in queue


def test_a_due_job_is_handed_over_once(clock, queue):
    every_minute()
    clock.tick(after=59 * SECOND)
    assert handover.beat.RUN_JOB not in queue
    assert clock.hands.next_after(clock.now) == NINE + MINUTE
    clock.tick()
    clock.tick()
    assert queue.count(handover.beat.RUN_JOB) == 1 and clock.jobs == []


def test_a_job_that_nobody_began_within_five_seconds_is_done_by_the_clock(clock, queue):
    every_minute()
    clock.tick(after=MINUTE)
    for _ in range(5):
        clock.tick()
    assert clock.jobs == [("maintenance", NINE + MINUTE)]
    assert "the job maintenance waited 5 s" in clock.reasons[0]


def test_a_hand_over_that_a_killed_clock_left_is_found_at_the_start(clock):
    every_minute(began=False)
    clock.tick(after=10 * SECOND)
    assert clock.jobs == [("maintenance", NINE)]


@pytest.mark.req("CARD-06")
def test_an_edited_schedule_counts_from_the_next_tick(clock, queue):
    row = every_minute()
    PeriodicTask.objects.filter(pk=row.pk).update(interval=IntervalSchedule.objects.create(every=5, period="minutes"))
    clock.tick(changed=NINE)
    assert clock.hands.next_after(clock.now) == NINE + 5 * MINUTE
    PeriodicTask.objects.filter(pk=row.pk).update(interval=IntervalSchedule.objects.get(every=1))
    clock.tick(after=MINUTE - 2 * SECOND, changed=NINE + SECOND)
    clock.tick(after=2 * SECOND, changed=NINE + SECOND)
    assert queue.count(handover.beat.RUN_JOB) == 1


def test_a_change_past_django_is_seen_within_a_minute(clock):
    row = every_minute(enabled=False)
    clock.tick()
    PeriodicTask.objects.filter(pk=row.pk).update(enabled=True, last_run_at=NINE + HOUR)
    clock.tick(after=59 * SECOND)
    assert clock.hands.next_after(NINE) is None
    clock.tick()
    assert clock.hands.next_after(NINE) == NINE + HOUR + MINUTE


def test_a_broker_that_is_away_makes_the_clock_do_it(clock, monkeypatch):
    def away(dotted, *args):
        raise engine.QueueAway("the broker cannot be reached")

    monkeypatch.setattr(engine, "enqueue", away)
    every_minute()
    clock.tick(after=MINUTE, rules_due=NINE)
    assert clock.checked == 1 and clock.jobs == [("maintenance", NINE + MINUTE)]
    assert "the broker cannot be reached" in clock.reasons[0]


def test_without_a_queue_the_clock_does_it_all_and_all_is_well(queue, settings):
    settings.ENGINE = "inline"
    clock = Clock()
    every_minute()
    clock.tick(after=MINUTE, rules_due=NINE)
    clock.tick(after=HOUR)
    assert clock.checked == 1
    assert clock.jobs[0] == ("maintenance", NINE + MINUTE)
    assert queue == [] and clock.reasons == []


def test_a_jump_of_the_time_leaves_no_false_alarm(clock):
    clock.tick(rules_due=NINE)
    clock.hands.forget()
    clock.tick(after=8 * HOUR, rules_due=NINE)
    assert clock.reasons == [] and clock.checked == 0
