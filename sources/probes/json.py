"""One JSON document, fanned out into a reading for each element of a list or object in it.

    {"url": "https://…", "each": "queues", "field": "depth", "fields": {"depth": ["queueSize", "counts.waiting"]},
     "labels": {"queue": ["name", "key"]}, …what an HTTP request takes}

each     path of the list or object, "" for the document itself
field    path within an element that becomes `value`
fields   more fields: a name and the path within an element it stands at, or a list of paths of which the first that
         is there counts
labels   more labels, in the same way; `key` is an object's name for the element

An element's members are fields, its members that are text are labels, and an object's name for it is the label `key`.
An element that is a bare value has it as `value`.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sources.probes import http_call
from sources.probes.base import BadSpec, ProbeError, Reading, check_type, plain, text_of
from sources.probes.http import expect
from sources.probes.masking import mask_url

MOST = 10_000  # elements


class Json:
    kind = "json"

    def check(self, spec: Mapping[str, Any]) -> None:
        http_call.check(spec, required=(), allowed=("each", "field", "fields", "labels"))
        if not isinstance(spec.get("each"), str):
            raise BadSpec("each", 'This should be the path of a list or object, "" for the whole document.')
        check_type(spec, "field", str, "a path within an element")
        for part in ("fields", "labels"):
            check_type(spec, part, Mapping, "a set of names, each with a path or a list of paths")
            for name, said in (spec.get(part) or {}).items():
                if not _paths(said) or not all(isinstance(path, str) for path in _paths(said)):
                    raise BadSpec(f"{part}.{name}", f"This should be a path or a list of paths, and it is {said!r}.")

    def read(self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta) -> list[Reading]:
        answer, place = http_call.ask(spec, timeout), mask_url(spec["url"])
        expect(answer, {"expect_status": [200], **spec})
        try:
            document = plain(answer.document())
        except (ValueError, RecursionError) as error:
            raise ProbeError(f"{place} did not answer with JSON: {error}.", reason="answer") from None
        try:
            elements = http_call.get_path(document, spec["each"])
        except LookupError:
            known = ", ".join(document) if isinstance(document, dict) else "no members"
            raise ProbeError(f"{place} has nothing at {spec['each']!r}; it has {known}.", reason="answer") from None
        if isinstance(elements, dict):
            pairs = list(elements.items())
        elif isinstance(elements, list):
            pairs = [(None, element) for element in elements]
        else:
            raise ProbeError(
                f"{place} has neither list nor object at {spec['each']!r}, but {elements!r}.", reason="answer"
            )
        if len(pairs) > MOST:
            raise ProbeError(f"{place} gave more than {MOST:,} elements at {spec['each']!r}.", reason="limit")
        return [_reading(key, element, spec) for key, element in pairs]


def _paths(said: Any) -> list[Any]:
    return said if isinstance(said, list) else [said]


def _reading(key: str | None, element: Any, spec: Mapping[str, Any]) -> Reading:
    fields = dict(element) if isinstance(element, dict) else {"value": element}
    labels = {name: member for name, member in fields.items() if isinstance(member, str)}
    if not isinstance(element, dict):
        labels = {}
    if key is not None:
        labels["key"] = key
    for name, said in (spec.get("fields") or {}).items():
        fields[name] = _first(element, _paths(said))
    if "field" in spec:
        try:
            fields["value"] = http_call.get_path(fields if isinstance(element, dict) else element, spec["field"])
        except LookupError:
            fields.pop("value", None)
    named = {"key": key, **element} if isinstance(element, dict) else {"key": key}
    for name, said in (spec.get("labels") or {}).items():
        if (found := _first(named, _paths(said))) is not None:
            labels[name] = text_of(found)
    return Reading(fields, labels)


def _first(element: Any, paths: list[str]) -> Any:
    """What stands at the first of `paths` that leads to a value; None when none does."""
    for path in paths:
        with suppress(LookupError):
            if (found := http_call.get_path(element, path)) is not None:
                return found
    return None
