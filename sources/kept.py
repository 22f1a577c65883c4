"""A request as the webhook log keeps it."""

from urllib.parse import parse_qsl

from django.http.request import HttpHeaders

from .inbound.base import Sent
from .models import WebhookLog


def request_of(row: WebhookLog, body: str | None = None) -> Sent:
    """The request of `row`, with its headers and query, to be read again; with another body if one is given."""
    names = row.headers if isinstance(row.headers, dict) else {}
    headers = HttpHeaders({_environ(name): str(value) for name, value in names.items()})
    raw = row.raw if body is None else body
    return Sent("POST", headers, dict(parse_qsl(row.query)), raw.encode(errors="replace"))


def _environ(name: str) -> str:
    """`HTTP_X_GITHUB_EVENT`, as HttpHeaders reads a request's environment."""
    plain = name.upper().replace("-", "_")
    return plain if plain in HttpHeaders.UNPREFIXED_HEADERS else HttpHeaders.HTTP_PREFIX + plain
