"""Child processes that never outlive their parent, not even one that was killed with -9; and free ports for them."""

import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

PR_SET_PDEATHSIG = 1


def die_with_parent(signal_number: int) -> Callable[[], None]:
    """For Popen's preexec_fn: on Linux the child gets `signal_number` when this process ends in any way.

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


def kill_group(group: int) -> None:
    """Kill every process of `group`, now; none left is fine."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


class Warden:
    """A small fork of this process that kills the groups in its care when this process ends.

    It reads a pipe that ends with us, however we end; it shares our memory, so it costs about a megabyte.
    Call `check` now and then: a warden that was killed itself is replaced. Fork it before starting threads.
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
            os.close(self._pipe)
            self._start()

    def dismiss(self) -> None:
        """Let it go; what is still in its care is killed."""
        os.close(self._pipe)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def _start(self) -> None:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(writer)
            self._watch(reader, set(self.groups))
        os.close(reader)
        self.pid, self._pipe = pid, writer

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
