"""A storm through the real processes: few incidents and messages, every resolve heard, pages that answer."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests
from django.db.models import Count

from alerts.models import Liveness
from incidents.models import Incident
from notifications.models import Delivery
from tests.process.installation import Installation
from tests.process.instance import until

pytestmark = [pytest.mark.once, pytest.mark.timeout(240)]
ALERTS, GROUPS, BATCH = 10_000, 50, 500


@pytest.fixture(params=["sqlite", "postgresql"])
def instance(request, bin_run, django_db_blocker):
    options = ["--admin", "storm:a-long-password-1"]
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("new_database")()
        options += ["--database-url", url]
    instance = bin_run(*options)
    instance.records = Installation(instance.data, url).records
    with django_db_blocker.unblock():
        yield instance
    instance.stop()


def post(instance, *, began, ends):
    """Every alert of the storm, the groups mixed."""
    for first in range(0, ALERTS, BATCH):
        alerts = [
            {
                "labels": {"alertname": f"Group{n % GROUPS}", "severity": "warning", "pod": f"pod-{n}"},
                "startsAt": began.isoformat(), "endsAt": ends.isoformat(),
            }
            for n in range(first, first + BATCH)
        ]  # fmt: skip
        headers = {"Content-Type": "application/json"}
        answer = requests.post(f"{instance.url}/api/v2/alerts", json.dumps(alerts), headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text


def test_ten_thousand_alerts_of_fifty_groups(instance):
    now = datetime.now(UTC)
    person = instance.login("storm", "a-long-password-1")
    post(instance, began=now, ends=now + timedelta(minutes=10))
    for path in ("/admin/", "/admin/alerts/alert/", "/incidents/", "/alerts/"):  # in the midst of it
        assert person.get(instance.url + path, timeout=20).status_code == 200
    with instance.records as records:
        # beside what Opscenter may find about itself meanwhile
        alerts = records.of(Liveness).filter(alert__name__startswith="Group")
        incidents = records.of(Incident).filter(key__startswith="Group")
        until(lambda: not alerts.filter(assign_at__isnull=False).exists(), 60, 0.2)
        assert alerts.filter(firing=True, verdict="joined").count() == ALERTS
        assert incidents.count() == GROUPS
        sizes = alerts.order_by().values("incident").annotate(size=Count("pk")).values_list("size", flat=True)
        assert list(sizes) == [ALERTS // GROUPS] * GROUPS
        assert records.of(Delivery).count() <= 4 * GROUPS
        post(instance, began=now, ends=datetime.now(UTC) - timedelta(milliseconds=1))
        until(lambda: not alerts.filter(assign_at__isnull=False).exists(), 60, 0.2)
        assert not alerts.filter(firing=True).exists()
        until(lambda: not incidents.filter(quiet_until=None).exists(), 20, 0.2)  # all begin to be quiet
        time.sleep(1)
        assert incidents.count() == GROUPS
