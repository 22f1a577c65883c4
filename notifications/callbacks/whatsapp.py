"""WhatsApp calls: what became of a message, and what was pressed or written back."""

import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from notifications import outbox, receipts
from notifications.models import Account, Purpose

from . import ACKNOWLEDGE, RESOLVE, Answer, proofs, replies, take
from .door import door, secret_of

NOT_ON_IT = {131026, 131030}
LONGEST_CHALLENGE = 200


@door("whatsapp", "GET", "POST")
def webhook(request: HttpRequest, account: Account, at: datetime) -> HttpResponse:
    """Sources: Meta, "Webhooks: verification requests", "WhatsApp Cloud API: messages webhook"."""
    if request.method == "GET":
        return _greet(request, account)
    proofs.meta(request.headers, request.body, secret_of(account))
    try:
        said = json.loads(request.body)
    except ValueError:
        return HttpResponse("The body is not JSON.\n", status=400, content_type="text/plain")
    for value in _values(said):
        for one in _objects(value.get("statuses")):
            _status(one, at=at)
        for one in _objects(value.get("messages")):
            _message(one, account, at=at)
    return HttpResponse(status=200)


def _greet(request: HttpRequest, account: Account) -> HttpResponse:
    wanted = str(account.options.get("verify_token") or account.key)
    given = request.GET.get("hub.verify_token", "")
    if request.GET.get("hub.mode") != "subscribe" or not hmac.compare_digest(wanted.encode(), given.encode()):
        raise proofs.NotProven("hub.verify_token is not the one of this account: its option, else its key.")
    return HttpResponse(request.GET.get("hub.challenge", "")[:LONGEST_CHALLENGE], content_type="text/plain")


def _status(one: dict[str, Any], *, at: datetime) -> None:
    errors = _objects(one.get("errors"))
    first = errors[0] if errors else {}
    word = str(one.get("status") or "")
    if word == "failed" and first.get("code") in NOT_ON_IT:
        word = "bounced"
    detail = f"{first.get('title', '')} (error {first['code']})".strip() if first.get("code") else ""
    stamp = str(one.get("timestamp") or "")
    when = datetime.fromtimestamp(int(stamp), UTC) if stamp.isdecimal() and len(stamp) < 12 else at
    receipts.tell("whatsapp", str(one.get("id") or ""), word, at=when, told_at=at, detail=detail)


def _message(one: dict[str, Any], account: Account, *, at: datetime) -> None:
    sender = f"+{str(one.get('from') or '').lstrip('+')}"
    pressed = str(
        _part(_part(one, "interactive"), "button_reply").get("id") or _part(one, "button").get("payload") or ""
    )
    word, _, thread = pressed.partition(":")
    if word not in (ACKNOWLEDGE, RESOLVE):
        read = replies.read(str(_part(one, "text").get("body") or ""))
        if read is None:
            return
        word, number = read
        thread = f"incident:{number}" if number else ""
    outcome = take(Answer(word, ("whatsapp",), sender, thread, "WhatsApp", str(one.get("id") or "")), at=at)
    if outcome.known:
        # one answer a message, however often Meta tells of it
        once = f"answer:{account.pk}:{one.get('id')}"[:120]
        outbox.queue(kind="whatsapp", address=sender, purpose=Purpose.NOTICE, subject=outcome.text, text="", at=at,
                     once=once, language=outcome.language)  # fmt: skip


def _values(said: Any) -> Iterator[dict[str, Any]]:
    for entry in _objects(said.get("entry") if isinstance(said, dict) else None):
        for change in _objects(entry.get("changes")):
            yield _part(change, "value")


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _part(said: dict[str, Any], name: str) -> dict[str, Any]:
    part = said.get(name)
    return part if isinstance(part, dict) else {}
