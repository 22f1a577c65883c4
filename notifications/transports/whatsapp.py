"""WhatsApp, by the Cloud API of Meta."""

import json
from collections.abc import Mapping
from datetime import timedelta

from .base import AddressRefused, Message, Receipt, Suppressed, TryAgain, Undeliverable
from .facts import cut
from .http import Answer, ask, judge
from .phone import Phone, number
from .twilio import asks

API = "https://graph.facebook.com/v23.0"
LONGEST_TEXT, LONGEST_PARAMETER = 4096, 900
GONE = {131026, 131030, 131021, 131009}
STOPPED = {131050}
LATER = {1, 2, 4, 80007, 130429, 131000, 131016, 131048, 131056, 131057, 133004, 133015}
ACCOUNT = {0, 3, 10, 190, 33, 368, 131005, 131031, 131042, 131045, 133010}


class WhatsApp(Phone):
    """Sources: Meta, "WhatsApp Cloud API: messages", "message templates", "error codes".

    Outside the day that follows somebody's own message only templates are taken, so pages want one.
    """

    kind, label = "whatsapp", "WhatsApp (Cloud API)"
    account = "whatsapp"
    in_order = True
    options: Mapping[str, str] = {
        "phone_number_id": "the number it comes from, by Meta's id",
        "template": "an approved template with one variable, {{1}}; without it only open conversations are reached",
        "template_language": "the language code of the template when it is not that of the person",
        "template_buttons": "how many quick replies the template has: 1 acknowledge, 2 resolve too",
        "base_url": "the Graph API with its version, unless it is " + API,
    }

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        sender, token = message.sender, secret or message.sender.secret
        place = sender.option("phone_number_id")
        if not token or not place:
            raise Undeliverable("There is no WhatsApp account with phone_number_id and access token; add one.")
        url = f"{sender.option('base_url', API).rstrip('/')}/{place}/messages"
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        body = json.dumps(payload(address, message)).encode()
        answer = ask("POST", url, body, headers, service="WhatsApp")
        if answer.status != 200:
            _refuse(answer)
        told = answer.json.get("messages")
        first = told[0] if isinstance(told, list) and told and isinstance(told[0], dict) else {}
        return Receipt("WhatsApp took it.", str(first.get("id") or ""))


def payload(address: str, message: Message) -> dict:
    """A template message when the account has a template, else a message of an open conversation."""
    said: dict = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": number(address).lstrip("+")}
    if message.sender.option("template"):
        return {**said, "type": "template", "template": _template(message)}
    text = cut(f"*{message.subject.strip()}*\n{message.text.strip()}".strip(), LONGEST_TEXT - 600)
    if message.url:
        text += f"\n{cut(message.url, 500)}"
    if message.parent:
        said["context"] = {"message_id": message.parent}
    if not asks(message):
        return {**said, "type": "text", "text": {"preview_url": False, "body": text}}
    names = [("acknowledge", "Acknowledge"), ("resolve", "Resolve")]
    buttons = [{"type": "reply", "reply": {"id": f"{name}:{message.thread}", "title": title}} for name, title in names]
    interactive = {"type": "button", "body": {"text": cut(text, 1024)}, "action": {"buttons": buttons}}
    return {**said, "type": "interactive", "interactive": interactive}


def _template(message: Message) -> dict:
    sender = message.sender
    # a variable may hold no line break, no tab and no run of blanks
    words = " ".join(f"{message.brief} {message.url}".split())
    components: list[dict] = [{"type": "body", "parameters": [{"type": "text", "text": cut(words, LONGEST_PARAMETER)}]}]
    wanted = sender.option("template_buttons", "0")
    for place in range(min(int(wanted), 2) if wanted.isdecimal() else 0):
        payload = f"{('acknowledge', 'resolve')[place]}:{message.thread}"
        components.append(
            {"type": "button", "sub_type": "quick_reply", "index": str(place),
             "parameters": [{"type": "payload", "payload": payload}]}
        )  # fmt: skip
    language = sender.option("template_language", message.language)
    return {"name": sender.option("template"), "language": {"code": language}, "components": components}


def _refuse(answer: Answer) -> None:
    error = answer.json.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if code in STOPPED:
        raise Suppressed(f"This person wants no messages from our number on WhatsApp (error {code}).")
    if code in GONE:
        raise AddressRefused(f"WhatsApp does not reach this number (error {code}); it may not be on WhatsApp.")
    if code in LATER or answer.status == 429:
        raise TryAgain(f"WhatsApp asks for patience (error {code}).", answer.retry_after or timedelta(seconds=2))
    if code == 131047:
        raise Undeliverable("This person has not written to us for a day, so WhatsApp takes a template only; name one "
                            "in the option template of the account.")  # fmt: skip
    if code in ACCOUNT or answer.status in (401, 403) or (isinstance(code, int) and 200 <= code < 300):
        raise Undeliverable(f"WhatsApp refuses our account (error {code}); check its token, number and standing.")
    if isinstance(code, int) and 132000 <= code < 133000:
        raise Undeliverable(f"WhatsApp refuses the template (error {code}); check its name, language and variables.")
    if isinstance(code, int) and 400 <= answer.status < 500:
        raise Undeliverable(f"WhatsApp refused the message (error {code}).")
    judge(answer, "WhatsApp")
