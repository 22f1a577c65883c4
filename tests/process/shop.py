"""A small shop's policy with times that a test can wait for, its people at the sink, and where each is reached."""

import json
import re

from targets.inbox import Received
from targets.sink import Sink

SECOND_STEP, THIRD_STEP = 4, 9  # seconds after the opening
ACK_TARGET = 3
QUIET = 2
PACK = """
pack: {key: shop, name: Shop, version: 1, resolve_after: %(quiet)ss}
severities:
  - {key: critical, label: Critical, page: true}
  - {key: warning, label: Warning}
contacts:
  - {name: ada, methods: [{kind: slack, address: "%(url)s/slack/ada"}]}
  - {name: grace, methods: [{kind: json, address: "%(url)s/json/grace"}]}
  - {name: linus, methods: [{kind: email, address: linus@example.org}]}
schedules:
  - key: shop-week
    layers: [{name: weekly, first_handoff: "2026-01-05T09:00:00Z", members: [ada]}]
escalations:
  - key: shop-paging
    steps:
      - {after: 0s, schedule: shop-week}
      - {after: %(second)ss, contacts: [grace]}
      - {after: %(third)ss, contacts: [linus]}
destinations:
  - {key: shop-chat, kind: slack, address: "%(url)s/slack/shop"}
routes:
  - {default: true, to: shop-chat}
targets:
  - {severity: critical, kind: acknowledge, within: %(ack)ss}
review:
  required: [critical]
  before: closed
"""
INBOXES = {"ada": "/slack/ada", "grace": "/json/grace", "linus": "/smtp/linus@example.org"}
LINK = re.compile(r"https?://[^\s\"<>\\]+/a/[^\s\"<>\\]+/")


def pack(sink: Sink, *, second: float = SECOND_STEP, third: float = THIRD_STEP) -> str:
    """The pack's text; ada is asked at once, grace and linus so many seconds after the opening."""
    facts = {"url": sink.url, "second": second, "third": third, "ack": ACK_TARGET, "quiet": QUIET}
    return PACK % facts


def link(message: Received) -> str:
    """The address that acknowledges, as it stands in the message; empty when it asks for nothing."""
    found = LINK.search(json.dumps(message.json))
    return found[0] if found else ""


def pages(sink: Sink, name: str, *, after: int = 0) -> list[Received]:
    """The messages that asked `name` to acknowledge, since message number `after`."""
    return [message for message in sink.received(INBOXES[name], after=after) if link(message)]


def links(sink: Sink, name: str) -> list[str]:
    """The addresses that acknowledge in all messages to `name`, each once a message; a bundle asks for several."""
    return [
        address for message in pages(sink, name) for address in dict.fromkeys(LINK.findall(json.dumps(message.json)))
    ]
