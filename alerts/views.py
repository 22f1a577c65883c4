"""Doors that Django serves: every kind of webhook."""

import logging
import zlib
from collections.abc import Callable

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from policies.fields import SecretUnreadable
from sources import intake
from sources.inbound import INBOUND
from sources.inbound.base import Inbound, Malformed, NotTaken, Reply, Sent
from sources.inbound.signing import token_of
from sources.models import Integration

from . import receiving

log = logging.getLogger(__name__)
ANY = INBOUND["generic"]
"""Words the refusals of a door that is not known."""


class Shut(NotTaken):
    """No door is open here for this request."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


@csrf_exempt
@require_http_methods(["GET", "POST"])
def ingest(request: HttpRequest, key: str) -> HttpResponse:
    """Take a webhook of any kind: 202 with what it became, after that is committed."""
    return answer(request, key, ANY)


@csrf_exempt
@require_POST
def otlp(request: HttpRequest) -> HttpResponse:
    """Take traces where every OTLP exporter sends them; the key comes along."""
    return carried(request, "otlp")


@csrf_exempt
@require_POST
def channels(request: HttpRequest) -> HttpResponse:
    """Take the state of channels, by one address for all who tell it."""
    return carried(request, "channels")


@csrf_exempt
@require_POST
def deploys(request: HttpRequest) -> HttpResponse:
    """Take deploys and other changes, by one address for all pipelines."""
    return carried(request, "deploys")


def carried(request: HttpRequest, kind: str) -> HttpResponse:
    """Take a webhook of a kind whose address is the same for every door: the door's key comes as token or `?key=`."""
    try:
        key = request.GET.get("key", "") or token_of(request.headers)
    except NotTaken:
        key = ""
    return answer(request, key, INBOUND[kind], only=kind)


def answer(
    request: HttpRequest, key: str, inbound: Inbound, *, only: str = "",
    opens: Callable[[Integration | None], Inbound] | None = None,
) -> HttpResponse:  # fmt: skip
    """Take what came for the door with `key`, which is of the kind `only` if that is given.

    inbound  words refusals before the door is known
    opens    which kind reads what came for this door; Shut if none may
    """
    at = timezone.now()
    sender = request.META.get("REMOTE_ADDR", "")
    door, body = None, b""
    try:
        door = Integration.objects.select_related("policy").filter(key=key).first() if key else None
        if only and not key:
            raise Shut(401, "Give the door's key: Authorization: Bearer <key>, X-API-Key: <key> or ?key=<key>.")
        inbound = opens(door) if opens else opened(door, only)
        assert door is not None
        sent = _sent(request, b"")
        if request.method == "GET":
            reply = inbound.greet(sent, door)
            if reply is None:
                raise Shut(405, f"{door.name} is told by POST.")
            return _http(reply)
        body = _read(request, inbound)
        return _http(receiving.receive(inbound, door, _sent(request, body), sender=sender, at=at))
    except NotTaken as refusal:
        # what was signed and not understood can be taken again once the mapping is mended
        kept = receiving.to_replay(inbound, _sent(request, body)) if body and refusal.status in (400, 422) else {}
        try:
            intake.refused(
                door.pk if door else None, at=at, status=refusal.status, reason=str(refusal), body=body,
                sender=sender, **kept,
            )  # fmt: skip
        except (OperationalError, InterfaceError) as error:
            log.warning("A refusal (%s) could not be logged: %s", refusal, error)
        again = {503: {"Retry-After": "5"}, 405: {"Allow": "POST"}}.get(refusal.status, {})
        return _http(inbound.refused(refusal.status, str(refusal)), **again)
    except (OperationalError, InterfaceError) as error:
        log.error("A webhook from %s could not be stored: %s", sender, error)
        words = "The database cannot be reached, nothing was stored; send again."
        return _http(inbound.refused(503, words), **{"Retry-After": "5"})
    except SecretUnreadable as error:
        log.error("A webhook from %s could not be checked: %s", sender, error)
        words = "This installation cannot read the door's secret, nothing was stored; tell its operator and send again."
        return _http(inbound.refused(503, words), **{"Retry-After": "60"})


def opened(door: Integration | None, only: str = "") -> Inbound:
    """The kind that reads what comes for this door; Shut says why nothing may."""
    if door is None:
        raise Shut(404, "There is no door with this key; `manage.py integration list` shows those that are.")
    inbound = receiving.inbound_of(door)
    if only and door.kind != only:
        raise Shut(403, f"{door.name} is a door of kind {door.kind}, and here only doors of kind {only} are told.")
    if inbound is None:
        raise Shut(403, f"{door.name} is a door of kind {door.kind}, which is not told here.")
    if not door.enabled:
        raise Shut(403, f"The door {door.name} is switched off.")
    return inbound


def _sent(request: HttpRequest, body: bytes) -> Sent:
    query = {name: request.GET[name] for name in request.GET}
    return Sent(request.method or "", request.headers, query, body, request.build_absolute_uri())


def _read(request: HttpRequest, inbound: Inbound) -> bytes:
    if inbound.content_types and request.content_type not in inbound.content_types:
        raise Shut(415, inbound.wrong_type(request.content_type or ""))
    most = settings.WEBHOOK_MAX_BYTES
    length = request.META.get("CONTENT_LENGTH") or ""
    too_large = length.isdecimal() and int(length) > most
    body = b"" if too_large else request.read(most + 1)
    if too_large or len(body) > most:
        raise Shut(413, f"The body is larger than {most:,} bytes.")
    packing = request.headers.get("Content-Encoding", "").strip().lower()
    if packing in ("", "identity"):
        return body
    if packing != "gzip" or not inbound.gzip:
        allowed = "gzip or no packing" if inbound.gzip else "no packing"
        raise Shut(415, f"The body is packed as {packing[:40]!r}, and this door takes {allowed}.")
    return _unpacked(body, most)


def _unpacked(body: bytes, most: int) -> bytes:
    """The body of a gzip file; never more than `most` bytes are unpacked, however small it is."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise Malformed(f"The body is said to be packed as gzip and is not: {error}.") from error
    if len(unpacked) > most:
        raise Shut(413, f"The unpacked body is larger than {most:,} bytes.")
    if not unpacker.eof:
        raise Malformed("The body is packed as gzip and ends too early.")
    return unpacked


def _http(reply: Reply, **headers: str) -> HttpResponse:
    return HttpResponse(reply.body, status=reply.status, content_type=reply.content_type, headers=headers)
