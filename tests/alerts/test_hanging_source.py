"""A source that hangs delays no other: every other rule of the round is judged while it still does."""

import socket
import threading
from datetime import timedelta

import pytest

from alerts import evaluation
from alerts.models import AlertRule
from sources.probes import PROBES, Reading
from tests.factories import NINE, AlertRuleFactory, ConnectionFactory, PolicyFactory, RuleSourceFactory, SeverityFactory

pytestmark = pytest.mark.django_db
OTHERS = 12


class Instant:
    """A probe of another place, which answers at once."""

    kind = "json"

    def check(self, spec):
        pass

    def read(self, spec, *, at, timeout):
        return [Reading({"value": 1})]


@pytest.fixture
def silent():
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield f"http://127.0.0.1:{door.getsockname()[1]}/"


def test_all_others_are_judged_while_one_source_hangs(monkeypatch, silent):
    monkeypatch.setitem(PROBES, "json", Instant())
    policy = PolicyFactory()
    level = SeverityFactory(policy=policy)
    hung = ConnectionFactory(policy=policy, kind="http", url=silent, timeout=timedelta(seconds=1))
    calm = ConnectionFactory(policy=policy, kind="json", url="http://shop.example.org")
    hanging = [AlertRuleFactory(severity=level, condition={"when": "reachable"}) for _ in range(6)]
    for rule in hanging:  # first in line, and more than are asked of a place at a time
        RuleSourceFactory(rule=rule, kind="http", variant="http", connection=hung, spec={})
    others = [AlertRuleFactory(severity=level) for _ in range(OTHERS)]
    for rule in others:
        RuleSourceFactory(rule=rule, kind="json", variant="json", connection=calm, spec={})
    report = evaluation.check_due(at=NINE, patience=timedelta(milliseconds=300))
    late = [thread for thread in threading.enumerate() if thread.name == "late rule checks"]
    assert (report.checked, report.waiting) == (OTHERS, len(hanging))
    assert report.states == {"firing": OTHERS}
    for thread in late:
        thread.join(timeout=10)
    # what hung has said nothing: it neither fires nor resolves
    assert not AlertRule.objects.filter(pk__in=[rule.pk for rule in hanging], state=AlertRule.State.FIRING).exists()
