"""Senders that tell of events through the doors of a loaded pack, at a time that the test sets."""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from itertools import count

from django.test import Client

from alerts import evaluation, grouping, listening
from alerts.models import Liveness
from incidents.models import Incident
from policies.models import Policy
from sources.models import Integration
from tests.factories import NINE

SECRET = "whsec_" + base64.b64encode(b"a secret of the tests").decode()


def _hex(message: bytes) -> str:
    return hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()


class Senders:
    """One clock for senders and rules; `post` goes over HTTP, `check` is what the clock does each second."""

    def __init__(self, policy: str, monkeypatch) -> None:
        self.policy = Policy.objects.get(key=policy)
        self.at = NINE
        self.client, self.numbers = Client(), count(1)
        monkeypatch.setattr("django.utils.timezone.now", lambda: self.at)

    def go_on(self, length: timedelta) -> None:
        self.at += length

    def door(self, kind: str) -> Integration:
        door = self.policy.integrations.get(kind=kind)
        if kind != "generic" and not door.secrets:
            door.secret = SECRET
            door.save()
        return door

    def post(self, kind: str, payload, **headers):
        """Tell `payload` at the policy's door of this kind, signed as its sender signs; return the response."""
        body = json.dumps(payload).encode()
        response = self.client.post(
            f"/api/ingest/{self.door(kind).key}", body, content_type="application/json",
            headers=self.signed(kind, body) | headers,
        )  # fmt: skip
        return response

    def signed(self, kind: str, body: bytes) -> dict[str, str]:
        seconds = str(int(self.at.timestamp()))
        match kind:
            case "sentry":
                return {"Sentry-Hook-Signature": _hex(body), "Sentry-Hook-Resource": "event_alert"}
            case "knock":
                time = f"{seconds}000"
                digest = hmac.new(SECRET.encode(), f"{time}.".encode() + body, hashlib.sha256).digest()
                return {"X-Knock-Signature": f"t={time},s={base64.b64encode(digest).decode()}"}
            case "resend":
                id, key = f"msg_{next(self.numbers)}", base64.b64decode(SECRET.removeprefix("whsec_"))
                digest = hmac.new(key, f"{id}.{seconds}.".encode() + body, hashlib.sha256).digest()
                signature = f"v1,{base64.b64encode(digest).decode()}"
                return {"svix-id": id, "svix-timestamp": seconds, "svix-signature": signature}
            case "inngest":
                return {"X-Inngest-Signature": f"t={seconds}&s={_hex(body + seconds.encode())}"}
            case "stripe":
                return {"Stripe-Signature": f"t={seconds},v1={_hex(f'{seconds}.'.encode() + body)}"}
        return {}

    def told(self, kind: str, payload, **headers) -> None:
        response = self.post(kind, payload, **headers)
        assert response.status_code == 202, response.content

    def events(self, *events: dict) -> None:
        """Tell events in our own form."""
        for begin in range(0, len(events), 500):
            self.told("generic", list(events[begin : begin + 500]))

    def sentry(self, *, tags: dict[str, str] | None = None, issue: str = "1", at: datetime | None = None, **more):
        event = {
            "event_id": f"{next(self.numbers):032x}", "issue_id": issue, "title": "Error: it broke", "level": "error",
            "datetime": (at or self.at).isoformat(), "tags": [list(pair) for pair in (tags or {}).items()],
        } | more  # fmt: skip
        self.told("sentry", {"action": "triggered", "data": {"event": event, "triggered_rule": "rule"}})

    def knock(self, outcome: str, id: str, *, queued: datetime | None = None, at: datetime | None = None) -> None:
        when = at or self.at
        data = {"id": id, "__typename": "Message", "inserted_at": (queued or when).isoformat(), "status": outcome}
        told = {"type": f"message.{outcome}", "created_at": when.isoformat(), "data": data}
        self.told("knock", told)

    def resend(self, outcome: str, id: str, **tags: str) -> None:
        data = {"email_id": id, "created_at": self.at.isoformat(), "to": ["ada@example.org"], "tags": tags}
        self.told("resend", {"type": f"email.{outcome}", "created_at": self.at.isoformat(), "data": data})

    def job(self, function: str, outcome: str = "ok", *, seconds: float = 1, at: datetime | None = None) -> None:
        ended, run = at or self.at, f"run-{next(self.numbers)}"
        milliseconds = int(ended.timestamp() * 1000)
        data = {"function_id": function, "run_id": run, "duration_ms": int(seconds * 1000)}
        if outcome == "failed":
            data["error"] = {"name": "Error", "message": "it broke"}
        name = "inngest/function.failed" if outcome == "failed" else "inngest/function.finished"
        self.told("inngest", {"name": name, "id": run, "data": data, "ts": milliseconds})

    def check(self) -> None:
        """What the clock does: due rules, incidents; a little later, so that a stream that went quiet has settled."""
        self.at += listening.SETTLE
        evaluation.check_due(at=self.at)
        while grouping.assign_due(at=self.at):
            pass

    @property
    def firing(self) -> dict[str, tuple[str, str]]:
        """What fires, by the alert's key: its level and what it says; rules that cannot be asked are left out."""
        lives = Liveness.objects.filter(firing=True).select_related("alert").order_by("pk")
        return {
            life.alert.key: (life.severity_key, life.alert.annotations["summary"])
            for life in lives
            if life.alert.labels["alertname"] != "source-error"
        }

    def fires(self, key: str) -> bool:
        return any(found == key or found.startswith(f"{key}:") for found in self.firing)

    def incident(self, key: str) -> Incident:
        life = Liveness.objects.select_related("incident__severity").get(alert__key=key, incident__isnull=False)
        assert life.incident
        return life.incident
