"""Doors that Django serves: the generic signed webhook, and Alertmanager's where the thin door is not in front."""

import logging
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from sources import intake
from sources.inbound import generic, signing
from sources.models import Integration, WebhookLog

from . import door
from .store import store

log = logging.getLogger(__name__)

DELIVERY_HEADERS = ("X-Opscenter-Delivery", "X-GitHub-Delivery", "Webhook-Id", "Idempotency-Key")
KIND = "generic"


class Refused(Exception):
    """The request is not taken; the text says why and what to do."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


@csrf_exempt
@require_POST
def alertmanager(request: HttpRequest) -> HttpResponse:
    """The same door as door.before, for servers that do not go through opscenter.wsgi."""
    status, body, headers = door.answer(request.META, request)
    return HttpResponse(body, status=status, content_type="application/json", headers=dict(headers))


@csrf_exempt
@require_POST
def ingest(request: HttpRequest, key: str) -> HttpResponse:
    """Take a JSON webhook: 202 with the alerts it became, after they are committed."""
    at = timezone.now()
    sender = request.META.get("REMOTE_ADDR", "")
    known, body = None, b""
    try:
        known = Integration.objects.filter(key=key).first()
        integration = _checked(known)
        body = _read(request)
        answer, status = _take(integration, request, body, sender=sender, at=at)
        return JsonResponse(answer, status=status)
    except Refused as refusal:
        door_id = known.pk if known else None
        intake.refused(door_id, at=at, status=refusal.status, reason=str(refusal), body=body, sender=sender)
        return JsonResponse({"error": str(refusal)}, status=refusal.status)
    except (OperationalError, InterfaceError) as error:
        log.error("A webhook from %s could not be stored: %s", sender, error)
        words = "The database cannot be reached, nothing was stored; send again."
        return JsonResponse({"error": words}, status=503, headers={"Retry-After": "5"})


def _checked(integration: Integration | None) -> Integration:
    if integration is None:
        raise Refused(404, "There is no door with this key; `manage.py integration list` shows those that are.")
    if integration.kind != KIND:
        raise Refused(403, f"{integration.name} is a door of kind {integration.kind}, not a generic webhook.")
    if not integration.enabled:
        raise Refused(403, f"The door {integration.name} is switched off.")
    return integration


def _read(request: HttpRequest) -> bytes:
    if request.content_type != "application/json":
        told = f"not {request.content_type[:60]!r}" if request.content_type else "and this request names none"
        raise Refused(415, f"The content type must be application/json, {told}.")
    most = settings.WEBHOOK_MAX_BYTES
    length = request.META.get("CONTENT_LENGTH") or ""
    too_large = length.isdecimal() and int(length) > most
    body = b"" if too_large else request.read(most + 1)
    if too_large or len(body) > most:
        raise Refused(413, f"The body is larger than {most:,} bytes.")
    return body


def _take(
    integration: Integration, request: HttpRequest, body: bytes, *, sender: str, at: datetime
) -> tuple[dict, int]:
    signature = ""
    if integration.secrets:
        try:
            signature = signing.check(request.headers, body, integration.secrets, at=at)
        except signing.NotSigned as error:
            raise Refused(401, str(error)) from error
    delivery = next((request.headers[name] for name in DELIVERY_HEADERS if request.headers.get(name)), "")[:120]
    try:
        signals = generic.parse(body, integration.mapping, at=at)
    except (generic.NotJSON, generic.WrongPayload) as error:
        raise Refused(400, str(error)) from error
    try:
        with transaction.atomic():
            # the row comes first: that it is unique decides between two deliveries of the same message at once
            row = intake.accepted(
                integration.pk, at=at, status=202, body=body, sender=sender, delivery_id=delivery, signature=signature
            )
            stored = store(integration, signals, at=at)
            alerts = intake.became(row, stored.ids)
            Integration.objects.filter(pk=integration.pk).update(last_seen_at=at)
    except IntegrityError:
        return _again(integration, delivery, signature, body, sender=sender, at=at)
    return {"accepted": len(signals), "alerts": alerts}, 202


def _again(
    integration: Integration, delivery: str, signature: str, body: bytes, *, sender: str, at: datetime
) -> tuple[dict, int]:
    """The answer to a message that was taken before: fine if its sender only repeats it, refused if it is replayed."""
    taken = WebhookLog.objects.filter(integration=integration, verdict=WebhookLog.Verdict.ACCEPTED)
    if delivery and (first := taken.filter(delivery_id=delivery).first()):
        intake.repeated(integration.pk, first, at=at, body=body, sender=sender)
        return {"accepted": 0, "duplicate": True, "alerts": first.became.get("alerts", [])}, 200
    if signature and taken.filter(signature=signature).exists():
        raise Refused(409, "A request with this very signature was taken before: this is a replay, nothing was stored.")
    raise Refused(409, "The request collided with another one; send it again.")
