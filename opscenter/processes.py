"""Child processes that never outlive their parent, not even one that was killed with -9; and the ports they serve."""

import ctypes
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE)
Program = list[str] | Callable[[], object]
PRIVATE: set[int] = set()
"""Descriptors that end in a forked child: its siblings' pipes, our locks. Those of imported modules must stay, since
their owners may close them there, and would hit whatever has the number by then."""


def die_with_parent(signal_number: int) -> Callable[[], None]:
    """To be called in a child that is forked next: on Linux it gets `signal_number` when we end in any way.

    It reaches the child only, not what the child starts: the Warden is for those.
    """
    parent = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def in_child() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal_number)
            if os.getppid() != parent:  # it ended between fork and prctl
                os.kill(os.getpid(), signal_number)

    return in_child


def free_port(host: str, port: int = 0) -> int:
    """`port` if a server can listen there now, 0: any free one. OSError when it cannot."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen()  # on Linux SO_REUSEADDR lets a bind pass where another listens, but not a listen
        return probe.getsockname()[1]


def answers(address: tuple[str, int], path: str = "/") -> bool:
    """Whether an HTTP server at `address` gives `path` any answer but a server error."""
    request = f"GET {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(address, timeout=2) as connection:
            connection.sendall(request.encode())
            status = connection.makefile("rb").readline().split()
    except OSError:
        return False
    return len(status) > 1 and status[0].startswith(b"HTTP/") and status[1] < b"500"


def kill_group(group: int) -> None:
    """Kill every process of `group`, now; none left is fine."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


class Process:
    """A child in a session, and so a process group, of its own; what it writes arrives on the pipe `output`.

    program  a command to execute; or a function to call in the fork itself, which then shares with us the memory of
             everything imported so far. We must have a single thread and no open database connection then.
    """

    def __init__(self, name: str, program: Program) -> None:
        self.output, writer = os.pipe()
        PRIVATE.add(self.output)
        os.set_blocking(self.output, False)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # or the child would write again what still waits here
        prepare = die_with_parent(signal.SIGKILL)
        # a signal that comes before the child has let go of our handlers waits instead of being lost in them
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        self.pid = os.fork()
        if self.pid == 0:
            _become(name, program, writer, prepare)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(writer)
        self.code: int | None = None  # once it has ended; negative: the signal that killed it

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def terminate(self) -> None:
        """Ask it, not the rest of its group, to end."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        """Its exit code, when it has ended."""
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def kill(self) -> None:
        """End it and its whole group; returns when it has ended."""
        kill_group(self.pid)
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)  # just forked, it may not lead its group yet
        self.wait()

    def read(self) -> bytes | None:
        """What has arrived on its pipe; None for nothing yet, empty when all its writers have closed it."""
        try:
            return os.read(self.output, 65536)
        except BlockingIOError:
            return None

    def close(self) -> None:
        PRIVATE.discard(self.output)
        os.close(self.output)


def _become(name: str, program: Program, writer: int, prepare: Callable[[], None]) -> NoReturn:
    """The whole life of a forked child."""
    code = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in HANDLED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        prepare()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        os.close(writer)
        if isinstance(program, list):
            os.execvp(program[0], program)
        for descriptor in PRIVATE:
            os.close(descriptor)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as in every Python program
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode()[:15])  # what top and ps -o comm show
        sys.stdout, sys.stderr = (
            os.fdopen(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
            for number in (1, 2)
        )
        program()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def run(name: str, program: Program) -> tuple[int, str]:
    """Run `program` in a Process to its end; its exit code and all it wrote."""
    process = Process(name, program)
    os.set_blocking(process.output, True)
    written = b""
    try:
        while chunk := process.read():
            written += chunk
        code = process.wait()
    finally:
        process.kill()
        process.close()
    return code, written.decode(errors="replace")


class Warden:
    """A small fork of this process that kills the groups in its care when this process ends.

    It reads a pipe that ends with us, however we end; it shares our memory, so it costs about a megabyte.
    Call `check` now and then: a warden that was killed itself is replaced.
    """

    def __init__(self) -> None:
        self.groups: set[int] = set()
        self._start()

    def guard(self, group: int) -> None:
        self.groups.add(group)
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        self.groups.discard(group)
        self._tell(f"-{group}\n")

    def check(self) -> None:
        """Replace a warden that has ended."""
        if os.waitpid(self.pid, os.WNOHANG) != (0, 0):
            self._close()
            self._start()

    def dismiss(self) -> None:
        """Let it go; what is still in its care is killed."""
        self._close()
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def _close(self) -> None:
        PRIVATE.discard(self._pipe)
        os.close(self._pipe)

    def _start(self) -> None:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(writer)
            self._watch(reader, set(self.groups))
        os.close(reader)
        self.pid, self._pipe = pid, writer
        PRIVATE.add(writer)

    def _tell(self, line: str) -> None:
        with suppress(BrokenPipeError):  # `check` starts a new one, which knows `groups`
            os.write(self._pipe, line.encode())

    @staticmethod
    def _watch(reader: int, groups: set[int]) -> None:
        """The warden's whole life: keep the list until the pipe ends, then kill what is on it."""
        try:
            os.setsid()  # out of reach of the terminal's Ctrl-C
            signal.set_wakeup_fd(-1)
            for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(name, signal.SIG_IGN)
            with os.fdopen(reader) as lines:
                for line in lines:
                    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
            for group in groups:
                kill_group(group)
        finally:
            os._exit(0)  # never back into the code that forked us
