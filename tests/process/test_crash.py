"""kill -9 of everything: what was accepted stays, what falls due happens once and soon, what dies comes back."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import requests

from alerts.models import Alert, Liveness
from incidents.models import Incident, Page, TimelineEntry, Turn
from notifications.models import Delivery
from opscenter.models import Beat
from policies.models import Policy
from sources.models import Integration
from tests.process import sending, shop
from tests.process.api import Api, owner
from tests.process.installation import Installation, Program, steady
from tests.process.instance import Instance, alive, descendants, until

pytestmark = [pytest.mark.once, pytest.mark.timeout(180)]
SOON = timedelta(seconds=5)
"""How late a step may be once the clock runs again: two seconds are meant, and kept on a machine with nothing else to
do. Here the incidents of this test take half a core, and the tests beside it the rest."""
RUNS = "The clock runs"
KEYS, HOSTS = 20, 100
A_SECOND = 5.6  # incidents opened, and steps that fall due


@pytest.fixture
def run(bin_run, new_database, sink, django_db_blocker) -> Iterator[Callable[..., tuple[Instance, Installation]]]:
    """`run("sqlite")` or `run("postgresql")`: an instance under its supervisor, and what is behind it."""
    made: list[tuple[Instance, Installation]] = []

    def run(vendor: str) -> tuple[Instance, Installation]:
        url = new_database() if vendor == "postgresql" else ""
        words = ["--database-url", url] if url else []
        instance = bin_run(*words, env={"EMAIL_URL": sink.smtp_url})
        made.append((instance, Installation(instance.data, url)))
        made[-1][1].records.__enter__()
        return made[-1]

    with django_db_blocker.unblock():
        yield run
        for instance, installation in made:
            instance.stop()
            installation.records.__exit__()


def storm() -> Iterator[dict]:
    """2,000 alerts of 20 names."""
    for host in range(HOSTS):
        for key in range(KEYS):
            yield sending.alert(f"Storm{key}", host=f"web-{host}")


def labels(alerts: list[dict]) -> set[tuple[str, str]]:
    return {(alert["labels"]["alertname"], alert["labels"]["host"]) for alert in alerts}


def check_the_storm(installation: Installation, burst: sending.Burst) -> None:
    """Everything that was answered 2xx is stored, and has become one incident a key."""
    of = installation.records.of
    assert len(burst.taken) == KEYS * HOSTS
    # beside what Opscenter finds about itself, such as a queue that died
    everything = of(Alert).values_list("labels", flat=True)
    sent = [row for row in everything if row["alertname"].startswith("Storm")]
    assert labels(burst.taken) <= {(row["alertname"], row["host"]) for row in sent}
    assert len(sent) == KEYS * HOSTS
    until(lambda: not of(Liveness).filter(incident=None).exists())
    keys = of(Incident).filter(key__startswith="Storm").values_list("key", flat=True)
    assert sorted(keys) == sorted(f"Storm{key}" for key in range(KEYS))


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_what_was_answered_is_stored_although_the_web_process_is_killed(run, vendor):
    instance, installation = run(vendor)
    burst = sending.Burst(instance.url, sending.batches(storm(), 5)).start()
    # the process that serves requests, then the whole child, then the process once more
    for share, everybody in ((0.1, False), (0.4, True), (0.7, False)):
        until(lambda share=share: len(burst.taken) >= share * KEYS * HOSTS, 40, every=0.005)
        web = instance.pid("web")
        family = descendants(web)
        for pid in family if everybody else family[1:]:
            os.kill(pid, signal.SIGKILL)
        until(lambda family=family: not all(alive(pid) for pid in family))
    burst.join()
    assert burst.repeated, "no request met a dead process"
    check_the_storm(installation, burst)


def test_a_clock_killed_inside_its_transaction_has_done_nothing_and_does_it_once_it_is_back(install, program, sink):
    house = install("postgresql", shop.pack(sink, second=3, third=600))
    of = house.records.of
    web, clock = program(house, "web"), program(house, "clock", RUNS)
    taken = open_doors(house, web)
    until(lambda: taken([sending.alert("CheckoutDown")]))
    until(lambda: shop.pages(sink, "ada"))
    incident = of(Incident).get(key="CheckoutDown")
    with psycopg.connect(house.database_url) as holder:
        holder.execute("SELECT 1 FROM incidents_incident WHERE id = %s FOR UPDATE", [incident.pk])
        until(lambda: waits_for_a_lock(house, "incidents_incident"))
        clock.kill()
    step = of(Turn).get(escalation__incident=incident, position=1)
    assert step.outcome == "waiting" and step.due_at is not None
    assert not of(Page).filter(contact__name="grace").exists() and not shop.pages(sink, "grace")
    clock.start()
    until(lambda: shop.pages(sink, "grace"))
    step.refresh_from_db()
    assert step.taken_at <= clock.began[-1] + SOON
    steady(lambda: len(shop.pages(sink, "grace")), 1.5)
    assert of(Page).filter(contact__name="grace").count() == 1
    assert of(TimelineEntry).filter(incident=incident, kind="paged").count() == 2


def open_doors(house: Installation, web: Program) -> Callable[[list[dict]], bool]:
    """A function that hands alerts to a door whose policy is the shop's, and says whether they were taken."""
    policy = house.records.of(Policy).get(key="shop")
    key = house.records.of(Integration).create(kind="alertmanager", name="shop", policy=policy).key
    url = f"http://127.0.0.1:{web.port}"

    def taken(alerts: list[dict]) -> bool:
        try:
            return sending.post(url, alerts, key=key).status_code == 200
        except requests.RequestException:
            return False

    return taken


def waits_for_a_lock(house: Installation, table: str) -> bool:
    """Whether some session of the database waits for a row of `table`."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
    with house.records.connection.cursor() as cursor:
        cursor.execute(waiting, [f"%{table}%"])
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize(("vendor", "kills", "calm"), [("sqlite", 3, 4), ("postgresql", 6, 8)])
def test_steps_and_pages_happen_once_however_often_the_clock_is_killed(install, program, sink, vendor, kills, calm):
    """Incidents are opened for `calm` seconds, so that their later steps fall due for as long while the clock dies."""
    incidents = round(calm * A_SECOND)  # with three steps each
    house = install(vendor, shop.pack(sink, second=calm + 2, third=2 * calm + 3))
    of = house.records.of
    web, clock = program(house, "web"), program(house, "clock", RUNS)
    taken = open_doors(house, web)

    began = time.monotonic()
    for number in range(incidents):
        until(lambda number=number: taken([sending.alert(f"Checkout{number}")]))
        time.sleep(max(0.0, began + number / A_SECOND - time.monotonic()))
    until(lambda: of(Incident).filter(key__startswith="Checkout").count() == incidents)
    for _ in range(kills):
        time.sleep(random.uniform(0.02, 2.5))
        clock.kill()
        clock.start()
    steps = of(Turn).filter(position__in=[0, 1, 2])
    until(lambda: not steps.filter(outcome="waiting").exists())
    pages = of(Delivery).filter(purpose="page")
    until(lambda: not pages.filter(next_attempt_at__isnull=False).exists())

    # in the record: each step taken once, one page each, each sent
    count = 3 * incidents
    assert Counter(steps.values_list("outcome", flat=True)) == {"paged": count}
    by_turn = Counter(of(Page).values_list("turn", flat=True))
    assert len(by_turn) == count and set(by_turn.values()) == {1}
    told = Counter(data["turn"] for data in of(TimelineEntry).filter(kind="paged").values_list("data", flat=True))
    assert len(told) == count and set(told.values()) == {1}
    assert Counter(pages.values_list("status", flat=True)) == {"sent": count}
    # at the sink: each has arrived, and twice only what is marked as possibly repeated
    arrived = Counter(address for name in shop.INBOXES for address in shop.links(sink, name))
    for actions, repeated in pages.values_list("actions", "possibly_repeated"):
        times = arrived[actions[0]["url"]]
        assert times == 1 or (times > 1 and repeated)
    # late by no more than SOON after the clock was back for good
    for step in steps:
        assert step.taken_at <= in_time(clock, step.planned_at), step


def in_time(clock: Program, due: datetime) -> datetime:
    """The latest instant for what fell due at `due`: SOON after it, or after the first start that lasted so long."""
    ends = [*clock.killed, datetime.max.replace(tzinfo=UTC)]
    return next(
        max(due, began) + SOON for began, end in zip(clock.began, ends, strict=True) if end - max(due, began) > SOON
    )


RULES = """
connections:
  - {key: slow-api, kind: http, url: "%(url)s"}
  - {key: other-api, kind: http, url: "%(other)s"}
rules:
  - key: slow-down
    severity: critical
    every: 1s
    source: {http: {connection: slow-api, path: /slow, json: status}}
    when: status == 'down'
  - key: other-down
    severity: critical
    every: 1s
    source: {http: {connection: other-api, path: /other, json: status}}
    when: status == 'down'
"""


@pytest.fixture
def apis() -> Iterator[tuple[Api, Api]]:
    both = Api(), Api()
    yield both
    for api in both:
        api.stop()


@pytest.mark.parametrize("vendor", ["postgresql"])
def test_rules_go_on_being_checked_when_the_worker_is_killed_at_one(run, sink, apis, vendor):
    slow, other = apis
    instance, installation = run(vendor)
    of = installation.records.of
    installation.load(shop.pack(sink, second=600, third=900) + RULES % {"url": slow.url, "other": other.url})

    def caught() -> int | None:
        """The process of the worker that waits for the slow one's answer."""
        if "slow" not in slow.hanging:
            slow.hold("slow")
            until(lambda: "slow" in slow.hanging, 120)
        pid = owner(slow.hanging["slow"], instance.pid("worker"))
        if pid is None:  # the clock does it while it finds the queue behind
            slow.let_go("slow")
        return pid

    until(lambda: slow.asked["slow"] and other.asked["other"])
    for everybody in (False, True):
        until(caught, 120, every=1)
        worker = instance.pid("worker")
        for pid in descendants(worker) if everybody else [caught()]:
            os.kill(pid, signal.SIGKILL)
        before = other.asked["other"]
        until(lambda before=before: other.asked["other"] >= before + 3)
        slow.let_go("slow")
        before = slow.asked["slow"]
        until(lambda before=before: slow.asked["slow"] >= before + 3)
    slow.status["slow"] = other.status["other"] = "down"
    opened = of(Incident).filter(policy__key="shop")
    until(lambda: opened.count() == 2)
    until(lambda: len(shop.links(sink, "ada")) == 2)
    steady(lambda: (opened.count(), len(shop.links(sink, "ada"))), 3)
    assert of(Page).filter(incident__in=opened).count() == 2


def test_a_restart_of_the_database_under_load_loses_nothing_and_leaves_nobody_dead(run, sink, postgres):
    instance, installation = run("postgresql")
    of = installation.records.of
    burst = sending.Burst(instance.url, sending.batches(storm(), 5)).start()
    until(lambda: len(burst.taken) >= 200, every=0.005)
    postgres.stop()
    installation.records.connection.close()
    time.sleep(1)
    postgres.start()
    back_at = datetime.now(UTC)
    burst.join()
    assert burst.repeated, "no request met the restart"
    check_the_storm(installation, burst)
    until(lambda: all(instance.pid(name) and alive(instance.pid(name)) for name in ("web", "clock", "worker")))
    assert instance.lives()
    # the clock and the worker are not only there: they work
    until(lambda: of(Beat).filter(key="clock", at__gt=back_at).exists())
    until(lambda: of(Beat).filter(key="queue", at__gt=back_at).exists())
