"""Durations as people write them: `90s`, `29m50s`, `2h`, `1d`."""

import re
from datetime import timedelta

UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
PIECE = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])")


def read(value: "str | float | timedelta") -> timedelta:
    """Return `value` as a timedelta; a bare number is seconds. Raises ValueError with what is allowed."""
    if isinstance(value, timedelta):
        return value
    text = str(value).strip().replace(" ", "")
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return timedelta(seconds=float(text))
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    if not digits or PIECE.sub("", digits):
        raise ValueError(f"'{value}' is not a duration; write it like 30m, 2h1m or 90s.")
    return sign * timedelta(seconds=sum(float(n) * UNITS[unit] for n, unit in PIECE.findall(digits)))
