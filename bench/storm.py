"""A storm: 100,000 alerts of 50 groups through the door, then their resolves, on the processes that bin/run starts.

Prints how long it took until every alert is in its incident (budget: one minute from the first request), until every
resolve has arrived, how many incidents and messages there were, and how long a page took in the midst of it.
`python -m bench.storm [--sqlite]`; not part of `bench.run`, as it takes a minute or two.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from bench.measure import emit
from opscenter.localpg import LocalPostgres

ROOT = Path(__file__).resolve().parents[1]
ALERTS, GROUPS, BATCH = 100_000, 50, 500
LONGEST = 300.0  # seconds to wait for anything
COUNT = """
import json
from alerts.models import Liveness
from incidents.models import Incident
from notifications.models import Delivery
rows = Liveness.objects
print(json.dumps({
    "alerts": rows.count(), "waiting": rows.filter(assign_at__isnull=False).count(),
    "firing": rows.filter(firing=True).count(), "joined": rows.filter(verdict="joined").count(),
    "incidents": Incident.objects.count(), "messages": Delivery.objects.count(),
}))
"""
PAGES = ("/admin/", "/admin/alerts/alert/", "/admin/incidents/incident/", "/incidents/", "/alerts/", "/incidents/1/")


def bodies(began: datetime, ends: datetime) -> Iterator[str]:
    """The storm's requests: the alerts of all groups mixed."""
    for first in range(0, ALERTS, BATCH):
        yield json.dumps(
            [
                {
                    "labels": {"alertname": f"Group{n % GROUPS}", "severity": "warning", "pod": f"pod-{n}"},
                    "annotations": {"summary": f"Group{n % GROUPS} is in trouble"},
                    "startsAt": began.isoformat(), "endsAt": ends.isoformat(),
                }
                for n in range(first, first + BATCH)
            ]
        )  # fmt: skip


class House:
    """One bin/run with a super-admin who is logged in."""

    def __init__(self, folder: str, database_url: str):
        self.data = Path(folder, "data")
        self.env = {**os.environ, "OPSCENTER_TRUST_LOOPBACK": "true"}
        for name in ("DATABASE_URL", "OPSCENTER_DATA", "OPSCENTER_ENGINE"):
            self.env.pop(name, None)
        words = [ROOT / "bin/run", "--port", "0", "--data", self.data, "--admin", "storm:a-long-password-1"]
        words += ["--database-url", database_url] if database_url else []
        self.database = {"DATABASE_URL": database_url} if database_url else {}
        self.process = subprocess.Popen(words, env=self.env, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 90
        while not self._lives():
            if time.monotonic() > until:
                raise SystemExit("bin/run did not start.")
            time.sleep(0.2)
        self.url = json.loads((self.data / "run.json").read_text())["url"]
        self.http, self.person = requests.Session(), requests.Session()
        self.person.get(f"{self.url}/login/", timeout=30)
        form = {"username": "storm", "password": "a-long-password-1"}
        form["csrfmiddlewaretoken"] = self.person.cookies["csrftoken"]
        self.person.post(f"{self.url}/login/", data=form, timeout=30)

    def _lives(self) -> bool:
        try:
            url = json.loads((self.data / "run.json").read_text())["url"]
            return requests.get(f"{url}/api/live", timeout=1).ok
        except (OSError, ValueError, KeyError):
            return False

    def post(self, body: str) -> None:
        answer = self.http.post(
            f"{self.url}/api/v2/alerts", data=body, headers={"Content-Type": "application/json"}, timeout=60
        )
        answer.raise_for_status()

    def page(self, path: str) -> float:
        """Seconds until the page is there."""
        began = time.monotonic()
        answer = self.person.get(self.url + path, timeout=60)
        answer.raise_for_status()
        if "/login" in answer.url:
            raise SystemExit(f"{path} asked for a login.")
        return time.monotonic() - began

    def count(self) -> dict[str, int]:
        env = self.env | self.database | {"OPSCENTER_DATA": str(self.data)}
        words = [sys.executable, "manage.py", "shell", "-v", "0", "-c", COUNT]
        said = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
        return json.loads(said.stdout)

    def wait(self, name: str) -> dict[str, int]:
        """Until nothing is counted under `name`."""
        until = time.monotonic() + LONGEST
        while (found := self.count())[name]:
            if time.monotonic() > until:
                raise SystemExit(f"After {LONGEST:.0f} s there still are {found[name]} {name}: {found}")
            time.sleep(0.5)
        return found

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def storm(house: House) -> None:
    began, now = time.monotonic(), datetime.now(UTC)
    slowest = 0.0
    for number, body in enumerate(bodies(now, now + timedelta(minutes=15))):
        house.post(body)
        if number % 40 == 20:
            slowest = max(slowest, *(house.page(path) for path in PAGES[:-1]))
    stored = time.monotonic() - began
    found = house.wait("waiting")
    took = time.monotonic() - began
    emit("Storm, 100,000 alerts of 50 groups in their incidents, / 60 s", took / 60, 1, f"stored after {stored:.0f} s")
    if (found["alerts"], found["joined"], found["incidents"]) != (ALERTS, ALERTS, GROUPS):
        raise SystemExit(f"The storm did not end in {GROUPS} incidents with {ALERTS:,} alerts: {found}")
    emit("Storm, messages / incident", found["messages"] / GROUPS, 4, f"{found['messages']} messages")
    slowest = max(slowest, *(house.page(path) for path in PAGES))
    emit("Storm, slowest page / 2 s", slowest / 2, 1, f"{slowest * 1000:.0f} ms, of {len(PAGES)} pages")
    began = time.monotonic()
    for body in bodies(now, datetime.now(UTC) - timedelta(milliseconds=1)):
        house.post(body)
    house.wait("firing")
    left = house.wait("waiting")
    took = time.monotonic() - began
    emit("Storm, every resolve has arrived / 60 s", took / 60, 1, f"{left['incidents']} incidents")


def main() -> None:
    sqlite = "--sqlite" in sys.argv
    with tempfile.TemporaryDirectory(prefix="opscenter-bench.") as folder:
        Path(folder).chmod(0o755)
        server = None if sqlite else LocalPostgres(Path(folder) / "pg", durable=True)
        house = None
        try:
            house = House(folder, server.start() if server else "")
            storm(house)
        finally:
            if house:
                house.stop()
            if server:
                server.stop()


if __name__ == "__main__":
    sys.exit(main())
