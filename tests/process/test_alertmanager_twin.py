"""Our door and Debian's Alertmanager, given the same posts: the same answers, the same alerts."""

import http.client
import io
import json
import random
import shutil
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest

from alerts import door
from alerts.fingerprint import fingerprint
from alerts.models import Liveness
from alerts.store import memory

PROGRAM = shutil.which("prometheus-alertmanager")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Debian's package prometheus-alertmanager is not installed")


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """An Alertmanager; called with method, path and body it answers (status, JSON or text)."""
    folder = tmp_path_factory.mktemp("alertmanager")
    config = folder / "alertmanager.yml"
    config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [PROGRAM, f"--config.file={config}", f"--storage.path={folder}", "--log.level=error"]
    words += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)

    def ask(method, path, body=b"", type="application/json"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(method, path, body, {"Content-Type": type} if type else {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text

    try:
        until = time.monotonic() + 20
        while True:
            try:
                if ask("GET", "/-/ready")[0] == 200:
                    break
            except OSError:
                assert time.monotonic() < until, "Alertmanager did not start"
            time.sleep(0.05)
        yield ask
    finally:
        process.kill()
        process.wait()


def ours(body, type="application/json"):
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/api/v2/alerts", "CONTENT_TYPE": type, "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
    }  # fmt: skip
    return door.answer(environ, io.BytesIO(body))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"null", b"", b"{", b"{}", b"7", b'"x"', b"[7]", b'[{"labels":{"a":"b"}}', b'[{"labels":{}}]',
        b'[{"labels":{"a":""}}]', b'[{"labels":{"a":null}}]', b'[{"labels":{"a":1}}]', b'[{"labels":null}]', b"[{}]",
        b'[{"labels":{"":"b"}}]', b'[{"labels":{"a":"b"},"annotations":{"x":1}}]', b'[{"labels":["a"]}]',
        b'[{"labels":{"a":"b"},"annotations":null}]', b'[{"labels":{"a":"b"},"annotations":{"x":null}}]',
        b'[{"labels":{"a":"b"},"generatorURL":"x y"}]', b'[{"labels":{"a":"b"},"generatorURL":"mailto:x"}]',
        b'[{"labels":{"a":"b"},"generatorURL":"/graph"}]', b'[{"labels":{"a":"b"},"generatorURL":""}]',
        b'[{"labels":{"a":"b"},"generatorURL":null}]', b'[{"labels":{"a":"b"},"generatorURL":7}]',
        b'[{"labels":{"a":"b"},"startsAt":"x"}]', b'[{"labels":{"a":"b"},"startsAt":7}]',
        b'[{"labels":{"a":"b"},"startsAt":null}]', b'[{"labels":{"a":"b"},"startsAt":"2026-01-01T00:00:00"}]',
        b'[{"labels":{"a":"b"},"endsAt":"2026-01-01T00:00:00.123456789+07:00"}]',
        b'[{"labels":{"a":"b"},"startsAt":"2026-01-01"}]', b'[{"labels":{"a":"b"},"startsAt":"2100-01-01T00:00:00Z"}]',
        b'[{"labels":{"a":"b"},"startsAt":"2026-01-02T00:00:00Z","endsAt":"2026-01-01T00:00:00Z"}]',
        b'[{"labels":{"a":"b"},"unknown":1}]', b'[{"labels":{"a":"b","a":"c"}}]',
    ],
)  # fmt: skip
def test_the_same_status_for_the_same_body(twin, body):
    assert ours(body).status == twin("POST", "/api/v2/alerts", body)[0]


@pytest.mark.django_db
@pytest.mark.parametrize("type", ["", "text/plain", "application/json; charset=utf-8"])
def test_the_same_status_for_the_same_content_type(twin, type):
    assert ours(b"[]", type).status == twin("POST", "/api/v2/alerts", b"[]", type)[0]


@pytest.mark.django_db
def test_the_same_alerts_after_the_same_posts(twin):
    dice, run = random.Random(7), str(time.time())
    names = [f"Alert{n}" for n in range(12)]
    for step in range(40):
        now = datetime.now(UTC)
        alerts = []
        for name in dice.sample(names, dice.randint(1, 5)):
            labels = {"alertname": name, "run": run, "empty": ""}
            alert = {"labels": labels, "annotations": {"step": str(step)}, "generatorURL": f"http://x/{step % 3}"}
            if dice.random() < 0.7:
                alert["startsAt"] = (now - timedelta(minutes=dice.randint(1, 90))).isoformat()
            if dice.random() < 0.7:
                alert["endsAt"] = (now + timedelta(minutes=dice.choice([-60, -20, -5, 7, 20, 60]))).isoformat()
            alerts.append(alert)
        body = json.dumps(alerts).encode()
        if dice.random() < 0.3:
            memory.forget()
        assert ours(body).status == twin("POST", "/api/v2/alerts", body)[0]
    shown = json.loads(twin("GET", f'/api/v2/alerts?filter=run="{run}"')[1])
    theirs = {alert["fingerprint"]: alert for alert in shown}
    firing = Liveness.objects.filter(firing=True, ends_at__gt=datetime.now(UTC)).select_related("alert")
    stored = {fingerprint(life.alert.labels): life for life in firing}
    assert stored.keys() == theirs.keys()
    assert len(stored) > 3
    for number, life in stored.items():
        alert = theirs[number]
        assert (life.alert.labels, life.alert.annotations) == (alert["labels"], alert["annotations"])
        assert life.alert.url == alert["generatorURL"]
        # what was not given is "now", which the two read a moment apart
        for ours_at, field in ((life.starts_at, "startsAt"), (life.ends_at, "endsAt")):
            assert abs(ours_at - datetime.fromisoformat(alert[field])) < timedelta(seconds=5)
