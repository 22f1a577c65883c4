"""Whether a provider itself is calling; each signs in its own way."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

SLACK_TOLERANCE = timedelta(minutes=5)


class NotProven(Exception):
    """The caller did not prove who it is; the text says what is missing."""


def slack(headers: Mapping[str, str], body: bytes, secret: str, *, at: datetime) -> None:
    """Source: Slack, "Verifying requests from Slack": v0 over time stamp and body, five minutes old at most."""
    stamp, given = headers.get("X-Slack-Request-Timestamp", ""), headers.get("X-Slack-Signature", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise NotProven("X-Slack-Request-Timestamp is missing or no number of seconds.")
    if abs(at.timestamp() - int(stamp)) > SLACK_TOLERANCE.total_seconds():
        raise NotProven("X-Slack-Request-Timestamp is more than five minutes away from our clock.")
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    _same(f"v0={digest}", given, "X-Slack-Signature")


def twilio(headers: Mapping[str, str], urls: list[str], fields: Mapping[str, str], secret: str) -> None:
    """Source: Twilio, "Security: validating requests": SHA-1 over the whole URL and the sorted fields.

    urls  the ways in which the address may have been written; behind a proxy ours and theirs differ
    """
    given = headers.get("X-Twilio-Signature", "")
    said = "".join(f"{name}{fields[name]}" for name in sorted(fields))
    for url in urls:
        digest = hmac.new(secret.encode(), (url + said).encode(), hashlib.sha1).digest()
        if hmac.compare_digest(base64.b64encode(digest), given.encode(errors="replace")):
            return
    raise NotProven("X-Twilio-Signature does not fit the address, the fields and the auth token of this account.")


def meta(headers: Mapping[str, str], body: bytes, secret: str) -> None:
    """Source: Meta, "Webhooks: validate payloads": X-Hub-Signature-256 over the body, by the app's secret."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    _same(f"sha256={digest}", headers.get("X-Hub-Signature-256", ""), "X-Hub-Signature-256")


def pagerduty(headers: Mapping[str, str], body: bytes, secret: str) -> None:
    """Source: PagerDuty, "Webhooks: verifying signatures": v1=HMAC-SHA256 of the body; several while keys change."""
    digest = "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    given = [part.strip() for part in headers.get("X-PagerDuty-Signature", "").split(",")]
    _same(digest, next((one for one in given if one == digest), given[0]), "X-PagerDuty-Signature")


def telegram(headers: Mapping[str, str], secret: str) -> None:
    """Source: Telegram, "Bot API: setWebhook": the secret token comes along in a header."""
    _same(secret, headers.get("X-Telegram-Bot-Api-Secret-Token", ""), "X-Telegram-Bot-Api-Secret-Token")


def _same(wanted: str, given: str, header: str) -> None:
    if not given or not hmac.compare_digest(wanted.encode(), given.encode(errors="replace")):
        raise NotProven(f"{header} is missing or not the one of this account.")
