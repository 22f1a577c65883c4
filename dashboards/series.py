"""What a panel has to show, before it is drawn: lines of points, and of each the figure of the whole time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

Points = list[tuple[datetime, float | None]]
MOST_LINES = 6
"""So many lines can be told apart in a picture; a table has more rows."""
MOST_ROWS = 50


@dataclass(frozen=True)
class Line:
    """One curve, and one row of the table.

    name     what it is of: the endpoint, the release, the queue; "" when there is only one
    points   oldest first; None where nothing was there to read, which breaks the curve
    value    of counted things the figure of the whole time, of what was read the latest; None: no data
    before   the figure of the same length of time before; None also when nobody asked for it
    facts    other figures that the panel names
    """

    name: str
    points: Points
    value: float | None
    before: float | None = None
    facts: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What came of a panel.

    value, before   over everything, as those of a line are
    at              when it was last read, or the last of what is counted happened
    fault           why there is nothing, in a sentence
    note            what a reader must know to judge the figures
    limits          what the figure is held against, each with the level it means
    field, unit     what the figure is, where the panel does not say so
    """

    lines: list[Line] = field(default_factory=list)
    value: float | None = None
    before: float | None = None
    facts: dict[str, float | None] = field(default_factory=dict)
    at: datetime | None = None
    fault: str = ""
    note: str = ""
    limits: list[tuple[float, str]] = field(default_factory=list)
    field: str = ""
    unit: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at all: no figure, and no point of a curve."""
        return self.value is None and not any(
            line.value is not None or any(value is not None for _, value in line.points) for line in self.lines
        )


def thinned(rows: Sequence, most: int, worth) -> list:
    """At most `most` of `rows`, in order: of each stretch the one of most worth, and always the first and the last."""
    if len(rows) <= most:
        return list(rows)
    inner, room = rows[1:-1], most - 2
    picked = []
    for place in range(room):
        stretch = inner[place * len(inner) // room : (place + 1) * len(inner) // room]
        if stretch:
            picked.append(max(stretch, key=worth))
    return [rows[0], *picked, rows[-1]]
