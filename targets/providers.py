"""Services that are spoken to through an account: each judges what it is sent by its published schema, as it would.

Their folders at the sink: /teams/<name>, /mattermost/<name>, /pagerduty/<name>/v2/enqueue, /slack_app/<name>/<method>,
/telegram/<name>/bot<token>/<method>, /twilio/<name>/2010-04-01/Accounts/<sid>/…, /whatsapp/<name>/<number id>/messages.
"""

import base64
import itertools
import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

from targets.receivers import Receiver, Slack, parsed
from targets.service import Answer, Request

NUMBERS = itertools.count(1)
CARD = "application/vnd.microsoft.card.adaptive"
BLOCKS = {"TextBlock": "text", "FactSet": "facts", "RichTextBlock": "inlines", "Container": "items", "Image": "url"}
PHONE = re.compile(r"\+[1-9]\d{6,14}")


class Teams(Receiver):
    """Sources: Microsoft, "Create incoming webhooks with Workflows"; Adaptive Cards, "Schema explorer"."""

    kind = "teams"

    def take(self, request: Request) -> Answer:
        message = parsed(request.body)
        cards = message.get("attachments") if isinstance(message, dict) else None
        if (
            not isinstance(message, dict)
            or message.get("type") != "message"
            or not isinstance(cards, list)
            or not cards
        ):
            return Answer(400, {"error": {"code": "TriggerInputSchemaMismatch", "message": "type and attachments"}})
        if len(request.body) > 28 * 1024:
            return Answer(413, "the message is too large")
        for card in cards:
            if why := self.fault_of(card):
                return Answer(400, {"error": {"code": "BadRequest", "message": why}})
        return Answer(202)

    def fault_of(self, attachment: Any) -> str:
        if not isinstance(attachment, dict) or attachment.get("contentType") != CARD:
            return f"contentType is {CARD}"
        card = attachment.get("content")
        if not isinstance(card, dict) or card.get("type") != "AdaptiveCard":
            return "content is an AdaptiveCard"
        if card.get("version") not in ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5"):
            return "version"
        for element in card.get("body") or []:
            wanted = BLOCKS.get(element.get("type"), "") if isinstance(element, dict) else ""
            if not wanted or not element.get(wanted):
                return f"element {element}"
            facts = element.get("facts") or []
            if not all(isinstance(f.get("title"), str) and isinstance(f.get("value"), str) for f in facts):
                return "facts have title and value"
        for action in card.get("actions") or []:
            url = urlsplit(str(action.get("url") or ""))
            if action.get("type") != "Action.OpenUrl" or url.scheme not in ("http", "https") or not action.get("title"):
                return f"action {action}"
        return "" if card.get("body") else "an empty card"


class Mattermost(Receiver):
    """Source: Mattermost, "Incoming webhooks"."""

    kind = "mattermost"

    def take(self, request: Request) -> Answer:
        message = parsed(request.body)
        if not isinstance(message, dict) or not (message.get("text") or message.get("attachments")):
            return Answer(400, {"id": "web.incoming_webhook.text.app_error", "status_code": 400})
        if len(str(message.get("text") or "")) > 16_383:
            return Answer(400, {"id": "web.incoming_webhook.text.length.app_error", "status_code": 400})
        for one in message.get("attachments") or []:
            if not re.fullmatch(r"#[0-9a-fA-F]{6}|good|warning|danger", one.get("color", "good")):
                return Answer(400, {"id": "attachment.color", "status_code": 400})
        return Answer(200, "ok")


class PagerDuty(Receiver):
    """Source: PagerDuty, "Events API v2: send an alert event"."""

    kind = "pagerduty"

    def take(self, request: Request) -> Answer:
        event = parsed(request.body)
        if not isinstance(event, dict):
            return self.bad("JSON object expected")
        errors = []
        if not re.fullmatch(r"[A-Za-z0-9]{16,64}", str(event.get("routing_key") or "")):
            errors.append("'routing_key' is invalid (blank or wrong length)")
        if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
            errors.append("'event_action' is invalid")
        key = event.get("dedup_key")
        if (event.get("event_action") != "trigger" and not key) or len(str(key or "")) > 255:
            errors.append("'dedup_key' is missing or too long")
        if event.get("event_action") == "trigger":
            errors += self.faults_of(event.get("payload"))
        for link in event.get("links") or []:
            if not str(link.get("href") or "").startswith(("http://", "https://")):
                errors.append("'links' need href")
        if errors:
            return self.bad(*errors)
        return Answer(202, {"status": "success", "message": "Event processed", "dedup_key": key or f"k{next(NUMBERS)}"})

    def faults_of(self, payload: Any) -> list[str]:
        if not isinstance(payload, dict):
            return ["'payload' is missing or blank"]
        faults = [f"'payload.{name}' is missing or blank" for name in ("summary", "source") if not payload.get(name)]
        if len(str(payload.get("summary") or "")) > 1024:
            faults.append("'payload.summary' is longer than 1024")
        if payload.get("severity") not in ("critical", "error", "warning", "info"):
            faults.append("'payload.severity' is invalid (must be one of critical, error, warning, info)")
        try:
            datetime.fromisoformat(str(payload.get("timestamp") or "2026-01-01T00:00:00Z"))
        except ValueError:
            faults.append("'payload.timestamp' is invalid")
        return faults

    def bad(self, *errors: str) -> Answer:
        return Answer(400, {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)})


class SlackApp(Receiver):
    """Sources: Slack, "chat.postMessage", "chat.update"; most refusals come with status 200."""

    kind = "slack_app"

    def take(self, request: Request) -> Answer:
        method, message = request.path.rpartition("/")[2], parsed(request.body)
        if not request.header("Authorization").startswith("Bearer xoxb-"):
            return self.no("invalid_auth")
        if not isinstance(message, dict) or "application/json" not in request.header("Content-Type"):
            return self.no("invalid_json")
        if method not in ("chat.postMessage", "chat.update") or not message.get("channel"):
            return self.no("channel_not_found" if method.startswith("chat.") else "unknown_method")
        if not message.get("text") and not message.get("blocks"):
            return self.no("no_text")
        blocks = message.get("blocks") or []
        names = [
            e.get("action_id") for block in blocks for e in block.get("elements") or [] if e.get("type") == "button"
        ]
        if not all(map(Slack().sound, blocks)) or len(names) != len(set(names)):
            return self.no("invalid_blocks")
        if method == "chat.update":
            return Answer(200, {"ok": True, "ts": message.get("ts"), "channel": message["channel"], "text": "…"})
        ts = f"1795424400.{next(NUMBERS):06d}"
        channel = message["channel"] if str(message["channel"]).startswith("C") else "D0123ABCD"
        return Answer(200, {"ok": True, "channel": channel, "ts": ts, "message": {}})

    def no(self, error: str) -> Answer:
        return Answer(200, {"ok": False, "error": error})


class Telegram(Receiver):
    """Source: Telegram, "Bot API"."""

    kind = "telegram"

    def take(self, request: Request) -> Answer:
        path = request.path.split("/")
        method, message = path[-1], parsed(request.body)
        if not re.fullmatch(r"bot\d+:[\w-]{20,}", path[-2]):
            return Answer(404, {"ok": False, "error_code": 404, "description": "Not Found"})
        if not isinstance(message, dict) or not message.get("chat_id"):
            return self.bad("chat_id is empty")
        if method == "sendMessage" and not 0 < len(str(message.get("text") or "")) <= 4096:
            return self.bad("message text is empty or too long")
        for row in (message.get("reply_markup") or {}).get("inline_keyboard") or []:
            for button in row:
                if not button.get("text") or len({"url", "callback_data"} & set(button)) != 1:
                    return self.bad("a button has text and either url or callback_data")
                if len(str(button.get("callback_data") or "").encode()) > 64:
                    return self.bad("BUTTON_DATA_INVALID")
                if "url" in button and "." not in (urlsplit(button["url"]).hostname or ""):
                    return self.bad("inline keyboard button URL is invalid: Wrong HTTP URL")
        return Answer(200, {"ok": True, "result": {"message_id": next(NUMBERS), "chat": {"id": message["chat_id"]}}})

    def bad(self, why: str) -> Answer:
        return Answer(400, {"ok": False, "error_code": 400, "description": f"Bad Request: {why}"})

    def refusal(self, status: int, headers: dict[str, str], retry_after: object) -> Answer:
        body: dict[str, Any] = {"ok": False, "error_code": status, "description": f"status {status} as asked"}
        if status == 429:
            body |= {"description": "Too Many Requests", "parameters": {"retry_after": retry_after or 1}}
        return Answer(status, body)


class Twilio(Receiver):
    """Sources: Twilio, "Messages resource", "Calls resource", "TwiML"; its magic numbers fail as documented."""

    kind = "twilio"
    MAGIC = {"+15005550001": 21211, "+15005550002": 21612, "+15005550003": 21408, "+15005550004": 21610,
             "+15005550009": 21614}  # fmt: skip

    def take(self, request: Request) -> Answer:
        fields = dict(parse_qsl(request.body.decode()))
        resource = request.path.rpartition("/")[2]
        account = request.path.split("/Accounts/")[-1].split("/")[0]
        scheme, _, login = request.header("Authorization").partition(" ")
        if scheme != "Basic" or not base64.b64decode(login).decode().startswith((account, "SK")):
            return Answer(401, {"code": 20003, "message": "Authenticate", "status": 401})
        if not PHONE.fullmatch(fields.get("To", "")):
            return self.bad(21211, "The 'To' number is not a valid phone number.")
        if fields["To"] in self.MAGIC:
            return self.bad(self.MAGIC[fields["To"]], "as its number says")
        if not fields.get("From") and not fields.get("MessagingServiceSid"):
            return self.bad(21603, "A 'From' phone number is required.")
        if not fields.get("StatusCallback", "http://").startswith(("http://", "https://")):
            return self.bad(21609, "The 'StatusCallback' URL is not a valid URL.")
        if resource == "Messages.json":
            if not 0 < len(fields.get("Body", "")) <= 1600:
                return self.bad(21617, "The message body exceeds the 1600 character limit, or is empty.")
            return Answer(201, {"sid": f"SM{next(NUMBERS):032x}", "status": "queued", "error_code": None})
        if resource == "Calls.json":
            try:
                speech = ElementTree.fromstring(fields.get("Twiml", ""))
            except ElementTree.ParseError:
                return self.bad(12100, "Document parse failure")
            if speech.tag != "Response" or len(fields["Twiml"]) > 4000:
                return self.bad(21218, "Invalid TwiML")
            return Answer(201, {"sid": f"CA{next(NUMBERS):032x}", "status": "queued"})
        return Answer(404, {"code": 20404, "message": "not found", "status": 404})

    def bad(self, code: int, why: str) -> Answer:
        link = f"https://www.twilio.com/docs/errors/{code}"
        return Answer(400, {"code": code, "message": why, "more_info": link, "status": 400})


class WhatsApp(Receiver):
    """Sources: Meta, "WhatsApp Cloud API: messages", "message templates"."""

    kind = "whatsapp"

    def take(self, request: Request) -> Answer:
        message = parsed(request.body)
        if not request.header("Authorization").startswith("Bearer "):
            return self.bad(190, "Invalid OAuth access token", 401)
        if not isinstance(message, dict) or message.get("messaging_product") != "whatsapp" or not message.get("to"):
            return self.bad(100, "Invalid parameter")
        kind = message.get("type")
        if not isinstance(message.get(kind), dict):
            return self.bad(100, f"{kind} is missing")
        if kind == "text" and not 0 < len(message["text"].get("body", "")) <= 4096:
            return self.bad(100, "text.body")
        if kind == "interactive":
            buttons = message["interactive"]["action"]["buttons"]
            sound = all(len(b["reply"]["title"]) <= 20 and len(b["reply"]["id"]) <= 256 for b in buttons)
            if not 1 <= len(buttons) <= 3 or not sound or len(message["interactive"]["body"]["text"]) > 1024:
                return self.bad(131009, "Parameter value is not valid")
        if kind == "template":
            template = message["template"]
            if not template.get("name") or not template.get("language", {}).get("code"):
                return self.bad(132001, "Template does not exist in the translation")
            for part in template.get("components") or []:
                for value in part["parameters"]:
                    if re.search(r"[\n\t]| {5,}", value.get("text", "")):
                        return self.bad(132018, "Param text cannot have new-line/tab characters")
        contacts = [{"input": message["to"], "wa_id": message["to"]}]
        named = [{"id": f"wamid.{next(NUMBERS)}"}]
        return Answer(200, {"messaging_product": "whatsapp", "contacts": contacts, "messages": named})

    def bad(self, code: int, why: str, status: int = 400) -> Answer:
        error = {"message": f"(#{code}) {why}", "type": "OAuthException", "code": code, "fbtrace_id": "A"}
        return Answer(status, {"error": error})
