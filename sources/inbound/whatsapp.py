"""WhatsApp Cloud API: what became of each message, and how numbers, accounts and templates are.

Source: Meta, "WhatsApp Business Platform: Webhooks" (reference of the fields messages, account_update, account_alerts,
phone_number_quality_update, message_template_status_update) and "Graph API: Getting started with webhooks".
"""

import hmac
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ..models import Integration
from . import signing
from .base import ChannelTold, Happening, Inbound, NotTaken, Parsed, Reply, Sent, WrongPayload, an_object, text_at
from .times import instant

OBJECT = "whatsapp_business_account"
LONGEST_CHALLENGE = 200
CONNECTED, DISCONNECTED, FLAGGED, RESTRICTED, BANNED = "CONNECTED", "DISCONNECTED", "FLAGGED", "RESTRICTED", "BANNED"
NUMBER_STATES = {"FLAGGED": FLAGGED, "UNFLAGGED": CONNECTED}
ACCOUNT_STATES = {
    "ACCOUNT_DELETED": DISCONNECTED, "ACCOUNT_OFFBOARDED": DISCONNECTED, "PARTNER_REMOVED": DISCONNECTED,
    "PARTNER_APP_UNINSTALLED": DISCONNECTED, "ACCOUNT_RECONNECTED": CONNECTED, "PARTNER_ADDED": CONNECTED,
    "PARTNER_APP_INSTALLED": CONNECTED, "ACCOUNT_RESTRICTION": RESTRICTED, "ACCOUNT_VIOLATION": FLAGGED,
}  # fmt: skip
BAN_STATES = {"DISABLE": BANNED, "SCHEDULE_FOR_DISABLE": FLAGGED, "REINSTATE": CONNECTED}
LEVELS = {"CRITICAL": "error", "WARNING": "warning", "INFORMATIONAL": "info"}
BAD = {DISCONNECTED, FLAGGED, RESTRICTED, BANNED, "REJECTED", "DISABLED", "PAUSED", "RED", "DECLINED"}


class Forbidden(NotTaken):
    """The verification request does not know the verify token."""

    status = 403


class WhatsApp(Inbound):
    """A Meta app's webhook for WhatsApp; the door's secret is the app's secret."""

    kind, label = "whatsapp", "WhatsApp Cloud API"
    aliases = ("whatsapp-cloud", "whatsapp-cloud-api", "waba", "meta-whatsapp")
    options = {
        "verify_token": "the verify token given to Meta; without it the door's key",
        "tenants": 'WhatsApp Business Account id -> our tenant: {"102290129340398": "acme"}; without it the id itself',
        "numbers": 'display phone number -> key of the channel: {"15550783881": "10654035"}; without it the number',
    }

    def greet(self, sent: Sent, door: Integration) -> Reply | None:
        """Meta's verification: the challenge comes back when the token is the right one."""
        given = sent.query.get("hub.verify_token", "")
        wanted = text_at(door.options, "verify_token") or door.key
        if sent.query.get("hub.mode") != "subscribe":
            return None
        if not hmac.compare_digest(wanted.encode(), given.encode(errors="replace")):
            raise Forbidden("hub.verify_token is not the one of this door: see its options, or take its key.")
        challenge = sent.query.get("hub.challenge", "")[:LONGEST_CHALLENGE]
        return Reply(200, challenge.encode(errors="replace"), "text/plain; charset=utf-8")

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        signing.check_body(sent.headers, sent.body, door.secrets)
        return ""

    def message_id(self, sent: Sent, payload: Any) -> str:
        """Meta numbers no request; its events are told apart by their own ids."""
        return ""

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        payload = an_object(payload, "The payload")
        if payload.get("object") != OBJECT or not isinstance(payload.get("entry"), list):
            raise WrongPayload(f"This is no webhook of WhatsApp: object must be {OBJECT!r}, and entry a list.")
        parsed, left_out = Parsed(), []
        for number, entry in enumerate(payload["entry"]):
            entry = an_object(entry, f"entry[{number}]")
            changes = entry.get("changes")
            for change in changes if isinstance(changes, list) else []:
                field, value = text_at(change, "field"), an_object(change, "A change").get("value")
                read = _Change(field, an_object(value, f"The value of {field or 'a change'}"), entry, door)
                parsed.events.extend(read.events())
                parsed.channels.extend(read.channels())
                if not (parsed.events or parsed.channels):
                    left_out.append(field or "a change without a field")
        note = f"nothing to keep in: {', '.join(left_out)}"[:200] if left_out else "an empty list"
        return Parsed(
            parsed.signals, parsed.events, parsed.changes, parsed.channels, note="" if parsed.events else note
        )

    def accepted(self, parsed: Parsed, became: dict[str, list[int]], *, duplicate: bool = False) -> Reply:
        """Meta wants 200 and nothing else."""
        return Reply(200, super().accepted(parsed, became, duplicate=duplicate).body)


class _Change:
    """One change of one entry."""

    def __init__(self, field: str, value: dict[str, Any], entry: dict[str, Any], door: Integration):
        self.field, self.value, self.door = field, value, door
        self.account, self.at = text_at(entry, "id"), instant(entry.get("time"))
        tenants = door.options.get("tenants")
        self.tenant = text_at(tenants, self.account) or self.account
        self.number = text_at(value, "display_phone_number") or text_at(value, "metadata", "display_phone_number")
        self.what = text_at(value, "event") or text_at(value, "decision")

    def events(self) -> Iterator[Happening]:
        if self.field == "messages":
            for status in _objects(self.value.get("statuses")):
                yield self._message(status)
            for error in _objects(self.value.get("errors")):
                yield self._error(error)
        elif self.what or self.field in ("account_alerts", "message_template_quality_update"):
            yield self._other()

    def _labels(self, **more: str) -> dict[str, str]:
        number_id = text_at(self.value, "metadata", "phone_number_id")
        labels = {"tenant": self.tenant, "account": self.account, "number": self.number, "phone_number_id": number_id}
        return {name: text for name, text in (labels | more).items() if text}

    def _message(self, status: dict[str, Any]) -> Happening:
        """What became of a message we sent: sent, delivered, read or failed."""
        id, became = text_at(status, "id"), text_at(status, "status")
        error = next(iter(_objects(status.get("errors"))), {})
        words = text_at(error, "error_data", "details") or text_at(error, "message") or text_at(error, "title")
        origin = text_at(status, "conversation", "origin", "type")
        return Happening(
            kind="message", name=text_at(status, "pricing", "category"), subject=id, outcome=became,
            level="error" if became == "failed" else "info", text=words, id=f"{id}:{became}" if id else "",
            labels=self._labels(
                error_code=text_at(error, "code"), error=text_at(error, "title"),
                category=text_at(status, "pricing", "category"), origin=origin,
            ),
            at=instant(status.get("timestamp")),
        )  # fmt: skip

    def _error(self, error: dict[str, Any]) -> Happening:
        """An error of the platform that concerns no message of ours."""
        words = text_at(error, "error_data", "details") or text_at(error, "message") or text_at(error, "title")
        labels = self._labels(error_code=text_at(error, "code"), error=text_at(error, "title"))
        return Happening(kind="error", outcome="failed", level="error", text=words, labels=labels, at=self.at)

    def _other(self) -> Happening:
        """How a number, an account or a template is now."""
        value, alert = self.value, self.value.get("alert_info")
        template = text_at(value, "message_template_name")
        status = self.what or text_at(alert, "alert_type") or text_at(value, "new_quality_score")
        reason = text_at(value, "reason") or text_at(value, "rejection_reason") or text_at(alert, "alert_description")
        reason = reason if reason != "NONE" else ""
        state = next((told.status for told in self.channels()), status)
        level = LEVELS.get(text_at(alert, "alert_severity")) or ("warning" if {state, status} & BAD else "info")
        kind, about = self.field[:40], template or self.number or self.account
        more = {
            "template": template, "language": text_at(value, "message_template_language"), "status": status,
            "limit": text_at(value, "max_daily_conversations_per_business") or text_at(value, "current_limit"),
        }  # fmt: skip
        text = " ".join(part for part in (about, status, reason) if part)
        moment = f":{self.at.timestamp():.0f}" if self.at else ""
        return Happening(
            kind=kind, name=about, subject=text_at(value, "message_template_id") or self.number or self.account,
            outcome=status.lower(), level=level, text=text, labels=self._labels(**more), data={"value": value},
            id=f"{self.account}:{kind}:{about}:{status}{moment}" if moment else "", at=self.at,
        )  # fmt: skip

    def channels(self) -> Iterator[ChannelTold]:
        """The state of the number or account, where the change says one."""
        status = ""
        if self.field == "phone_number_quality_update":
            status = NUMBER_STATES.get(self.what, "")
        elif self.field == "account_update":
            ban = text_at(self.value, "ban_info", "waba_ban_state")
            status = ACCOUNT_STATES.get(self.what) or BAN_STATES.get(ban, "")
        number = self.number or text_at(self.value, "phone_number")
        numbers = self.door.options.get("numbers")
        key = text_at(numbers, number) or number or self.account
        if status and self.tenant and key:
            restriction = next(iter(_objects(self.value.get("restriction_info"))), {})
            reason = text_at(self.value, "violation_info", "violation_type") or text_at(restriction, "restriction_type")
            yield ChannelTold(
                tenant=self.tenant, key=key, status=status, reason=f"{self.what} {reason}".strip(), name=number,
                kind="whatsapp", at=self.at,
            )  # fmt: skip


def _objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; anything else is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
