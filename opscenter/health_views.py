"""Faces of health.py and metrics.py."""

from datetime import datetime

from django.db import Error as DatabaseTrouble
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from alerts.admission import is_local
from api.access import caller_of
from api.problems import Problem, response

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
    """For Prometheus, or as JSON (`?format=json`); 503 without a database, so that the scrape counts as failed.

    What rules read is told to programs on this machine, and elsewhere to a token that may read rules.
    """
    from .metrics import CONTENT_TYPE_LATEST, series, text  # only processes that are scraped pay for the client

    at = timezone.now()
    as_json = request.GET.get("format") == "json"
    try:
        readings = _may_see_readings(request, at)
        if as_json:
            return JsonResponse({"at": at.isoformat(), "series": series(at=at, readings=readings)}, headers=NOT_KEPT)
        return HttpResponse(text(at=at, readings=readings), content_type=CONTENT_TYPE_LATEST, headers=NOT_KEPT)
    except Problem as problem:
        return response(problem)
    except DatabaseTrouble:
        words = "The database does not answer."
        if as_json:
            return JsonResponse({"error": words}, status=503, headers=NOT_KEPT)
        return HttpResponse(f"# {words}\n", status=503, content_type="text/plain")


def _may_see_readings(request: HttpRequest, at: datetime) -> bool:
    """Whether the sender may read rules; Problem when it shows a token that is none."""
    if request.headers.get("Authorization"):
        return caller_of(request, at=at).may("rules:read")
    return is_local(request.META)
