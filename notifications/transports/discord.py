"""Discord channels, by webhook."""

import json

from .base import Message, WebTransport
from .http import post
from .slack import cut

LONGEST_CONTENT = 2000  # characters
SUPPRESS_EMBEDS = 4  # no previews: Discord's servers would open the acknowledge link


class Discord(WebTransport):
    """Source: Discord, "Webhook resource: execute webhook"; it answers 204, and 200 with `?wait=true`."""

    kind, label = "discord", "Discord channel"

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        body = json.dumps(payload(message)).encode()
        answer = post(address, body, {"Content-Type": "application/json"}, service="Discord")
        return f"Discord answered {answer.status}."


def payload(message: Message) -> dict:
    """Subject, text and links as `content`; nobody is mentioned by what an alert says."""
    links = ""
    for action in message.links:
        line = f"\n{action.label}: <{action.url}>"
        if len(links) + len(line) <= LONGEST_CONTENT // 2:
            links += line
    head = f"**{message.subject.strip()}**\n{message.text.strip()}".strip()
    content = cut(head, LONGEST_CONTENT - len(links)) + links
    return {"content": content, "allowed_mentions": {"parse": []}, "flags": SUPPRESS_EMBEDS}
