"""How each messenger answers what is posted to it: one class a kind, and one line in RECEIVERS."""

import json
from typing import Any

from targets.service import Answer, Request


class Receiver:
    """Takes messages: `take` judges one, `fail` words a failure as the real service does."""

    kind = ""
    methods: tuple[str, ...] = ("POST",)

    def take(self, request: Request) -> Answer:
        """The answer to `request` on an ordinary day."""
        raise NotImplementedError

    def fail(self, status: int, retry_after: int | float | str | None) -> Answer:
        """The answer when a lever asks for `status`."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return self.refusal(status, headers, retry_after)

    def refusal(self, status: int, headers: dict[str, str], retry_after: object) -> Answer:
        """A plain one; kinds with words of their own say them."""
        return Answer(status, {"error": f"status {status} as asked"}, headers=headers)


class Slack(Receiver):
    """Source: Slack, "Sending messages using incoming webhooks" and "Reference: blocks"."""

    kind = "slack"
    WORDS = {403: "action_prohibited", 404: "no_service", 410: "channel_is_archived", 429: "rate_limited"}
    BLOCKS = {"actions", "context", "divider", "file", "header", "image", "input", "markdown", "rich_text",
              "section", "table", "video"}  # fmt: skip

    def take(self, request: Request) -> Answer:
        message = parsed(request.body)
        if not isinstance(message, dict) or not request.header("Content-Type").startswith("application/json"):
            return Answer(400, "invalid_payload")
        blocks = message.get("blocks")
        if not message.get("text") and not blocks and not message.get("attachments"):
            return Answer(400, "no_text")
        if blocks and not (isinstance(blocks, list) and len(blocks) <= 50 and all(map(self.sound, blocks))):
            return Answer(400, "invalid_blocks")
        return Answer(200, "ok")

    def sound(self, block: Any) -> bool:
        """Whether Slack would take this block: a known type, its texts present and not too long."""
        if not isinstance(block, dict) or block.get("type") not in self.BLOCKS:
            return False
        text, limit = block.get("text"), 150 if block["type"] == "header" else 3000
        if block["type"] == "header" and (not isinstance(text, dict) or text.get("type") != "plain_text"):
            return False
        if block["type"] == "section" and not (text or block.get("fields")):
            return False
        if text is not None and block["type"] in ("header", "section") and not slack_text(text, limit):
            return False
        if block["type"] == "section" and not all(slack_text(t, 2000) for t in block.get("fields") or []):
            return False
        elements = block.get("elements")
        if block["type"] in ("actions", "context") and not (isinstance(elements, list) and elements):
            return False
        return block["type"] != "actions" or all(map(self.sound_element, elements or []))

    def sound_element(self, element: Any) -> bool:
        """Whether Slack would take this button or menu of an actions block."""
        if not isinstance(element, dict) or "type" not in element:
            return False
        return element["type"] != "button" or (
            slack_text(element.get("text"), 75)
            and len(element.get("url", "")) <= 3000
            and element.get("style", "primary") in ("primary", "danger")
        )

    def refusal(self, status: int, headers: dict[str, str], retry_after: object) -> Answer:
        return Answer(status, self.WORDS.get(status, "server_error" if status >= 500 else "invalid_payload"),
                      headers=headers)  # fmt: skip


class Discord(Receiver):
    """Source: Discord, "Webhook resource: execute webhook", "Opcodes and status codes", "Rate limits"."""

    kind = "discord"
    WORDS = {
        401: ("401: Unauthorized", 0),
        403: ("Missing Permissions", 50013),
        404: ("Unknown Webhook", 10015),
    }

    def take(self, request: Request) -> Answer:
        message = parsed(request.body)
        if not isinstance(message, dict):
            return Answer(400, {"message": "The request body contains invalid JSON.", "code": 50109})
        content, embeds = message.get("content") or "", message.get("embeds") or []
        if not content and not embeds:
            return Answer(400, {"message": "Cannot send an empty message", "code": 50006})
        faults: dict[str, str] = {}
        if len(str(content)) > 2000:
            faults["content"] = "Must be 2000 or fewer in length."
        if not isinstance(embeds, list) or len(embeds) > 10 or not all(isinstance(e, dict) for e in embeds):
            faults["embeds"] = "Must be a list of 10 or fewer objects."
        elif any(len(e.get("title", "")) > 256 or len(e.get("description", "")) > 4096 for e in embeds):
            faults["embeds"] = "A title has at most 256 characters, a description 4096."
        if faults:
            errors = {name: {"_errors": [{"code": "BAD", "message": why}]} for name, why in faults.items()}
            return Answer(400, {"message": "Invalid Form Body", "code": 50035, "errors": errors})
        if request.query.get("wait") == "true":
            return Answer(200, {"id": "1", "type": 0, "content": content, "embeds": embeds})
        return Answer(204)

    def refusal(self, status: int, headers: dict[str, str], retry_after: object) -> Answer:
        if status == 429:
            wait = float(retry_after) if isinstance(retry_after, int | float) else 1.0
            body = {"message": "You are being rate limited.", "retry_after": wait, "global": False}
            return Answer(429, body, headers=headers)
        words, code = self.WORDS.get(status, (f"{status}: refused", 0))
        return Answer(status, {"message": words, "code": code}, headers=headers)


class Json(Receiver):
    """Any receiver of JSON. It verifies nothing: headers and raw body are kept for a test to check."""

    kind = "json"

    def take(self, request: Request) -> Answer:
        return Answer(200, {"ok": True})


RECEIVERS = {receiver.kind: receiver for receiver in (Slack(), Discord(), Json())}


def parsed(body: bytes) -> Any:
    """`body` read as JSON; None when it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def slack_text(text: Any, limit: int) -> bool:
    """Whether `text` is a Slack text object of 1 to `limit` characters."""
    known = isinstance(text, dict) and text.get("type") in ("mrkdwn", "plain_text")
    return known and isinstance(text.get("text"), str) and 0 < len(text["text"]) <= limit
