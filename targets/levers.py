"""Levers: methods of a target that a test calls, a script posts to and a mouse presses."""

import inspect
import json
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from targets import durations
from targets.service import BadRequest


def lever(method: Callable[..., None]) -> Callable[..., None]:
    """Let `method` be pulled over HTTP as POST /_levers/<name>, its arguments given as fields."""
    method.is_lever = True  # type: ignore[attr-defined]
    return method


@dataclass(frozen=True)
class Button:
    """A lever with its arguments, as one press on the page."""

    label: str
    lever: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class Card:
    """What a page says of one rule.

    about     when the rule should fire, in a sentence
    value     what a look at the target gives now
    over      whether that is over the edge; None when it cannot be told
    """

    heading: str
    about: str
    value: str
    over: bool | None
    buttons: list[Button]


def press(label: str, lever: str, **fields: Any) -> Button:
    """A button: press("51 waiting", "pending", count=51)."""
    return Button(label, lever, fields)


def names(target: object) -> list[str]:
    """The levers of `target`."""
    return sorted(n for n in dir(type(target)) if getattr(getattr(type(target), n), "is_lever", False))


def listing(target: object) -> list[dict[str, str]]:
    """Each lever's name, arguments and first line."""
    found = []
    for name in names(target):
        method = getattr(target, name)
        about = (inspect.getdoc(method) or "").splitlines()
        arguments = str(inspect.signature(method)).partition(" ->")[0]
        found.append({"lever": name, "arguments": arguments, "about": about[0] if about else ""})
    return found


def bound(target: object, name: str, fields: dict[str, Any]) -> Callable[[], None]:
    """The lever `name` with `fields` as its arguments, ready to call; raises BadRequest saying what is wrong."""
    if name not in names(target):
        raise BadRequest(f"There is no lever '{name}'; there is {', '.join(names(target))}.")
    method = getattr(target, name)
    signature, hints = inspect.signature(method), typing.get_type_hints(method)
    unknown = set(fields) - set(signature.parameters)
    if unknown:
        raise BadRequest(f"Lever '{name}' knows no {', '.join(sorted(unknown))}; it takes {signature}.")
    values = {field: read(f"{name}.{field}", value, hints[field]) for field, value in fields.items()}
    try:
        signature.bind(**values)
    except TypeError as error:
        raise BadRequest(f"Lever '{name}': {error}.") from error
    return lambda: method(**values)


def read(where: str, value: Any, hint: Any) -> Any:
    """`value`, from JSON or a form, as the type that `hint` asks for; raises BadRequest."""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if type(None) in kinds and value in (None, ""):
        return None
    kind = kinds[0]
    try:
        if kind is bool:
            return {"true": True, "false": False}[str(value).lower()]
        if kind is timedelta:
            return durations.read(value)
        if kind is datetime:
            return datetime.fromisoformat(str(value))
        if typing.get_origin(kind) is dict:
            return dict(value if isinstance(value, dict) else json.loads(value))
        return kind(value)
    except (KeyError, TypeError, ValueError) as error:
        wanted = getattr(kind, "__name__", kind)
        raise BadRequest(f"{where} = {json.dumps(value, default=str)} is no {wanted}: {error}.") from error
