"""What somebody typed on the page of a shift review, and what stood there when they opened it.

Two people go through the same review: a field that one of them left as it was is nobody's to write over.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from reviews.forms import digest

TICKED = "ticked"


def mark(text: str) -> str:
    """What a field is known by when the page comes back; line ends and blanks at either end do not count."""
    return digest({"": text})


@dataclass(frozen=True)
class Field:
    """A field as the page shows it.

    text    what stands in it: what was typed, else what is stored
    stored  what is stored
    clash   somebody else stored that since the page was opened, and this writer typed something else
    """

    name: str
    text: str
    stored: str
    clash: bool

    @property
    def was(self) -> str:
        return mark(self.stored)


@dataclass(frozen=True)
class Typed:
    """One sending of the page.

    texts   by the field's name: `note:<figure>`, `text`
    ticks   the switches whose box is ticked
    was     what each field was when the page was opened, by its name; one that is missing was empty
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    ticks: Collection[str] = ()
    was: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, said: Mapping[str, str]) -> "Typed":
        """Of the fields that a browser sent."""
        texts = {name: text for name, text in said.items() if name == "text" or name.startswith("note:")}
        ticks = {name.removeprefix("tick:") for name in said if name.startswith("tick:")}
        was = {name.removeprefix("was:"): text for name, text in said.items() if name.startswith("was:")}
        return cls(texts, ticks, was)

    def changes(self, name: str, stored: str) -> bool:
        """Whether this writer has typed something there that is not stored yet."""
        return name in self.texts and mark(self.texts[name]) not in (self._was(name), mark(stored))

    def shown(self, name: str, stored: str) -> Field:
        """The field of this name, over what is stored now."""
        mine = self.changes(name, stored)
        return Field(name, self.texts[name] if mine else stored, stored, mine and self._was(name) != mark(stored))

    def ticked(self, toggle: str, stored: bool) -> bool:
        """Whether the box is to be ticked: as this writer left it if they touched it, else as it is stored."""
        now = toggle in self.ticks
        return now if now != (self.was.get(f"tick:{toggle}") == TICKED) else stored

    def _was(self, name: str) -> str:
        return self.was.get(name, mark(""))
