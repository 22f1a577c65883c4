"""Plans are read once for the incidents of one sweep, and anew by the next."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts import grouping
from alerts.models import Liveness
from incidents import escalation
from incidents.models import Incident
from notifications.models import Delivery, Destination
from packs import loader
from policies.once import a_sweep, once_a_sweep

PACK = """
pack: {key: shop, name: Shop, version: 1}
severities: [{key: critical, label: Critical, rank: 0, page: true}]
contacts: [{name: ada, methods: [{kind: email, address: ada@example.org}]}]
schedules:
  - {key: week, layers: [{name: weekly, first_handoff: "2026-01-05T09:00:00Z", members: [ada]}]}
escalations: [{key: paging, steps: [{after: 0s, schedule: week}]}]
destinations: [{key: chat, kind: slack, address: "http://127.0.0.1:9/x"}]
routes: [{default: true, to: chat}]
targets: [{severity: critical, kind: acknowledge, within: 5m}]
"""
PLANS = [
    "notifications_route", "policies_targetplan", "incidents_escalationpolicy", "incidents_escalationstep",
    "oncall_layer", "oncall_personalrule", "oncall_ownership", "policies_cadenceplan", "incidents_roleplan",
]  # fmt: skip


@pytest.fixture
def shop(db, at):
    loader.load(PACK, name="shop", at=at)


def fire(client, *names: str) -> None:
    alerts = [{"labels": {"alertname": name, "severity": "critical"}} for name in names]
    assert client.post("/api/v2/alerts", data=alerts, content_type="application/json").status_code == 200


def read(statements: list[str], table: str) -> int:
    return sum(f'FROM "{table}"' in one for one in statements)


def sweep() -> list[str]:
    """Judge and page what waits; return the statements that it took."""
    at = Liveness.objects.latest("starts_at").starts_at + timedelta(seconds=1)
    with CaptureQueriesContext(connection) as captured:
        assert grouping.assign_due(at=at)
        assert escalation.climb_due(at=at)
    return [one["sql"] for one in captured.captured_queries]


def test_ten_incidents_of_one_sweep_read_each_plan_as_often_as_one(shop, client):
    fire(client, "first")
    one = sweep()
    fire(client, *(f"more {number}" for number in range(10)))
    ten = sweep()
    assert Incident.objects.count() == 11 and Delivery.objects.filter(recipient__startswith="contact:").count() == 11
    assert not [table for table in PLANS if not read(one, table)]
    assert {table: read(ten, table) for table in PLANS} == {table: read(one, table) for table in PLANS}


def test_the_next_sweep_follows_what_was_changed_meanwhile(shop, client):
    fire(client, "before")
    sweep()
    Destination.objects.update(address="http://127.0.0.1:9/other")
    fire(client, "after")
    sweep()
    told = Delivery.objects.filter(destination__isnull=False).order_by("pk").values_list("address", flat=True)
    assert list(told) == ["http://127.0.0.1:9/x", "http://127.0.0.1:9/other"]


def test_an_answer_lasts_as_long_as_the_sweep_for_the_same_question():
    asked = []

    @once_a_sweep
    def ask(what, *, how=""):
        asked.append((what, how))
        return f"{what} {how}"

    ask("a"), ask("a")
    assert len(asked) == 2  # outside of a sweep each is asked anew
    with a_sweep():
        assert [ask("a"), ask("a", how="x"), ask("b"), ask("a")] == ["a ", "a x", "b ", "a "]
        with a_sweep():
            ask("b")  # one within another is a part of it
        ask("b")
    assert len(asked) == 5
    with pytest.raises(ZeroDivisionError), a_sweep():
        ask("a"), 1 / 0
    with a_sweep():
        ask("a")
    assert len(asked) == 7
