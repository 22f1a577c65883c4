"""Text messages and calls by an account at Twilio."""

import base64
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape, quoteattr

from django.conf import settings

from .base import AddressRefused, Message, Receipt, Suppressed, TryAgain, Undeliverable
from .http import Answer, ask, judge
from .phone import Phone, fitted, number
from .words import VOICES, ask_in

API = "https://api.twilio.com"
MOST_SEGMENTS = 3
GONE = {21211, 21214, 21217, 21265, 21401, 21421, 21612, 21614, 13223, 13224, 30004, 30005, 30006, 21635}
STOPPED = {21610}
LATER = {20429, 14107, 20500, 20503, 20504, 30001, 30008, 63018, 10001, 10004, 21611}
OPTIONS: Mapping[str, str] = {
    "account_sid": "the account, AC…",
    "from": "the number or sender it comes from; the destination may have its own",
    "messaging_service_sid": "a messaging service, MG…, instead of a number",
    "api_key": "an API key, SK…, when the secret is not the account's auth token",
    "base_url": "the API, unless it is https://api.twilio.com",
    "one_way": "true: no answers are asked for, since nobody listens on the number",
    "link": "false: no address in text messages, where carriers refuse them",
}


class Sms(Phone):
    """Sources: Twilio, "Messages resource", "Error and warning dictionary"; one part is 160 or 70 signs."""

    kind, label = "sms", "text message (Twilio)"
    account = "twilio"
    options = OPTIONS

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        sender = message.sender
        fields = {"To": number(address), "Body": text_of(message), "StatusCallback": callback("status", message)}
        if service := sender.option("messaging_service_sid"):
            fields["MessagingServiceSid"] = service
        else:
            fields["From"] = _from(message)
        return _create("Messages", fields, message, secret)


class Voice(Phone):
    """Sources: Twilio, "Calls resource", "TwiML: Gather, Say"; keys are answered at our own door."""

    kind, label = "voice", "call (Twilio)"
    account = "twilio"
    options = OPTIONS

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        fields = {
            "To": number(address), "From": _from(message), "Twiml": twiml(message), "Timeout": "30",
            "StatusCallback": callback("status", message), "StatusCallbackEvent": "completed",
        }  # fmt: skip
        return _create("Calls", fields, message, secret)


def text_of(message: Message) -> str:
    """The short form, how to answer it, and the link: no more parts than MOST_SEGMENTS, the link whole."""
    sender, end = message.sender, []
    if asks(message) and sender.option("one_way").lower() not in ("true", "1"):
        end.append(ask_in(message.language, "sms").format(number=message.thread.partition(":")[2]))
    link = next((action.url for action in message.actions), "") or message.url
    if link and sender.option("link").lower() not in ("false", "0"):
        end.append(link)
    return fitted(" ".join(message.brief.split()), "\n".join(end), most=MOST_SEGMENTS)


def asks(message: Message) -> bool:
    """Whether the person may answer: a page of an incident that is not over."""
    return message.event == "page" and message.thread.startswith("incident:") and not message.is_over


def twiml(message: Message, *, before: str = "") -> str:
    """What the call says, twice, and the keys it takes; `before` is said first: the answer to the last key."""
    voice = VOICES.get(message.language, VOICES["en"])
    words = " ".join(f"{message.brief}.".replace("[", "").replace("]", ",").split())
    said = [before, words] if before else [words]
    speech = "".join(f"<Say language={quoteattr(voice)}>{escape(one)}</Say>" for one in said)
    if not asks(message):
        return f"<Response>{speech}<Pause/>{speech}</Response>"
    keys = f"<Say language={quoteattr(voice)}>{escape(ask_in(message.language, 'voice'))}</Say>"
    door = quoteattr(callback("keys", message))
    return f'<Response><Gather numDigits="1" timeout="10" action={door}>{speech}{keys}<Pause/>{speech}{keys}</Gather></Response>'  # noqa: E501


def callback(what: str, message: Message) -> str:
    """Where Twilio tells what became of it, or which key was pressed; signed by it, whole with its query."""
    path = f"/callbacks/twilio/{quote(message.sender.key)}/{what}/"
    query = {"d": message.id.rpartition("-")[2], "t": message.thread, "l": message.language}
    return f"{settings.BASE_URL}{path}?{urlencode({name: value for name, value in query.items() if value})}"


def _from(message: Message) -> str:
    sender = message.sender.option("from")
    if not sender:
        raise Undeliverable(
            "There is no Twilio account with a number to send from; add its option from, such as +15550100."
        )
    return sender


def _create(resource: str, fields: dict[str, str], message: Message, secret: str) -> Receipt:
    sender = message.sender
    account, password = sender.option("account_sid"), secret or sender.secret
    if not account or not password:
        raise Undeliverable("There is no Twilio account with account_sid and auth token; add one under Accounts.")
    login = base64.b64encode(f"{sender.option('api_key', account)}:{password}".encode()).decode()
    url = f"{sender.option('base_url', API).rstrip('/')}/2010-04-01/Accounts/{quote(account)}/{resource}.json"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {login}"}
    answer = ask("POST", url, urlencode(fields).encode(), headers, service="Twilio")
    if answer.status not in (200, 201):
        _refuse(answer)
    return Receipt(f"Twilio took it ({answer.json.get('status', 'accepted')}).", str(answer.json.get("sid") or ""))


def _refuse(answer: Answer) -> None:
    code = answer.json.get("code")
    if code in STOPPED:
        raise Suppressed(f"This number has answered STOP to ours (Twilio {code}); only START from it takes that back.")
    if code in GONE:
        raise AddressRefused(f"Twilio cannot reach this number (error {code}); enter another.")
    if code in LATER or answer.status == 429:
        raise TryAgain(f"Twilio asks for patience (error {code}).", answer.retry_after or timedelta(seconds=1))
    if answer.status in (401, 403) or code == 20003:
        raise Undeliverable(f"Twilio refuses our account ({answer.status}, error {code}); check account_sid and token.")
    if answer.status == 404:
        raise Undeliverable("Twilio does not know this account; check account_sid.")
    if isinstance(code, int) and 400 <= answer.status < 500:
        raise Undeliverable(f"Twilio refused the message (error {code}).")
    judge(answer, "Twilio")
