"""Who may use the Alertmanager API: whoever has the key of a door of that kind, or comes from this machine."""

import base64
import binascii
import time
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import parse_qs

from django.conf import settings

from sources.models import Integration

KIND = "alertmanager"
LOCAL_NAME = "alertmanager"
REMEMBER_KEYS = 5.0  # seconds; a door that is shut or given another key is shut after so long
PASSED_ON = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")
NOTE_SEEN = 60.0  # seconds between two writes of a door's `last_seen_at`


class Refused(Exception):
    """The request is not taken, or not wholly; the text says why and what to do."""

    def __init__(self, status: int, reason: str, *, door: int | None = None, body: bytes = b"", answer: object = None):
        super().__init__(reason)
        self.status, self.door, self.body = status, door, body
        self.answer = answer or {"code": status, "message": reason}


@dataclass(frozen=True)
class Door:
    """An integration, as far as the door needs it."""

    id: int
    kind: str
    name: str
    enabled: bool


def admit(environ: dict, *, fresh: bool) -> Door:
    """Whose request this is, by its token or because it comes from this machine; Refused says why it may not.

    fresh: inside somebody's transaction, where what was seen may have been rolled back since; asks the database.
    """
    token = _token(environ)
    if not token and not is_local(environ):
        raise Refused(401, "A key is needed: as a bearer token, as the password of basic authentication, or as ?key=.")
    door, until = _doors.get(token, (None, 0.0))
    if door is None or fresh or time.monotonic() >= until:
        door = _by_key(token) if token else _local_door()
    if door is None:
        raise Refused(401, "This key opens no door; `manage.py integration list` shows those that do.")
    if door.kind != KIND:
        raise Refused(
            403, f"This key belongs to {door.name}, a door of kind {door.kind}; make one of kind {KIND}.", door=door.id
        )
    if not door.enabled:
        raise Refused(403, f"The door {door.name} is switched off.", door=door.id)
    return door


def _token(environ: dict) -> str:
    """The key a request carries; empty when none."""
    scheme, _, value = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            raise Refused(401, "The Authorization header is no valid basic authentication.") from None
    query = environ.get("QUERY_STRING")
    return parse_qs(query).get("key", [""])[0] if query else ""


def is_local(environ: dict) -> bool:
    """Whether a program on this machine sent it itself; one that a proxy here passes on is a stranger's."""
    if not settings.TRUST_LOOPBACK or any(header in environ for header in PASSED_ON):
        return False
    return _is_loopback(environ.get("REMOTE_ADDR", ""))


@lru_cache(maxsize=64)
def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


_doors: dict[str, tuple[Door, float]] = {}  # by key, "" for senders on this machine; and until when to believe it
_seen: dict[int, float] = {}


def forget() -> None:
    """Drop what is remembered of doors: the next request asks the database."""
    _doors.clear()
    _seen.clear()


def _by_key(token: str) -> Door | None:
    return _remember(token, Integration.objects.filter(key=token).first())


def _local_door() -> Door | None:
    """The door of senders that need no key; made when it is missing."""
    found = Integration.objects.filter(kind=KIND, name=LOCAL_NAME).first()
    return _remember("", found or Integration.objects.get_or_create(name=LOCAL_NAME, defaults={"kind": KIND})[0])


def _remember(token: str, integration: Integration | None) -> Door | None:
    if integration is None:
        return None
    door = Door(integration.pk, integration.kind, integration.name, integration.enabled)
    _doors[token] = (door, time.monotonic() + REMEMBER_KEYS)
    return door


def note_seen(door: Door, at: datetime) -> None:
    """Once a minute: the admin shows when a door was last used, and a write a request would cost more than that."""
    now = time.monotonic()
    if now - _seen.get(door.id, -NOTE_SEEN) >= NOTE_SEEN:
        Integration.objects.filter(pk=door.id).update(last_seen_at=at)
        _seen[door.id] = now
