"""`manage.py run_deliveries` as cron runs it: its words, its exit codes, one at a time, and killed in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from notifications import couriers, rounds
from notifications.models import Delivery
from tests.notifications.far_side import until

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> int:
    """The exit code of the command, run in this process."""
    try:
        call_command("run_deliveries", *arguments)
    except SystemExit as end:
        return end.code
    except CommandError as error:
        print(error)
        return error.returncode
    return 0


@pytest.mark.parametrize(
    "steps, code, words",
    [
        ([], 0, "nothing was due"),
        ([200, 200], 0, "2 sent"),
        ([200, 500], 1, "1 sent, 1 to be tried again"),
        ([200, 500, 404], 2, "1 sent, 1 to be tried again, 1 failed"),
    ],
)
def test_the_line_and_the_exit_code_tell_what_was_done(queue, receiver, capsys, steps, code, words):
    for number, step in enumerate(steps):
        queue(receiver.url(f"/{number}", step))
    assert run("--now", "2026-11-23T09:00:00Z") == code
    assert capsys.readouterr().out == f"run_deliveries: {words}\n"


def test_now_and_thread_choose_what_is_sent(queue, receiver):
    queue(receiver.url("/12"), thread="incident:12")
    queue(receiver.url("/13"), thread="incident:13")
    assert run("--now", "2026-11-23T08:59:59") == 0
    assert not receiver.got
    assert run("--now", "2026-11-23T09:00:00", "--thread", "incident:13") == 0
    assert [got.path for got in receiver.got] == ["/13"]


@pytest.mark.parametrize("now", ["tomorrow", "2026-13-01T00:00:00", "9:00"])
@pytest.mark.django_db
def test_an_instant_that_is_none_is_refused(capsys, now):
    assert run("--now", now) == 3
    assert f"--now {now!r} is no instant; write 2026-11-23T09:00:00Z." in capsys.readouterr().out


# -- real processes ----------------------------------------------------------------------------------------------


class Machine:
    """Processes of ours on the test's own database."""

    def __init__(self, folder: Path) -> None:
        given = connection.settings_dict
        if connection.vendor == "postgresql":
            user = f"{quote(given['USER'])}:{quote(given['PASSWORD'] or '')}@" if given["USER"] else ""
            url = f"postgres://{user}{quote(given['HOST'], safe='')}:{given['PORT'] or 5432}/{given['NAME']}"
        else:
            url = f"sqlite:///{given['NAME']}"
        self.environment = {
            **os.environ, "DATABASE_URL": url, "OPSCENTER_DATA": str(folder), "SECRET_KEY": "for these processes",
            "DJANGO_SETTINGS_MODULE": "opscenter.settings",
        }  # fmt: skip
        self.started: list[subprocess.Popen] = []

    def ops(self, script: str) -> object:
        """What `script` prints as JSON, run inside Opscenter."""
        code = f"import django, json; django.setup()\nfrom notifications import outbox\n{script}"
        done = subprocess.run(
            [sys.executable, "-c", code], env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    def queue(self, url: str, count: int) -> None:
        self.ops(
            "from django.utils import timezone\n"
            f"for n in range({count}):\n"
            f"    outbox.queue(kind='json', address={url!r}, purpose='page', subject='s', text=str(n), urgent=True,"
            " at=timezone.now(), once=f'n:{n}')"
        )

    def rows(self) -> list[dict]:
        return self.ops(
            "from notifications.models import Delivery\n"
            "print(json.dumps(list(Delivery.objects.values('text', 'status', 'possibly_repeated', 'attempts'))))"
        )

    def deliver(self) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_deliveries"], env=self.environment, cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.started.append(process)
        return process

    def stop(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def machine(transactional_db, tmp_path):
    machine = Machine(tmp_path)
    yield machine
    machine.stop()


def test_the_second_of_two_at_once_leaves(machine, receiver):
    machine.queue(receiver.url("/hook", "hang"), 1)
    first = machine.deliver()
    until(lambda: receiver.got, first)
    second = machine.deliver()
    said = second.communicate(timeout=30)
    assert second.returncode == 3
    assert "already running" in said[1]
    assert first.poll() is None
    receiver.stopped.set()  # the first gets no answer now, and will try again
    out, _ = first.communicate(timeout=30)
    assert (first.returncode, out) == (1, "run_deliveries: 1 to be tried again\n")
    assert len(receiver.got) == 1


def test_a_message_on_the_wire_at_a_kill_is_sent_again_at_once_and_marked(machine, receiver):
    machine.queue(receiver.url("/hook", "hang"), 1)
    first = machine.deliver()
    until(lambda: receiver.got, first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = machine.deliver()
    out, errors = second.communicate(timeout=30)
    assert (second.returncode, out) == (0, "run_deliveries: 1 sent, 1 taken over from a process that died\n"), errors
    assert machine.rows() == [{"text": "0", "status": "sent", "possibly_repeated": True, "attempts": 2}]
    assert len(receiver.got) == 2


def test_kills_in_a_burst_lose_nothing_and_repeat_only_what_is_marked(machine, receiver):
    count = 200
    machine.queue(receiver.url("/hook", *[lambda got: time.sleep(0.02)] * 10_000), count)
    for reached in (20, 60, 120):
        process = machine.deliver()
        until(lambda reached=reached: len(receiver.got) >= reached, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = machine.deliver()
    out, errors = last.communicate(timeout=60)
    assert last.returncode == 0, errors
    assert "taken over from a process that died" in out
    rows = {row["text"]: row for row in machine.rows()}
    arrived = [got.json["text"] for got in receiver.got]
    assert set(arrived) == set(rows) == {str(number) for number in range(count)}
    assert {row["status"] for row in rows.values()} == {"sent"}
    twice = {text for text in arrived if arrived.count(text) > 1}
    marked = {text for text, row in rows.items() if row["possibly_repeated"]}
    assert twice <= marked
    assert len(marked) <= 3 * (rounds.LARGEST_BATCH + couriers.ORDINARY + couriers.FOR_PAGES)  # what was in hand
    assert not Delivery.objects.filter(status="failed").exists()
