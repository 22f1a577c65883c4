"""Parameters inside texts: `${TEAM_WEBHOOK_URL}` in an address, `${MAX_RETRIES}` in a query or a condition."""

import re
from collections.abc import Mapping
from datetime import timedelta

from .durations import format_duration

PLACE = re.compile(r"\$(?P<escaped>\$?)\{(?P<name>[^{}]*)\}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class MissingParameter(ValueError):
    """A text names a parameter that has no value; `name` says which."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name


def names(text: str) -> list[str]:
    """The parameters that `text` asks for, each once, in order of appearance."""
    found = [place["name"] for place in PLACE.finditer(text) if not place["escaped"]]
    return list(dict.fromkeys(found))


def substitute(text: str, values: Mapping[str, object]) -> str:
    """`text` with each `${NAME}` replaced by its value; `$${NAME}` stands for the characters `${NAME}` themselves.

    values  typed values by name: booleans are written true and false, lengths of time as 5m, others by str().
            A name that is absent or None raises MissingParameter, a ValueError that names it.
    """
    return PLACE.sub(lambda place: place[0][1:] if place["escaped"] else _written(place["name"], values), text)


def _written(name: str, values: Mapping[str, object]) -> str:
    if not NAME.fullmatch(name):
        raise MissingParameter(
            name, f"${{{name}}} names no parameter; a name has letters, digits and underscores, as in ${{LIMIT}}."
        )
    value = values.get(name)
    if value is None:
        known = ", ".join(sorted(values)) or "none"
        raise MissingParameter(
            name, f"The parameter {name} is not set. Set it in the environment or in its policy; known: {known}."
        )
    if isinstance(value, bool):
        return str(value).lower()
    return format_duration(value) if isinstance(value, timedelta) else str(value)
