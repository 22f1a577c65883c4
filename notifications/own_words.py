"""A policy's own wording of messages: templates in a sandbox, checked when a pack is loaded, shown with examples."""

import difflib
import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

log = logging.getLogger(__name__)
LONGEST = 4_000  # characters of what a template makes
LONGEST_TEMPLATE = 4_000
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr, nodes.Filter,
    nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Add, nodes.Sub,
    nodes.Mul, nodes.Div, nodes.Neg, nodes.Pos, nodes.List, nodes.Tuple, nodes.Keyword, nodes.Getitem, nodes.Slice,
)  # fmt: skip
"""Values, comparisons, filters and `if`: no loop and no call, so that no message takes long at night."""
FILTERS = (
    "capitalize",
    "d",
    "default",
    "first",
    "int",
    "last",
    "length",
    "lower",
    "title",
    "trim",
    "truncate",
    "upper",
)
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
SANDBOX.filters = {name: SANDBOX.filters[name] for name in FILTERS}
SANDBOX.globals.clear()


@lru_cache(maxsize=500)
def _compiled(template: str) -> Template:
    if len(template) > LONGEST_TEMPLATE:
        raise BadWording(f"This template has {len(template)} characters; {LONGEST_TEMPLATE} are allowed.")
    for node in SANDBOX.parse(template).iter_child_nodes():
        _refuse_strange(node)
    return SANDBOX.from_string(template)


def _refuse_strange(node: nodes.Node) -> None:
    if not isinstance(node, ALLOWED):
        what = {nodes.For: "A loop", nodes.Call: "A call", nodes.Getattr: "An attribute"}.get(type(node))
        raise BadWording(
            f"{what or type(node).__name__} is not allowed in a template (line {node.lineno}); it may have "
            f"{{{{ names }}}}, {{% if %}} and the filters {', '.join(FILTERS)}."
        )
    for child in node.iter_child_nodes():
        _refuse_strange(child)


def render(template: str, values: Mapping[str, object]) -> str:
    """`template` with `values` in it; BadWording when it cannot be filled."""
    try:
        return _compiled(template).render(values).strip()[:LONGEST]
    except BadWording:
        raise
    except TemplateSyntaxError as error:
        raise _no_template(error) from None
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise BadWording(f"This template cannot be filled: {str(error).rstrip('.')}.") from None


def filled(own: Mapping[str, str], values: Mapping[str, object], *, event: str) -> tuple[dict[str, str], str]:
    """The parts of `own` with `values` in them, and what is wrong with one that cannot be filled and is left out."""
    said, fault = {}, ""
    for part in PARTS:
        if template := own.get(part):
            try:
                said[part] = render(template, values)
            except BadWording as error:
                fault = f"The {part} of the policy's own wording of {event} could not be used: {error}"
                log.error("%s", fault)
    return said, fault


def known(event: str) -> list[str]:
    """The names that templates of `event` may use."""
    return sorted({**ALWAYS, **SAMPLE.get(event, {})})


def check(event: str, template: str) -> None:
    """BadWording when `template` could not be filled for `event`, also in what the example does not show."""
    names = known(event)
    for name in sorted(_used(template) - set(names)):
        near = difflib.get_close_matches(name, names, 1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise BadWording(f"There is no {name!r} in a message of {event}.{meant} It may use {', '.join(names)}.")
    render(template, {**ALWAYS, **SAMPLE.get(event, {})})


def _used(template: str) -> set[str]:
    """The names that `template` asks for."""
    try:
        _compiled(template)
        return meta.find_undeclared_variables(SANDBOX.parse(template))
    except TemplateSyntaxError as error:
        raise _no_template(error) from None


def _no_template(error: TemplateSyntaxError) -> BadWording:
    return BadWording(f"This is no template: {str(error.message).rstrip('.')} (line {error.lineno}).")
