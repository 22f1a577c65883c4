"""Reading what others wrote: whatever stands where a time, an object or a text is expected, nothing breaks."""

import math
from datetime import datetime
from typing import Any

from .base import WrongPayload, json_type, text_at
from .times import instant

MILLISECONDS = 1e11
"""From here on a Unix time counts milliseconds: seconds reach it in the year 5138."""


def at_path(value: Any, *path: str | int) -> Any:
    """What stands at a path of keys and places; None when nothing does."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def object_at(value: Any, *path: str | int) -> dict[str, Any]:
    """The object at a path; an empty one when something else or nothing stands there."""
    found = at_path(value, *path)
    return found if isinstance(found, dict) else {}


def objects_at(value: Any, name: str, *, most: int = 1000) -> list[dict[str, Any]]:
    """The list of objects that must stand at `name`; WrongPayload says what is wrong with it."""
    found = at_path(value, name)
    if not isinstance(found, list):
        raise WrongPayload(f"{name} must be a list of objects, and it is {json_type(found)}.")
    if len(found) > most:
        raise WrongPayload(f"{name} holds {len(found)} objects; send at most {most} in one request.")
    for index, one in enumerate(found):
        if not isinstance(one, dict):
            raise WrongPayload(f"{name}[{index}] must be an object, and it is {json_type(one)}.")
    return found


def first_text(*texts: str) -> str:
    """The first that is not empty."""
    return next((text for text in texts if text), "")


def texts_of(value: Any, *, most: int = 60, length: int = 400) -> dict[str, str]:
    """The texts, numbers and booleans of an object, as texts, cut to `length`; `most` names at most."""
    if not isinstance(value, dict):
        return {}
    found = {text_at(name)[:100]: text_at(value, name)[:length] for name in list(value)[:most]}
    return {name: text for name, text in found.items() if name and text}


def moment(value: Any) -> datetime | None:
    """An instant given as ISO 8601, Unix seconds or Unix milliseconds; None for anything else and for Go's zero time.

    Without a zone it is UTC.
    """
    if isinstance(value, str) and value.isascii() and value.replace(".", "", 1).isdecimal() and len(value) < 25:
        value = float(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) >= MILLISECONDS:
        value = value / 1000 if abs(value) < 1e15 else None
    at = instant(value)
    return at if at and at.year >= 1970 else None


def seconds(value: Any, *, per: float = 1.0) -> float | None:
    """A length of time that is given as a number of which `per` make a second; None if it is none or negative."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        length = float(value) / per
    except OverflowError:
        return None
    return length if math.isfinite(length) and 0 <= length < 1e9 else None


def between(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds from one instant to the other; None when one is not known, or they are the wrong way round."""
    if start is None or end is None or end < start:
        return None
    return (end - start).total_seconds()


def without_query(address: str) -> str:
    """An address up to its query, which may hold secrets."""
    return address.partition("?")[0].partition("#")[0][:500]
