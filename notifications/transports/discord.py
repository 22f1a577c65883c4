"""Discord channels, by webhook."""

import json
import re

from .base import Message, WebTransport
from .facts import colour, cut, facts
from .http import post

LONGEST_CONTENT = 2000  # characters
BARE_URL = re.compile(r"(?<!<)https?://[^\s<>]+")


class Discord(WebTransport):
    """Source: Discord, "Webhook resource: execute webhook"; it answers 204, and 200 with `?wait=true`."""

    kind, label = "discord", "Discord channel"

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        body = json.dumps(payload(message)).encode()
        answer = post(address, body, {"Content-Type": "application/json"}, service="Discord")
        return f"Discord answered {answer.status}."


def payload(message: Message) -> dict:
    """Subject, text and links as `content`, the facts as an embed; nobody is mentioned by what an alert says.

    Every address stands in angle brackets: Discord's servers would open the acknowledge link for a preview.
    """
    links = ""
    for action in message.links:
        line = f"\n{action.label}: <{action.url}>"
        if len(links) + len(line) <= LONGEST_CONTENT // 2:
            links += line
    text = BARE_URL.sub(lambda url: f"<{url[0]}>", message.text.strip())
    head = f"**{message.subject.strip()}**\n{text}".strip()
    content = cut(head, LONGEST_CONTENT - len(links)) + links
    said: dict = {"content": content, "allowed_mentions": {"parse": []}}
    if known := facts(message):
        fields = [{"name": name, "value": value, "inline": True} for name, value in known]
        said["embeds"] = [{"color": int(colour(message)[1:], 16), "fields": fields}]
    return said
