"""One installation's database, commands and single programs, for tests that look behind the pages or kill what runs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import environ
from django.db import connections, models

from opscenter.processes import free_port
from tests.process.instance import ROOT, alive, clean_environment, descendants, until

PROGRAM_WAIT = 30.0  # seconds for a program to say that it runs
COMMAND_WAIT = 400.0  # seconds for a command; the machine may be busy


class Installation:
    """A data folder, a database (SQLite in the folder unless a URL says otherwise) and further settings."""

    def __init__(self, data: Path, database_url: str = "", env: dict[str, str] | None = None) -> None:
        self.data = data
        self.database_url = database_url or f"sqlite:///{data / 'opscenter.sqlite3'}"
        settings = {"OPSCENTER_DATA": str(data), "DATABASE_URL": self.database_url, "PYTHONUNBUFFERED": "1"}
        settings["DJANGO_SETTINGS_MODULE"] = "opscenter.settings"
        self.env = clean_environment() | settings | (env or {})
        self.records = Records(self.database_url)

    def manage(self, *words: str) -> str:
        """Run a command of manage.py; what it printed."""
        return self._run("manage.py", *words)

    def migrate(self) -> None:
        self.manage("migrate", "--no-input", "--verbosity", "0")

    def load(self, pack: str) -> None:
        """Load the text of a pack."""
        self.manage("load_pack", str(self._write(pack)))

    def prepare(self, pack: str = "") -> None:
        """What `bin/run` does once the tables are there, and load the text of a pack; in one process, to save time."""
        commands = [["bootstrap"]]
        if pack:
            commands.append(["load_pack", str(self._write(pack))])
        calls = "".join(f"management.call_command(*{command!r})\n" for command in commands)
        self._run("-c", f"import django\nfrom django.core import management\ndjango.setup()\n{calls}")

    def _write(self, pack: str) -> Path:
        path = self.data / "pack.yaml"
        path.write_text(pack)
        return path

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=COMMAND_WAIT
        )
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout


class Records:
    """What is stored, through the models: `records.of(Incident).count()`."""

    def __init__(self, database_url: str) -> None:
        self.alias = f"installation-{id(self)}"
        settings = environ.Env.db_url_config(database_url)
        if settings["ENGINE"].endswith("sqlite3"):
            settings["OPTIONS"] = {"timeout": 20}
        # fills in the defaults, which it wants to do for a whole set
        self.settings = connections.configure_settings({"default": settings})["default"]

    def __enter__(self) -> "Records":
        connections.settings[self.alias] = self.settings
        return self

    def __exit__(self, *exc: object) -> None:
        connections[self.alias].close()
        del connections.settings[self.alias]
        del connections[self.alias]

    def of(self, model: type[models.Model]) -> models.QuerySet:
        return model._base_manager.using(self.alias)

    @property
    def connection(self):
        return connections[self.alias]


class Program:
    """One of the programs that `bin/run` keeps running, alone and with nobody to start it again.

    name     web, clock or worker
    says     a text in its log that tells it is at work; its line begins with the time
    """

    def __init__(self, installation: Installation, name: str, says: str = "") -> None:
        self.installation, self.name, self.says = installation, name, says
        self.log = installation.data / f"{name}-alone.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.began: list[datetime] = []
        self.killed: list[datetime] = []

    def start(self) -> "Program":
        self.port = free_port("127.0.0.1")
        words = {"web": ["web", "--host", "127.0.0.1", "--port", str(self.port)], "worker": ["qcluster"]}
        command = [sys.executable, "manage.py", *words.get(self.name, [self.name])]
        before = self.said().count(self.says) if self.says else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.installation.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        if self.says:
            until(lambda: self.said().count(self.says) > before or self.process.poll() is not None, PROGRAM_WAIT, 0.01)
            assert self.process.poll() is None, self.said()
        self.began.append(datetime.now(UTC))
        return self

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def kill(self) -> None:
        """kill -9 of it and all below it; what it was doing stays as it was."""
        assert self.process is not None
        family = descendants(self.process.pid)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        until(lambda: not any(alive(pid) for pid in family))
        self.killed.append(datetime.now(UTC))
        self.process = None

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


def steady(value: Callable[[], object], seconds: float) -> None:
    """Wait for `seconds`; fail when `value()` changes meanwhile."""
    first, deadline = value(), time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert value() == first
        time.sleep(0.1)
