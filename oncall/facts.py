"""What the rooms above know of a shift: they register here at start-up what they can tell."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from .models import EscalationContact, Schedule


@dataclass(frozen=True)
class Line:
    """One fact in words; `path` is the page that says more, below the address of this installation."""

    text: str
    path: str = ""


@dataclass(frozen=True)
class Section:
    """Facts of one kind; `none` is said when there are none."""

    title: str
    none: str
    lines: list[Line] = field(default_factory=list)


Tell = Callable[[Schedule, datetime, datetime], Section]
Pages = Callable[[Iterable[EscalationContact], datetime, datetime], Iterable[tuple[int, datetime]]]
SECTIONS: list[Tell] = []
"""Each is given a schedule, when the shift began and the instant of the note."""
PAGES: list[Pages] = []
"""Each tells (contact id, instant) of the pages that contacts got in [start, end)."""


def pages(people: Iterable[EscalationContact], start: datetime, end: datetime) -> dict[int, list[datetime]]:
    """When each of `people` was paged in [start, end), by the id of the contact, in order."""
    people, found = list(people), {}  # type: ignore[var-annotated]
    for tell in PAGES:
        for pk, at in tell(people, start, end):
            found.setdefault(pk, []).append(at)
    return {pk: sorted(times) for pk, times in found.items()}
