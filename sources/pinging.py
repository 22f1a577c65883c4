"""The door for heartbeats: ping addresses as Healthchecks has them, served before Django's middleware.

    /ping/<uuid>                 the job ended well; also /start, /fail, /log, /<exit status>
    /ping/<ping key>/<slug>      the same by the key of a door of kind `heartbeats`; ?create=1 makes what is missing
    /api/heartbeat/<key>         the same as /ping/<uuid>
    ?rid=<uuid>                  which run it is, when several overlap

Source: healthchecks.io, "Pinging API". Every cron job on every machine calls here, and a ping should cost little more
than its row, so it is parsed by hand and written together with those that wait with it (heartbeats/writing.py).
"""

import logging
import re
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from django.utils import timezone

from .heartbeats import managing, writing
from .heartbeats.life import FAIL, LOG, START, SUCCESS, Beat
from .models import Heartbeat, Integration
from .signals import micros

log = logging.getLogger(__name__)

PREFIXES = ("/ping/", "/api/heartbeat/")
METHODS = ("HEAD", "GET", "POST")
BODY_LIMIT = 100_000
"""Bytes of a body that are kept."""
DRAIN = 64 * 1024
WORDS = {"start": START, "fail": FAIL, "log": LOG}
EXIT_STATUS = re.compile(r"[0-9]{1,9}", re.ASCII)
GREATEST_STATUS = 255
CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
BELIEVE = 5.0  # seconds; a key or slug that was changed is noticed after so long
REMEMBERED = 10_000
HEADERS = (
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Access-Control-Allow-Origin", "*"),
    ("Cache-Control", "no-store"),
)


class Readable(Protocol):
    """A request's body."""

    def read(self, size: int, /) -> bytes: ...


class Answer(NamedTuple):
    status: int
    text: str
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """The ping is not taken; the text is what Healthchecks answers."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.answer = Answer(status, text)


OK = Answer(200, "OK", (("Ping-Body-Limit", str(BODY_LIMIT)),))
CREATED = Answer(201, "Created", OK.headers)
NOT_FOUND = Answer(404, "not found")


def before(application: Callable) -> Callable:
    """`application` with the heartbeats' door in front of it."""

    def thin(environ: dict, start_response: Callable) -> Iterable[bytes]:
        if not environ["PATH_INFO"].startswith(PREFIXES):
            return application(environ, start_response)
        status, text, more = answer(environ, environ["wsgi.input"])
        body = b"" if status == 204 else text.encode()
        start_response(f"{status} {HTTPStatus(status).phrase}", [*HEADERS, ("Content-Length", str(len(body))), *more])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return thin


def answer(environ: dict, stream: Readable) -> Answer:
    """Take one ping: a WSGI environment and its body. 200 only after it is committed."""
    method = environ["REQUEST_METHOD"]
    if method not in METHODS:
        return _other(method)
    at = micros(timezone.now())
    try:
        first, *rest = _parts(environ["PATH_INFO"])
        project = slug = None
        if len(first) == 36 and CANONICAL.fullmatch(first):
            id: UUID | None = UUID(first)
        else:
            id, project = _by_key(first)
            if project is not None:
                slug, *rest = rest or [""]
                id = _by_slug(project, slug)
        if len(rest) > 1:
            raise Refused(400, "invalid url format")
        kind, exit_status = _kind(rest[0] if rest else "")
        query = environ.get("QUERY_STRING")
        options = parse_qs(query, keep_blank_values=True) if query else {}
        beat = Beat(
            at, kind, _rid(options), exit_status, method, _sender(environ), environ.get("HTTP_USER_AGENT", "")[:200],
            _body(environ, stream) if method == "POST" else "",
        )  # fmt: skip
        if id is not None:
            return OK if writing.ping(id, beat) else NOT_FOUND
        if project is None or options.get("create") != ["1"] or not managing.SLUG.fullmatch(slug or ""):
            return NOT_FOUND
        return CREATED if writing.ping(managing.provide(project, slug or "").pk, beat) else NOT_FOUND
    except Refused as refusal:
        return refusal.answer
    except (OperationalError, InterfaceError) as error:
        log.error("A ping from %s could not be stored: %s", environ.get("REMOTE_ADDR"), error)
        django = connections[DEFAULT_DB_ALIAS]
        if not django.in_atomic_block:
            django.close()
        return Answer(503, "the database cannot be reached, nothing was stored; ping again", (("Retry-After", "5"),))
    except Exception:
        log.exception("A ping from %s could not be taken", environ.get("REMOTE_ADDR"))
        return Answer(500, "Opscenter failed on this ping, nothing was stored; its log says why")


def _other(method: str) -> Answer:
    """A browser asks with OPTIONS before it posts from another site."""
    if method == "OPTIONS":
        allowed = (("Access-Control-Allow-Methods", ", ".join(METHODS)), ("Access-Control-Allow-Headers", "*"))
        return Answer(204, "", allowed)
    return Answer(405, "a ping is a GET, HEAD or POST request", (("Allow", ", ".join((*METHODS, "OPTIONS"))),))


def _parts(path: str) -> list[str]:
    """What stands in a path behind its prefix: whom it means, and what happened."""
    for prefix in PREFIXES:
        if path.startswith(prefix):
            parts = path[len(prefix) :].removesuffix("/").split("/")
            if parts[0]:
                return parts
    raise Refused(400, "invalid url format")


def _kind(word: str) -> tuple[str, int | None]:
    if not word:
        return SUCCESS, None
    if word in WORDS:
        return WORDS[word], None
    if not EXIT_STATUS.fullmatch(word) or int(word) > GREATEST_STATUS:
        raise Refused(400, "invalid url format")
    return FAIL if int(word) else SUCCESS, int(word)


def _rid(options: dict[str, list[str]]) -> UUID | None:
    if "rid" not in options:
        return None
    rid = options["rid"][0]
    if not CANONICAL.fullmatch(rid):
        raise Refused(400, "invalid uuid format")
    return UUID(rid)


def _sender(environ: dict) -> str:
    """Who pings; behind a proxy as that says."""
    forwarded = environ.get("HTTP_X_FORWARDED_FOR")
    sender = forwarded.partition(",")[0].strip() if forwarded else environ.get("REMOTE_ADDR", "")
    return sender.replace("\0", "")[:64]


def _body(environ: dict, stream: Readable) -> str:
    """The beginning of the body as text; the rest is read and dropped, so that the sender need not care."""
    length = environ.get("CONTENT_LENGTH") or ""
    left = int(length) if length.isdecimal() else None
    if left == 0:
        return ""
    kept = stream.read(BODY_LIMIT if left is None else min(left, BODY_LIMIT))
    if left is None or left > BODY_LIMIT:
        while stream.read(DRAIN):
            pass
    return kept.decode(errors="replace").replace("\0", "\ufffd")


_keys: dict[str, tuple[UUID | None, int | None, float]] = {}  # heartbeat, project, and until when to believe it
_slugs: dict[tuple[int, str], tuple[UUID, float]] = {}


def forget() -> None:
    """Drop what is remembered of heartbeats, keys and slugs."""
    _keys.clear()
    _slugs.clear()
    writing.forget()


def _by_key(key: str) -> tuple[UUID | None, int | None]:
    """The heartbeat whose door has this key, or the door of kind `heartbeats` that has it."""
    now, fresh = time.monotonic(), connections[DEFAULT_DB_ALIAS].in_atomic_block
    id, project, until = _keys.get(key, (None, None, 0.0))
    if fresh or now >= until:
        kinds = [managing.DOOR, managing.PROJECT]
        door = Integration.objects.filter(key=key, kind__in=kinds, enabled=True).select_related("heartbeat").first()
        if door is None:
            raise Refused(404, "not found")
        id = door.heartbeat.pk if door.kind == managing.DOOR and hasattr(door, "heartbeat") else None
        project = door.pk if door.kind == managing.PROJECT else None
        if id is None and project is None:
            raise Refused(404, "not found")
        if len(_keys) > REMEMBERED:
            _keys.clear()
        _keys[key] = (id, project, now + BELIEVE)
    return id, project


def _by_slug(project: int, slug: str) -> UUID | None:
    """The heartbeat with this slug that a door may ping; None when there is none."""
    now, fresh = time.monotonic(), connections[DEFAULT_DB_ALIAS].in_atomic_block
    id, until = _slugs.get((project, slug), (None, 0.0))
    if id is not None and not fresh and now < until:
        return id
    if not slug:
        raise Refused(404, "not found")
    found = Heartbeat.objects.pinged_by(project).filter(slug=slug).values_list("pk", flat=True)[:2]
    if len(found) > 1:
        raise Refused(409, "ambiguous slug")
    if not found:
        return None
    if len(_slugs) > REMEMBERED:
        _slugs.clear()
    _slugs[(project, slug)] = (found[0], now + BELIEVE)
    return found[0]
