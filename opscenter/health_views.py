"""Faces of health.py and metrics.py."""

from django.db import Error as DatabaseTrouble
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from . import health as state

NOT_KEPT = {"Cache-Control": "no-store"}


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"}, headers=NOT_KEPT)


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when requests can be served, else 503 with the reason."""
    if words := state.readiness():
        return JsonResponse({"status": "down", "reasons": [words]}, status=503, headers=NOT_KEPT)
    return JsonResponse({"status": "ok"}, headers=NOT_KEPT)


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """The whole verdict: 200 for ok and degraded, 503 for down."""
    found = state.check(at=timezone.now())
    return JsonResponse(found.as_json(), status=503 if found.status == state.DOWN else 200, headers=NOT_KEPT)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus; 503 without a database, so that the scrape counts as failed."""
    from .metrics import CONTENT_TYPE_LATEST, text  # only processes that are scraped pay for the client

    try:
        return HttpResponse(text(at=timezone.now()), content_type=CONTENT_TYPE_LATEST, headers=NOT_KEPT)
    except DatabaseTrouble:
        return HttpResponse("# The database does not answer.\n", status=503, content_type="text/plain")
