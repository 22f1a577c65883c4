"""A small pack with everything a runbook may say, loaded as an operator would."""

import pytest

from packs import loader
from policies.models import Policy
from tests.accounts import signed_in
from tests.factories import NINE

PACK = """
pack: {key: shop, version: 1, service: shop}
severities: [{key: P0, label: P0, page: false}, {key: P2, label: P2}]
params:
  MODE: {type: text, default: daemon}
  STATUS_URL: {type: text}
  HOOK_TOKEN: {type: secret}
  LIMIT: {type: int, default: 10}
destinations: [{key: room, kind: json, address: "https://sink.example/x"}]
routes: [{default: true, to: [room]}]
connections:
  - {key: app, kind: http, url: "https://shop.example:1"}
rules:
  - key: stuck
    severity: P0
    source: {heartbeat: {name: worker}}
    when: state == 'down'
runbooks:
  - key: always
    title: Immediate actions
    for: {always: true}
    steps:
      - First look
      - title: Tell the team
      - title: Decide
        choose: [done, {option: not available, reason: true}]
      - title: See the stuck worker
        runbooks: [stuck-worker]
      - title: Commit
        ask: {name: records, kind: number}
        impact: "{{ field.records }} records of {{ labels.tenant }}"
  - key: stuck-worker
    title: Worker stuck
    for: {rules: [stuck], only_levels: [P0]}
    steps:
      - key: restart
        title: Restart the worker
        command: "systemctl restart  worker \\"&<x>\\" ${NOT_FILLED} {{ nor.this }}"
        applies: {param: MODE, is: daemon}
      - title: Never
        forbidden: prisma migrate reset
        warning: No unplanned rollback.
        variables: [HOOK_TOKEN, OTHER]
        links:
          - {text: App, href: "{{ connection.app }}/super-admin?t={{ labels.tenant }}"}
          - {text: Status, href: "${STATUS_URL}"}
          - {text: Alerts, page: alerts}
      - title: Sign off
        role: commander
      - title: Before the end
        before: resolved
        proof: true
      - key: beat
        title: The worker beats again
        live: {heartbeat: {name: worker}, expect: age < since_start, every: 10s, confirms: true, says: "{{ state }}"}
checklists:
  - key: deploy
    title: Normal deployment
    book: Production Runbook
    chapter: 1. Deployment
    steps:
      - {title: Deploy the code, ask: commit, deploy: {commit: commit}}
      - {title: Migrate, command: npm run db:deploy}
      - title: Watch
        items:
          - {title: Health}
          - {title: Alerts}
      - {title: Optional, required: false}
  - key: rollback
    title: Rollback
    steps:
      - {title: Pin, propose: previous-commit, ask: commit, deploy: {commit: commit, type: rollback}, key: pin}
      - {title: Watch, watch: {for: 15m, from: pin, alerts: true}}
actions:
  - key: replay
    title: Replay
    connection: app
    path: "/integrations/{queue}/replay"
    ask: {name: queue, choices: [rentguy, mailer]}
    body: {queue: "{queue}", incident: "{incident.id}"}
    token: HOOK_TOKEN
"""


@pytest.fixture
def shop(db) -> Policy:
    loader.load(PACK, name="shop.yaml", at=NINE)
    return Policy.objects.get(key="shop")


@pytest.fixture
def commander(client, grace):
    return signed_in(client, grace, "Incident Commander")
