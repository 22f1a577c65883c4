"""What stands behind the names of a template: figures that know what shows them, instants, and what is not given.

What people wrote is put in by `line` and `block`: it may have emphasis, links, lists, tables and code, but it begins no
section of the document, says nothing of where its marks lead, and takes in nothing of what comes after it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

UNFIT = re.compile(r"[\s<>\x00-\x1f]")
"""What an address may not have where a link's target is written."""
INSIDE = re.compile(r"(?:[ \t]*(?:>|[-+*](?=[ \t])|\d{1,9}[.)](?=[ \t])))*[ \t]*")
"""The signs of quotes and lists before the words of a line, and the room before them."""
QUOTED = re.compile(r"(?:[ \t]*>)*[ \t]*")
HEADING = re.compile(r"#{1,6}(?=[ \t]|$)")
UNDERLINE = re.compile(r"(?:=+|-+)[ \t]*$")
"""Below a paragraph it makes a heading of it."""
FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)")
LINK = re.compile(r"\[(?:[^\[\]\\]|\\.)*\](?=[^:])")
"""A bracket that is closed and defines no target: a link, or the box of a task."""
BEGINS = re.compile(r"#{1,6}(?=\s|$)|>|[-+*](?=\s|$)|`{3}|~{3}|[-=*_][-=*_ ]*$")
NUMBERED = re.compile(r"(\d{1,9})(?=[.)](?:\s|$))")
ESCAPED = re.compile(r"\\([#>+*`~=_\[.)-])")


@dataclass
class Sources:
    """Addresses of what shows a document's figures, numbered as they are used; written at its end as link targets."""

    numbers: dict[str, int] = field(default_factory=dict)

    def mark(self, url: str) -> str:
        """` ([3])`, a Markdown link whose address stands at the end of the document."""
        return f" ([{self.numbers.setdefault(url, len(self.numbers) + 1)}])" if url else ""

    def definitions(self) -> str:
        return "\n".join(f"[{number}]: {_one_word(url)}" for url, number in self.numbers.items())


@dataclass(frozen=True)
class Mark:
    """The link alone; it takes its number only once it is written."""

    url: str
    sources: Sources

    def __str__(self) -> str:
        return self.sources.mark(self.url)


class Missing:
    """What nobody has given: false, empty, and every part of it too; written as `words`, so that one sees it."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __str__(self) -> str:
        return self._words

    def __bool__(self) -> bool:
        return False

    def __iter__(self) -> Iterator:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __getattr__(self, name: str) -> "Missing | str":
        if name.startswith("_"):
            raise AttributeError(name)
        return "" if name == "source" else self

    def __getitem__(self, name: object) -> "Missing":
        return self


@dataclass(frozen=True)
class Fact:
    """A figure or a few words, with the address of what shows it; `plain` is it without the link."""

    plain: str
    url: str
    sources: Sources

    def __str__(self) -> str:
        # after several lines, which may end in a table or in code, the link stands by itself
        return self.plain + ("\n\n" if "\n" in self.plain and self.url else "") + self.source

    @property
    def source(self) -> str:
        return self.sources.mark(self.url)

    @property
    def line(self) -> "Fact":
        """In one line, to stand behind a dash."""
        return Fact(line(self.plain), self.url, self.sources)


@dataclass(frozen=True)
class Moment(Fact):
    """An instant as people of a zone read it; `clock` alone is HH:MM, with its day when that is not `day`."""

    at: datetime
    zone: ZoneInfo
    day: str

    @property
    def date(self) -> str:
        return f"{self.at.astimezone(self.zone):%Y-%m-%d}"

    @property
    def clock(self) -> str:
        local = self.at.astimezone(self.zone)
        return f"{local:%H:%M}" if self.date == self.day else f"{local:%H:%M} ({self.date})"


def moment(at: datetime, *, zone: ZoneInfo, url: str, sources: Sources, day: str = "") -> Moment:
    """The instant in `zone`, told as `2026-11-20 10:00 UTC`."""
    local = at.astimezone(zone)
    name = local.tzname() or str(zone)
    name = f"UTC{name}" if name[:1] in "+-" else name
    return Moment(f"{local:%Y-%m-%d %H:%M} {name}", url, sources, at, zone, day or f"{local:%Y-%m-%d}")


def _one_word(url: str) -> str:
    return UNFIT.sub(lambda sign: quote(sign[0]), url)


def line(text: object) -> str:
    """One line of Markdown that begins no block of its own, wherever in a template it stands."""
    words = " ".join(str(text).split())
    if BEGINS.match(words) or (words.startswith("[") and not LINK.match(words)):
        return f"\\{words}"
    return NUMBERED.sub(r"\1\\", words, count=1) if NUMBERED.match(words) else words


def bare(words: str) -> str:
    """A title as it is read, without the signs that keep it from being taken for Markdown."""
    return ESCAPED.sub(r"\1", words)


def block(text: str) -> str:
    """Some paragraphs of Markdown that a person wrote, to stand under a heading: their own headings are bold words."""
    lines: list[str] = []
    fence = ""
    for row in text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n"):
        found = FENCE.fullmatch(row)
        if fence:
            if found and found[1].startswith(fence) and not found[2].strip(" \t"):
                lines += [found[1], ""]  # whatever the template has behind it, it stands below
                fence = ""
            else:
                lines.append(row)
        elif found:
            # code begins at the left edge: farther in, it could be part of a list that ends before it does;
            # what the template has on the line above it is not left empty, since a lone `-` makes a heading
            lines += [] if lines else ["\u00a0"]
            fence = found[1]
            lines.append(fence + found[2].partition("|")[0])  # with a bar, it could be the head of a table
        else:
            lines += _tamed(row, first=not lines, after_words=bool(lines and lines[-1].strip(" \t")))
    if fence:
        lines += [fence, ""]
    return "\n".join(lines)


def _tamed(row: str, *, first: bool, after_words: bool) -> list[str]:
    """The lines for one of a person's that is not code, with nothing in it that begins a section or defines a link."""
    under = row[_length(QUOTED, row) :]
    if UNDERLINE.match(under):
        before = row[: len(row) - len(under)]
        if before.strip(" ") or first or len(under.strip()) < 3 or under[0] == "=":
            return [f"{before}\\{under}"]
        return ["", row] if after_words else [row]  # a rule
    before, words = row[: _length(INSIDE, row)], row[_length(INSIDE, row) :]
    if HEADING.match(words):
        title = words.strip("# \t").replace("**", "")
        if before.strip(" ") or len(before) > 3 or not title:
            return [f"{before}\\{words}"]  # in a list, in a quote, or code
        return [*([""] if after_words else []), f"**{title}**", ""]
    if words.startswith("[") and not LINK.match(words):
        return [f"{before}\\{words}"]
    return [row]


def _length(pattern: re.Pattern[str], row: str) -> int:
    found = pattern.match(row)
    return found.end() if found else 0
