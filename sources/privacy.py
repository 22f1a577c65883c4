"""What names a person, masked for who may not see it."""

import re
from typing import Any

# possessive and from the beginning of a word: whoever writes the text chooses its length
EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]++@([\w-]++(?:\.[\w-]++)++)")
PERSON = re.compile(r"(?i)^(e-?mail|username|user_?name|ip|ip_?address|phone|name)$")
MASK = "•••"
SEE = "sources.see_persons_event"
"""The right to see e-mail addresses and names in events."""


def without_persons(value: Any, *, about: str = "") -> Any:
    """`value` with e-mail addresses masked wherever they stand, and with what a user's fields say of the person."""
    if isinstance(value, dict):
        inside = about in ("user", "recipient")
        return {
            name: MASK if inside and PERSON.match(str(name)) and one and not _is_email(one)
            else without_persons(one, about=str(name).lower())
            for name, one in value.items()
        }  # fmt: skip
    if isinstance(value, list):
        return [without_persons(one, about=about) for one in value]
    return EMAIL.sub(rf"{MASK}@\1", value) if isinstance(value, str) else value


def _is_email(value: Any) -> bool:
    return isinstance(value, str) and bool(EMAIL.search(value))
