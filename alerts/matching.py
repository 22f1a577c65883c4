"""Matchers of silences and filters: name, value, equal or not, plain or RE2 (anchored at both ends)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

import re2


class BadMatcher(ValueError):
    """A matcher that cannot be used; the text names it and says what is wrong."""


@lru_cache(maxsize=4096)
def _regex(pattern: str):
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        told = error.args[0] if error.args else ""
        why = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
        raise BadMatcher(f"{pattern!r} is no RE2 expression: {why}.") from error


def predicate(matcher: Mapping) -> Callable[[Mapping[str, str]], bool]:
    """The test of one matcher `{name, value, isRegex, isEqual}` over labels; an absent label counts as empty text."""
    name, value = matcher.get("name"), matcher.get("value", "")
    if not isinstance(name, str) or not name:
        raise BadMatcher("A matcher needs the name of a label.")
    if not isinstance(value, str):
        raise BadMatcher(f"The value of matcher {name!r} must be text.")
    wanted = bool(matcher.get("isEqual", True))
    if matcher.get("isRegex", False):
        regex = _regex(value)
        return lambda labels: (regex.fullmatch(labels.get(name, "")) is not None) == wanted
    return lambda labels: (labels.get(name, "") == value) == wanted


def all_of(matchers: Iterable[Mapping]) -> Callable[[Mapping[str, str]], bool]:
    """The test that every matcher holds."""
    tests = [predicate(matcher) for matcher in matchers]
    return lambda labels: all(test(labels) for test in tests)


def check_silence(matchers: Sequence[Mapping]) -> None:
    """Raise BadMatcher when the matchers would silence everything or cannot be read.

    As Alertmanager has it, one that only excludes something (`team!="x"`) is taken to be meant.
    """
    if not matchers:
        raise BadMatcher("A silence needs at least one matcher.")
    tests = [(predicate(matcher), matcher.get("isEqual", True)) for matcher in matchers]
    if all(wanted and test({}) for test, wanted in tests):
        raise BadMatcher(
            "At least one matcher must not match the empty string: this would silence everything; name a value."
        )
