"""Senders of alerts: as Prometheus posts them, repeated until they are taken."""

import hashlib
import hmac
import itertools
import json
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import requests

PAUSE = 0.1  # seconds before a request that was not taken is sent again


def alert(name: str, *, severity: str = "critical", over: bool = False, **labels: str) -> dict:
    """One alert of `POST /api/v2/alerts`, firing unless it is `over`."""
    now = datetime.now(UTC)
    return {
        "labels": {"alertname": name, "severity": severity, **labels},
        "annotations": {"summary": f"{name} is down"},
        "endsAt": (now if over else now + timedelta(hours=1)).isoformat().replace("+00:00", "Z"),
    }


def post(url: str, alerts: list[dict], *, key: str = "", timeout: float = 10) -> requests.Response:
    """Hand alerts to the door of the instance at `url`."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return requests.post(f"{url}/api/v2/alerts", json=alerts, headers=headers, timeout=timeout)


class Burst:
    """Alerts posted from several threads; what gets no 2xx is sent again.

    taken     alerts that were answered 2xx
    repeated  requests that had to be sent again
    """

    def __init__(self, url: str, batches: Iterable[list[dict]], *, threads: int = 4, within: float = 50.0) -> None:
        self.url, self.deadline = url, time.monotonic() + within
        self.taken: list[dict] = []
        self.repeated = 0
        self._batches = iter(batches)
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send, name=f"sender-{n}") for n in range(threads)]

    def start(self) -> "Burst":
        for thread in self._threads:
            thread.start()
        return self

    def join(self) -> None:
        """Wait until everything has been taken."""
        for thread in self._threads:
            thread.join(max(0.0, self.deadline - time.monotonic()) + 15)
        assert not any(thread.is_alive() for thread in self._threads)

    def _send(self) -> None:
        session = requests.Session()
        while True:
            with self._lock:
                batch = next(self._batches, None)
            if batch is None:
                return
            while not self._taken(session, batch):
                with self._lock:
                    self.repeated += 1
                if time.monotonic() > self.deadline:
                    return
                time.sleep(PAUSE)
            with self._lock:
                self.taken += batch

    def _taken(self, session: requests.Session, batch: list[dict]) -> bool:
        try:
            return session.post(f"{self.url}/api/v2/alerts", json=batch, timeout=10).status_code == 200
        except requests.RequestException:
            return False


def batches(alerts: Iterable[dict], size: int) -> Iterable[list[dict]]:
    """Lists of `size` alerts, the last one shorter."""
    alerts = iter(alerts)
    return iter(lambda: list(itertools.islice(alerts, size)), [])


def signed(url: str, key: str, secret: str, body: dict) -> requests.Response:
    """Hand a message to the generic webhook of the instance at `url`, signed as docs/webhook.md says."""
    raw, seconds = json.dumps(body).encode(), int(time.time())
    digest = hmac.new(secret.encode(), b"%d." % seconds + raw, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Opscenter-Signature": f"t={seconds},v1={digest}"}
    return requests.post(f"{url}/api/ingest/{key}", data=raw, headers=headers, timeout=10)
