"""How a monitored system tells Opscenter: webhooks at its doors, signed as each provider documents it.

Sources: OpenTelemetry, "OTLP/HTTP"; Sentry, "Webhooks"; Knock, "Outbound webhooks"; Svix (Resend), "Verifying payloads
with the Svix libraries"; Inngest SDK specification, "Verifying request signatures"; Stripe, "Verify webhook signatures
manually".
"""

import base64
import hashlib
import hmac
import json
import re
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

TIMEOUT = 10.0  # seconds
KEY_PREFIX = re.compile(r"^signkey-\w+-")


class NotTold(ValueError):
    """Opscenter did not take it; the text says why."""


class Doors:
    """Addresses and secrets by kind of door: {"otlp": {"url": "http://…", "secret": ""}}.

    file   where they are written once Opscenter has made its doors; read again at each telling
    """

    def __init__(self, doors: Mapping[str, Mapping[str, str]] | None = None, *, file: str = "") -> None:
        self._doors = dict(doors or {})
        self._file = file

    def known(self) -> dict[str, Mapping[str, str]]:
        if not self._file:
            return self._doors
        try:
            return json.loads(Path(self._file).read_text())
        except (OSError, ValueError):
            return self._doors

    def tell(self, kind: str, payload: Any, *, at: datetime) -> None:
        """Post `payload` to the door of `kind` as its sender would at the aware instant `at`; raise NotTold."""
        door = self.known().get(kind)
        if door is None:
            raise NotTold(f"Nobody has told where the {kind} door is; start this with --doors FILE.")
        body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"} | signed(kind, body, door.get("secret", ""), at)
        request = urllib.request.Request(door["url"], data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
                response.read()
        except urllib.error.HTTPError as error:
            raise NotTold(
                f"The {kind} door answered {error.code}: {error.read(500).decode(errors='replace')}"
            ) from None
        except OSError as error:
            raise NotTold(f"The {kind} door does not answer: {error}") from None


def signed(kind: str, body: bytes, secret: str, at: datetime) -> dict[str, str]:
    """The headers that prove to the door who sent `body`; none without a secret."""
    seconds = str(int(at.timestamp()))
    match kind if secret else "":
        case "otlp" | "logs":
            return {"Authorization": f"Bearer {secret}"}
        case "sentry":
            return {"Sentry-Hook-Signature": digest(secret.encode(), body), "Sentry-Hook-Resource": "event_alert"}
        case "knock":
            time = str(int(at.timestamp() * 1000))
            return {"X-Knock-Signature": f"t={time},s={in_base64(secret.encode(), f'{time}.'.encode() + body)}"}
        case "resend":
            id, key = f"msg_{uuid.uuid4().hex}", base64.b64decode(secret.removeprefix("whsec_"))
            proof = in_base64(key, f"{id}.{seconds}.".encode() + body)
            return {"svix-id": id, "svix-timestamp": seconds, "svix-signature": f"v1,{proof}"}
        case "inngest":
            proof = digest(KEY_PREFIX.sub("", secret).encode(), body + seconds.encode())
            return {"X-Inngest-Signature": f"t={seconds}&s={proof}"}
        case "stripe":
            return {"Stripe-Signature": f"t={seconds},v1={digest(secret.encode(), f'{seconds}.'.encode() + body)}"}
        case "generic":
            return {"X-Opscenter-Signature": f"t={seconds},v1={digest(secret.encode(), f'{seconds}.'.encode() + body)}"}
    return {"Sentry-Hook-Resource": "event_alert"} if kind == "sentry" else {}


def digest(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def in_base64(key: bytes, message: bytes) -> str:
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
