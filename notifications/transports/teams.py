"""Microsoft Teams channels, by the webhook of a workflow; the older connectors read the same."""

import json

from .base import Message, TryAgain, WebTransport
from .facts import cut, facts
from .http import post

CARD = "application/vnd.microsoft.card.adaptive"
SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
VERSION = "1.4"
LONGEST_TEXT = 8_000  # characters; the whole may have 28 KB
LONGEST_SUBJECT = 250
LONGEST_LABEL = 75
MOST_ACTIONS = 6  # what Teams shows of one set


class Teams(WebTransport):
    """Sources: Microsoft, "Create incoming webhooks with Workflows for Microsoft Teams"; Adaptive Cards, "Schema
    explorer". A workflow answers 202, a connector 200 with "1", or 200 with words when it failed."""

    kind, label = "teams", "Microsoft Teams channel"

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        body = json.dumps(payload(message)).encode()
        answer = post(address, body, {"Content-Type": "application/json"}, service="Teams")
        if answer.status == 200 and b"delivery failed" in answer.body:
            raise TryAgain("Teams answered 200, and that it could not deliver the message.")
        return f"Teams answered {answer.status}."


def payload(message: Message) -> dict:
    """A message with one Adaptive Card: subject, text and facts, links as buttons."""
    body: list[dict] = [
        {"type": "TextBlock", "text": cut(_plain(message.subject) or "-", LONGEST_SUBJECT), "size": "Large",
         "weight": "Bolder", "wrap": True},
    ]  # fmt: skip
    if text := message.text.strip():
        # one line break is a blank in a card, two are a new line
        text = cut(_plain(text), LONGEST_TEXT).replace("\n", "\n\n")
        body.append({"type": "TextBlock", "text": text, "wrap": True})
    if known := facts(message):
        body.append({"type": "FactSet", "facts": [{"title": name, "value": _plain(value)} for name, value in known]})
    card: dict = {
        "$schema": SCHEMA,
        "type": "AdaptiveCard",
        "version": VERSION,
        "fallbackText": cut(message.subject or "-", LONGEST_SUBJECT),
        "msteams": {"width": "Full"},
        "body": body,
    }
    links = [
        {"type": "Action.OpenUrl", "title": cut(action.label, LONGEST_LABEL), "url": action.url}
        for action in message.links[:MOST_ACTIONS]
        if len(action.url) <= 2_000
    ]
    if links:
        card["actions"] = links
    return {"type": "message", "attachments": [{"contentType": CARD, "contentUrl": None, "content": card}]}


def _plain(text: str) -> str:
    """Cards read Markdown; what an alert says must not become a link that says one thing and leads to another."""
    return text.replace("](", "]\u200b(")
