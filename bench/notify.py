"""B5: from the POST of an alert to the arrival of its webhook, idle, against Alertmanager with `group_wait: 0s`.

Opscenter stores the alert, opens the incident and writes the outbox row before it sends; Alertmanager keeps all in
memory. Every alert is a group of its own, sent one at a time. Prints the ratio of the medians (budget 15) and our p99.
"""

import http.server
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import requests

from bench.measure import emit
from opscenter.localpg import LocalPostgres

ROOT = Path(__file__).resolve().parents[1]
ALERTS, WARM_UP = 60, 5


class Receiver:
    """Notes when each name first arrived in the body of a POST."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}
        self.news = threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                now = time.perf_counter()
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                with receiver.news:
                    for name in re.findall(r"bench-\w+-\d+", body):
                        receiver.arrived.setdefault(name, now)
                    receiver.news.notify_all()
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/slack/bench"

    def wait(self, name: str, seconds: float = 10.0) -> float:
        with self.news:
            if not self.news.wait_for(lambda: name in self.arrived, seconds):
                raise SystemExit(f"{name} did not arrive within {seconds:g} s")
            return self.arrived[name]


def latencies(url: str, receiver: Receiver, label: str) -> list[float]:
    """Milliseconds from POST to arrival, one alert at a time."""
    session, found = requests.Session(), []
    for number in range(WARM_UP + ALERTS):
        name = f"bench-{label}-{number}"
        began = time.perf_counter()
        labels = {"alertname": name, "severity": "warning"}
        session.post(f"{url}/api/v2/alerts", json=[{"labels": labels}], timeout=10).raise_for_status()
        found.append((receiver.wait(name) - began) * 1000)
        time.sleep(0.05)  # idle again
    return found[WARM_UP:]


def alertmanager(receiver: Receiver) -> list[float] | None:
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if not binary:
        return None
    with tempfile.TemporaryDirectory() as folder:
        config = {
            "route": {"receiver": "r", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1m"},
            "receivers": [{"name": "r", "webhook_configs": [{"url": receiver.url, "send_resolved": False}]}],
        }
        path = Path(folder, "am.yml")
        path.write_text(json.dumps(config))
        port = _free_port()
        process = subprocess.Popen(
            [binary, f"--config.file={path}", f"--storage.path={folder}", f"--web.listen-address=127.0.0.1:{port}",
             "--cluster.listen-address="],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            _until(lambda: requests.get(f"{url}/-/ready", timeout=1).ok)
            return latencies(url, receiver, "am")
        finally:
            process.terminate()
            process.wait()


def opscenter(receiver: Receiver, sqlite: bool) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="opscenter-bench.") as folder:
        Path(folder).chmod(0o755)
        server = None if sqlite else LocalPostgres(Path(folder) / "pg", durable=True)
        options = ["--database-url", server.start()] if server else []
        env = {**os.environ, "TEAM_WEBHOOK_URL": receiver.url, "OPSCENTER_TRUST_LOOPBACK": "true"}
        for name in ("DATABASE_URL", "OPSCENTER_DATA", "OPSCENTER_ENGINE"):
            env.pop(name, None)
        data = Path(folder, "data")
        process = subprocess.Popen(
            [ROOT / "bin/run", "--port", "0", "--data", data, *options], env=env, stdout=subprocess.DEVNULL
        )
        try:
            _until(lambda: (data / "run.json").exists(), 90)
            _until(lambda: requests.get(f"{_url(data)}/api/live", timeout=1).ok, 90)
            time.sleep(5)  # the clock settles
            return latencies(_url(data), receiver, "sqlite" if sqlite else "pg")
        finally:
            process.terminate()
            process.wait()
            if server:
                server.stop()


def _url(data: Path) -> str:
    return json.loads((data / "run.json").read_text())["url"]


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _until(holds, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except (requests.RequestException, OSError, ValueError, KeyError):
            pass
        if time.monotonic() > deadline:
            raise SystemExit("a server of the bench did not come up")
        time.sleep(0.1)


def main() -> None:
    receiver = Receiver()
    peer = alertmanager(receiver)
    ours = opscenter(receiver, sqlite=False)
    p50, p99 = statistics.median(ours), sorted(ours)[int(len(ours) * 0.99) - 1]
    if peer:
        theirs = statistics.median(peer)
        emit("B5 POST to webhook, PostgreSQL, p50 / Alertmanager's", p50 / theirs, 15, f"{p50:.1f} / {theirs:.1f} ms")
    else:
        print("B5: no Alertmanager on this machine to compare with")
    emit("B5 POST to webhook, PostgreSQL, p99 / 100 ms", p99 / 100, 1, f"{p99:.1f} ms")
    embedded = opscenter(receiver, sqlite=True)
    emit("B5 POST to webhook, SQLite, p50 / 1 s", statistics.median(embedded) / 1000, 1,
         f"{statistics.median(embedded):.0f} ms, slowest {max(embedded):.0f} ms")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
