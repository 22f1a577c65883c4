"""What a door would make of a payload, before anything is stored: the present mapping, or one that is being written."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .inbound import INBOUND
from .inbound.base import NotTaken, Parsed
from .inbound.generic import FIELDS, ITEMS, NESTED_LABEL, find
from .kept import request_of
from .models import Integration, WebhookLog

LOOKED_AT = 10


class BadMapping(ValueError):
    """A mapping that cannot be one; the text names the field."""


@dataclass(frozen=True)
class Preview:
    """What came out.

    error   why the payload would be refused; empty when it would be taken
    hints   paths of the mapping that lead nowhere in this payload
    """

    parsed: Parsed = field(default_factory=Parsed)
    error: str = ""
    hints: tuple[str, ...] = ()


def mapping_of(text: str) -> dict[str, str]:
    """A mapping as people write it, as JSON; BadMapping says what is wrong with it."""
    try:
        mapping = json.loads(text.strip() or "{}")
    except json.JSONDecodeError as error:
        raise BadMapping(f"This is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    check_mapping(mapping)
    return mapping


def check_mapping(mapping: Any) -> None:
    """Raise BadMapping unless it is {our field: path in the payload}."""
    if not isinstance(mapping, dict):
        raise BadMapping('A mapping is an object such as {"title": "event.name"}.')
    for name, path in mapping.items():
        if name not in FIELDS and name != ITEMS and not (name.startswith(NESTED_LABEL) and name != NESTED_LABEL):
            raise BadMapping(
                f"There is no field {name!r}; there are {ITEMS}, {', '.join(FIELDS)} and {NESTED_LABEL}NAME."
            )
        if not isinstance(path, str) or not path:
            raise BadMapping(f"The path of {name} must be a text such as event.name.")


def preview(
    door: Integration, body: str, mapping: Mapping[str, str], *, like: WebhookLog | None = None, at: datetime
) -> Preview:
    """What `door` with `mapping` would make of `body`; nothing is stored.

    like   the request whose headers and query come with it, None for a plain one
    """
    inbound = INBOUND.get(door.kind)
    if inbound is None:
        return Preview(error=f"Doors of kind {door.kind} have a form of their own, and no mapping.")
    tried = Integration(
        kind=door.kind, name=door.name, key=door.key, mapping=dict(mapping), options=door.options,
        severities=door.severities, group_by=door.group_by, policy=door.policy,
    )  # fmt: skip
    sent = request_of(like or WebhookLog(), body)
    try:
        payload = inbound.decode(sent)
        hints = _lost(payload, mapping) if mapping else ()
        return Preview(inbound.parse(payload, sent, tried, at=at), hints=hints)
    except NotTaken as refusal:
        with suppress(ValueError, RecursionError):  # that it is no JSON is what the refusal says
            return Preview(error=str(refusal), hints=_lost(json.loads(body), mapping))
        return Preview(error=str(refusal))
    except RecursionError:
        return Preview(error="The body is nested too deeply.")


def _lost(payload: Any, mapping: Mapping[str, str]) -> tuple[str, ...]:
    """Which paths of the mapping find nothing in the first alert of the payload."""
    hints = []
    if path := mapping.get(ITEMS):
        inner = find(payload, path)
        if inner is None:
            return (f"{ITEMS}: there is nothing at {path!r}.",)
        payload = inner
    first = payload[0] if isinstance(payload, list) and payload else payload
    for name, path in mapping.items():
        if name != ITEMS and find(first, path) is None:
            hints.append(f"{name}: there is nothing at {path!r}.")
    return tuple(hints)


def newest(door: Integration) -> WebhookLog | None:
    """The newest request of this door that can be read and whose body was kept: the one to try a mapping on."""
    inbound = INBOUND.get(door.kind)
    rows = WebhookLog.objects.filter(integration=door, replay_of=None).exclude(raw="").order_by("-at", "-pk")
    found = list(rows[:LOOKED_AT]) if inbound else []
    for row in found:
        with suppress(NotTaken, RecursionError):
            assert inbound is not None
            inbound.decode(request_of(row))
            return row
    return found[0] if found else None


def in_our_levels(parsed: Parsed, door: Integration) -> Parsed:
    """The same with the levels as the door's table translates them."""
    return replace(
        parsed,
        signals=[
            replace(one, severity_key=str(door.severities.get(one.severity_key) or one.severity_key))
            for one in parsed.signals
        ],
    )


def written(mapping: Mapping[str, str]) -> str:
    """A mapping as people write it."""
    return json.dumps(mapping, indent=2, ensure_ascii=False) if mapping else "{}"
