"""Telegram calls: somebody pressed a button or wrote to the bot. The answer goes back in the response itself."""

import json
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from notifications.models import Account

from . import ACKNOWLEDGE, RESOLVE, Answer, proofs, replies, take
from .door import door, secret_of


@door("telegram", "POST")
def update(request: HttpRequest, account: Account, at: datetime) -> HttpResponse:
    """Source: Telegram, "Bot API: Update, CallbackQuery, Making requests when getting updates"."""
    proofs.telegram(request.headers, secret_of(account))
    try:
        said = json.loads(request.body)
    except ValueError:
        return HttpResponse("The body is not JSON.\n", status=400, content_type="text/plain")
    said = said if isinstance(said, dict) else {}
    if query := _part(said, "callback_query"):
        return _pressed(query, _id(account, "query", query.get("id")), at=at)
    if message := _part(said, "message"):
        return _written(message, _id(account, "update", said.get("update_id")), at=at)
    return HttpResponse(status=200)


def _pressed(query: dict[str, Any], id: str, *, at: datetime) -> HttpResponse:
    word, _, thread = str(query.get("data") or "").partition(":")
    text = ""
    if word in (ACKNOWLEDGE, RESOLVE) and thread:
        text = take(Answer(word, ("telegram",), _sender(query), thread, "Telegram", id), at=at).text
    answer = {"method": "answerCallbackQuery", "callback_query_id": str(query.get("id") or ""), "text": text[:200]}
    return JsonResponse(answer)


def _written(message: dict[str, Any], id: str, *, at: datetime) -> HttpResponse:
    read = replies.read(str(message.get("text") or ""))
    if read is None:
        return HttpResponse(status=200)
    word, number = read
    thread = f"incident:{number}" if number else ""
    outcome = take(Answer(word, ("telegram",), _sender(message), thread, "Telegram", id), at=at)
    if not outcome.known:
        return HttpResponse(status=200)
    return JsonResponse(
        {"method": "sendMessage", "chat_id": _part(message, "chat").get("id"), "text": outcome.text[:4000]}
    )


def _id(account: Account, what: str, id: Any) -> str:
    return f"{account.pk}:{what}:{id}" if id else ""


def _sender(said: dict[str, Any]) -> str:
    return str(_part(said, "from").get("id") or "")


def _part(said: dict[str, Any], name: str) -> dict[str, Any]:
    part = said.get(name)
    return part if isinstance(part, dict) else {}
