"""Keeps a handful of programs running and stops them all; launch.py says which.

Each child runs in a session of its own. When one ends, with any exit code, its whole process group is killed
and it is started again; when this process ends, in any way, nothing survives it. Standard library only, so
that this process stays small.
"""

import json
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opscenter.processes import PRIVATE, Process, Program, Warden, kill_group

FIRST_DELAY = 0.2  # seconds before the first restart; doubles up to the longest
LONGEST_DELAY = 30.0
STEADY_AFTER = 30.0  # a child that ran this long is well again: its next restart is quick
STOP_GRACE = 8.0  # seconds between TERM and KILL
TICK = 1.0  # how often the restart hook and the warden are looked at
LOG_LIMIT = 10_000_000  # bytes; one older file is kept beside it
RESTART_WORKER = "restart-worker"  # a file of this name in the data folder restarts the worker


def say(text: str) -> None:
    """One line on the terminal, with the time (UTC); a closed terminal stops nothing."""
    with suppress(OSError):
        print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)


class Log:
    """A file that children's output is appended to; when it grows too large it becomes `NAME.1`."""

    def __init__(self, path: Path, limit: int = LOG_LIMIT) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self.path, self.limit = path, limit
        self.last_line = ""

    def write(self, chunk: bytes) -> None:
        with suppress(OSError):  # a full disk costs us log lines, not the children
            if self.path.exists() and self.path.stat().st_size + len(chunk) > self.limit:
                self.path.replace(self.path.with_name(self.path.name + ".1"))
            with self.path.open("ab") as file:
                file.write(chunk)
        lines = [line for line in chunk.decode(errors="replace").splitlines() if line.strip()]
        self.last_line = lines[-1].strip() if lines else self.last_line


@dataclass
class Child:
    """One program to keep running, and how the present run of it goes.

    after  it is not started before this says True
    """

    name: str
    program: Program
    after: Callable[[], bool] = lambda: True
    process: Process | None = None
    starts: int = 0
    failures: int = 0  # short runs in a row
    started_at: float = 0.0  # monotonic
    start_at: float = 0.0  # when to start it, while it does not run

    def ended(self, now: float) -> None:
        """Note that the run is over, and when to start the next."""
        self.process = None
        self.failures = 0 if now - self.started_at >= STEADY_AFTER else self.failures + 1
        self.start_at = now + min(FIRST_DELAY * 2 ** max(self.failures - 1, 0), LONGEST_DELAY)


class Supervisor:
    """Runs `children` until SIGINT, SIGTERM or SIGHUP; a second signal stops them at once.

    data   folder of run.json (pids and address, for scripts) and logs/
    facts  what else run.json should say
    """

    def __init__(self, children: list[Child], data: Path, facts: dict[str, Any] | None = None) -> None:
        self.children = children
        self.data = data
        self.facts = facts or {}
        self.logs = {child.name: Log(data / "logs" / f"{child.name}.log") for child in children}
        self.signals = 0
        self.selector = selectors.DefaultSelector()

    def run(self, started: Callable[[], bool] | None = None) -> None:
        """Start everything, stay until told to stop, stop everything.

        started  asked ten times a second until it says True: a place to tell that the start is over; what it
                 raises stops everything and is raised here.
        """
        self.warden = Warden()
        self._listen_to_signals()
        try:
            while not self.signals:
                now = time.monotonic()
                for child in self.children:
                    self._look_after(child, now)
                self._heed_restart_request()
                self.warden.check()
                if started and started():
                    started = None
                wait = 0.1 if started else TICK
                starts = [child.start_at - now for child in self.children if child.process is None]
                self._pump(max(0.05, min([wait, *starts])))
        finally:
            self._stop_all()
            self.warden.dismiss()
            self._run_file.unlink(missing_ok=True)

    def _listen_to_signals(self) -> None:
        """Signals wake the loop through a socket; SIGCHLD too, so that an ended child is seen at once."""
        reader, writer = socket.socketpair()
        for end in (reader, writer):
            end.setblocking(False)
        self._wakeup = (reader, writer)  # kept open as long as we are
        PRIVATE.update(end.fileno() for end in (reader, writer, self.selector))
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        self.selector.register(reader, selectors.EVENT_READ, None)

        def count(*_: object) -> None:
            self.signals += 1

        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, count)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _look_after(self, child: Child, now: float) -> None:
        if child.process is None:
            if now >= child.start_at and child.after():
                self._start(child, now)
        elif (code := child.process.poll()) is not None:
            ran = now - child.started_at
            self._bury(child)
            child.ended(now)
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            last = self.logs[child.name].last_line
            hint = f"; its last line: {last[:200]}" if ran < STEADY_AFTER and code > 0 and last else ""
            say(f"{child.name} {how}; starting it again in {child.start_at - now:.1f} s{hint}")

    def _start(self, child: Child, now: float) -> None:
        child.started_at = now
        try:
            child.process = Process(child.name, child.program)
        except OSError as error:  # out of memory or processes: later it may do
            child.ended(now)
            say(f"{child.name} could not be started ({error}); trying again in {child.start_at - now:.1f} s")
            return
        self.warden.guard(child.process.pid)
        child.starts += 1
        self.selector.register(child.process.output, selectors.EVENT_READ, child)
        if child.starts > 1:
            say(f"{child.name} runs again")
        self._write_run_file()

    def _bury(self, child: Child) -> None:
        """Kill what is left of an ended child's group and close its log pipe."""
        assert child.process is not None
        kill_group(child.process.pid)
        self.warden.release(child.process.pid)
        self._read(child)
        with suppress(KeyError):
            self.selector.unregister(child.process.output)
        child.process.close()

    def _pump(self, wait: float) -> None:
        """Wait up to `wait` seconds for signals and output, and write the output to the logs."""
        for key, _ in self.selector.select(wait):
            if key.data is None:
                with suppress(BlockingIOError):
                    self._wakeup[0].recv(4096)
            else:
                self._read(key.data)

    def _read(self, child: Child) -> None:
        assert child.process is not None
        while chunk := child.process.read():
            self.logs[child.name].write(chunk)
        if chunk == b"":  # every process of the group has closed the pipe
            with suppress(KeyError):
                self.selector.unregister(child.process.output)

    def _heed_restart_request(self) -> None:
        request = self.data / RESTART_WORKER
        if not request.exists():
            return
        request.unlink(missing_ok=True)
        for child in self.children:
            if child.name == "worker" and child.process is not None:
                say("the clock asked for a fresh worker: the task queue does not answer")
                # killed, not asked: a stalled cluster does not listen, and what it held is a row
                kill_group(child.process.pid)

    @property
    def _run_file(self) -> Path:
        return self.data / "run.json"

    def _write_run_file(self) -> None:
        """Swapped in whole, so that a reader never sees half of it; a full disk stops nothing."""
        children = {
            child.name: {"pid": child.process.pid if child.process else None, "starts": child.starts}
            for child in self.children
        }
        draft = self._run_file.with_suffix(".new")
        with suppress(OSError):
            draft.write_text(json.dumps({"pid": os.getpid(), **self.facts, "children": children}, indent=2))
            draft.replace(self._run_file)

    def _stop_all(self) -> None:
        """TERM to every child, KILL to its group when it has ended or the grace is over."""
        running = [child for child in self.children if child.process is not None]
        for child in running:
            assert child.process is not None
            child.process.terminate()
        until, signals = time.monotonic() + STOP_GRACE, self.signals
        while running:
            in_time = time.monotonic() < until and self.signals == signals
            for child in list(running):
                assert child.process is not None
                if not in_time:
                    child.process.kill()
                if child.process.poll() is not None:
                    self._bury(child)
                    running.remove(child)
            if running:
                self._pump(0.2)
        say("stopped")
