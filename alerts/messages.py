"""A rule's message in words: its template, filled with what was read, in a sandbox."""

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError, meta
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST = 4_000  # characters of a rendered message


class BadMessage(ValueError):
    """A message template that cannot work; `line` counts from 1 within the template."""

    def __init__(self, sentence: str, line: int = 1) -> None:
        super().__init__(sentence)
        self.line = line


class _Sandbox(ImmutableSandboxedEnvironment):
    """No attributes that lead out, and no arithmetic that makes a small template into a huge text."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(side, int | float) for side in (left, right)):
            raise SecurityError(f"{operator} is not allowed here")
        return left * right


UNITS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600}


def in_words(figure: Any, unit: str = "s") -> str:
    """A length of time as people say it, its two largest parts: 90000 ms is 1 min 30 s; a figure of no use stays."""
    if isinstance(figure, timedelta):
        figure, unit = figure.total_seconds(), "s"
    if isinstance(figure, bool) or not isinstance(figure, int | float) or unit not in UNITS:
        return str(figure)
    left = round(figure * UNITS[unit], 3)
    if 0 < abs(left) < 1:
        return f"{left * 1000:g} ms"
    parts = []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size) if left > 0 else (0, left)
        if count:
            parts.append(f"{int(count)} {name}")
    return " ".join(parts[:2]) or f"{left:g} s"


class _Whole(float):
    """A whole figure of a source that knows only floats: told as 1, and rounded to one decimal still as 1.0."""

    def __str__(self) -> str:
        return str(int(self))


def plainly(value: Any) -> Any:
    """A figure as a message tells it: Prometheus and Loki say 1.0 where a line was counted."""
    return _Whole(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


SANDBOX = _Sandbox(autoescape=False)
SANDBOX.filters["duration"] = in_words


@lru_cache(maxsize=2_000)
def compiled(template: str) -> Template:
    """Return the template; BadMessage says where it is wrong."""
    try:
        return SANDBOX.from_string(template)
    except TemplateSyntaxError as error:
        raise BadMessage(f"This message is no template: {str(error.message).rstrip('.')}.", error.lineno) from None


def names_in(template: str) -> set[str]:
    """The names that a template tells or asks for; it compiles."""
    return meta.find_undeclared_variables(SANDBOX.parse(template))


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return the message with `values` in it, blanks at both ends cut; BadMessage when it cannot be filled."""
    try:
        return compiled(template).render(values).strip()[:LONGEST]
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise BadMessage(f"The message cannot be filled: {error}") from error
