"""Templates of documents: Markdown with names, conditions and loops over what an incident holds, in a sandbox."""

import difflib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST_TEMPLATE = 20_000
LONGEST = 400_000
DEEPEST = 2  # loops within each other
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr, nodes.Filter,
    nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Add, nodes.Sub,
    nodes.Neg, nodes.Pos, nodes.List, nodes.Tuple, nodes.Keyword, nodes.Getitem, nodes.Getattr, nodes.Slice, nodes.For,
)  # fmt: skip
FILTERS = (
    "capitalize", "d", "default", "first", "groupby", "int", "join", "last", "length", "lower", "map", "reject",
    "rejectattr", "replace", "select", "selectattr", "title", "trim", "truncate", "upper",
)  # fmt: skip
ONLY_TAGS = re.compile(r"^[ \t]*((?:\{%(?:(?!%\}).)*%\}[ \t]*)+)\n", re.MULTILINE)
EMPTY_LINES = re.compile(r"\n{3,}")


class BadTemplate(ValueError):
    """A template that cannot be filled; the text says where and why."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Nothing can be called or changed; what is undefined is an error and not an empty place."""


ENVIRONMENT = _Sandbox(autoescape=False, undefined=StrictUndefined, keep_trailing_newline=True)
ENVIRONMENT.filters = {name: ENVIRONMENT.filters[name] for name in FILTERS}
ENVIRONMENT.globals.clear()


@lru_cache(maxsize=500)
def _compiled(template: str) -> Template:
    if len(template) > LONGEST_TEMPLATE:
        raise BadTemplate(f"This template has {len(template)} characters; {LONGEST_TEMPLATE} are allowed.")
    for node in ENVIRONMENT.parse(template).iter_child_nodes():
        _refuse_strange(node, 0)
    # a line of nothing but tags leaves no line behind; the comment keeps the count of lines for messages
    return ENVIRONMENT.from_string(ONLY_TAGS.sub(r"\1{#\n#}", template if template.endswith("\n") else template + "\n"))


def _refuse_strange(node: nodes.Node, loops: int) -> None:
    if not isinstance(node, ALLOWED):
        named: dict[type, str] = {nodes.Call: "A call", nodes.Mul: "Multiplication"}
        what = named.get(type(node), type(node).__name__)
        raise BadTemplate(
            f"{what} is not allowed in a template (line {node.lineno}); it may have {{{{ names }}}}, {{% if %}}, "
            f"{{% for %}} and the filters {', '.join(FILTERS)}."
        )
    loops += isinstance(node, nodes.For)
    if loops > DEEPEST:
        raise BadTemplate(f"More than {DEEPEST} loops stand within each other (line {node.lineno}).")
    for child in node.iter_child_nodes():
        _refuse_strange(child, loops)


def render(template: str, values: Mapping[str, Any]) -> str:
    """`template` with `values` in it; BadTemplate when it cannot be filled."""
    try:
        pieces, size = [], 0
        for piece in _compiled(template).generate(values):
            size += len(piece)
            if size > LONGEST:
                raise BadTemplate(f"What this template makes is longer than {LONGEST} characters.")
            pieces.append(piece)
    except BadTemplate:
        raise
    except TemplateSyntaxError as error:
        raise _no_template(error) from None
    except (TemplateError, SecurityError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise BadTemplate(f"This template cannot be filled: {str(error).rstrip('.')}.") from None
    return EMPTY_LINES.sub("\n\n", "".join(pieces)).strip()


def check(template: str, values: Mapping[str, Any]) -> None:
    """BadTemplate when `template` could not be filled from an incident that holds all of `values`."""
    try:
        _compiled(template)
        wanted = meta.find_undeclared_variables(ENVIRONMENT.parse(template))
    except TemplateSyntaxError as error:
        raise _no_template(error) from None
    for name in sorted(wanted - set(values)):
        near = difflib.get_close_matches(name, values, 1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise BadTemplate(f"There is no {name!r} in a report.{meant} It may use {', '.join(sorted(values))}.")
    render(template, values)


def _no_template(error: TemplateSyntaxError) -> BadTemplate:
    return BadTemplate(f"This is no template: {str(error.message).rstrip('.')} (line {error.lineno}).")
