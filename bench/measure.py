"""What the benches share: CPU of whole processes from /proc, a database of their own, one line a figure."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")
RESULTS: list[tuple[str, float, float | None, str]] = []


def cpu_us(pid: int) -> float:
    """User and system time of `pid` with its reaped children, in µs; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(fields[i]) for i in (11, 12, 13, 14)) * TICK_US


def below(pid: int) -> list[int]:
    """`pid` and every process under it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += below(int(child))
    return found


class Meter:
    """CPU and wall time that a set of processes spent inside the `with` block."""

    def __init__(self, pids: Iterable[int]) -> None:
        self.pids = list(pids)

    def __enter__(self) -> Self:
        self.before = {pid: cpu_us(pid) for pid in self.pids}
        self.began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_us = (time.perf_counter() - self.began) * 1e6
        self.cpu_us = sum(cpu_us(pid) - self.before[pid] for pid in self.pids)


def database_pids() -> list[int]:
    """The database server's processes; none on SQLite, which runs in our own."""
    pid = os.environ.get("BENCH_POSTGRES_PID")
    return below(int(pid)) if pid else []


def emit(name: str, ratio: float, budget: float | None, detail: str) -> None:
    """Print one figure and keep it for the table."""
    RESULTS.append((name, ratio, budget, detail))
    aim = f" (budget {budget:g})" if budget is not None else ""
    print(f"{name}: {ratio:.2f}x{aim}  {detail}", flush=True)


def with_django(main: Callable[[], None]) -> None:
    """Run `main` on a fresh PostgreSQL (or SQLite with --sqlite) with every migration applied."""
    from opscenter.localpg import LocalPostgres

    with tempfile.TemporaryDirectory(prefix="opscenter-bench.") as folder:
        Path(folder).chmod(0o755)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opscenter.settings")
        os.environ["OPSCENTER_DATA"] = folder
        os.environ["OPSCENTER_ENGINE"] = "inline"
        server = None if "--sqlite" in sys.argv else LocalPostgres(Path(folder) / "pg", durable=True)
        try:
            os.environ["DATABASE_URL"] = server.start() if server else f"sqlite:///{folder}/bench.sqlite3"
            if server:
                pid = (Path(folder) / "pg").rglob("postmaster.pid")
                os.environ["BENCH_POSTGRES_PID"] = next(pid).read_text().split()[0]
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            main()
        finally:
            if server:
                server.stop()
