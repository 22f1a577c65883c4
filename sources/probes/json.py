"""One JSON document, fanned out into a reading for each element of a list or object in it.

    {"url": "https://…", "each": "queues", "field": "depth", …what an HTTP request takes}

`each` is the path of the list or object, "" for the document itself; `field` the path within an element that becomes
`value`. An element's members are fields, its members that are text are labels, and an object's name for it is the
label `key`. An element that is a bare value has it as `value`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sources.probes import http_call
from sources.probes.base import BadSpec, ProbeError, Reading, check_type, plain
from sources.probes.http import expect
from sources.probes.masking import mask_url

MOST = 10_000  # elements


class Json:
    kind = "json"

    def check(self, spec: Mapping[str, Any]) -> None:
        http_call.check(spec, required=(), allowed=("each", "field"))
        if not isinstance(spec.get("each"), str):
            raise BadSpec("each", 'This should be the path of a list or object, "" for the whole document.')
        check_type(spec, "field", str, "a path within an element")

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
        return [_reading(key, element, spec.get("field")) for key, element in pairs]


def _reading(key: str | None, element: Any, field: str | None) -> Reading:
    fields = dict(element) if isinstance(element, dict) else {"value": element}
    labels = {name: member for name, member in fields.items() if isinstance(member, str)}
    if not isinstance(element, dict):
        labels = {}
    if key is not None:
        labels["key"] = key
    if field is not None:
        try:
            fields["value"] = http_call.get_path(element, field)
        except LookupError:
            fields.pop("value", None)
    return Reading(fields, labels)
