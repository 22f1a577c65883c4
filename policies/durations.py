"""Lengths of time as people write them: `90s`, `5m`, `1h30m`, `2d`."""

import re
from datetime import timedelta

UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
ALLOWED = "Write whole numbers with w, d, h, m, s or ms, largest unit first: 90s, 5m, 1h30m, 1d."
PART = re.compile(r"(\d+)(ms|[wdhms])", re.ASCII)
LONGEST = timedelta(weeks=52 * 100)


class BadDuration(ValueError):
    """A text that is no length of time; its message says what is allowed."""


def parse_duration(text: str) -> timedelta:
    """Return the length that `text` names, zero or more, at most 5,200 weeks.

    Each unit occurs at most once, largest first. Anything else raises BadDuration, a ValueError.
    """
    if not isinstance(text, str):
        raise BadDuration(f"{text!r} is not a length of time. {ALLOWED}")
    rest, total, order = text.strip(), timedelta(), list(UNITS)
    if rest == "0":
        return total
    if not rest:
        raise BadDuration(f"An empty text is not a length of time. {ALLOWED}")
    while rest:
        part = PART.match(rest)
        if part is None or part[2] not in order:
            raise BadDuration(f"{text!r} is not a length of time. {ALLOWED}")
        count, unit = int(part[1]), part[2]
        if count > LONGEST / UNITS[unit] or total + count * UNITS[unit] > LONGEST:
            raise BadDuration(f"{text!r} is longer than 5,200 weeks.")
        total += count * UNITS[unit]
        order = order[order.index(unit) + 1 :]
        rest = rest[part.end() :]
    return total


def format_duration(length: timedelta) -> str:
    """Return the shortest text that `parse_duration` reads back; below a millisecond is cut off.

    A negative length raises ValueError. Weeks are written as days, as people say "14d" sooner than "2w".
    """
    if length < timedelta():
        raise ValueError(f"A length of time is not negative, and this one is {length}.")
    parts = []
    for unit, size in UNITS.items():
        if unit == "w":
            continue
        count, length = divmod(length, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
