"""The thin door: `POST /api/v2/alerts` as Alertmanager takes it, served before Django's middleware.

Prometheus, Loki's ruler, vmalert and Grafana post here all the time and mostly what is known already, so a request
should cost little more than its one statement. It uses Django's connection of the thread it runs on. No request signal
of Django's looks after that connection here, so `answer` does: only after an error or at its age, and a request that
met a broken one is done again on a new one, which is safe since storing twice is.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple, Protocol

import msgspec
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from policies.dbconnection import tidy
from sources import intake
from sources.inbound import alertmanager

from . import store
from .admission import Door, Refused, admit, forget, note_seen

log = logging.getLogger(__name__)

__all__ = ["Answer", "answer", "before", "forget", "refuse"]

PATHS = frozenset(["/api/v2/alerts", "/api/v2/alerts/"])


class Readable(Protocol):
    """A request's body."""

    def read(self, size: int, /) -> bytes: ...


class Answer(NamedTuple):
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


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
        tidy(django)
        body: list[bytes] = []  # read once, also when the work has to be done again
        try:
            return _take(environ, stream, body, django, at=at)
        except (OperationalError, InterfaceError):
            if django.in_atomic_block:
                raise
            django.close()
            return _take(environ, stream, body, django, at=at)
    except Refused as refusal:
        return refuse(refusal, environ, at=at)
    except (OperationalError, InterfaceError) as error:
        log.error("Alerts from %s could not be stored: %s", environ.get("REMOTE_ADDR"), error)
        if not django.in_atomic_block:
            django.close()
        return _words(503, "The database cannot be reached, nothing was stored; send again.", ("Retry-After", "5"))
    except Exception:
        log.exception("Alerts from %s could not be taken", environ.get("REMOTE_ADDR"))
        return _words(500, "Opscenter failed on this request, nothing was stored; its log says why.")


def _take(environ: dict, stream: Readable, body: list[bytes], django: BaseDatabaseWrapper, *, at: datetime) -> Answer:
    door = admit(environ, fresh=django.in_atomic_block)
    if not body:
        _check_type(environ, door)
        body.append(_read(environ, stream, door))
    if store.receive_again(door.id, body[0], at=at):
        note_seen(door, at)
        return Answer(200)
    try:
        posts = alertmanager.decode(body[0])
        stored = store.receive(door.id, posts, at=at, body=body[0])
    except alertmanager.Malformed as error:
        raise Refused(400, str(error), door=door.id, body=body[0]) from error
    except alertmanager.WrongShape as error:
        words = {"code": error.code, "message": str(error)}
        raise Refused(422, str(error), door=door.id, body=body[0], answer=words) from error
    note_seen(door, at)
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


def refuse(refusal: Refused, environ: dict, *, at: datetime) -> Answer:
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
