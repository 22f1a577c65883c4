"""The supervisor on real processes: small stand-ins for web, clock and worker."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opscenter.processes import run
from tests.process.instance import alive, until

pytestmark = pytest.mark.once

# A child like granian or qcluster: a parent that waits, and a process below it in the same group.
PARENT = """
import os, subprocess, sys, time
below = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("below", below.pid, flush=True)
time.sleep(600)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""
SUPERVISE = """
import json, sys
from pathlib import Path
from opscenter import supervisor
supervisor.STOP_GRACE = 1.0
data, programs = Path(sys.argv[1]), json.loads(sys.argv[2])
children = [supervisor.Child(name, [sys.executable, "-c", code]) for name, code in programs.items()]
supervisor.Supervisor(children, data, {"url": "http://127.0.0.1:1"}).run()
"""
GONE = 10.0  # seconds, generous: the machine may be busy


class Supervised:
    """A supervisor in a process of its own, its run.json and its logs."""

    def __init__(self, data: Path, programs: dict[str, str]) -> None:
        self.data, self.names, self.programs = data, list(programs), programs
        words = [sys.executable, "-c", SUPERVISE, str(data), json.dumps(programs)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        until(lambda: all(self.pid(name) for name in self.names))

    def pid(self, name: str) -> int | None:
        try:
            return json.loads((self.data / "run.json").read_text())["children"][name]["pid"]
        except (FileNotFoundError, KeyError):
            return None

    def log(self, name: str) -> str:
        path = self.data / "logs" / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def below(self, name: str) -> int:
        """The process below child `name`, of its last run."""
        until(lambda: self.log(name).endswith("\n") and "below" in self.log(name))
        return int(self.log(name).split()[-1])

    def everybody(self) -> list[int]:
        """All processes that must not outlive the supervisor."""
        parents = [name for name, program in self.programs.items() if program == PARENT]
        return [self.pid(name) or 0 for name in self.names] + [self.below(name) for name in parents]

    def warden(self) -> int:
        """The one child of the supervisor that run.json does not list."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        unlisted = {int(pid) for pid in listed} - {self.pid(name) for name in self.names}
        return max(unlisted)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    instances = []

    def starter(**programs: str) -> Supervised:
        instances.append(Supervised(tmp_path, programs))
        return instances[-1]

    yield starter
    for instance in instances:
        if instance.process.poll() is None:
            instance.process.terminate()
        instance.process.communicate(timeout=20)


@pytest.mark.parametrize("name", ["web", "clock", "worker"])
def test_a_killed_child_is_back_within_five_seconds(start, name):
    instance = start(web=PARENT, clock=PARENT, worker=PARENT)
    others = {other: instance.pid(other) for other in instance.names if other != name}
    first, below = instance.pid(name), instance.below(name)
    os.kill(first, signal.SIGKILL)
    until(lambda: instance.pid(name) not in (None, first), seconds=5)
    until(lambda: not alive(below))  # the rest of its group went with it
    assert {other: instance.pid(other) for other in others} == others


def test_a_child_that_ends_well_is_started_again_too(start):
    instance = start(clock="print('done')")
    until(lambda: instance.log("clock").count("done") >= 3)


def test_restarts_come_slower_and_slower(start):
    began = time.monotonic()
    instance = start(clock="import time; print(time.monotonic(), flush=True); raise SystemExit(3)")
    until(lambda: instance.log("clock").count("\n") >= 4)
    starts = [float(line) for line in instance.log("clock").splitlines()[:4]]
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert gaps[0] >= 0.2 and gaps[1] >= 0.4 and gaps[2] >= 0.8
    assert starts[3] - began < 10


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_leaves_nothing_behind(start, name):
    instance = start(web=PARENT, clock=PARENT)
    everybody = instance.everybody()
    assert len(everybody) == 4
    instance.process.send_signal(name)
    assert instance.process.wait(GONE) == 0
    until(lambda: not any(alive(pid) for pid in everybody))
    assert not (instance.data / "run.json").exists()


def test_a_child_that_ignores_the_stop_is_killed(start):
    instance = start(worker=STUBBORN)
    pid = instance.pid("worker")
    until(lambda: "deaf" in instance.log("worker"))
    instance.process.terminate()
    assert instance.process.wait(GONE) == 0
    assert not alive(pid)


def test_no_process_survives_a_killed_supervisor(start):
    instance = start(web=PARENT, clock=PARENT, worker=STUBBORN)
    everybody = instance.everybody()
    assert len(everybody) == 5
    instance.process.kill()
    until(lambda: not any(alive(pid) for pid in everybody))


def test_a_killed_warden_is_replaced(start):
    instance = start(web=PARENT)
    everybody = instance.everybody()
    first = instance.warden()
    os.kill(first, signal.SIGKILL)
    until(lambda: instance.warden() != first)
    instance.process.kill()
    until(lambda: not any(alive(pid) for pid in everybody))


def test_a_request_of_the_clock_restarts_the_worker_only(start):
    instance = start(clock=PARENT, worker=STUBBORN)
    clock, worker = instance.pid("clock"), instance.pid("worker")
    request = instance.data / "restart-worker"
    request.touch()
    until(lambda: instance.pid("worker") not in (None, worker))
    assert instance.pid("clock") == clock
    assert not request.exists()


def test_a_child_waits_for_what_it_needs(tmp_path):
    program = """
import sys
from pathlib import Path
from opscenter.supervisor import Child, Supervisor
data = Path(sys.argv[1])
first = Child("first", [sys.executable, "-c", "import time; time.sleep(0.5); print('up', flush=True); time.sleep(60)"])
log = data / "logs" / "first.log"
second = Child("second", ["sleep", "60"], after=lambda: "up" in log.read_text())
Supervisor([second, first], data).run(lambda: bool(second.starts and print("up" in log.read_text(), flush=True)))
"""
    words = [sys.executable, "-c", program, str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "True\n"
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_function_runs_in_a_fork_and_its_exit_code_counts():
    def program():
        print("below", os.getpid())
        raise SystemExit(3)

    code, written = run("child", program)
    assert code == 3 and written.split()[0] == "below" and int(written.split()[1]) != os.getpid()
    assert run("child", lambda: None) == (0, "")
    code, written = run("child", lambda: 1 / 0)
    assert code == 1 and "ZeroDivisionError" in written
    assert run("child", ["sh", "-c", "echo said; exit 4"]) == (4, "said\n")
    assert run("child", ["no-such-program"])[0] == 1


def test_logs_are_kept_and_rotated(tmp_path):
    from opscenter.supervisor import Log

    log = Log(tmp_path / "logs" / "web.log", limit=20)
    log.write(b"one two three\n")
    log.write(b"four five six\n")
    assert log.path.read_text() == "four five six\n"
    assert log.path.with_name("web.log.1").read_text() == "one two three\n"
    assert log.last_line == "four five six"
