"""Heartbeats for servers that do not go through opscenter.wsgi."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from . import pinging


@csrf_exempt
def ping(request: HttpRequest, rest: str = "") -> HttpResponse:
    """The same door as pinging.before."""
    status, text, more = pinging.answer(request.META, request)
    body = b"" if status == 204 else text.encode()
    return HttpResponse(body, status=status, headers=dict([*pinging.HEADERS, *more]))
