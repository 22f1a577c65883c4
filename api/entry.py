"""The way into the HTTP API: everything under /api/v1/ comes here.

The operations (and the library that serves them) are imported at the first request, so that a process that is never
asked does not carry them. Around every operation: who calls, one transaction for what changes something, ETags for
what is read, and problems instead of pages for whatever goes wrong.
"""

import logging
from functools import cache
from typing import cast

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.urls import Resolver404, URLResolver
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from . import problems
from .problems import Problem

log = logging.getLogger(__name__)
JSON = "application/json"


@csrf_exempt  # the session of a browser is checked by access.caller_of; a token cannot be ridden on
def entry(request: HttpRequest, path: str) -> HttpResponse:
    """Answer one request; `path` is what follows /api/v1/."""
    wants_head = request.method == "HEAD"
    if wants_head:
        request.method = "GET"
    try:
        response = _answer(request, path)
    except Problem as problem:
        response = problems.response(problem)
    except Exception as error:
        from .refusals import failed

        response = failed(request, error)
    patch_vary_headers(response, ["Authorization", "Cookie"])
    if wants_head:
        request.method = "HEAD"
        response.headers["Content-Length"] = str(len(response.content))
        response.content = b""
    return response


def _answer(request: HttpRequest, path: str) -> HttpResponse:
    from . import access, idempotency, tags

    at = timezone.now()
    _read_body(request)
    caller = access.caller_of(request, at=at)
    known = cast(access.Request, request)
    known.caller, known.at = caller, at
    try:
        match = _resolver().resolve(path)
    except Resolver404:
        raise Problem("not-found", f"There is nothing at this address; {DOCUMENTED}") from None
    _refuse_unknown_type(request)

    def do() -> HttpResponse:
        return _checked(match.func(request, *match.args, **match.kwargs))

    if request.method == "GET":
        response = do()
        return tags.tagged(request, response) if response.status_code == 200 else response
    if request.method == "POST":
        return idempotency.once(request, caller, do, at=at)
    return idempotency.committed(do)


DOCUMENTED = "/api/v1/docs shows the addresses that are."


def _checked(response: HttpResponse) -> HttpResponse:
    """An answer of an operation; the library's plain words for a wrong method become a problem."""
    if response.status_code == 405:
        methods = {method.strip() for method in response.headers["Allow"].split(",")}
        allowed = ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))
        raise Problem("method-not-allowed", f"This address takes {allowed}.", headers={"Allow": allowed})
    if response.status_code == 204:
        response.content = b""
        del response.headers["Content-Type"]
    return response


def _read_body(request: HttpRequest) -> None:
    """Read the body once, before anything looks into it."""
    try:
        _ = request.body
    except RequestDataTooBig:
        raise Problem("too-large", "The body is larger than 2.5 MB; send it in parts.") from None
    except (UnreadablePostError, SuspiciousOperation):
        raise Problem("malformed", "The body did not arrive whole; send it again.") from None


def _refuse_unknown_type(request: HttpRequest) -> None:
    if request.body and request.method != "GET" and request.content_type != JSON:
        told = f"not {request.content_type[:60]!r}" if request.content_type else "and this request names none"
        raise Problem("unsupported-media-type", f"The content type must be {JSON}, {told}.")


@cache
def _resolver() -> URLResolver:
    from .site import resolver

    return resolver()
