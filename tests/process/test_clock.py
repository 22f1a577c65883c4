"""The clock as a real process: how soon it wakes, who ticks when there are two, what it does when others are away."""

import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from alerts.models import AlertRule
from opscenter.models import Beat
from policies.models import Policy
from sources.models import Integration
from targets.sink import Sink
from tests.process import sending, shop
from tests.process.installation import Installation, Program
from tests.process.instance import ROOT, until

pytestmark = [pytest.mark.once, pytest.mark.timeout(240)]
VENDORS = ["sqlite", "postgresql"]
RUNS = "The clock runs"


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture(scope="module")
def houses(new_installation, sink, django_db_blocker) -> Iterator[dict[str, Installation]]:
    """An installation for each kind of database, with the shop's people and nothing running."""
    made = {}
    with django_db_blocker.unblock():
        for vendor in VENDORS:
            made[vendor] = new_installation(vendor, EMAIL_URL=sink.smtp_url)
            made[vendor].records.__enter__()
            made[vendor].prepare(shop.pack(sink))
        yield made
        for house in made.values():
            house.records.__exit__()


@pytest.fixture
def vendor(request) -> str:
    """The kind of database; a test that does not choose gets PostgreSQL."""
    return getattr(request, "param", "postgresql")


@pytest.fixture
def house(houses, vendor) -> Installation:
    """The installation on that database, with no task queue."""
    houses[vendor].env["OPSCENTER_ENGINE"] = "inline"
    return houses[vendor]


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    """`program(installation, "clock")` starts one; all are stopped after the test."""
    started: list[Program] = []

    def start(installation: Installation, name: str, says: str = "") -> Program:
        started.append(Program(installation, name, says))
        started[-1].log = installation.data / f"{len(list(installation.data.glob('*.log')))}-{name}.log"
        return started[-1].start()

    yield start
    for one in started:
        one.stop()


def rule(house: Installation) -> AlertRule:
    """A rule that is due now; it has no source, which is what checking it finds out."""
    of = house.records.of
    policy = of(Policy).get(key="default")
    level = policy.severities.using(house.records.alias).get(key="warning")
    due = datetime.now(UTC)
    stuck = AlertRule(policy=policy, severity=level, key="stuck", condition={"when": "value > 0"}, next_check_at=due)
    return of(AlertRule).bulk_create([stuck])[0]  # sends no signals, which would write to the tests' own database


def door(house: Installation, web: Program) -> Callable[[str], None]:
    """A function that posts an alert of a name to the shop's door."""
    policy = house.records.of(Policy).get(key="shop")
    doors = house.records.of(Integration)
    if not doors.filter(name="shop").exists():
        doors.bulk_create([Integration(kind="alertmanager", name="shop", policy=policy)])
    key = doors.get(name="shop").key
    session = requests.Session()

    def post(name: str) -> None:
        answer = session.post(
            f"http://127.0.0.1:{web.port}/api/v2/alerts", json=[sending.alert(name)],
            headers={"Authorization": f"Bearer {key}"}, timeout=10,
        )  # fmt: skip
        assert answer.status_code == 200, answer.text

    return post


def edited(house: Installation) -> None:
    """What saving a schedule in the admin leaves behind besides."""
    house.records.of(PeriodicTasks).update(last_update=datetime.now(UTC))


def daily(house: Installation) -> CrontabSchedule:
    return house.records.of(CrontabSchedule).get(hour="3")


class Runs:
    """How often the job maintenance was handed over since."""

    def __init__(self, house: Installation) -> None:
        self.job = house.records.of(PeriodicTask).filter(name="maintenance")
        self.before = self.job.get().total_run_count

    def count(self) -> int:
        return self.job.get().total_run_count - self.before


def processor_seconds(program: Program) -> float:
    """What its threads have used so far."""
    tasks = Path(f"/proc/{program.process.pid}/task").iterdir()
    try:
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except OSError:
        pytest.skip("this kernel does not tell the processor time of a thread finely enough")


def open_port(web: Program) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{web.port}/api/live", timeout=2).ok
    except requests.RequestException:
        return False


@pytest.mark.parametrize("vendor", VENDORS, indirect=True)
def test_what_becomes_due_wakes_the_clock_at_once(house, program, sink, vendor):
    """From the POST of an alert to the arrival of its page; the budgets proper are measured by bench/."""
    program(house, "clock", RUNS)
    web = program(house, "web")
    until(lambda: open_port(web))
    post = door(house, web)
    post("Warm")
    until(lambda: shop.pages(sink, "ada"))
    took = []
    for number in range(6):
        time.sleep(0.3)
        before, began = len(shop.pages(sink, "ada")), time.monotonic()
        post(f"Checkout{number}")
        until(lambda before=before: len(shop.pages(sink, "ada")) > before, 10, every=0.002)
        took.append(time.monotonic() - began)
    print(f"{vendor}: median {statistics.median(took) * 1000:.0f} ms, longest {max(took) * 1000:.0f} ms")
    assert statistics.median(took) < 2


@pytest.mark.req("CARD-06")
@pytest.mark.parametrize("vendor", VENDORS, indirect=True)
def test_of_two_clocks_one_ticks_and_the_other_takes_over(house, program):
    first = program(house, "clock", RUNS)
    second = program(house, "clock", "standing by")
    jobs = house.records.of(PeriodicTask)
    [interval] = house.records.of(IntervalSchedule).bulk_create([IntervalSchedule(every=1, period="seconds")])
    began = datetime.now(UTC)
    jobs.filter(name="maintenance").update(interval=interval, crontab=None, last_run_at=began)
    edited(house)
    runs = Runs(house)
    until(lambda: runs.count() >= 2)
    assert RUNS not in second.said()
    first.kill()
    killed = time.monotonic()
    until(lambda: RUNS in second.said())
    assert time.monotonic() - killed < 3
    before = runs.count()
    until(lambda: runs.count() > before)
    assert runs.count() <= (datetime.now(UTC) - began).total_seconds() + 1  # never twice for one second
    jobs.filter(name="maintenance").update(enabled=False)


@pytest.mark.parametrize("vendor", VENDORS, indirect=True)
def test_a_night_of_downtime_an_idle_day_and_a_clean_stop(house, program, vendor):
    night = datetime.now(UTC) - timedelta(hours=9)
    house.records.of(Beat).filter(key="clock").delete()
    house.records.of(Beat).create(key="clock", at=night, detail={})
    clock = program(house, "clock", RUNS)
    assert re.search(r"The clock was away for 9:00:0\d", clock.said())
    told = house.records.of(Beat).filter(key="clock", detail__caught_up__away_s__gte=9 * 3600)
    until(told.exists)

    def idle() -> bool:
        before, began = processor_seconds(clock), time.monotonic()
        time.sleep(6)
        share = (processor_seconds(clock) - before) / (time.monotonic() - began)
        print(f"{vendor}: {share:.3%} of a processor")
        return share <= 0.009  # the budget is 0.3 %; a machine that is busy otherwise gets three times as much

    until(idle)  # once the night is caught up

    clock.process.send_signal(signal.SIGTERM)
    assert clock.process.wait(5) == 0
    assert "The clock has stopped." in clock.said() and "Traceback" not in clock.said()


@pytest.mark.req("CARD-08", "CARD-21")
@pytest.mark.parametrize("vendor", VENDORS, indirect=True)
def test_the_queue_is_used_while_it_works_and_found_out_when_it_does_not(house, program):
    house.env["OPSCENTER_ENGINE"] = "django-q"
    clock, began = program(house, "clock", RUNS), datetime.now(UTC)
    stuck = house.records.of(AlertRule).filter(pk=rule(house).pk)
    until(lambda: stuck.get().checked_at)
    waited = stuck.get().checked_at - began
    assert timedelta(seconds=4) < waited < timedelta(seconds=10)
    sign = house.records.of(Beat).filter(key="clock")
    until(lambda: sign.get().detail["queue"])
    health = subprocess.run(
        [sys.executable, "manage.py", "ops_healthcheck"], cwd=ROOT, env=house.env, capture_output=True, text=True
    )
    assert health.returncode == 1 and "task queue is behind" in health.stdout

    program(house, "worker")
    until(lambda: "The task queue answers again" in clock.said())
    until(lambda: not sign.get().detail["queue"])
    first = stuck.get().checked_at
    stuck.update(next_check_at=datetime.now(UTC))
    until(lambda: stuck.get().checked_at > first)
    days = timedelta(days=2)
    house.records.of(Beat).filter(key="job:maintenance").delete()
    house.records.of(PeriodicTask).filter(name="maintenance").update(
        enabled=True, last_run_at=None, date_changed=began - days, interval=None, crontab=daily(house)
    )
    edited(house)
    until(lambda: house.records.of(Beat).filter(key="job:maintenance", detail__ended=True).exists())
    assert clock.said().count("is behind") == 1, clock.said()


def test_a_restart_of_the_database_is_survived(house, program, sink, postgres):
    clock, web = program(house, "clock", RUNS), program(house, "web")
    until(lambda: open_port(web))
    post = door(house, web)
    address = f"http://127.0.0.1:{web.port}/api"
    assert requests.get(f"{address}/health", timeout=20).status_code == 200
    house.records.connection.close()
    postgres.stop()
    until(lambda: "The database cannot be used" in clock.said())
    for path, status in (("health", 503), ("ready", 503), ("live", 200)):
        assert requests.get(f"{address}/{path}", timeout=20).status_code == status
    assert requests.get(f"{address}/health", timeout=20).json()["status"] == "down"
    postgres.start()
    until(lambda: "The database is back" in clock.said())
    until(lambda: requests.get(f"{address}/ready", timeout=20).ok)
    before = len(shop.pages(sink, "ada"))
    post("AfterTheRestart")
    until(lambda: len(shop.pages(sink, "ada")) > before)
    assert clock.process.poll() is None
