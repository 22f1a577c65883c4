"""How many questions a place is asked at a time."""

import threading
import time
from datetime import timedelta

import pytest

from alerts import evaluation
from alerts.models import AlertRule
from sources.models import Connection
from sources.probes import PROBES, Reading
from tests.factories import NINE, AlertRuleFactory, ConnectionFactory, PolicyFactory, RuleSourceFactory, SeverityFactory

pytestmark = pytest.mark.django_db


class Slow:
    """A probe that notes how many ask at once."""

    kind = "http"

    def __init__(self):
        self.lock, self.now, self.most = threading.Lock(), 0, 0

    def check(self, spec):
        pass

    def read(self, spec, *, at, timeout):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.05)
        with self.lock:
            self.now -= 1
        return [Reading({"value": 0})]


@pytest.mark.parametrize(("pace", "most"), [(1, 1), (2, 2), (None, 4), (6, 6)])
def test_a_connection_is_asked_so_many_questions_at_a_time(monkeypatch, pace, most):
    probe = Slow()
    monkeypatch.setitem(PROBES, "http", probe)
    policy = PolicyFactory()
    severity = SeverityFactory(policy=policy)
    connection = ConnectionFactory(policy=policy, kind="http", url="http://shop.example.org", concurrency=pace)
    for _ in range(8):
        rule = AlertRuleFactory(policy=policy, severity=severity, condition={"when": "value > 0"})
        RuleSourceFactory(rule=rule, kind="http", variant="http", connection=connection, spec={})
    report = evaluation.check_due(at=NINE, patience=timedelta(seconds=30))
    assert report.checked == 8
    assert probe.most == most
    connection.refresh_from_db()
    assert connection.state == Connection.State.OK
    assert connection.latency_ms >= 50


def test_an_operator_who_lowers_the_number_is_obeyed_at_once(monkeypatch):
    probe = Slow()
    monkeypatch.setitem(PROBES, "http", probe)
    policy = PolicyFactory()
    severity = SeverityFactory(policy=policy)
    connection = ConnectionFactory(policy=policy, kind="http", url="http://shop.example.org", concurrency=6)
    for _ in range(8):
        rule = AlertRuleFactory(policy=policy, severity=severity, condition={"when": "value > 0"})
        RuleSourceFactory(rule=rule, kind="http", variant="http", connection=connection, spec={})
    evaluation.check_due(at=NINE, patience=timedelta(seconds=30))
    assert probe.most == 6
    for pace in (2, 1, 3):
        probe.most = 0
        Connection.objects.update(concurrency=pace)
        AlertRule.objects.update(next_check_at=NINE)
        assert evaluation.check_due(at=NINE, patience=timedelta(seconds=30)).checked == 8
        assert probe.most == pace
