"""Slack calls: somebody pressed a button or typed our command."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, JsonResponse

from notifications import outbox
from notifications.models import Account, Purpose

from . import ACKNOWLEDGE, RESOLVE, Answer, proofs, replies, take
from .door import door, secret_of

HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
HELP = "Say ack, resolve or escalate and the number of the incident: ack 12."


@door("slack_app", "POST")
def interactions(request: HttpRequest, account: Account, at: datetime) -> HttpResponse:
    """Source: Slack, "Handling user interaction: block_actions". Refusals follow for the reader alone."""
    proofs.slack(request.headers, request.body, secret_of(account), at=at)
    said = _object(request.POST.get("payload", ""))
    user, actions = said.get("user"), said.get("actions")
    if said.get("type") != "block_actions" or not isinstance(user, dict) or not isinstance(actions, list):
        return HttpResponse(status=200)
    for place, action in enumerate(actions):
        if not isinstance(action, dict) or action.get("action_id") not in (ACKNOWLEDGE, RESOLVE):
            continue  # a link that was opened is told as well
        answer = _answer(str(action["action_id"]), user, str(action.get("value") or ""), f"{_once(request)}:{place}")
        outcome = take(answer, at=at)
        if not outcome.done:
            _whisper(str(said.get("response_url") or ""), outcome.text, account, at=at)
    return HttpResponse(status=200)


@door("slack_app", "POST")
def commands(request: HttpRequest, account: Account, at: datetime) -> HttpResponse:
    """Source: Slack, "Enabling interactivity with slash commands"."""
    proofs.slack(request.headers, request.body, secret_of(account), at=at)
    read = replies.read(request.POST.get("text", ""))
    if read is None:
        return JsonResponse({"response_type": "ephemeral", "text": HELP})
    word, number = read
    user = {"id": request.POST.get("user_id", "")}
    outcome = take(_answer(word, user, f"incident:{number}" if number else "", _once(request)), at=at)
    return JsonResponse({"response_type": "ephemeral", "text": outcome.text})


def _answer(word: str, user: dict[str, Any], thread: str, id: str) -> Answer:
    return Answer(word, ("slack_app",), str(user.get("id") or ""), thread, "Slack", id)


def _once(request: HttpRequest) -> str:
    """Tells this request from every other: Slack signs its second and its whole body."""
    return request.headers["X-Slack-Signature"]


def _whisper(url: str, text: str, account: Account, *, at: datetime) -> None:
    """Tell whoever pressed, and nobody else, why nothing was done."""
    parts, own = urlsplit(url), urlsplit(str(account.options.get("base_url") or ""))
    genuine = parts.scheme == "https" and parts.hostname in HOSTS
    if genuine or (own.netloc and parts.netloc == own.netloc and parts.scheme == own.scheme):
        outbox.queue(kind="slack", address=url, purpose=Purpose.NOTICE, subject=text, text="", at=at, to="Slack")


def _object(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
