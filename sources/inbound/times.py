"""Instants as senders write them: ISO 8601 in its common forms, or Unix seconds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from .errors import WrongPayload

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_YEAR = 9990  # what Python and the databases can still turn into any time zone


def instant_of(value: Any, what: str) -> datetime | None:
    """An aware instant (UTC); None when none is given. WrongPayload calls it `what` when it cannot be read."""
    if value is None or value == "":
        return None
    at = instant(value)
    if at is None:
        raise WrongPayload(f"The {what} is {str(value)[:40]!r}; give ISO 8601 or Unix seconds.")
    return at


def instant(value: Any) -> datetime | None:
    """The same, and None also for what cannot be read: for fields we can do without. A naive time is UTC."""
    try:
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float):
            at = EPOCH + timedelta(seconds=value)
        elif isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) in (9, 10, 11):
            at = EPOCH + timedelta(seconds=int(value))
        elif isinstance(value, str):
            at = datetime.fromisoformat(value.strip())
            at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.year <= LAST_YEAR else None


def from_nanos(value: Any) -> datetime | None:
    """The instant so many nanoseconds after 1970, told as a number or its digits; None for 0 and what is none."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 64:
        return None
    return instant(value / 1_000_000_000)
