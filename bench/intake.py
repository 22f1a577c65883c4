"""B1 and B2: what an alert costs at the door, against Debian's Alertmanager and against the bare statement.

B1 posts the same requests to `prometheus-alertmanager`, which keeps them in memory, and to our web process, which has
them on disk before it answers, turn by turn in one run, and compares CPU: that server's with ours and the database's.
New alerts, the same sent again, the same resolved; in batches of 64 and of 500. The alerts are those of the rule
KubePodCrashLooping as Prometheus sends it: ten labels, three annotations, 780 bytes.

B2 compares a new alert, from the socket to its two rows, with the one statement that writes both, called by itself with
facts that are ready.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measure import Meter, below, database_pids, emit, with_django

BATCHES = {64: 156, 500: 20}  # alerts in a request -> requests in a round
ROUNDS = {"new": 1, "re-sent": 10, "resolved": 1}  # senders repeat a firing alert for hours
BUDGETS = {"new": 0.6, "re-sent": 0.2, "resolved": 0.3}
PATH = "/api/v2/alerts"
EXPRESSION = (
    "max_over_time%28kube_pod_container_status_waiting_reason%7Breason%3D%22CrashLoopBackOff%22%7D%5B5m%5D%29+%3E%3D+1"
)


def alert(number: int, *, starts: str, ends: str) -> dict:
    """One alert in the order of fields that Prometheus writes."""
    pod = f"checkout-7d9c5b6f4d-{number:07x}"
    return {
        "annotations": {
            "description": f'Pod shop/{pod} (checkout) is in waiting state (reason: "CrashLoopBackOff").',
            "runbook_url": "https://runbooks.example.com/kubernetes/kubepodcrashlooping",
            "summary": "Pod is crash looping.",
        },
        "endsAt": ends,
        "startsAt": starts,
        "generatorURL": f"http://prometheus.example.com:9090/graph?g0.expr={EXPRESSION}&g0.tab=1",
        "labels": {
            "alertname": "KubePodCrashLooping", "cluster": "eu-1", "container": "checkout",
            "instance": "10.0.12.7:8080", "job": "kube-state-metrics", "namespace": "shop", "pod": pod,
            "prometheus": "monitoring/k8s", "reason": "CrashLoopBackOff", "severity": "warning",
        },
    }  # fmt: skip


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def bodies(batch: int, requests: int, *, starts: datetime, ends: datetime) -> list[bytes]:
    first = batch * 1_000_000
    interval = {"starts": stamp(starts), "ends": stamp(ends)}
    return [
        json.dumps([alert(first + batch * i + n, **interval) for n in range(batch)], separators=(",", ":")).encode()
        for i in range(requests)
    ]


class Client:
    """One connection that is kept, as Prometheus keeps it."""

    def __init__(self, port: int):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def post(self, body: bytes) -> None:
        self.http.request("POST", PATH, body, {"Content-Type": "application/json"})
        answer = self.http.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"The server answered {answer.status}: {text.decode()[:300]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(words: list[str], port: int) -> Iterator[int]:
    """Run a server until the block ends; its process id once it listens."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        until = time.monotonic() + 30
        while True:
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{words[0]} did not start: {process.stderr.read().decode()[-500:]}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.communicate(timeout=20)


@contextmanager
def alertmanager(port: int) -> Iterator[int]:
    program = shutil.which("prometheus-alertmanager")
    if program is None:
        raise SystemExit("B1 needs Debian's Alertmanager: apt-get install prometheus-alertmanager")
    with tempfile.TemporaryDirectory(prefix="opscenter-bench.") as folder:
        config = Path(folder, "alertmanager.yml")
        config.write_text("route: {receiver: none, group_by: [alertname]}\nreceivers: [{name: none}]\n")
        words = [program, f"--config.file={config}", f"--storage.path={folder}", "--log.level=error"]
        words += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
        with serving(words, port) as pid:
            yield pid


@contextmanager
def web(port: int) -> Iterator[int]:
    """The web process as bin/run starts it."""
    manage = Path(__file__).resolve().parents[1] / "manage.py"
    words = [sys.executable, str(manage), "web", "--host", "127.0.0.1", "--port", str(port)]
    with serving(words, port) as pid:
        yield pid


def b1() -> dict[int, float]:
    """Prints the ratios; CPU of a new alert in µs, by size of batch."""
    new = {}
    theirs, ours = free_port(), free_port()
    with alertmanager(theirs) as alertmanager_pid, web(ours) as web_pid:
        them, us = Client(theirs), Client(ours)
        us.post(b"[]")
        now = datetime.now(UTC)
        for batch, requests in BATCHES.items():
            for kind, rounds in ROUNDS.items():
                spent = {"them": 0.0, "web": 0.0, "database": 0.0}
                for turn in range(rounds):
                    ends = now - timedelta(seconds=1) if kind == "resolved" else now + timedelta(seconds=300 + turn)
                    if kind == "re-sent":
                        ends += timedelta(minutes=1)
                    posts = bodies(batch, requests, starts=now - timedelta(minutes=1), ends=ends)
                    with Meter([alertmanager_pid]) as meter:
                        for body in posts:
                            them.post(body)
                    spent["them"] += meter.cpu_us
                    with Meter(below(web_pid)) as meter, Meter(database_pids()) as database:
                        for body in posts:
                            us.post(body)
                    spent["web"] += meter.cpu_us
                    spent["database"] += database.cpu_us
                count = batch * requests * rounds
                cost = {name: cpu / count for name, cpu in spent.items()}
                total = cost["web"] + cost["database"]
                detail = f"{total:.1f} µs an alert (web {cost['web']:.1f}, database {cost['database']:.1f})"
                detail += f" against Alertmanager's {cost['them']:.1f}"
                emit(f"B1 {kind}, batches of {batch}", total / cost["them"], BUDGETS[kind], detail)
                if kind == "new":
                    new[batch] = total
    return new


def b2(new: dict[int, float]) -> None:
    """Prints what a new alert costs at the door against what its statement costs by itself."""
    from alerts.store import postgres
    from alerts.store.facts import Scope, Told, encode, facts_of

    batch, requests = 500, 30
    scope, now = Scope("bench"), int(time.time() * 1e6)
    batches = []
    for i in range(requests):
        told = []
        for n in range(batch):
            one = alert(batch * i + n, starts="", ends="")
            facts = facts_of(scope, one["labels"], encode(one["annotations"]), url=one["generatorURL"])
            told.append(Told(facts, now, now + 300_000_000, False, n))
        batches.append(told)
    with Meter([os.getpid(), *database_pids()]) as meter:
        for told in batches:
            assert len(postgres.insert(told, integration=None, rule=None, now=now, stamp=1)) == batch
    bare = meter.cpu_us / (batch * requests)
    emit("B2 new alert at the door, against its bare statement", new[batch] / bare, 2.0, f"bare {bare:.1f} µs an alert")


def main() -> None:
    from django.db import connection

    new = b1()
    if connection.vendor == "postgresql":
        b2(new)


if __name__ == "__main__":
    sys.exit(with_django(main))
