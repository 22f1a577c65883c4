"""Opscenter as `bin/run` starts it, for tests that need all of its processes."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
START_WAIT = 90.0
KEPT = ("OPSCENTER_VENV", "OPSCENTER_PYTHON")


def clean_environment() -> dict[str, str]:
    """Ours without the settings of the test run."""
    ours = ("OPSCENTER_", "DATABASE_URL", "SECRET_KEY", "EMAIL_URL", "DJANGO_")
    return {name: value for name, value in os.environ.items() if name in KEPT or not name.startswith(ours)}


def until(holds: Callable[[], object], seconds: float = 60.0, every: float = 0.05) -> None:
    """Wait until `holds()` is true; fail when it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(every)


def descendants(pid: int) -> list[int]:
    """`pid` and every process below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += descendants(int(child))
    return found


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Instance:
    """One `bin/run` with a data folder of its own, on a free port; `started_in` seconds."""

    def __init__(self, data: Path, *options: str, env: dict[str, str] | None = None) -> None:
        self.data = data
        self.output = data.with_suffix(".out")
        began = time.monotonic()
        with self.output.open("w") as out:
            words = [ROOT / "bin/run", "--port", "0", "--data", data, *options]
            self.process = subprocess.Popen(
                words, env=clean_environment() | (env or {}), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        until(lambda: "Opscenter runs at" in self.said() or self.process.poll() is not None, START_WAIT)
        assert self.process.poll() is None, self.said()
        self.started_in = time.monotonic() - began

    def said(self) -> str:
        """What it wrote on the terminal so far."""
        return self.output.read_text()

    @property
    def facts(self) -> dict:
        return json.loads((self.data / "run.json").read_text())

    @property
    def url(self) -> str:
        return self.facts["url"]

    def pid(self, name: str) -> int | None:
        """Of the child `name`: web, clock or worker."""
        return self.facts["children"][name]["pid"]

    def processes(self) -> list[int]:
        return descendants(self.process.pid)

    def lives(self) -> bool:
        try:
            return requests.get(f"{self.url}/api/live", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def login(self, name: str, password: str) -> requests.Session:
        """A browser's session, signed in to the admin."""
        session = requests.Session()
        address = f"{self.url}/admin/login/"
        page = session.get(address, timeout=10)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert token, page.text[:500]
        form = {"username": name, "password": password, "csrfmiddlewaretoken": token[1], "next": "/admin/"}
        session.post(address, data=form, headers={"Referer": address}, timeout=20)
        return session

    def kill(self) -> None:
        """As a crash of the machine's owner would: no chance to clean up."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ctrl-C; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)
