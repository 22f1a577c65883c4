"""Opscenter's own state as rules see it, and the rules of the default pack over it."""

from datetime import timedelta

import pytest

from alerts import evaluation
from alerts.models import Alert, AlertRule
from notifications.models import Delivery
from packs import loader
from sources.probes import KINDS, Asker, BadSpec
from tests.factories import (
    NINE,
    AlertRuleFactory,
    ConnectionFactory,
    DeliveryFactory,
    IntegrationFactory,
    RuleSourceFactory,
    WebhookLogFactory,
)  # fmt: skip

pytestmark = pytest.mark.django_db
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


def read(**spec):
    KINDS["self"].check(spec)
    return KINDS["self"].read(spec, at=NINE, asker=Asker())


def fields(**spec):
    (reading,) = read(**spec)
    return reading.fields


def delivery(status, ago, **facts):
    return DeliveryFactory(status=status, ended_at=NINE - ago, next_attempt_at=None, **facts)


def failing(ago, **facts):
    rule = AlertRuleFactory(state="error", state_since=NINE - ago, verdict="It is away.", **facts)
    RuleSourceFactory(rule=rule)
    return rule


def test_deliveries_of_the_window_are_counted():
    delivery("failed", 15 * MINUTE)
    delivery("failed", 15 * MINUTE - SECOND, error="The webhook is gone.")
    delivery("sent", MINUTE)
    DeliveryFactory(status="retrying", next_attempt_at=NINE, created_at=NINE - 2 * MINUTE)
    found = fields(of="deliveries")
    assert (found["value"], found["failed"], found["sent"], found["share"]) == (1, 1, 1, 50)
    assert (found["waiting"], found["oldest"], found["error"]) == (1, 120, "The webhook is gone.")
    assert fields(of="deliveries", window="16m")["failed"] == 2


def test_rules_that_have_been_failing_for_long_are_counted():
    assert fields(of="rules") == {"value": 0, "names": None, "longest": None, "error": None}
    failing(15 * MINUTE - SECOND, key="young")
    assert fields(of="rules")["value"] == 0
    failing(15 * MINUTE, key="old")
    failing(20 * MINUTE, key="off", enabled=False)
    assert fields(of="rules") == {"value": 1, "names": "old", "longest": 900, "error": "It is away."}
    assert fields(of="rules", **{"for": "0s"})["names"] == "old, young"


def test_connections_sweeps_and_health():
    ConnectionFactory(key="crm", state="error", error="It is away.")
    ConnectionFactory(key="shop", state="ok")
    assert fields(of="connections") == {"value": 1, "names": "crm", "error": "It is away."}
    AlertRuleFactory(next_check_at=NINE - MINUTE)
    waits = {one.labels["sweep"]: one.fields["value"] for one in read(of="sweeps")}
    assert waits["alerts.evaluation.check_due"] == 60
    health = fields(of="health")
    assert health["status"] == "degraded" and health["value"] >= 1 and health["database"] is True
    assert "Due work waits unclaimed" in health["reasons"] and health["sweeps"] is False


def test_doors_that_fell_silent_are_counted():
    door = IntegrationFactory(name="sentry", last_seen_at=NINE - timedelta(days=2))
    assert fields(of="doors") == {"value": 0, "names": None}
    for hour in range(6):
        WebhookLogFactory(integration=door, verdict="accepted", at=door.last_seen_at - timedelta(hours=hour))
    assert fields(of="doors") == {"value": 1, "names": "sentry"}


@pytest.mark.parametrize(
    ("spec", "path"),
    [({}, "of"), ({"of": "everything"}, "of"), ({"of": "health", "window": "1m"}, "window"),
     ({"of": "rules", "window": "1m"}, "window"), ({"of": "deliveries", "window": "soon"}, "window"),
     ({"of": "deliveries", "window": "0s"}, "window"), ({"of": "rules", "query": "x"}, "query")],
)  # fmt: skip
def test_a_source_written_wrongly_is_refused(spec, path):
    with pytest.raises(BadSpec) as refused:
        KINDS["self"].check(spec)
    assert refused.value.path == path


def test_the_default_policy_warns_of_what_fails_and_pages_nobody():
    loader.load_file(loader.find("default"), at=NINE)
    evaluation.check_due(at=NINE)
    assert not Alert.objects.exists()
    for _ in range(3):
        delivery(Delivery.Status.FAILED, MINUTE)
    failing(15 * MINUTE, key="queue-depth", next_check_at=NINE + timedelta(hours=1))
    evaluation.check_due(at=NINE + MINUTE)
    rules = AlertRule.objects.filter(policy__key="default")
    assert {rule.key: (rule.state, rule.severity.page) for rule in rules} == {
        "deliveries-fail": ("firing", False), "sources-fail": ("firing", False)
    }  # fmt: skip
    said = {alert.key: alert.annotations["summary"] for alert in Alert.objects.all()}
    assert said["deliveries-fail"] == "3 messages could not be delivered in 15 minutes, 0 could"
    assert said["sources-fail"].endswith("for 15 minutes: queue-depth")
    Delivery.objects.all().delete()
    AlertRule.objects.filter(key="queue-depth").update(state="inactive")
    evaluation.check_due(at=NINE + 2 * MINUTE)
    assert {rule.state for rule in rules.all()} == {"inactive"}
