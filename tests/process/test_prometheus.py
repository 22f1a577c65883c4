"""A real Prometheus, told of Opscenter as its Alertmanager."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from alerts.models import Alert, Liveness
from incidents.models import Incident, Status, TimelineEntry
from opscenter.processes import free_port
from sources.models import Integration
from tests.process.installation import Installation
from tests.process.instance import Instance, until

PROMETHEUS = shutil.which("prometheus")
pytestmark = [
    pytest.mark.once,
    pytest.mark.timeout(180),
    pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus here; on Debian: apt-get install prometheus"),
]
CONFIG = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: shop
    static_configs: [{targets: ["%(exporter)s"]}]
alerting:
  alertmanagers:
    - api_version: v2
      static_configs: [{targets: ["%(opscenter)s"]}]
"""
RULES = """
groups:
  - name: shop
    rules:
      - alert: CheckoutDown
        expr: checkout_failures > 0
        labels: {severity: critical}
        annotations: {summary: "Checkout fails {{ $value }} times a second"}
"""
QUIET = timedelta(seconds=2)
SOON = timedelta(seconds=2)  # how late a sweep may be
SEEN_AGAIN = 4  # re-sends to wait for


class Exporter:
    """A program with one metric, `checkout_failures`, in the form that Prometheus reads."""

    def __init__(self) -> None:
        self.failures = 0
        exporter = self

        class Metrics(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = f"checkout_failures {exporter.failures}\n".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Say nothing a second."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    exporter = Exporter()
    yield exporter
    exporter.stop()


@pytest.fixture
def instance(bin_run) -> Instance:
    return bin_run()


@pytest.fixture
def installation(instance, django_db_blocker) -> Iterator[Installation]:
    installation = Installation(instance.data)
    with django_db_blocker.unblock(), installation.records:
        yield installation


@pytest.fixture
def prometheus(tmp_path: Path, exporter: Exporter, instance: Instance) -> Iterator[None]:
    """A Prometheus that looks every second and repeats a firing alert every second."""
    names = {"exporter": exporter.address, "opscenter": instance.url.partition("//")[2]}
    (tmp_path / "prometheus.yml").write_text(CONFIG % names)
    (tmp_path / "rules.yml").write_text(RULES)
    port = free_port("127.0.0.1")
    words = [
        PROMETHEUS, f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}", "--rules.alert.resend-delay=1s", "--log.level=warn",
    ]  # fmt: skip
    with (tmp_path / "prometheus.log").open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    ready = f"http://127.0.0.1:{port}/-/ready"
    until(lambda: answers(ready) or process.poll() is not None)
    assert process.poll() is None, (tmp_path / "prometheus.log").read_text()
    yield
    process.terminate()
    process.wait(30)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False


OURS = {Alert: {"name": "CheckoutDown"}, Liveness: {"alert__name": "CheckoutDown"}, Incident: {"key": "CheckoutDown"}}


def test_a_firing_rule_is_one_incident_until_it_has_been_quiet(installation, prometheus, exporter):
    # the team's addresses are not set, of which Opscenter warns by an alert of its own when its minute comes
    def ours(model):
        return installation.records.of(model).filter(**OURS[model])

    def state() -> str:
        return installation.manage("incident_state", "--key", "CheckoutDown").strip()

    def seen_at():
        return ours(Liveness).values_list("last_seen_at", flat=True).get()

    installation.records.of(Integration).filter(name="alertmanager").update(resolve_after=QUIET)
    assert state() == "none 0"
    exporter.failures = 3
    until(lambda: ours(Incident).exists())
    assert state() == "triggered 1"
    first = ours(Incident).get()
    assert first.title == "Checkout fails 3 times a second" and first.severity.key == "critical"

    for _ in range(SEEN_AGAIN):
        last = seen_at()
        until(lambda last=last: seen_at() > last)
    assert ours(Alert).count() == 1 and ours(Incident).count() == 1
    assert ours(Liveness).get().times == 1

    exporter.failures = 0
    until(lambda: not ours(Liveness).get().firing)
    until(lambda: ours(Incident).get().status == Status.RESOLVED)
    ended, resolved = ours(Liveness).get().ends_at, ours(Incident).get().resolved_at
    told = installation.records.of(TimelineEntry).filter(kind="recovered", incident__in=ours(Incident)).latest("at").at
    assert ended + QUIET <= resolved <= max(ended + QUIET, told) + SOON
    assert state() == "resolved 1"

    exporter.failures = 5
    until(lambda: ours(Incident).count() == 2)
    assert ours(Alert).count() == 1 and ours(Liveness).get().times == 2
    assert state() == "triggered 2"
