"""What an operation asks of its caller; apart from access.py, which serves pages that must not load the API's parts."""

from typing import cast

from django.http import HttpRequest
from ninja.security.base import AuthBase

from .access import REALM, Caller, Request
from .problems import Problem
from .scopes import SCOPES


class Needs(AuthBase):
    """The check of one operation: the caller's token has the scope, and its user the right behind it."""

    openapi_type = "http"

    def __init__(self, scope: str | None):
        self.scope = scope
        super().__init__()

    def __call__(self, request: HttpRequest) -> Caller:
        caller = cast(Request, request).caller
        if self.scope is None:
            return caller
        if not caller.granted(self.scope):
            challenge = f'{REALM}, error="insufficient_scope", scope="{self.scope}"'
            detail = f"This needs the scope {self.scope}, which the token {caller.token and caller.token.name} lacks."
            raise Problem("forbidden", detail, headers={"WWW-Authenticate": challenge})
        if not caller.may(self.scope):
            right = SCOPES[self.scope].right
            raise Problem("forbidden", f"This needs the right {right}, which {caller.user.get_username()} lacks.")
        return caller
