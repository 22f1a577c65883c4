"""Providers that call us, each signing in its own way."""

import base64
import hashlib
import hmac
import itertools
import json
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
PHONE = "+31205550100"
NUMBERS = itertools.count(1)


def told(client, what: str, fields: dict, *, secret=SECRET, query: str = ""):
    path = f"/callbacks/twilio/phones/{what}/{query}"
    said = settings.BASE_URL + path + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    signature = base64.b64encode(hmac.new(secret.encode(), said.encode(), hashlib.sha1).digest()).decode()
    return client.post(path, urlencode(fields), content_type="application/x-www-form-urlencoded",
                       headers={"X-Twilio-Signature": signature})  # fmt: skip


def write(client, text: str, sender: str = PHONE, *, sid: str = "", **more):
    """A text message from `sender`; each has a number of its own unless `sid` says which it is."""
    fields = {"From": sender, "To": "+15550100", "Body": text, "MessageSid": sid or f"SM-r{next(NUMBERS)}"}
    return told(client, "reply", fields, **more)


def status(incident) -> str:
    incident.refresh_from_db()
    return incident.status


def slack(client, path: str, fields: dict, *, secret=SECRET, at=None, key="workspace"):
    body = urlencode(fields)
    stamp = str(int((at or timezone.now()).timestamp()))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return client.post(
        f"/callbacks/slack/{key}/{path}/", body, content_type="application/x-www-form-urlencoded",
        headers={"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"},
    )  # fmt: skip


def press(client, incident, user="U0ADA", name="acknowledge", **more):
    payload = {
        "type": "block_actions", "user": {"id": user}, "response_url": "https://hooks.slack.com/actions/T/1/x",
        "actions": [{"action_id": name, "value": incident.thread, "type": "button"}],
    }  # fmt: skip
    return slack(client, "interactions", {"payload": json.dumps(payload)}, **more)


def telegram(client, update: dict, token: str = SECRET):
    return client.post("/callbacks/telegram/bot/", json.dumps(update), content_type="application/json",
                       headers={"X-Telegram-Bot-Api-Secret-Token": token})  # fmt: skip


def meta(client, value: dict, secret: str = SECRET):
    body = json.dumps({"object": "whatsapp_business_account", "entry": [{"changes": [{"value": value}]}]}).encode()
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return client.post("/callbacks/whatsapp/wa/", body, content_type="application/json",
                       headers={"X-Hub-Signature-256": f"sha256={digest}"})  # fmt: skip


def pagerduty(client, what: str = "incident.acknowledged", key: str = "", *, secret=SECRET, at=None, **more):
    """PagerDuty tells that its user Ada Lovelace did `what` to the incident opened with `key`."""
    event = {
        "id": f"PD{next(NUMBERS)}", "event_type": what, "resource_type": "incident",
        "occurred_at": (at or timezone.now()).isoformat(),
        "agent": {"type": "user_reference", "summary": "Ada Lovelace"},
        "data": {"id": "PGR0VU2", "type": "incident", "incident_key": key}, **more,
    }  # fmt: skip
    return signed_by_pagerduty(client, json.dumps({"event": event}).encode(), secret)


def signed_by_pagerduty(client, body: bytes, *secrets: str):
    given = ",".join("v1=" + hmac.new(one.encode(), body, hashlib.sha256).hexdigest() for one in secrets)
    return client.post("/callbacks/pagerduty/pd/", body, content_type="application/json",
                       headers={"X-PagerDuty-Signature": given})  # fmt: skip
