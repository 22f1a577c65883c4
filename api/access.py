"""Who calls, and whether they may: a token, or the session of a logged-in browser."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from .models import ApiToken
from .problems import Problem
from .scopes import SCOPES, grants
from .tokens import TokenRefused, recognise

SAFE = frozenset(["GET", "HEAD", "OPTIONS"])
REALM = 'Bearer realm="Opscenter"'


@dataclass(frozen=True)
class Caller:
    """Whoever calls: a user, by a token or (None) by the session of a browser."""

    user: Any
    token: ApiToken | None = None

    def may(self, scope: str) -> bool:
        """Whether token and user both may."""
        return self.granted(scope) and self.user.has_perm(SCOPES[scope].right)

    def granted(self, scope: str) -> bool:
        return self.token is None or grants(self.token.scopes, scope)

    def has(self, right: str) -> bool:
        """Whether the user has this right of Django's; scopes do not matter."""
        return self.user.has_perm(right)


class Request(HttpRequest):
    """A request as the entry hands it on: who sent it, and when it came (aware)."""

    caller: Caller
    at: datetime


def caller_of(request: HttpRequest, *, at: datetime) -> Caller:
    """Who sends this request; Problem when nobody is recognised, or a browser's request lacks its CSRF token."""
    if header := request.headers.get("Authorization", ""):
        scheme, _, secret = header.partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise _unknown("Send the token as `Authorization: Bearer ops_…`.", error="invalid_request")
        try:
            token = recognise(secret.strip(), at=at)
        except TokenRefused as refusal:
            raise _unknown(str(refusal), error="invalid_token") from None
        request.user = token.user
        return Caller(token.user, token)
    user = request.user
    if not user.is_authenticated:
        raise _unknown("Send a token as `Authorization: Bearer ops_…`, or log in.")
    if request.method not in SAFE and _is_forged(request):
        raise Problem("forbidden", "The CSRF token is missing or wrong; send it as X-CSRFToken, or use an API token.")
    return Caller(user)


def _unknown(detail: str, *, error: str = "") -> Problem:
    challenge = f'{REALM}, error="{error}"' if error else REALM
    return Problem("unauthenticated", detail, headers={"WWW-Authenticate": challenge})


def _is_forged(request: HttpRequest) -> bool:
    check: Any = CsrfViewMiddleware(lambda request: HttpResponse())
    check.process_request(request)
    request.csrf_processing_done = False  # type: ignore[attr-defined]  # the view itself is exempt, for tokens
    return check.process_view(request, HttpResponse, (), {}) is not None
