"""A policy with tickets, the tracker it speaks to, and a way to let time pass."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from incidents import lifecycle
from incidents.models import Incident
from notifications import outbox
from opscenter import clock
from packs import loader
from policies.models import Policy, Severity
from targets.sink import Sink
from tests.factories import NINE
from tickets import keeping

TIMERS = [keeping.look_due]  # of the clock; the others have no part in this

PACK = """
pack: {key: dj, name: Mister DJ, version: 1, service: mr-dj-backend}
severities:
  - {key: critical, label: Critical, page: false}
  - {key: warning, label: Warning, page: false}
params:
  ALERT_JIRA_ENDPOINT: {type: text}
  JIRA_TOKEN: {type: secret}
  JIRA_WEBHOOK_SECRET: {type: secret}
  TRACKER_URL: {type: text}
contacts: [{name: ops}]
destinations: [{key: ops, kind: json, address: "https://ops.example.org/hook"}]
routes: [{to: ops, match: {severity: [critical, warning]}}]
targets: [{severity: critical, kind: resolve, within: 4h}]
gates:
  - {to: resolved, require: [ticket_cause, {quiet: 10m}]}
  - {to: closed, require: [ticket_resolved]}
tickets:
  - match: {severity: critical}
    project: OPS
    endpoint: "${ALERT_JIRA_ENDPOINT}"
    email: jira@example.org
    token: "${JIRA_TOKEN}"
    webhook_secret: "${JIRA_WEBHOOK_SECRET}"
    labels: [mr-dj]
    require: [queue]
    fields: {customfield_1: "{{ first_responder }}", priority: {name: Highest}}
    transitions: {resolved: Resolved}
    resolution: Done
  - key: later
    match: {severity: warning}
    after: 15m
    project: OPS
    endpoint: "${ALERT_JIRA_ENDPOINT}"
    token: "${JIRA_TOKEN}"
  - {key: plain, tracker: json, when: by_hand, project: dj, endpoint: "${TRACKER_URL}"}
"""


@pytest.fixture
def pack() -> str:
    return PACK


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture
def policy(db, sink, monkeypatch) -> Policy:
    """The pack loaded, its tracker at the sink."""
    monkeypatch.setenv("ALERT_JIRA_ENDPOINT", f"{sink.url}/jira/x")
    monkeypatch.setenv("JIRA_TOKEN", "jira-token")
    monkeypatch.setenv("JIRA_WEBHOOK_SECRET", "jira-hook")
    monkeypatch.setenv("TRACKER_URL", f"{sink.url}/tracker/dj")
    loader.load(PACK, name="dj.yaml", at=NINE)
    return Policy.objects.get(key="dj")


class Ops:
    """One policy's incidents and the sweeps, at instants of the test's choosing."""

    def __init__(self, policy: Policy, sink: Sink) -> None:
        self.policy, self.sink = policy, sink

    def open(self, level: str, *, key: str = "backlog", after: timedelta = timedelta(), **labels: str) -> Incident:
        severity = Severity.objects.get(policy=self.policy, key=level)
        opening = lifecycle.Opening(
            policy=self.policy, severity=severity, key=key, title=f"{key} is {level}", labels=labels,
            summary="600 jobs wait.",
        )  # fmt: skip
        return lifecycle.open_incident(opening, at=NINE + after)

    def tick(self, after: timedelta = timedelta()) -> None:
        """What is due so long after nine: the sweeps, then the messages."""
        clock.run(TIMERS, at=NINE + after)
        outbox.run(at=NINE + after)

    def tick_now(self) -> None:
        """What is due by the wall clock, which people's presses go by."""
        at = timezone.now()
        clock.run(TIMERS, at=at)
        outbox.run(at=at)

    @property
    def issues(self) -> dict:
        """What the Jira of the sink keeps."""
        return self.sink.tracker.sites.get("x", {})

    def comments(self, key: str) -> list[str]:
        return ["\n".join(_lines(one["body"])) for one in self.issues[key]["comments"]]

    def description(self, key: str) -> str:
        return "\n".join(_lines(self.issues[key]["fields"]["description"]))


def _lines(document: dict) -> list[str]:
    return ["".join(leaf["text"] for leaf in part["content"]) for part in document["content"]]


@pytest.fixture
def ops(policy, sink, settings) -> Ops:
    settings.BASE_URL = "https://ops.example.org"
    return Ops(policy, sink)
