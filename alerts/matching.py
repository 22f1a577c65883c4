"""Matchers of silences and filters: name, value, equal or not, plain or RE2 (anchored at both ends)."""

from collections.abc import Callable, Iterable, Mapping
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
        raise BadMatcher(f"{pattern!r} is no RE2 expression: {error}.") from error


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


def check_silence(matchers: list[Mapping]) -> None:
    """Raise BadMatcher when the matchers would silence everything or cannot be read."""
    if not matchers:
        raise BadMatcher("A silence needs at least one matcher.")
    if all(predicate(matcher)({}) for matcher in matchers):
        raise BadMatcher("Every matcher also matches an absent label, so this would silence everything; name a value.")
