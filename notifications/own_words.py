"""A policy's own wording of messages: templates in a sandbox, checked when a pack is loaded, shown with examples."""

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

log = logging.getLogger(__name__)
LONGEST = 4_000  # characters of what a template makes
PARTS = ("subject", "short", "text")
SAMPLE: dict[str, dict[str, object]] = {
    "page": {"started_at": "2026-11-23 09:00:00 UTC", "summary": "Errors above 5 %.", "service": "Checkout",
             "why": "you are in step 1", "runbook": "https://wiki.example.org/checkout"},
    "opened": {"started_at": "2026-11-23 09:00:00 UTC", "summary": "Errors above 5 %.", "service": "Checkout"},
    "acknowledged": {"by": "ada", "after": "2m", "via": "Slack"},
    "resolved": {"by": "ada", "after": "42m", "reason": ""},
    "reminder": {"what": "The next update", "due_at": "2026-11-23 09:30 UTC"},
    "update": {"text": "We roll back.", "by": "ada", "next_at": "2026-11-23 10:00 UTC"},
}  # fmt: skip
for _event in ("reopened", "raised", "lowered", "mitigated", "again", "false positive"):
    SAMPLE[_event] = SAMPLE["opened"]
ALWAYS: dict[str, object] = {
    "number": 12, "severity": "P1", "title": "Checkout is down", "headline": "", "drill": False,
    "url": "https://ops.example.org/incidents/12/",
}  # fmt: skip


class BadWording(ValueError):
    """A template that cannot work; the text says why."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """No attributes that lead out, and no arithmetic that makes a small template into a huge text."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(side, int | float) for side in (left, right)):
            raise SecurityError(f"{operator} is not allowed here")
        return left * right


SANDBOX = _Sandbox(autoescape=False, undefined=StrictUndefined)


@lru_cache(maxsize=500)
def _compiled(template: str) -> Template:
    return SANDBOX.from_string(template)


def render(template: str, values: Mapping[str, object]) -> str:
    """`template` with `values` in it; BadWording when it cannot be filled."""
    try:
        return _compiled(template).render(values).strip()[:LONGEST]
    except TemplateSyntaxError as error:
        raise BadWording(f"This is no template: {str(error.message).rstrip('.')} (line {error.lineno}).") from None
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise BadWording(f"This template cannot be filled: {str(error).rstrip('.')}.") from None


def filled(own: Mapping[str, str], values: Mapping[str, object], *, event: str) -> dict[str, str]:
    """The parts of `own` with `values` in them; one that cannot be filled is left out, and the log says why."""
    said = {}
    for part in PARTS:
        if template := own.get(part):
            try:
                said[part] = render(template, values)
            except BadWording as error:
                log.error("The %s of the own wording of %s is worded as usual: %s", part, event, error)
    return said


def known(event: str) -> list[str]:
    """The names that templates of `event` may use."""
    return sorted({**ALWAYS, **SAMPLE.get(event, {})})


def example(event: str, template: str) -> str:
    """What `template` makes of an example; BadWording names what it does not know."""
    try:
        return render(template, {**ALWAYS, **SAMPLE.get(event, {})})
    except BadWording as error:
        raise BadWording(f"{error} It may use {', '.join(known(event))}.") from None
