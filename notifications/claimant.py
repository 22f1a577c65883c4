"""Which process holds a claim, and whether it is still there."""

import os
import socket
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def me() -> str:
    """This process as claims name it: host:pid:start, at most 80 characters."""
    return f"{_host()}:{os.getpid()}:{_started(os.getpid())}"


os.register_at_fork(after_in_child=me.cache_clear)


def gone(claim: str) -> bool:
    """Whether the process that made `claim` ran on this machine and has ended; one elsewhere may be alive."""
    host, _, process = claim.partition(":")
    pid, _, started = process.partition(":")
    if host != _host() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it is there and belongs to somebody else
    return _started(int(pid)) != started  # the number was given to another process since


@lru_cache(maxsize=1)
def _host() -> str:
    """The machine, and the PID namespace where there are several: containers may share a host name, not its numbers."""
    try:
        space = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        space = ""
    return f"{socket.gethostname()[:40]}/{space}".replace(":", "-")


def _started(pid: int) -> str:
    """When process `pid` started, in ticks since boot; empty where the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
