"""How tenants' channels are, as our own products tell it; they are counted by rules with a source `channels`.

    {"tenant": "acme", "channel": "6281200000001", "status": "DISCONNECTED", "reason": "logged out on the phone",
     "at": "2026-11-23T09:00:00Z", "name": "Support", "kind": "whatsapp",
     "identifiers": {"phone_number_id": "106540352242922", "waba_id": "102290129340398"}}

or a list of these, or {"channels": [...]}. Identifiers are compared with those told before; a token is none and is
dropped. `phoneNumberId` and `wabaId` beside the others mean the two above.
"""

from datetime import datetime
from typing import Any

from ..intake import SECRET_NAME
from ..models import Integration
from . import signing
from .base import ChannelTold, Inbound, Parsed, Sent, WrongPayload, an_object, text_at
from .errors import NotSigned
from .times import instant_of

MOST = 1000
IDENTIFIERS = 20
BESIDE = {
    "phoneNumberId": "phone_number_id",
    "phone_number_id": "phone_number_id",
    "wabaId": "waba_id",
    "waba_id": "waba_id",
}
LONGEST = {"tenant": 120, "channel": 120, "status": 40, "name": 160, "kind": 40}


class Channels(Inbound):
    """Our own form: one object a channel, or a list of them."""

    kind, label = "channels", "Channel status"
    path = "/api/channels/status?key={key}"
    aliases = ("channel", "channel-status", "channels-status")

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        """Our own signature, or the secret as it is in a header."""
        if sent.headers.get(signing.OURS) or sent.headers.get(signing.BODY_ONLY):
            return signing.check(sent.headers, sent.body, door.secrets, at=at)
        token = signing.token_of(sent.headers)
        if not token or token == door.key:
            raise NotSigned(
                f"This door has a secret: sign with {signing.OURS}, or send Authorization: Bearer <secret>."
            )
        signing.check_token(sent.headers, door.secrets)
        return ""

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        if isinstance(payload, dict) and isinstance(payload.get("channels"), list):
            payload = payload["channels"]
        items = payload if isinstance(payload, list) else [payload]
        if len(items) > MOST:
            raise WrongPayload(f"{len(items)} channels in one request are too many; send at most {MOST}.")
        told = [_told(item, f"Channel {index}") for index, item in enumerate(items)]
        return Parsed(channels=told, note="" if told else "an empty list")


def _told(item: Any, where: str) -> ChannelTold:
    fields = an_object(item, where)
    said = {}
    for name, most in LONGEST.items():
        value = fields.get("key") if name == "channel" and fields.get("channel") in (None, "") else fields.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (str, int))):
            raise WrongPayload(f"{name} of {where} must be a text.")
        text = text_at({"text": value}, "text").strip().replace("\0", "\ufffd")
        if len(text) > most:
            raise WrongPayload(f"{name} of {where} is longer than {most} characters.")
        if not text and name in ("tenant", "channel", "status"):
            raise WrongPayload(f"{where} needs {name}; it is missing or empty.")
        said[name] = text
    return ChannelTold(
        tenant=said["tenant"], key=said["channel"], status=said["status"], reason=text_at(fields, "reason"),
        name=said["name"], kind=said["kind"], at=instant_of(fields.get("at"), f"at of {where}"),
        identifiers=_identifiers(fields, where),
    )  # fmt: skip


def _identifiers(fields: dict[str, Any], where: str) -> dict[str, str]:
    """The ids told of a channel, by name."""
    told = fields.get("identifiers") or {}
    if not isinstance(told, dict) or len(told) > IDENTIFIERS:
        raise WrongPayload(f"identifiers of {where} must be an object of at most {IDENTIFIERS} ids, by their names.")
    found = {}
    for name, value in [*((BESIDE[name], fields[name]) for name in BESIDE if name in fields), *told.items()]:
        if SECRET_NAME.search(name) or value in (None, ""):
            continue
        if isinstance(value, bool) or not isinstance(value, (str, int)) or len(str(value)) > 120 or len(name) > 40:
            raise WrongPayload(f"{name[:40]} in the identifiers of {where} must be a text of at most 120 characters.")
        found[name] = str(value).strip().replace("\0", "\ufffd")
    return found
