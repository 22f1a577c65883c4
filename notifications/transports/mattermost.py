"""Mattermost channels, by incoming webhook: Slack's form with attachments, since it reads no blocks."""

import json
from urllib.parse import urlsplit

from .base import Message, WebTransport
from .facts import colour, cut, facts
from .http import post

LONGEST_TEXT = 7_000  # characters; a post may have 16,383, an attachment is counted in
MOST_LINKS = 21  # a bundle of pages names 20 incidents
LONGEST_SUBJECT = 250


class Mattermost(WebTransport):
    """Sources: Mattermost, "Incoming webhooks" and "Message attachments"; it answers 200 with "ok"."""

    kind, label = "mattermost", "Mattermost channel"

    def takes_channel(self, address: str) -> bool:
        return True

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        channel = urlsplit(address).fragment
        body = json.dumps(payload(message) | ({"channel": channel} if channel else {})).encode()
        answer = post(address, body, {"Content-Type": "application/json"}, service="Mattermost")
        return f"Mattermost answered {answer.status}."


def payload(message: Message) -> dict:
    """`text` for notifications, an attachment for the eye; links as links, since its buttons want a server of ours."""
    subject = cut(_escape(message.subject.strip()) or "-", LONGEST_SUBJECT)
    links = " · ".join(f"[{_escape(action.label)}]({action.url})" for action in message.links[:MOST_LINKS])
    text = cut(_escape(message.text.strip()), LONGEST_TEXT)
    attachment = {
        "fallback": subject,
        "color": colour(message),
        "text": "\n\n".join(part for part in (text, links) if part),
        "fields": [{"short": True, "title": name, "value": _escape(value)} for name, value in facts(message)],
    }
    return {"text": subject, "attachments": [attachment]}


def _escape(text: str) -> str:
    """What an alert says must call nobody (@channel) and draw no link."""
    for sign in ("@", "](", "~"):
        text = text.replace(sign, sign[0] + "\u200b" + sign[1:])
    return text
