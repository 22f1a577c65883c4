"""The doors of PagerDuty's Events API v2: the key stands in the body, and the answers are as documented there.

Source: PagerDuty developer documentation, "Events API v2 overview"; the official Python client.
"""

import logging
import uuid
from dataclasses import replace
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from sources import intake
from sources.inbound import INBOUND
from sources.inbound.base import NotTaken, Reply, Sent
from sources.inbound.pagerduty import CHANGE, MOST_BYTES, Invalid, PagerDuty, faults, key_faults
from sources.models import Integration

from . import receiving
from .views import Shut

log = logging.getLogger(__name__)
KIND = PagerDuty.kind
AGAIN = "The database cannot be reached, nothing was stored; send again."


@csrf_exempt
def enqueue(request: HttpRequest) -> HttpResponse:
    """Take an alert event: 202 with its deduplication key, after it is committed."""
    # made here and kept with the request: taken again from the log, it is the same alert
    return _answer(request, {"dedup_key": uuid.uuid4().hex})


@csrf_exempt
def enqueue_change(request: HttpRequest) -> HttpResponse:
    """Take a change event: 202 after it is committed."""
    # it has no number of its own; with this one it is not told twice when it is taken again from the log
    return _answer(request, {"event": CHANGE, "id": uuid.uuid4().hex})


def _answer(request: HttpRequest, query: dict[str, str]) -> HttpResponse:
    at, sender = timezone.now(), request.META.get("REMOTE_ADDR", "")
    door, sent = None, Sent(request.method or "", request.headers, query, b"", request.build_absolute_uri())
    inbound = INBOUND[KIND]
    assert isinstance(inbound, PagerDuty)
    try:
        try:
            sent = replace(sent, body=_read(request, inbound))
            door = _door_of(inbound.decode(sent), sent)
            return _http(receiving.receive(inbound, door, sent, sender=sender, at=at))
        except NotTaken as refusal:
            kept = receiving.to_replay(inbound, sent) if door and refusal.status == 400 else {}
            intake.refused(
                door.pk if door else None, at=at, status=refusal.status, reason=str(refusal), body=sent.body,
                sender=sender, **kept,
            )  # fmt: skip
            return _http(inbound.refusal(refusal))
    except (OperationalError, InterfaceError) as error:
        log.error("An event from %s could not be stored: %s", sender, error)
        return _http(inbound.refused(503, AGAIN))


def _read(request: HttpRequest, inbound: PagerDuty) -> bytes:
    if request.method != "POST":
        raise Shut(405, "Events are sent by POST.")
    named = (request.content_type or "").lower()
    if named not in inbound.content_types and not named.endswith("+json"):
        raise Invalid([f"The content type must be application/json, not {named[:60]!r}."])
    length = request.META.get("CONTENT_LENGTH") or ""
    too_large = length.isdecimal() and int(length) > MOST_BYTES
    body = b"" if too_large else request.read(MOST_BYTES + 1)
    if too_large or len(body) > MOST_BYTES:
        raise Shut(413, f"The event is larger than {MOST_BYTES:,} bytes; shorten its custom details.")
    return body


def _door_of(payload: Any, sent: Sent) -> Integration:
    """The door whose key the event carries; Invalid names what is wrong with the key and with the rest of it."""
    event = payload if isinstance(payload, dict) else {}
    key = event.get("routing_key") or sent.headers.get("X-Routing-Key")
    usable = isinstance(key, str) and key.isprintable()
    door = Integration.objects.select_related("policy").filter(kind=KIND, key=key).first() if usable else None
    if door is None:
        wrong = faults(event, is_change=sent.query.get("event") == CHANGE) if isinstance(payload, dict) else ()
        raise Invalid([*key_faults(key), *wrong])
    if not door.enabled:
        raise Shut(403, f"The door {door.name} is switched off.")
    return door


def _http(reply: Reply) -> HttpResponse:
    response = HttpResponse(reply.body, status=reply.status, content_type=reply.content_type)
    if reply.status == 405:
        response["Allow"] = "POST"
    if reply.status == 503:
        response["Retry-After"] = "5"
    return response
