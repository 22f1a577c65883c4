"""Runs the benches one after the other and prints their figures as one table: `python -m bench.run [NAME ...]`."""

import os
import platform
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

# name -> seconds it may take
BENCHES = {"intake": 90, "timers": 180, "notify": 90, "pings": 60, "rules": 120, "idle": 150, "figures": 240}
FIGURE = re.compile(r"(?P<name>[^:]+): (?P<ratio>[\d.]+)x(?: \(budget (?P<budget>[\d.]+)\))?  (?P<detail>.*)")


def run(name: str) -> list[dict[str, str]]:
    """The figures of one bench, printed while they come; none and its last words when it fails."""
    print(f"== {name}", flush=True)
    began, lines = time.monotonic(), []
    words = [sys.executable, "-m", f"bench.{name}", *(word for word in sys.argv[1:] if word.startswith("--"))]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line.strip())
            if time.monotonic() - began > BENCHES[name]:
                process.terminate()
    print(f"   {time.monotonic() - began:.0f} s, exit code {process.returncode}", flush=True)
    return [found.groupdict() for line in lines if (found := FIGURE.fullmatch(line))]


def table(figures: list[dict[str, str]]) -> str:
    """Markdown, as bench/RESULTS.md keeps it."""
    rows = ["| figure | ratio | budget | |", "|---|---:|---:|---|"]
    for figure in figures:
        over = figure["budget"] and float(figure["ratio"]) > float(figure["budget"])
        ratio = f"**{figure['ratio']}×**" if over else f"{figure['ratio']}×"
        rows.append(f"| {figure['name']} | {ratio} | {figure['budget'] or ''} | {figure['detail']} |")
    return "\n".join(rows)


def machine() -> str:
    cpus = Path("/proc/cpuinfo").read_text()
    model = found[1].strip() if (found := re.search(r"model name\s*:(.*)", cpus)) else platform.machine()
    load = os.getloadavg()[0]
    return f"{date.today()}, {os.cpu_count()} × {model}, Python {platform.python_version()}, load {load:.1f}"


def main() -> int:
    names = [word for word in sys.argv[1:] if not word.startswith("--")] or list(BENCHES)
    if unknown := [name for name in names if name not in BENCHES]:
        print(f"There is no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}.", file=sys.stderr)
        return 2
    before = machine()
    figures = [figure for name in names for figure in run(name)]
    print(f"\n{before}\n\n{table(figures)}")
    return 0 if figures else 1


if __name__ == "__main__":
    sys.exit(main())
