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


RULES = 8


class Slow:
    """A probe that notes how many ask at once; each stays until `wanted` do, or nobody else will come."""

    kind = "http"

    def __init__(self):
        self.changed = threading.Condition()
        self.expect(1)

    def expect(self, wanted):
        self.wanted, self.now, self.most, self.came = wanted, 0, 0, 0

    def check(self, spec):
        pass

    def read(self, spec, *, at, timeout):
        with self.changed:
            self.now, self.came = self.now + 1, self.came + 1
            self.most = max(self.most, self.now)
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.most >= self.wanted or self.came == RULES, 10)
        time.sleep(0.05)  # one too many would come now
        with self.changed:
            self.now -= 1
        return [Reading({"value": 0})]


@pytest.fixture
def probe(monkeypatch):
    probe = Slow()
    monkeypatch.setitem(PROBES, "http", probe)
    return probe


@pytest.fixture
def place():
    """A connection that eight rules ask."""
    policy = PolicyFactory()
    severity = SeverityFactory(policy=policy)
    connection = ConnectionFactory(policy=policy, kind="http", url="http://shop.example.org")
    for _ in range(RULES):
        rule = AlertRuleFactory(policy=policy, severity=severity, condition={"when": "value > 0"})
        RuleSourceFactory(rule=rule, kind="http", variant="http", connection=connection, spec={})
    return connection


def ask(probe, wanted):
    """How many were asked at once, when all rules were due."""
    probe.expect(wanted)
    AlertRule.objects.update(next_check_at=NINE)
    assert evaluation.check_due(at=NINE, patience=timedelta(seconds=30)).checked == RULES
    return probe.most


@pytest.mark.parametrize(("pace", "most"), [(1, 1), (2, 2), (None, 4), (6, 6)])
def test_a_connection_is_asked_so_many_questions_at_a_time(probe, place, pace, most):
    Connection.objects.update(concurrency=pace)
    assert ask(probe, most) == most
    place.refresh_from_db()
    assert place.state == Connection.State.OK
    assert place.latency_ms >= 50


def test_an_operator_who_lowers_the_number_is_obeyed_at_once(probe, place):
    for pace in (6, 2, 1, 3):
        Connection.objects.update(concurrency=pace)
        assert ask(probe, pace) == pace
