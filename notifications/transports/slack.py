"""Slack, and what speaks its form: Rocket.Chat, Discord's own `/slack` addresses, Mattermost's text."""

import json
from urllib.parse import urlsplit

from .base import Message, WebTransport
from .facts import cut, facts
from .http import post

LONGEST_HEADER = 150  # characters, of a header block
LONGEST_TEXT = 3000  # of a section
LONGEST_LABEL = 75  # of a button
LONGEST_URL = 3000
MOST_BUTTONS = 22  # Slack takes 25 in a row; a bundle of pages names 20 incidents, and deeds may stand before them


class Slack(WebTransport):
    """A channel behind # in the address goes there instead, where the webhook may: `https://hooks…/T/B/X#war-room`.

    Source: Slack, "Sending messages using incoming webhooks", "Reference: blocks" and "Formatting text".
    """

    kind, label = "slack", "Slack channel"

    def takes_channel(self, address: str) -> bool:
        return True

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        channel = urlsplit(address).fragment
        body = json.dumps(payload(message) | ({"channel": f"#{channel}"} if channel else {})).encode()
        answer = post(address, body, {"Content-Type": "application/json"}, service="Slack")
        return f"Slack answered {answer.status}."


def payload(message: Message) -> dict:
    """`text` for notifications and old clients, blocks for the eye, links as buttons."""
    shown = words(message)
    links = buttons(message)
    if links:
        if message.actions:
            links[0]["style"] = "primary"
        shown.append({"type": "actions", "elements": links})
    # unfurling would have Slack's servers open the acknowledge link and show its preview
    return {"text": summary(message), "blocks": shown, "unfurl_links": False, "unfurl_media": False}


def words(message: Message) -> list[dict]:
    """The blocks of subject, text and facts."""
    blocks: list[dict] = [{"type": "header", "text": plain(message.subject, LONGEST_HEADER)}]
    if message.text.strip():
        text = cut(escape(message.text.strip()), LONGEST_TEXT)
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    if known := facts(message):
        line = " · ".join(f"{escape(name)}: {escape(value)}" for name, value in known)
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": cut(line, LONGEST_TEXT)}]})
    return blocks


def buttons(message: Message) -> list[dict]:
    """Links as buttons."""
    return [
        {"type": "button", "text": plain(action.label, LONGEST_LABEL), "url": action.url, "action_id": f"link-{place}"}
        for place, action in enumerate(message.links[:MOST_BUTTONS])
        if len(action.url) <= LONGEST_URL
    ]


def summary(message: Message) -> str:
    """Subject and text, for notifications and clients that show no blocks."""
    text = "\n".join(part for part in (message.subject, message.text) if part)
    return cut(escape(text), LONGEST_TEXT) or "-"


def plain(text: str, length: int) -> dict:
    return {"type": "plain_text", "text": cut(" ".join(text.split()) or "-", length)}


def escape(text: str) -> str:
    """Slack reads <!channel> and <@U123> as mentions; what an alert says must not call anybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
