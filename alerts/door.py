"""The thin door: `POST /api/v2/alerts` as Alertmanager takes it, served before Django's middleware.

Prometheus, Loki's ruler, vmalert and Grafana post here all the time and mostly what is known already, so a request
should cost little more than its one statement. It uses Django's connection of the thread it runs on. No request signal
of Django's looks after that connection here, so `answer` does: only after an error or at its age, and a request that
met a broken one is done again on a new one, which is safe since storing twice is.
"""

import base64
import binascii
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from ipaddress import ip_address
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs

import msgspec
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from sources import intake
from sources.inbound import alertmanager
from sources.models import Integration

from . import store

log = logging.getLogger(__name__)

PATHS = frozenset(["/api/v2/alerts", "/api/v2/alerts/"])
KIND = "alertmanager"
LOCAL_NAME = "alertmanager"
REMEMBER_KEYS = 5.0  # seconds; a door that is shut or given another key is shut after so long
NOTE_SEEN = 60.0  # seconds between two writes of a door's `last_seen_at`


class Refused(Exception):
    """The request is not taken, or not wholly; the text says why and what to do."""

    def __init__(self, status: int, reason: str, *, door: int | None = None, body: bytes = b"", answer: object = None):
        super().__init__(reason)
        self.status, self.door, self.body = status, door, body
        self.answer = answer or {"code": status, "message": reason}


class Readable(Protocol):
    """A request's body."""

    def read(self, size: int, /) -> bytes: ...


class Answer(NamedTuple):
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Door:
    """An integration, as far as the door needs it."""

    id: int
    kind: str
    name: str
    enabled: bool


def before(application: Callable) -> Callable:
    """`application` with the thin door in front of it."""

    def thin(environ: dict, start_response: Callable) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST" or environ["PATH_INFO"] not in PATHS:
            return application(environ, start_response)
        status, body, headers = answer(environ, environ["wsgi.input"])
        length = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(f"{status} {HTTPStatus(status).phrase}", [*length, *headers])
        return [body]

    return thin


def answer(environ: dict, stream: Readable) -> Answer:
    """Take one request: a WSGI environment and its body. 200 only after what it says is committed."""
    at = timezone.now()
    django = connections[DEFAULT_DB_ALIAS]
    try:
        _tidy(django)
        body: list[bytes] = []  # read once, also when the work has to be done again
        try:
            return _take(environ, stream, body, django, at=at)
        except (OperationalError, InterfaceError):
            if django.in_atomic_block:
                raise
            django.close()
            return _take(environ, stream, body, django, at=at)
    except Refused as refusal:
        return _refuse(refusal, environ, at=at)
    except (OperationalError, InterfaceError) as error:
        log.error("Alerts from %s could not be stored: %s", environ.get("REMOTE_ADDR"), error)
        if not django.in_atomic_block:
            django.close()
        return _words(503, "The database cannot be reached, nothing was stored; send again.", ("Retry-After", "5"))
    except Exception:
        log.exception("Alerts from %s could not be taken", environ.get("REMOTE_ADDR"))
        return _words(500, "Opscenter failed on this request, nothing was stored; its log says why.")


def _tidy(django: BaseDatabaseWrapper) -> None:
    """Close this thread's connection if it met an error or has reached its age; Django opens it again when needed."""
    due = django.close_at is not None and time.monotonic() >= django.close_at
    if django.connection is not None and (due or django.errors_occurred):
        django.close_if_unusable_or_obsolete()


def _take(environ: dict, stream: Readable, body: list[bytes], django: BaseDatabaseWrapper, *, at: datetime) -> Answer:
    token = _token(environ)
    door = _door(token, environ, fresh=django.in_atomic_block)
    if not body:
        _check_type(environ, door)
        body.append(_read(environ, stream, door))
    try:
        posts = alertmanager.decode(body[0])
        stored = store.receive(door.id, posts, at=at)
    except alertmanager.Malformed as error:
        raise Refused(400, str(error), door=door.id, body=body[0]) from error
    except alertmanager.WrongShape as error:
        words = {"code": error.code, "message": str(error)}
        raise Refused(422, str(error), door=door.id, body=body[0], answer=words) from error
    _note_seen(door, at)
    if stored.faults:
        reason = _fault_words(stored.faults, len(posts))
        raise Refused(400, reason, door=door.id, body=body[0], answer=reason)  # a bare string, as Alertmanager does
    return Answer(200)


def _fault_words(faults: Sequence[tuple[int, str]], count: int) -> str:
    shown = "; ".join(f"alert {index}: {fault}" for index, fault in faults[:20])
    more = f"; and {len(faults) - 20} more" if len(faults) > 20 else ""
    return f"{len(faults)} of {count} alerts were not stored, the others were: {shown}{more}."


def _check_type(environ: dict, door: Door) -> None:
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        told = f"not {kind[:60]!r}" if kind else "and this request names none"
        raise Refused(415, f"The content type must be application/json, {told}.", door=door.id)
    if (encoding := environ.get("HTTP_CONTENT_ENCODING", "identity").lower()) != "identity":
        raise Refused(415, f"The body must not be compressed, and this one is {encoding[:20]!r}.", door=door.id)


def _read(environ: dict, stream: Readable, door: Door) -> bytes:
    """The body; one that is too large is refused before it is read to its end."""
    most = settings.INTAKE_MAX_BYTES
    length = environ.get("CONTENT_LENGTH") or ""
    if not length.isdecimal():  # chunked: the length shows only while reading
        body = stream.read(most + 1)
    elif int(length) > most:
        body = b""
    else:
        body = stream.read(int(length))
        if len(body) != int(length):
            raise Refused(400, "The body ended before its announced length.", door=door.id)
    if len(body) > most or (length.isdecimal() and int(length) > most):
        raise Refused(413, f"The body is larger than {most:,} bytes; send fewer alerts at once.", door=door.id)
    return body


def _door(token: str, environ: dict, *, fresh: bool) -> Door:
    """Whose request this is, by its token or because it comes from this machine.

    fresh: inside somebody's transaction, where what was seen may have been rolled back since; asks the database.
    """
    if not token and not _is_local(environ):
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


def _is_local(environ: dict) -> bool:
    """Whether a program on this machine sent it itself; one that a proxy here passes on is a stranger's."""
    if not settings.TRUST_LOOPBACK or "HTTP_X_FORWARDED_FOR" in environ or "HTTP_FORWARDED" in environ:
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


def _note_seen(door: Door, at: datetime) -> None:
    """Once a minute: the admin shows when a door was last used, and a write a request would cost more than that."""
    now = time.monotonic()
    if now - _seen.get(door.id, -NOTE_SEEN) >= NOTE_SEEN:
        Integration.objects.filter(pk=door.id).update(last_seen_at=at)
        _seen[door.id] = now


def _refuse(refusal: Refused, environ: dict, *, at: datetime) -> Answer:
    """Say no, and leave a row in the webhook log."""
    try:
        intake.refused(
            refusal.door, at=at, status=refusal.status, reason=str(refusal), body=refusal.body,
            sender=environ.get("REMOTE_ADDR", ""),
        )  # fmt: skip
    except DatabaseError as error:
        log.warning("A refusal (%s) could not be logged: %s", refusal, error)
    headers = [("WWW-Authenticate", 'Basic realm="Opscenter"')] if refusal.status == 401 else []
    return Answer(refusal.status, msgspec.json.encode(refusal.answer), tuple(headers))


def _words(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    return Answer(status, msgspec.json.encode({"code": status, "message": text}), headers)
