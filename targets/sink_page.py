"""The sink's page: the newest messages as a person would see them, links and buttons working."""

import json
from html import escape
from typing import Any

from targets import pages
from targets.faults import Fault
from targets.inbox import Received
from targets.service import Answer, Request

SHOWN = 50  # messages
LEVERS = [  # label, path, fields
    ("Slack answers 500, three times", "/slack", {"status": 500, "times": 3}),
    ("Slack: wait 5 s (429), once", "/slack", {"status": 429, "retry_after": 5}),
    ("Slack knows the address no more (404)", "/slack", {"status": 404, "times": "always"}),
    ("Slack hangs 30 s, once", "/slack", {"hang": 30, "status": 500}),
    ("Mail: try later (450), once", "/smtp", {"status": 450}),
    ("Mail: no such mailbox (550)", "/smtp", {"status": 550, "times": "always"}),
    ("Everything cuts the connection", "/", {"close": "true", "times": "always"}),
]


def show(request: Request, messages: list[Received], faults: list[tuple[str, Fault]], mail_url: str) -> Answer:
    """The page itself; `messages` oldest first."""
    lead = (
        "<p>Whatever Opscenter sends in this demonstration arrives here: pages, updates, e-mails. The newest "
        f'is on top; its links work.</p><p class="soft">Mail server: {escape(mail_url)}</p>'
    )
    newest = "".join(map(one, reversed(messages[-SHOWN:])))
    empty = '<section class="card"><p>Nothing yet. Messages appear here by themselves.</p></section>'
    return pages.page("What was sent", lead, trouble(faults) + (newest or empty), request)


def trouble(faults: list[tuple[str, Fault]]) -> str:
    """Levers that make deliveries fail, and what is pulled now."""
    now = "".join(f"<p class='note'>{escape(path or '/')} {escape(str(fault))}</p>" for path, fault in faults)
    buttons = "".join(pages.button(label, "/_levers" + path, fields) for label, path, fields in LEVERS)
    buttons += pages.button("All is well again", "/_levers/_clear")
    buttons += pages.button("Forget the messages", "/_received/_clear")
    mark = pages.badge("misbehaving", "warn") if faults else pages.badge("all is well", "calm")
    summary = "<summary>Levers: make deliveries fail</summary>"
    fold = f'<details id="levers">{summary}<div class="levers">{buttons}</div></details>'
    return pages.card("Senders are answered", mark, now + fold)


def one(message: Received) -> str:
    """A message as a card."""
    tone = "calm" if 200 <= message.status < 300 else "bad"
    answered = pages.badge(f"answered {message.status}" if message.status else "cut off", tone)
    head = f"<header><h2>{escape(message.path)}</h2>{answered}{pages.moment(message.at)}</header>"
    headers = "\n".join(f"{name}: {value}" for name, value in message.headers.items())
    raw = pretty(message)
    fold = (
        f'<details id="m{message.number}"><summary class="soft">As it came</summary>'
        f"<pre>{escape(headers)}</pre><pre>{escape(raw)}</pre></details>"
    )
    return f'<article class="card">{head}{body(message)}{fold}</article>'


def pretty(message: Received) -> str:
    """The body laid out for reading."""
    if message.path.startswith("/smtp/") or message.json is None:
        return message.raw.decode("utf-8", "replace")
    return json.dumps(message.json, indent=2, ensure_ascii=False)


def body(message: Received) -> str:
    """The readable part: an e-mail, Slack blocks, Discord embeds, else the text-like fields."""
    fields = message.json if isinstance(message.json, dict) else {}
    if message.path.startswith("/smtp/"):
        head = f"<p><strong>{escape(str(fields['subject']))}</strong></p>"
        head += f'<p class="soft">from {escape(str(fields["from"]))}</p>'
        return head + say(fields["text"] or fields["html"])
    if fields.get("blocks"):
        return "".join(map(block, fields["blocks"]))
    if fields.get("embeds"):
        return say(fields.get("content")) + "".join(map(embed, fields["embeds"]))
    words = [fields[name] for name in ("title", "subject", "text", "content", "message") if fields.get(name)]
    links = [fields[name] for name in ("url", "link") if isinstance(fields.get(name), str)]
    return "".join(map(say, words)) + "".join(f"<p>{pages.linked(address)}</p>" for address in links)


def say(text: Any) -> str:
    """A paragraph of plain text with its links; nothing for no text."""
    return f'<p class="say">{pages.linked(str(text))}</p>' if text else ""


def block(part: Any) -> str:
    """A Slack block; kinds without words show nothing."""
    if not isinstance(part, dict):
        return ""
    if part.get("type") == "header":
        return f"<p><strong>{escape(words(part.get('text')))}</strong></p>"
    texts = [part.get("text"), *(part.get("fields") or [])]
    elements = [e for e in part.get("elements") or [] if isinstance(e, dict)]
    if part.get("type") == "actions":
        presses = [pages.link(str(e.get("url", "")), words(e.get("text")), press=True) for e in elements]
        return f'<div class="levers">{"".join(presses)}</div>'
    small = "".join(f'<p class="soft">{pages.linked(words(e))}</p>' for e in elements)
    return "".join(say(words(text)) for text in texts) + small


def embed(part: Any) -> str:
    """A Discord embed."""
    if not isinstance(part, dict):
        return ""
    title = str(part.get("title") or "")
    head = pages.link(str(part["url"]), title or str(part["url"])) if part.get("url") else escape(title)
    fields = "".join(
        say(f"{field.get('name', '')}: {field.get('value', '')}")
        for field in part.get("fields") or []
        if isinstance(field, dict)
    )
    return f"<p><strong>{head}</strong></p>{say(part.get('description'))}{fields}"


def words(text: Any) -> str:
    """The words of a Slack text object or of a bare string."""
    return str(text.get("text", "")) if isinstance(text, dict) else str(text or "")
