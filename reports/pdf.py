"""Markdown as a PDF on A4: headings, lists with boxes, tables, links; Latin and Cyrillic letters.

Pure Python: fpdf2 sets PT Sans (OFL), which comes as a package, so nothing of the system is needed. Both are loaded
when the first PDF is made.
"""

import logging
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, cast

from markdown_it.token import Token

from .html import boxed, tokens
from .languages import words_of

if TYPE_CHECKING:
    from fpdf import FPDF

FACE = "PT Sans"
MARGIN, SIZE, LINE, INDENT = 20.0, 10.5, 5.4, 6.0  # millimetres; the size of letters in points
HEADINGS = {"h1": (19, 9.0, 2), "h2": (14, 7.0, 7), "h3": (12, 6.2, 5), "h4": (11, 5.8, 4), "h5": (10.5, 5.4, 3)}
"""Size of the letters, height of a line, room above."""
NARROWEST = 14.0  # millimetres that a column of a table has at least; with less, each row is told cell by cell
LONGEST_NAME = 60  # characters of a column's name before a cell that is told by itself
INK, QUIET, BLUE, RULE, SHADE = (27, 31, 36), (87, 96, 106), (31, 78, 216), (208, 215, 222), (243, 244, 246)
INSTEAD = str.maketrans({
    "→": "->", "←": "<-", "⇒": "=>", "↔": "<->", "✓": "v", "✔": "v", "✗": "x", "✘": "x", "☐": "[ ]", "☑": "[x]",
    "☒": "[x]", "′": "'", "″": '"', "‑": "-", "−": "–", "■": "•", "●": "•", "▪": "•", "▲": "^", "▼": "v",
    "\u00a0": " ", "\t": "    ", "\u200b": None, "\ufe0f": None, "\u200d": None,
})  # fmt: skip
"""For signs that the font has not."""


@cache
def _glyphs() -> frozenset[int]:
    from fontTools.ttLib import TTFont

    with TTFont(_font("Regular"), lazy=True) as font:
        return frozenset(font.getBestCmap())


def _font(style: str) -> str:
    return str(files("fontpkg_pt_sans").joinpath(f"files/PT_Sans-Web-{style}.ttf"))


def _plain(text: str) -> str:
    """`text` in letters that the font has: others by their base letter, or `?`."""
    text = unicodedata.normalize("NFC", text).translate(INSTEAD)
    known = _glyphs()
    if all(ord(letter) in known or letter == "\n" for letter in text):
        return text
    return "".join(_letter(letter, known) for letter in text)


def _letter(letter: str, known: frozenset[int]) -> str:
    if ord(letter) in known or letter == "\n":
        return letter
    base = [one for one in unicodedata.normalize("NFKD", letter) if ord(one) in known]
    return "".join(base) or ("" if unicodedata.category(letter) in ("Mn", "Cf", "So") else "?")


def render(title: str, text: str, *, language: str, foot: str, at: datetime) -> bytes:
    """The document as a PDF; the same text gives the same bytes."""
    pdf = _new(title, language, foot, at)
    _Setter(pdf).set_all(tokens(text))
    return bytes(pdf.output())


def _new(title: str, language: str, foot: str, at: datetime) -> "FPDF":
    from fpdf import FPDF

    words = words_of(language)
    foot = _plain(foot)

    class Paper(FPDF):
        """Every page says at its foot what it is of."""

        def footer(self) -> None:
            self.set_y(-14)
            self.set_font(FACE, size=8)
            self.set_text_color(*QUIET)
            self.set_x(MARGIN)  # wherever the text's left edge is
            self.cell(130, 5, foot[:110])
            self.cell(self.w - 2 * MARGIN - 130, 5, f"{words['page']} {self.page_no()} {words['of']} {{nb}}", align="R")

    logging.getLogger("fontTools.subset").setLevel(logging.WARNING)  # it tells every step of every font
    pdf = Paper(format="A4")
    pdf.set_margins(MARGIN, 18, MARGIN)
    pdf.c_margin = 0
    pdf.set_auto_page_break(True, margin=20)
    for style, name in (("", "Regular"), ("B", "Bold"), ("I", "Italic"), ("BI", "BoldItalic")):
        pdf.add_font(FACE, style, _font(name))
    pdf.set_title(title)
    pdf.set_lang(language)
    pdf.set_creator("Opscenter")
    pdf.set_creation_date(at.astimezone(UTC))
    pdf.add_page()
    pdf.set_font(FACE, size=SIZE)
    pdf.set_text_color(*INK)
    return pdf


class _Setter:
    """Walks through the tokens of a document and sets each block; lists and quotes move the left edge."""

    def __init__(self, pdf: "FPDF") -> None:
        self.pdf = pdf
        self.left = MARGIN
        self.lists: list[int | None] = []
        self.begun = False  # an item's sign is set and its text goes beside it
        self.quotes = 0

    def set_all(self, found: list[Token]) -> None:
        place = 0
        while place < len(found):
            token = found[place]
            if token.type == "table_open":
                end = next(i for i in range(place, len(found)) if found[i].type == "table_close")
                self._table(found[place:end])
                place = end
            else:
                self._block(token, found[place - 1] if place else None, found[place - 2] if place > 1 else None)
            place += 1

    def _block(self, token: Token, before: Token | None, item: Token | None) -> None:
        kind = token.type
        if kind in ("bullet_list_open", "ordered_list_open"):
            self.lists.append(None if kind[0] == "b" else int(token.attrs.get("start", 1)))
            self._move(INDENT)
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self.lists.pop()
            self._move(-INDENT)
            if not self.lists:
                self.pdf.ln(1.5)
        elif kind in ("blockquote_open", "blockquote_close"):
            self._move(INDENT if kind.endswith("open") else -INDENT)
            self.quotes += 1 if kind.endswith("open") else -1
        elif kind == "list_item_open":
            self._item()
        elif kind in ("fence", "code_block"):
            self._code(token.content)
        elif kind == "hr":
            self._rule(3)
        elif kind == "inline" and before is not None:
            self._words(token, before, in_item=item is not None and item.type == "list_item_open")

    def _move(self, by: float) -> None:
        self.left += by
        self.pdf.set_left_margin(self.left)
        self.pdf.set_x(self.left)

    def _room(self, height: float) -> None:
        if self.pdf.will_page_break(height):
            self.pdf.add_page()
            self.pdf.set_x(self.left)

    def _item(self) -> None:
        self._room(LINE)
        self.begun = True

    def _sign(self, box: str | None) -> None:
        """The dot, number or box before an item."""
        pdf, y = self.pdf, self.pdf.get_y()
        pdf.set_draw_color(*INK)
        if box is not None:
            size, x, top = 3.0, self.left - 5, y + 1.15
            pdf.set_line_width(0.3)
            pdf.rect(x, top, size, size)
            if box == "x":
                pdf.set_line_width(0.5)
                pdf.polyline([(x + 0.6, top + 1.6), (x + 1.3, top + 2.3), (x + 2.5, top + 0.7)])
        elif self.lists and (number := self.lists[-1]) is not None:
            pdf.set_xy(self.left - INDENT, y)
            pdf.cell(INDENT - 1, LINE, f"{number}.", align="R")
            self.lists[-1] = number + 1
        else:
            pdf.set_fill_color(*INK)
            pdf.ellipse(self.left - 3.6, y + LINE / 2 - 0.6, 1.2, 1.2, style="F")
        pdf.set_xy(self.left, y)

    def _words(self, token: Token, before: Token, *, in_item: bool) -> None:
        pdf = self.pdf
        box = boxed(token) if in_item else None
        children = list(token.children or [])
        if before.type == "heading_open":
            self._heading(before.tag, children)
            return
        if self.begun:
            self._sign(box)
            self.begun = False
        else:
            self._room(LINE)
        if box is not None:
            first = children[0]
            children[0] = Token("text", "", 0, content=first.content[4:])
        top, page = pdf.get_y(), pdf.page
        pdf.set_font(FACE, "I" if self.quotes else "", SIZE)
        self._flow(children, SIZE, LINE, "I" if self.quotes else "")
        pdf.ln(LINE)
        if self.quotes and pdf.page == page:
            pdf.set_draw_color(*RULE)
            pdf.set_line_width(0.8)
            pdf.line(self.left - 3, top, self.left - 3, pdf.get_y())
        pdf.ln(0.8 if self.lists else 2.4)
        pdf.set_x(self.left)

    def _heading(self, tag: str, children: list[Token]) -> None:
        pdf = self.pdf
        size, height, above = HEADINGS.get(tag, HEADINGS["h5"])
        self._room(height + above + 2 * LINE)  # never alone at the foot of a page
        if pdf.get_y() > 30:
            pdf.ln(above)
        name = _plain("".join(one.content for one in children if one.type in ("text", "code_inline")))
        if tag in ("h1", "h2") and name:
            pdf.start_section(name, level=0, strict=False)
        pdf.set_font(FACE, "B", size)
        self._flow(children, size, height, "B")
        pdf.ln(height)
        if tag == "h2":
            self._rule(0.8)
        pdf.ln(1.6)
        pdf.set_font(FACE, "", SIZE)

    def _rule(self, room: float) -> None:
        pdf = self.pdf
        pdf.ln(room)
        pdf.set_draw_color(*RULE)
        pdf.set_line_width(0.25)
        pdf.line(self.left, pdf.get_y(), pdf.w - MARGIN, pdf.get_y())
        pdf.ln(room)

    def _flow(self, children: list[Token], size: float, height: float, style: str) -> None:
        """Words one after the other, in their styles, wrapped at the right edge."""
        from fpdf.enums import CharVPos

        pdf = self.pdf
        for text, bold, italic, link, code, mark in _runs(children):
            look = "".join(sorted({*style, *("B" if bold else ""), *("I" if italic or code else "")}))
            pdf.set_font(FACE, look, size)
            pdf.set_text_color(*(BLUE if link else QUIET if code else INK))
            pdf.char_vpos = CharVPos.SUP if mark else CharVPos.LINE
            pdf.write(height, f" {text}" if mark else _plain(text), link or "")
        pdf.char_vpos = CharVPos.LINE
        pdf.set_text_color(*INK)
        pdf.set_font(FACE, style, size)

    def _code(self, content: str) -> None:
        pdf = self.pdf
        if self.begun:
            self._sign(None)
            self.begun = False
        pdf.set_fill_color(*SHADE)
        pdf.set_font(FACE, "", SIZE - 1)
        pdf.multi_cell(0, LINE - 0.6, _plain(content.rstrip("\n")), fill=True, new_x="LMARGIN", new_y="NEXT", align="L")
        pdf.set_font(FACE, "", SIZE)
        pdf.ln(2.4)

    def _table(self, found: list[Token]) -> None:
        rows: list[list[str]] = []
        for place, token in enumerate(found):
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open"):
                runs = _runs(found[place + 1].children or [])
                rows[-1].append(_plain("".join(f" [{text}]" if mark else text for text, *_, mark in runs)))
        if not rows or not rows[0]:
            return
        self.pdf.set_font(FACE, "", SIZE - 1)
        head, *body = rows
        if self.pdf.epw / len(head) < NARROWEST or self._height(head, "B") > self.pdf.eph / 3:
            self._cell_by_cell(head, body)
        else:
            self._in_columns(head, body)
        self.pdf.set_font(FACE, "", SIZE)
        self.pdf.ln(3)

    def _height(self, cells: list[str], style: str = "") -> float:
        """Of a row of a table whose columns are equally wide, in millimetres."""
        pdf = self.pdf
        pdf.set_font(FACE, style, SIZE - 1)
        width, tallest = pdf.epw / len(cells), 0.0
        for text in cells:
            height = pdf.multi_cell(width, LINE, text, align="L", padding=1, dry_run=True, output="HEIGHT")
            tallest = max(tallest, cast(float, height))
        pdf.set_font(FACE, "", SIZE - 1)
        return tallest

    def _in_columns(self, head: list[str], body: list[list[str]]) -> None:
        """The table; a row that fits no page below its head is told cell by cell, and the table goes on behind it."""
        room = self.pdf.eph - self._height(head, "B")
        together: list[list[str]] = []
        for row in body:
            if self._height(row) <= room:
                together.append(row)
                continue
            if together:
                self._grid([head, *together])
                self.pdf.ln(2)
            self._cell_by_cell(head, [row])
            together = []
        if together or not body:
            self._grid([head, *together])

    def _grid(self, rows: list[list[str]]) -> None:
        pdf = self.pdf
        pdf.set_draw_color(*RULE)
        pdf.set_line_width(0.2)
        with pdf.table(line_height=LINE, text_align="LEFT", padding=1, cell_fill_mode="NONE") as table:
            for cells in rows:
                table.row(cells)

    def _cell_by_cell(self, head: list[str], body: list[list[str]]) -> None:
        """Each cell as a paragraph behind the name of its column; long names are told once, then by their number."""
        names = head
        if not body or any(len(name) > LONGEST_NAME for name in head):
            names, body = [str(number) for number in range(1, len(head) + 1)], [head, *body]
        pdf = self.pdf
        for row in body:
            self._room(2 * LINE)
            for name, text in zip(names, row, strict=True):
                if not text.strip():
                    continue
                pdf.set_font(FACE, "B", SIZE - 1)
                pdf.write(LINE, f"{name}: " if name else "")
                pdf.set_font(FACE, "", SIZE - 1)
                pdf.write(LINE, text)
                pdf.ln(LINE)
            self._rule(1)


def _runs(children: list[Token]) -> Iterator[tuple[str, bool, bool, str, bool, bool]]:
    """Text with bold, italic, the address it links to, whether it is code, and whether it is a mark."""
    bold = italic = 0
    link, mark = "", False
    for token in children:
        if token.type == "strong_open" or token.type == "strong_close":
            bold += token.nesting
        elif token.type == "em_open" or token.type == "em_close":
            italic += token.nesting
        elif token.type == "link_open":
            link = str(token.attrs.get("href", ""))
            link = link if link.startswith(("http://", "https://", "mailto:")) else ""
            mark = token.attrs.get("class") == "mark"
        elif token.type == "link_close":
            link, mark = "", False
        else:
            text = {"softbreak": " ", "hardbreak": "\n"}.get(token.type, token.content)
            if text:
                yield text, bold > 0, italic > 0, link, token.type == "code_inline", mark
