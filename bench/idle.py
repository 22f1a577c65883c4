"""B12: what the whole embedded default takes while nothing happens, and how soon a killed process of it is back.

`bin/run` on a folder of its own, as a newcomer starts it; measured are all of its processes, once the start is over.
"""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from bench.measure import Meter, below, emit

ROOT = Path(__file__).resolve().parents[1]
MEGABYTES, SHARE, BACK_S = 300, 0.01, 5.0  # PSS, share of one core, seconds until a killed process is back
SETTLE_S, WATCH_S, PATIENCE_S = 20, 60, 90


def pss_mb(pid: int) -> float:
    """Its share of the machine's memory."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) / 1000 if found else 0.0


def until(holds: Callable[[], object]) -> float:
    """The seconds until `holds()`; raises `TimeoutError` after PATIENCE_S."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > PATIENCE_S:
            raise TimeoutError("bin/run is not up")
        time.sleep(0.02)
    return time.monotonic() - began


def lives(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/live", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def measure(data: Path, process: subprocess.Popen[bytes]) -> None:
    def told() -> dict:
        return json.loads((data / "run.json").read_text())

    until(lambda: (data / "run.json").exists() and lives(told()["url"]))
    time.sleep(SETTLE_S)
    pids = below(process.pid)
    size = sum(pss_mb(pid) for pid in pids)
    emit(f"B12 memory / {MEGABYTES} MB", size / MEGABYTES, 1, f"{size:.0f} MB PSS in {len(pids)} processes")
    with Meter(pids) as idle:
        time.sleep(WATCH_S)
    share = idle.cpu_us / idle.wall_us
    emit("B12 idle CPU / 1 % of a core", share / SHARE, 1, f"{share:.2%}")
    for name in ("web", "clock", "worker"):
        first = told()["children"][name]["pid"]
        os.kill(first, signal.SIGKILL)
        away = until(lambda name=name, first=first: told()["children"][name]["pid"] not in (None, first))
        away += until(lambda: lives(told()["url"]))
        emit(f"A killed {name} is back / {BACK_S:.0f} s", away / BACK_S, 1, f"{away:.2f} s")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="opscenter-bench.") as folder:
        data = Path(folder) / "data"
        words = [ROOT / "bin/run", "--port", "0", "--data", data]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                measure(data, process)
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(30)


if __name__ == "__main__":
    main()
