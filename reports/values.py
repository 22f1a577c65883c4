"""What stands behind the names of a template: figures that know what shows them, instants, and what is not given."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo


@dataclass
class Sources:
    """Addresses of what shows a document's figures, numbered as they are used; written at its end as link targets."""

    numbers: dict[str, int] = field(default_factory=dict)

    def mark(self, url: str) -> str:
        """` ([3])`, a Markdown link whose address stands at the end of the document."""
        return f" ([{self.numbers.setdefault(url, len(self.numbers) + 1)}])" if url else ""

    def definitions(self) -> str:
        return "\n".join(f"[{number}]: {url}" for url, number in self.numbers.items())


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
        return Fact(" ".join(self.plain.split()), self.url, self.sources)


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


def line(text: object) -> str:
    """One line, so that what a person wrote begins no heading and ends no list."""
    return " ".join(str(text).split())


def block(text: str) -> str:
    """Some paragraphs of Markdown that a person wrote, to stand under a heading: their own headings go below it."""
    lines: list[str] = []
    fenced = False
    for row in text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n"):
        bare = row.lstrip()
        if bare.startswith(("```", "~~~")):
            fenced = not fenced
        rule = not fenced and len(bare) > 2 and not bare.strip("=-_* ") and lines and lines[-1].strip()
        if not fenced and bare.startswith("#"):
            row = f"#### {bare.lstrip('#').strip()}"
        elif rule and set(bare.strip()) <= set("=-"):
            lines.append("")  # else the line above would become a heading
        lines.append(row)
    if fenced:
        lines.append("```")
    return "\n".join(lines)
