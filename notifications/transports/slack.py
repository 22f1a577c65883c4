"""Slack, and what speaks its form: Mattermost, Rocket.Chat, Discord's own `/slack` addresses."""

import json

from .base import Message, WebTransport
from .http import post

LONGEST_HEADER = 150  # characters, of a header block
LONGEST_TEXT = 3000  # of a section
LONGEST_LABEL = 75  # of a button
LONGEST_URL = 3000


class Slack(WebTransport):
    """Source: Slack, "Sending messages using incoming webhooks", "Reference: blocks" and "Formatting text"."""

    kind, label = "slack", "Slack channel"

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        body = json.dumps(payload(message)).encode()
        answer = post(address, body, {"Content-Type": "application/json"}, service="Slack")
        return f"Slack answered {answer.status}."


def payload(message: Message) -> dict:
    """`text` for notifications and old clients, blocks for the eye, links as buttons."""
    blocks: list[dict] = [{"type": "header", "text": _plain(message.subject, LONGEST_HEADER)}]
    if message.text.strip():
        text = cut(_escape(message.text.strip()), LONGEST_TEXT)
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    buttons = [
        {"type": "button", "text": _plain(action.label, LONGEST_LABEL), "url": action.url}
        for action in message.links[:5]
        if len(action.url) <= LONGEST_URL
    ]
    if buttons:
        if message.actions:
            buttons[0]["style"] = "primary"
        blocks.append({"type": "actions", "elements": buttons})
    text = "\n".join(part for part in (message.subject, message.text) if part)
    # unfurling would have Slack's servers open the acknowledge link and show its preview
    return {"text": cut(_escape(text), LONGEST_TEXT), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def cut(text: str, length: int) -> str:
    """`text`, with a sign that more followed when it is longer than `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _plain(text: str, length: int) -> dict:
    return {"type": "plain_text", "text": cut(" ".join(text.split()) or "-", length)}


def _escape(text: str) -> str:
    """Slack reads <!channel> and <@U123> as mentions; what an alert says must not call anybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
