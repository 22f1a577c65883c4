"""`Idempotency-Key`: the same request sent again gets the answer of the first, and does nothing again.

The key is claimed in a transaction of its own; the deed and its answer are committed together. So a request that was
cut off did either nothing, and its claim lapses, or all, and its answer is there.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse

from .access import Caller
from .models import Answered
from .problems import Problem

HEADER = "Idempotency-Key"
LONGEST = 200
LAPSES = timedelta(minutes=1)
"""A claim without an answer is of a process that ended; after so long the request may be done."""


def once(request: HttpRequest, caller: Caller, do: Callable[[], HttpResponse], *, at: datetime) -> HttpResponse:
    """Do the request in one transaction, and answer it; a refusal leaves nothing behind, not even the key."""
    key = request.headers.get(HEADER)
    if key is None:
        return committed(do)
    if not key.strip() or len(key) > LONGEST or not key.isprintable():
        words = f"{HEADER} has 1 to {LONGEST} printable characters."
        raise Problem("invalid", words, errors=[(f"header.{HEADER}", words)])
    claim, before = _claim(request, caller, key, at=at)
    if before is not None:
        return before

    def do_and_keep() -> HttpResponse:
        response = do()
        if response.status_code < 400:
            Answered.objects.filter(pk=claim.pk).update(
                status_code=response.status_code, body=response.content.decode()
            )
        return response

    try:
        response = committed(do_and_keep)
    except BaseException:
        Answered.objects.filter(pk=claim.pk, status_code=None).delete()
        raise
    if response.status_code >= 400:
        Answered.objects.filter(pk=claim.pk, status_code=None).delete()
    return response


def committed(do: Callable[[], HttpResponse]) -> HttpResponse:
    """What `do` writes stays only when it is not refused."""
    with transaction.atomic():
        response = do()
        if response.status_code >= 400:
            transaction.set_rollback(True)
    return response


def _claim(request: HttpRequest, caller: Caller, key: str, *, at: datetime) -> tuple[Answered, HttpResponse | None]:
    """The row that holds the key, and the answer that was given before, if there is one."""
    asked = _digest(request)
    row = Answered(user=caller.user, token=caller.token, key=key, request=asked, at=at)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
        return row, None
    except IntegrityError:
        first = Answered.objects.filter(user=caller.user, key=key).first()
    if first is None:
        raise _in_progress()  # let go of at this very moment
    if first.request != asked:
        words = f"This {HEADER} was used for another request; take a new key for each request."
        raise Problem("key-reused", words, errors=[(f"header.{HEADER}", words)])
    if first.status_code is None:
        lapsed = Answered.objects.filter(pk=first.pk, status_code=None, at__lte=at - LAPSES)
        if not lapsed.update(at=at):
            raise _in_progress()
        return first, None
    headers = {"Idempotency-Replayed": "true"}
    return first, HttpResponse(first.body, status=first.status_code, content_type="application/json", headers=headers)


def _in_progress() -> Problem:
    words = "The same request is being worked on; send it again in a moment to get its answer."
    return Problem("in-progress", words, headers={"Retry-After": "1"})


def _digest(request: HttpRequest) -> str:
    parts = (request.method or "", request.get_full_path(), request.body.decode("latin-1"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
