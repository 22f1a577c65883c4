"""Telegram, by a bot."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from .base import AddressRefused, Message, Receipt, Transport, TryAgain, Undeliverable
from .facts import cut
from .http import Answer, ask, judge

API = "https://api.telegram.org"
CHAT = re.compile(r"-?\d{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31}", re.ASCII)
TOKEN = re.compile(r"\d{3,20}:[A-Za-z0-9_-]{20,64}", re.ASCII)
LONGEST_TEXT = 4096  # UTF-16 units; we count characters and stay well below
GONE = re.compile(
    r"chat not found|user not found|bot was (blocked|kicked)|user is deactivated|not a member|upgraded to a supergroup|"
    r"have no rights to send|chat_write_forbidden|peer_id_invalid",
    re.IGNORECASE,
)


class Telegram(Transport):
    """Source: Telegram, "Bot API": sendMessage, editMessageReplyMarkup, ResponseParameters."""

    kind, label = "telegram", "Telegram chat"
    account = "telegram"
    in_order = follows = True
    options: Mapping[str, str] = {"base_url": "the Bot API, unless it is https://api.telegram.org"}

    def check_address(self, address: str) -> None:
        if not CHAT.fullmatch(address):
            raise AddressRefused("This is no Telegram chat; enter its number, such as -1001234567890, or @channelname.")

    def hint(self, address: str) -> str:
        return address if address.startswith("@") else f"…{address[-4:]}"

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        token = secret or message.sender.secret
        if not TOKEN.fullmatch(token):
            raise Undeliverable("There is no Telegram account with a bot token (123456:ABC…); add one under Accounts.")
        if message.parent and (message.is_over or message.event == "acknowledged"):
            keyboard = {"inline_keyboard": [] if message.is_over else [_deeds(message)]}
            edit = {"chat_id": address, "message_id": int(message.parent), "reply_markup": keyboard}
            _call("editMessageReplyMarkup", edit, message, token, quietly=True)
        answer = _call("sendMessage", payload(address, message), message, token)
        result = answer.get("result")
        number = result.get("message_id", "") if isinstance(result, dict) else ""
        return Receipt("Telegram took it.", str(number))


def payload(address: str, message: Message) -> dict:
    """Plain text (no markup is read in it), buttons for the first message of an incident, links for the rest."""
    links = [link for link in message.links if _public(link.url)]
    below = "\n".join(f"{link.label}: {link.url}" for link in message.links if link not in links)
    text = cut(f"{message.subject.strip()}\n{message.text.strip()}".strip() or "-", LONGEST_TEXT - 1_000)
    said: dict = {
        "chat_id": address,
        "text": f"{text}\n{cut(below, 900)}".strip(),
        "link_preview_options": {"is_disabled": True},  # their servers would open the acknowledge link
    }
    deeds = [] if message.parent else _deeds(message)
    rows = [deeds] if deeds else []
    rows += [[{"text": cut(link.label, 60), "url": link.url}] for link in links if link.label == "Open" or not deeds]
    if rows:
        said["reply_markup"] = {"inline_keyboard": rows}
    if message.parent.isdecimal():
        said["reply_parameters"] = {"message_id": int(message.parent), "allow_sending_without_reply": True}
    return said


def _deeds(message: Message) -> list[dict]:
    if not message.thread.startswith("incident:") or message.is_over:
        return []
    names = [("acknowledge", "Acknowledge")] if message.data.get("status", "detected") == "detected" else []
    names = names if message.event != "acknowledged" else []
    return [{"text": label, "callback_data": f"{name}:{message.thread}"} for name, label in
            [*names, ("resolve", "Resolve")]]  # fmt: skip


def _public(url: str) -> bool:
    """Whether Telegram takes it on a button: it refuses the whole message for an address such as http://localhost."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme in ("http", "https") and "." in host and not host.replace(".", "").isdecimal()


def _call(method: str, body: dict, message: Message, token: str, *, quietly: bool = False) -> dict:
    url = f"{message.sender.option('base_url', API).rstrip('/')}/bot{token}/{method}"
    answer = ask("POST", url, json.dumps(body).encode(), {"Content-Type": "application/json"}, service="Telegram")
    if answer.status == 200 or (quietly and answer.status == 400):
        return answer.json
    _refuse(answer)
    return {}


def _refuse(answer: Answer) -> None:
    said = answer.json
    why = str(said.get("description") or "")
    more = said.get("parameters")
    more = more if isinstance(more, dict) else {}
    if answer.status == 429:
        wait = more.get("retry_after")
        after = timedelta(seconds=wait) if isinstance(wait, int | float) else answer.retry_after
        raise TryAgain("Telegram asks for patience (429).", after)
    if answer.status in (401, 404):
        raise Undeliverable("Telegram does not know our bot token; take it anew from @BotFather.")
    if answer.status in (400, 403) and (GONE.search(why) or more.get("migrate_to_chat_id")):
        moved = f" It is now {more['migrate_to_chat_id']}." if more.get("migrate_to_chat_id") else ""
        raise AddressRefused(f"Telegram does not reach this chat ({cut(why, 100)}).{moved}")
    if answer.status in (400, 403):
        raise Undeliverable(f"Telegram refused the message ({cut(why, 100)}).")
    judge(answer, "Telegram")
