"""The look the targets share: a page that keeps itself fresh, buttons that pull levers, badges, live links.

Light and dark, fit for a phone, one request a page. Without JavaScript it reloads itself instead.
"""

import re
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from targets.service import HTML, Answer, Request

STYLE = Path(__file__).with_name("page.css").read_text()
SCRIPT = Path(__file__).with_name("page.js").read_text()


def page(title: str, lead: str, live: str, request: Request) -> Answer:
    """The whole page, or with `?part=live` the part that changes.

    lead, live   HTML, escaped by the caller
    """
    fresh = {"Cache-Control": "no-store"}
    if request.query.get("part") == "live":
        return Answer(body=live, kind=HTML, headers=fresh)
    away = '<p id="away" class="note" role="status" hidden>No answer at the moment; still trying.</p>'
    reload = '<noscript><meta http-equiv="refresh" content="3"></noscript>'
    body = f'{lead}{away}<div id="live">{live}</div><script>{SCRIPT}</script>'
    return Answer(body=whole(title, body, head=reload), kind=HTML, headers=fresh)


def plain(title: str, body: str) -> Answer:
    """A page that stands still; `body` is HTML."""
    return Answer(body=whole(title, body), kind=HTML)


def whole(title: str, body: str, *, head: str = "") -> str:
    """An HTML document; `body` and `head` are HTML."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,">{head}<style>{STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def button(label: str, action: str, fields: dict[str, Any] | None = None, *, danger: bool = False) -> str:
    """A form of one button that posts `fields` to `action`."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(str(value))}">'
        for name, value in (fields or {}).items()
    )
    # A stable id lets the keyboard's place survive a refresh.
    name = re.sub(r"\W+", "-", f"{action}-{urlencode(fields or {})}").strip("-")
    mark = ' class="danger"' if danger else ""
    return (
        f'<form method="post" action="{escape(action)}">{hidden}'
        f'<button id="{escape(name)}"{mark}>{escape(label)}</button></form>'
    )


def badge(text: str, tone: str = "") -> str:
    """A word on a coloured ground; tone is calm, warn, bad or empty."""
    return f'<span class="badge {tone}">{escape(text)}</span>'


def card(heading: str, mark: str, body: str) -> str:
    """A box with a heading, a badge at its right and HTML below."""
    return f'<section class="card"><header><h2>{escape(heading)}</h2>{mark}</header>{body}</section>'


def moment(at: datetime) -> str:
    """An instant, shown as its age."""
    clock = at.strftime("%H:%M:%S UTC")
    return f'<time class="soft" datetime="{at.isoformat()}" title="{clock}">{clock}</time>'


def table(heads: list[str], rows: list[list[Any]]) -> str:
    """A table that scrolls sideways on a phone."""
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    lines = "".join("<tr>" + "".join(f"<td>{escape(str(c))}</td>" for c in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>'


LINK = re.compile(
    r"<(https?://[^|>\s]+)(?:\|([^>]*))?>"  # Slack
    r"|\[([^\]]+)\]\((https?://[^)\s]+)\)"  # Markdown
    r"|(https?://[^\s<>\"')\]]+)"
)


def linked(text: str) -> str:
    """`text` as HTML with its addresses clickable: bare, Slack's <url|words> and Markdown's [words](url)."""
    pieces, end = [], 0
    for found in LINK.finditer(text):
        address = found[1] or found[4] or found[5].rstrip(".,;:!?")
        tail = found[5][len(address):] if found[5] else ""  # fmt: skip
        words = found[2] or found[3] or address
        pieces += [escape(text[end : found.start()]), link(address, words), escape(tail)]
        end = found.end()
    return "".join(pieces) + escape(text[end:])


def link(address: str, words: str, *, press: bool = False) -> str:
    """A link that opens beside this page; only http and https ones are made clickable."""
    if not address.startswith(("http://", "https://")):
        return escape(f"{words} ({address})")
    mark = ' class="press"' if press else ""
    return f'<a{mark} href="{escape(address)}" target="_blank" rel="noopener noreferrer">{escape(words)}</a>'
