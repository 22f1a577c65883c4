"""How many traces arrive, from Grafana Tempo or what answers its search as it does.

    {"url": "http://tempo:3200", "tags": {"service.name": "api", "deployment.environment": "production"},
     "window": "5m", "limit": 100, "org": "tenant"}

Asks GET /api/search for traces of the `window` (5m) that ends now with all those attributes, of a span or its resource;
`query` instead of `tags` is a TraceQL query, sent as it is. One reading: `count` (also `value`), `age` in seconds since
the newest trace began (None without one), `root` and `service` of that one, and `more` when there were `limit` of them.
`org` is the tenant (X-Scope-OrgID). Source: Grafana Tempo, "HTTP API", "Search"; "TraceQL".
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sources.probes import api_call
from sources.probes.base import BadSpec, ProbeError, Reading, check_type

WINDOW = timedelta(minutes=5)
LIMIT, MOST = 100, 1_000
ATTRIBUTE = re.compile(r"[A-Za-z_][\w.\-/]*", re.ASCII)
PATH = "/api/search"


class Tempo:
    kind = "tempo"

    def check(self, spec: Mapping[str, Any]) -> None:
        api_call.check(spec, allowed=("tags", "query", "window", "limit", "org"))
        check_type(spec, "query", str, "a TraceQL query")
        check_type(spec, "org", str, "the name of a tenant")
        check_type(spec, "tags", Mapping, "names of attributes with their values")
        if not (spec.get("org") or "").isprintable():
            raise BadSpec("org", "A tenant's name is a text on one line.")
        if bool(spec.get("tags")) == bool(spec.get("query")):
            raise BadSpec("tags", "Say which traces by one of `tags` and `query`.")
        for name, value in (spec.get("tags") or {}).items():
            if not ATTRIBUTE.fullmatch(str(name)):
                raise BadSpec(f"tags.{name}", "An attribute's name has letters, digits and the signs . _ - /.")
            if not isinstance(value, str | int | float | bool):
                raise BadSpec(f"tags.{name}", f"This should be a text or a number, and it is {value!r}.")
        api_call.length(spec, "window", WINDOW)
        api_call.whole(spec, "limit", LIMIT, MOST)

    def read(self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta) -> list[Reading]:
        window, limit = api_call.length(spec, "window", WINDOW), api_call.whole(spec, "limit", LIMIT, MOST)
        begin = at - window
        params = {
            "q": spec.get("query") or query_of(spec["tags"]),
            # whole seconds, so that none of the window is missed; what lies outside is left out below
            "start": str(int(begin.timestamp())),
            "end": str(int(at.timestamp()) + 1),
            "limit": str(limit),
        }
        headers = {"X-Scope-OrgID": spec["org"]} if spec.get("org") else None
        answer, asked = api_call.get(spec, PATH, params, timeout, headers=headers), api_call.place(spec, PATH)
        if not answer.ok:
            raise api_call.refused(answer, asked, answer.text)
        found = api_call.document(answer, asked).get("traces") or []
        if not isinstance(found, list):
            raise ProbeError(f"{asked} has no list of traces in its answer.", reason="answer")
        dated = [(when, trace) for trace in found if isinstance(trace, dict) and (when := _began(trace))]
        traces = [(when, trace) for when, trace in dated if begin < when <= at]
        newest = max(traces, key=lambda pair: pair[0], default=None)
        fields: dict[str, Any] = {"count": len(traces), "value": len(traces), "age": None, "root": "", "service": ""}
        if newest:
            when, trace = newest
            fields |= {"age": (at - when).total_seconds(), "root": str(trace.get("rootTraceName") or ""),
                       "service": str(trace.get("rootServiceName") or "")}  # fmt: skip
        return [Reading(fields | {"more": len(found) >= limit})]


def query_of(tags: Mapping[str, Any]) -> str:
    """TraceQL for spans that have all these attributes, their own or their resource's."""
    return "{ " + " && ".join(f".{name} = {_written(value)}" for name, value in tags.items()) + " }"


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _began(trace: Mapping[str, Any]) -> datetime | None:
    """When a trace began; None when it does not say so."""
    try:
        nanos = int(trace.get("startTimeUnixNano") or 0)
        return datetime.fromtimestamp(nanos // 1_000_000_000, UTC).replace(microsecond=nanos // 1000 % 1_000_000)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
