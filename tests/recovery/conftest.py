"""A policy with a disaster plan, and a way to let time pass."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from incidents import lifecycle
from incidents.models import Incident
from notifications import outbox
from oncall.models import EscalationContact
from opscenter import clock
from packs import loader
from policies.models import Policy, Severity
from recovery import prompting
from targets.sink import Sink
from tests.factories import NINE

TIMERS = [prompting.look_due]  # of the clock; the others have no part in this

PACK = """
pack: {key: dj, name: Mister DJ, version: 1, service: mr-dj-backend}
severities:
  - {key: critical, label: Critical, page: false}
  - {key: warning, label: Warning, page: false}
params:
  DR_BRIDGE_WEBHOOK_URL: {type: secret}
  VOICE_GATEWAY_URL: {type: secret}
  WAR_ROOM_URL: {type: secret}
  BRIDGE_LEAD: {type: duration, default: 2m}
  DJ: {type: text, default: "https://dj.example.org/"}
contacts:
  - name: Incident Commander
    kind: role
    backup: Back-up
    methods: [{kind: voice, address: "+31205550100"}, {kind: slack_app, address: "@ic-oncall"}]
  - {name: Back-up, kind: role, methods: [{kind: voice, address: "+31205550101"}]}
  - name: Communications Lead
    kind: role
    methods: [{kind: voice, address: "+31205550102"}, {kind: slack_app, address: "@comms-duty"}]
destinations:
  - {key: war-room, kind: slack, address: "${WAR_ROOM_URL}"}
routes: [{to: war-room, default: true}]
impact:
  scopes: [one queue, several queues]
  prompts: [{when: widened, severities: [warning], tells: [Incident Commander]}]
dr:
  name: DR plan
  prompt_when:
    - {severity: critical, active: 10m, text: Critical for more than 10 minutes}
    - {severity: critical, distinct: queue, gte: 2}
    - {rule: otel-silent, during: critical}
    - {severity: critical, threatens: 10m, lead: "${BRIDGE_LEAD}", prompt: bridge}
  tell: {destinations: [war-room]}
  inform:
    - {severity: critical, destinations: [war-room], contacts: [Incident Commander, Communications Lead]}
  bridge: {name: Create DR Bridge, webhook: "${DR_BRIDGE_WEBHOOK_URL}"}
  call_tree: [Incident Commander, Communications Lead]
  voice: "${VOICE_GATEWAY_URL}"
  cadence_max: 15m
  checklist:
    document: docs/disaster_recovery/activation.md
    link: https://docs.example.org/activation
    role: commander
    items: [Redis is reachable]
rules:
  - {key: backlog, severity: critical, every: 60s, source: {http: {url: "${DJ}", json: backlog}}, when: value > 500}
  - {key: otel-silent, severity: warning, every: 60s, source: {http: {url: "${DJ}", json: n}}, when: value < 1}
"""


@pytest.fixture
def pack() -> str:
    return PACK


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


class Ops:
    """One policy's incidents and the sweeps, at instants of the test's choosing."""

    def __init__(self, policy: Policy, sink: Sink) -> None:
        self.policy, self.sink = policy, sink

    def open(self, level: str, *, key: str = "backlog", after: timedelta = timedelta(), **labels: str) -> Incident:
        severity = Severity.objects.get(policy=self.policy, key=level)
        opening = lifecycle.Opening(
            policy=self.policy, severity=severity, key=key, title=f"{key} is {level}", labels=labels
        )
        return lifecycle.open_incident(opening, at=NINE + after)

    def tick(self, after: timedelta = timedelta()) -> None:
        clock.run(TIMERS, at=NINE + after)
        outbox.run(at=NINE + after)

    def tick_now(self) -> None:
        """What is due by the wall clock, which people's presses go by."""
        outbox.run(at=timezone.now())

    def prompts(self, incident: Incident) -> list[str]:
        return [prompt.condition.split("-")[0] for prompt in incident.dr.prompts.all()]

    def said(self, words: str) -> list[str]:
        """What arrived in the war room with `words` in it."""
        told = [message.raw.decode() for message in self.sink.received("/slack/war-room")]
        return [text for text in told if words in text]


@pytest.fixture
def ops(db, sink, monkeypatch, settings) -> Ops:
    settings.BASE_URL = "https://ops.example.org"
    monkeypatch.setenv("WAR_ROOM_URL", sink.address("slack", "war-room"))
    monkeypatch.setenv("DR_BRIDGE_WEBHOOK_URL", sink.address("json", "bridge"))
    loader.load(PACK, name="dj.yaml", at=NINE)
    return Ops(Policy.objects.get(key="dj"), sink)


@pytest.fixture
def commander(ada) -> EscalationContact:
    return ada
