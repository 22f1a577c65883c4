"""Any program that takes JSON; docs/transports.md is its contract."""

import hashlib
import hmac
import json
from datetime import datetime

from .base import Message, WebTransport
from .http import post

SIGNATURE, DELIVERY = "X-Opscenter-Signature", "X-Opscenter-Delivery"


class Json(WebTransport):
    kind, label = "json", "JSON webhook"

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        body = json.dumps(payload(message), separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", DELIVERY: message.id}
        if secret:
            headers[SIGNATURE] = signature(secret, body, at=message.at)
        answer = post(address, body, headers, service="The webhook")
        return f"The webhook answered {answer.status}."


def payload(message: Message) -> dict:
    return {
        "id": message.id,
        "subject": message.subject,
        "text": message.text,
        "url": message.url,
        "actions": [{"label": action.label, "url": action.url} for action in message.actions],
        "data": dict(message.data),
    }


def signature(secret: str, body: bytes, *, at: datetime) -> str:
    """The header that proves `body` was sent by somebody who knows `secret`, at the second of `at`."""
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), b"%d." % seconds + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"
