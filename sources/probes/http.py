"""Facts from one HTTP request: does it answer, with what status, how fast, and what does its JSON say.

    {"url": "https://…?token=…", "method": "GET", "headers": {…}, "body": "…" or a document,
     "json": "path.to.field", "expect_status": [200, 503], "verify": true,
     "redirects": "same-host" | "any" | "none", "unreachable": "error" | "reading"}

Every answer is a reading, a 500 as well as a 200: `reachable` true, `status_code`, `ok` (a 2xx), `latency_ms`, `body`
(its first 2,000 characters), for JSON the whole document as `json` and an object's members by name, and `value`, the
field that the path names (absent when the document has no such field, so that the rule has no data).

No answer is a ProbeError, and so is a status that `expect_status` does not list, and a 2xx without JSON where a path
asks for it. With `"unreachable": "reading"` each of these is a reading instead, `reachable` false and `error` the
sentence: for rules whose question is whether the service can be used at all.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sources.probes import http_call
from sources.probes.base import BadSpec, ProbeError, Reading, check_type, plain
from sources.probes.http_call import Answer
from sources.probes.masking import mask_url

BODY = 2_000  # characters kept
UNREACHABLE = ("error", "reading")


class Http:
    kind = "http"

    def check(self, spec: Mapping[str, Any]) -> None:
        http_call.check(spec, required=(), allowed=("json", "unreachable"))
        check_type(spec, "json", str, "a path such as queues.0.depth")
        if (choice := spec.get("unreachable", UNREACHABLE[0])) not in UNREACHABLE:
            raise BadSpec("unreachable", f"There is no choice {choice!r}. Allowed: {', '.join(UNREACHABLE)}.")

    def read(self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta) -> list[Reading]:
        fields: dict[str, Any] = {}
        try:
            answer = http_call.ask(spec, timeout)
            fields = {
                "reachable": True,
                "status_code": answer.status,
                "ok": answer.ok,
                "latency_ms": answer.latency_ms,
                "body": answer.text[:BODY],
            }
            expect(answer, spec)
            _add_json(fields, answer, spec)
        except ProbeError as error:
            if spec.get("unreachable") != "reading":
                raise
            fields |= {"reachable": False, "error": str(error)}
        return [Reading(fields)]


def expect(answer: Answer, spec: Mapping[str, Any]) -> None:
    """Raise ProbeError when the answer's status is none of `expect_status`."""
    expected = spec.get("expect_status")
    if expected is None or answer.status in expected:
        return
    place = mask_url(spec["url"])
    if answer.status in (401, 403):
        raise ProbeError(f"{place} answered {answer.status}: it rejects the token or password.", reason="query")
    codes = " or ".join(map(str, expected))
    raise ProbeError(f"{place} answered {answer.status} where {codes} is expected.", reason="answer")


def _add_json(fields: dict[str, Any], answer: Answer, spec: Mapping[str, Any]) -> None:
    wanted = spec.get("json")
    if wanted is None and "json" not in answer.headers.get("Content-Type", ""):
        return
    try:
        document = plain(answer.document())
    except (ValueError, RecursionError) as error:
        if wanted is None or not answer.ok:
            return
        place = mask_url(spec["url"])
        raise ProbeError(f"{place} answered {answer.status}, and not with JSON: {error}.", reason="answer") from None
    if isinstance(document, dict):
        for name, member in document.items():
            fields.setdefault(name, member)
    fields["json"] = document
    if wanted is not None:
        try:
            fields["value"] = http_call.get_path(document, wanted)
        except LookupError:
            fields.pop("value", None)
