"""What every door of a provider does first: find the account, read the request, have it proven."""

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from notifications.models import Account
from notifications.routing import filled

from .proofs import NotProven

Handler = Callable[[HttpRequest, Account, datetime], HttpResponse]


def door(kind: str, *methods: str) -> Callable[[Handler], Callable[..., HttpResponse]]:
    """A view at which accounts of `kind` are called; what it cannot prove is refused with 403 and a sentence."""

    def wrap(handle: Handler) -> Callable[..., HttpResponse]:
        @csrf_exempt  # the provider's signature is the authority; there is no session to ride on
        def view(request: HttpRequest, key: str) -> HttpResponse:
            if request.method not in methods:
                return HttpResponse(status=405, headers={"Allow": ", ".join(methods)})
            account = Account.objects.select_related("policy").filter(key=key, kind=kind, enabled=True).first()
            if account is None:
                return HttpResponse("There is no such account here.\n", status=404, content_type="text/plain")
            if int(request.headers.get("Content-Length") or 0) > settings.WEBHOOK_MAX_BYTES:
                return HttpResponse("The body is too large.\n", status=413, content_type="text/plain")
            try:
                return handle(request, account, timezone.now())
            except NotProven as refusal:
                return HttpResponse(f"{refusal}\n", status=403, content_type="text/plain; charset=utf-8")

        return view

    return wrap


def secret_of(account: Account, *, own: bool = False) -> str:
    """What proves the caller; with `own` what we send with does as well. NotProven when there is none."""
    secret = filled(account.signing_secret or (account.secret if own else ""), account.policy)
    if not secret:
        raise NotProven("This account has no signing secret yet; enter it in the admin.")
    return secret
