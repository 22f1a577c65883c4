"""Figures by PromQL, from Prometheus or what answers as it does (Thanos, Mimir, VictoriaMetrics).

    {"url": "http://prometheus:9090", "query": "up{job=\"api\"} == 0", "type": "instant" | "range",
     "window": "1h", "step": "1m"}

instant   GET /api/v1/query: a reading for each series, `value` its number, its labels; `at` when it was taken
range     GET /api/v1/query_range over the `window` (1h) until now, a sample every `step` (window / 60, at least 1 s):
          `value` is the last number, beside it `min`, `max`, `avg`, `first` and `count`

A query that gives no series gives no reading. What Prometheus warns of goes along as `warnings`.
Source: Prometheus, "HTTP API".
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sources.probes import api_call, samples
from sources.probes.base import ANYBODY, Asker, BadSpec, ProbeError, Reading, check_type
from sources.probes.http_call import Answer

TYPES = ("instant", "range")
WINDOW = timedelta(hours=1)
POINTS, MOST_POINTS = 60, 11_000
SECOND = timedelta(seconds=1)


class Prometheus:
    kind = "prometheus"

    def calm_when_empty(self, spec: Mapping[str, Any]) -> bool:
        return isinstance(spec.get("query"), str) and samples.filters(spec["query"])

    def check(self, spec: Mapping[str, Any]) -> None:
        api_call.check(spec, required=("query",), allowed=("type", "window", "step"))
        check_type(spec, "query", str, "a PromQL expression")
        if (type := spec.get("type", TYPES[0])) not in TYPES:
            raise BadSpec("type", f"There is no type {type!r}. Allowed: {', '.join(TYPES)}.")
        if spec.get("type") != "range":
            for key in ("window", "step"):
                if key in spec:
                    raise BadSpec(
                        key, "Only a query of type range has this; an instant one says it in the query: [5m]."
                    )
        _steps(spec)

    def read(
        self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta, asker: Asker = ANYBODY
    ) -> list[Reading]:
        path, params = "/api/v1/query", {"query": spec["query"], "timeout": f"{timeout.total_seconds():g}s"}
        if spec.get("type") == "range":
            window, step = _steps(spec)
            path += "_range"
            params |= {"start": api_call.instant(at - window), "end": api_call.instant(at)}
            params["step"] = f"{step.total_seconds():g}"
        else:
            params["time"] = api_call.instant(at)
        answer, asked = api_call.get(spec, path, params, timeout), api_call.place(spec, path)
        found = successful(answer, asked)
        warnings = [str(one) for one in found.get("warnings") or []]
        return samples.readings(found.get("data"), asked, grouped=bool(asker.group_by), warnings=warnings)


def successful(answer: Answer, asked: str) -> dict[str, Any]:
    """Return the answer's document; ProbeError, with Prometheus's words, when it tells of an error."""
    try:
        found = api_call.document(answer, asked)
    except ProbeError:
        if answer.ok:
            raise
        raise api_call.refused(answer, asked, answer.text) from None
    if found.get("status") == "error":
        words = f"{found.get('errorType', 'error')}: {found.get('error', '')}"
        if answer.status in api_call.AWAY:  # it is there, and says why it cannot: a query that takes too long
            raise ProbeError(f"{asked} answered {answer.status}: {words}", reason="query")
        raise api_call.refused(answer, asked, words)
    if not answer.ok:
        raise api_call.refused(answer, asked, answer.text)
    return found


def _steps(spec: Mapping[str, Any]) -> tuple[timedelta, timedelta]:
    window = api_call.length(spec, "window", WINDOW)
    step = api_call.length(spec, "step", max(SECOND, window / POINTS))
    if window / step >= MOST_POINTS:
        raise BadSpec("step", f"This gives more than the {MOST_POINTS:,} points a series that Prometheus allows.")
    return window, step
