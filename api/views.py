"""The document and the page on which one can try the operations; both need no login and tell no data."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie
from django.views.decorators.http import require_safe

from .entry import entry
from .models import PREFIX


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document, with an ETag."""
    from .document import document_bytes
    from .tags import tagged

    response = tagged(request, HttpResponse(document_bytes(), content_type="application/json"))
    response.headers["Cache-Control"] = "public, no-cache"
    return response


@require_safe
@ensure_csrf_cookie
def docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI from the files of the package; nothing is fetched from elsewhere."""
    return render(request, "api/docs.html")


def asked_or_told(path: str, told: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A view of one address with two faces: GET asks the API for `path`, everything else goes to the view `told`.

    Whoever comes with a token of the API, not with a door's key, speaks to the API in any case.
    """

    @csrf_exempt
    def view(request: HttpRequest) -> HttpResponse:
        secret = request.headers.get("Authorization", "").partition(" ")[2].strip()
        asks = request.method in ("GET", "HEAD") or secret.startswith(PREFIX)
        return entry(request, path) if asks else told(request)

    return view
