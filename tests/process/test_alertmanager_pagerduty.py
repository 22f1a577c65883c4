"""A real Alertmanager with a PagerDuty receiver and one at Grafana OnCall's address sends to us by changed URLs."""

import json
import shutil
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from alerts import grouping
from alerts.models import Alert, Liveness
from incidents.models import Incident
from sources.models import WebhookLog
from tests.factories import IntegrationFactory, PolicyFactory, SeverityFactory

PROGRAM = shutil.which("prometheus-alertmanager")
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="Debian's package prometheus-alertmanager is not installed"),
    pytest.mark.django_db(transaction=True),
]
KEY, TOKEN = "0123456789abcdef0123456789abcdef", "Jp0K9DdbHpTWGcWCyMWbwHgqY"
PATIENCE = 60
CONFIG = """
route: {{receiver: ours, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
receivers:
  - name: ours
    pagerduty_configs:
      - routing_key: {key}
        url: {base}/v2/enqueue
        severity: '{{{{ .CommonLabels.severity }}}}'
        links: [{{href: 'https://runbook.example.org/', text: Runbook}}]
    webhook_configs:
      - url: {base}/integrations/v1/alertmanager/{token}/
"""


@pytest.fixture
def doors():
    policy = PolicyFactory(key="default")
    for rank, key in enumerate(("P0", "P1", "P2", "P3")):
        SeverityFactory(policy=policy, key=key, rank=rank)
    pagerduty = IntegrationFactory(kind="pagerduty", name="pagerduty", key=KEY, policy=policy)
    return pagerduty, IntegrationFactory(kind="alertmanager-webhook", name="oncall", key=TOKEN, policy=policy)


@pytest.fixture
def alertmanager(live_server, doors, tmp_path):
    """The address of an Alertmanager that sends to us."""
    config = tmp_path / "alertmanager.yml"
    config.write_text(CONFIG.format(key=KEY, token=TOKEN, base=live_server.url))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [PROGRAM, f"--config.file={config}", f"--storage.path={tmp_path}", "--cluster.listen-address="]
    process = subprocess.Popen([*words, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _is_ready(base), "Alertmanager did not start")
        yield base
    finally:
        process.kill()
        process.wait()


def _is_ready(base) -> bool:
    try:
        return requests.get(f"{base}/-/ready", timeout=20).ok
    except requests.RequestException:
        return False


def wait_for(happened, otherwise) -> None:
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until, f"{otherwise}: {list(WebhookLog.objects.values_list('verdict', 'reason'))}"
        time.sleep(0.05)


def tell(base, **times) -> None:
    labels = {"alertname": "DiskFull", "severity": "error", "instance": "db-1"}
    alert = {"labels": labels, "annotations": {"summary": "Disk is full"}, **times}
    requests.post(f"{base}/api/v2/alerts", json=[alert], timeout=20).raise_for_status()


def test_what_fires_and_ends_there_fires_and_ends_here(alertmanager, doors):
    now = datetime.now(UTC)
    tell(alertmanager, startsAt=(now - timedelta(minutes=1)).isoformat())
    wait_for(lambda: Liveness.objects.filter(firing=True).count() == 2, "both doors were to be told")
    told = Alert.objects.get(integration=doors[0])
    assert told.labels["severity"] == "error" and "DiskFull" in told.annotations["summary"]
    assert json.loads(told.annotations["links"]) == [{"href": "https://runbook.example.org/", "text": "Runbook"}]
    assert "num_firing" in told.annotations["custom_details"] and told.annotations["client"] == "Alertmanager"
    assert Alert.objects.get(integration=doors[1]).labels["instance"] == "db-1"
    grouping.assign_due(at=datetime.now(UTC))
    assert Incident.objects.get(key=told.key).severity.key == "P1"
    tell(alertmanager, startsAt=(now - timedelta(minutes=1)).isoformat(), endsAt=datetime.now(UTC).isoformat())
    wait_for(lambda: not Liveness.objects.filter(firing=True).exists(), "both doors were to hear of the end")
    assert not WebhookLog.objects.exclude(verdict="accepted").exists()
