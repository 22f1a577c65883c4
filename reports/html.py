"""Markdown as a page of its own, and as what stands inside one of ours; nothing in it runs or loads."""

import re
from functools import cache

import nh3
from django.utils.html import escape
from markdown_it import MarkdownIt
from markdown_it.token import Token

TAGS = {"a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre",
        "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"}  # fmt: skip
TARGETS = re.compile(r"(?:\A|\n\n)((?:\[\d+\]: \S+(?:\n|\Z))+)\Z")
"""The last lines of a document: where its marks lead."""
BOX = re.compile(r"^\[([ xX])\] ")
STYLE = """
:root { color-scheme: light dark }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.55 "PT Sans", system-ui, sans-serif; \
color: #1b1f24; background: #fff }
h1 { font-size: 1.7rem; line-height: 1.25 } h2 { font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #d0d7de }
a { color: #1f4ed8 } a.mark { font-size: .75em; vertical-align: super; text-decoration: none }
li.task { list-style: none; margin-left: -1.2rem } code, pre { font-family: ui-monospace, monospace; font-size: .9em }
pre { overflow-x: auto; padding: .75rem; background: #f3f4f6 } table { border-collapse: collapse }
td, th { border: 1px solid #d0d7de; padding: .3rem .6rem; text-align: left }
footer { margin-top: 3rem; color: #57606a; font-size: .85rem }
@media (prefers-color-scheme: dark) { body { color: #e6e8eb; background: #14171b } a { color: #8ab4ff } \
pre { background: #22262c } h2, td, th { border-color: #3d444d } footer { color: #9aa4af } }
@media print { body { margin: 0; max-width: none } }
"""


@cache
def parser() -> MarkdownIt:
    """CommonMark with tables and strike-through; HTML in the text is text."""
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def tokens(text: str) -> list[Token]:
    """The document's blocks; of ` ([3])` only the linked number is left, as a mark.

    Where a mark leads is said at the document's end alone. It is read first, since the first to define a target wins,
    and somebody's words may stand before it.
    """
    known: dict = {}
    if said := TARGETS.search(text):
        parser().parse(said[1], known)
    targets = {number: one["href"] for number, one in known.get("references", {}).items()}
    found = parser().parse(text, known)
    for token in found:
        _mark(token.children or [], targets)
    return found


def is_mark(children: list[Token], place: int, targets: dict[str, str]) -> bool:
    """Whether the link that opens at `place` leads to what shows a figure: a number in brackets, and its target."""
    if children[place].type != "link_open" or place + 3 >= len(children) or not place:
        return False
    number, end, after = children[place + 1 : place + 4]
    if targets.get(number.content) != children[place].attrs.get("href"):
        return False
    return number.content.isdecimal() and end.type == "link_close" and after.content.startswith(")")


def _mark(children: list[Token], targets: dict[str, str]) -> None:
    for place, child in enumerate(children):
        before = children[place - 1]
        if is_mark(children, place, targets) and before.type == "text" and f" {before.content}".endswith(" ("):
            before.content = before.content[:-2]
            children[place + 3].content = children[place + 3].content[1:]
            child.attrSet("class", "mark")


def boxed(token: Token) -> str | None:
    """Of an item that begins with a box: "x" or " "; None for any other."""
    if token.type != "inline" or not token.children:
        return None
    found = BOX.match(token.children[0].content) if token.children[0].type == "text" else None
    return found[1].lower() if found else None


def fragment(text: str) -> str:
    """The document's HTML, safe to stand in a page; boxes are signs, marks have a class of their own."""
    found = tokens(text)
    for place, token in enumerate(found):
        state = boxed(token)
        if state and place >= 2 and found[place - 2].type == "list_item_open":
            assert token.children
            first = token.children[0]
            first.content = ("☑ " if state == "x" else "☐ ") + first.content[4:]
            found[place - 2].attrSet("class", "task")
    made = parser().renderer.render(found, parser().options, {})
    allowed = {"a": {"href", "class"}, "li": {"class"}, "td": {"style"}, "th": {"style"}, "code": {"class"}}
    return nh3.clean(
        made, tags=TAGS, attributes=allowed, url_schemes={"http", "https", "mailto"}, link_rel="noreferrer"
    )


def page(title: str, text: str, *, language: str, foot: str) -> str:
    """A document that stands alone: one file, no script, nothing loaded."""
    return (
        f'<!doctype html>\n<html lang="{escape(language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{fragment(text)}\n<footer>{escape(foot)}</footer>\n</body>\n</html>\n"
    )
