"""Log lines by LogQL, from Grafana Loki.

    {"url": "http://loki:3100", "query": "{app=\"crm\"} |= \"too many transient errors\" | json", "window": "5m",
     "limit": 1000, "org": "tenant", "by": ["container"], "delay": "10s"}

A log query is sent as it is to /loki/api/v1/query_range, and its lines of the `window` (5m) that ends now are counted:
`value` and `count`, with `last` (when), `text`, `age` in seconds and the JSON fields of the newest line, and the labels
that all lines share. One reading, 0 when there is no line; with `by`, or a rule that groups, one for each combination
of those labels that occurs. `limit` lines are looked at, the newest; were there more, `more` is true. `delay` lets the
window end that much before now, for lines that arrive late.

A metric query (count_over_time, rate, sum by …) is sent to /loki/api/v1/query and gives a reading for each series. One
that counts lines of no kind and compares with nothing gives 0 where Loki gives nothing. `$__range` in it stands for the
window, longer when the last check is longer ago.

`org` is the tenant (X-Scope-OrgID). Source: Grafana Loki, "HTTP API", "LogQL".
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sources.probes import api_call, log_entries, samples
from sources.probes.base import ANYBODY, Asker, BadSpec, ProbeError, Reading, check_type
from sources.probes.log_entries import Entry
from sources.probes.prometheus import successful

LIMIT, MOST = 1_000, 5_000  # 5,000 is Loki's own ceiling as it is delivered
RANGE = "$__range"
SELECTOR = re.compile(r"(?:\s|\(|#[^\n]*\n)*\{")
COUNTS = re.compile(r"\b(count_over_time|rate|bytes_over_time|bytes_rate)\b")
NOT_PLAIN = re.compile(r"[<>=!]=?|\b(by|without|unwrap|absent_over_time|on|ignoring|unless|and)\b|/")


class Loki:
    kind = "loki"

    def calm_when_empty(self, spec: Mapping[str, Any]) -> bool:
        query = spec.get("query")
        return isinstance(query, str) and not is_log_query(query) and samples.filters(query)

    def check(self, spec: Mapping[str, Any]) -> None:
        api_call.check(spec, required=("query",), allowed=("window", "limit", "org", "by", "delay"))
        check_type(spec, "query", str, "a LogQL query")
        check_type(spec, "org", str, "the name of a tenant")
        if not (spec.get("org") or "").isprintable():
            raise BadSpec("org", "A tenant's name is a text on one line.")
        for key in ("limit", "by", "delay"):
            if key in spec and not is_log_query(spec["query"]):
                raise BadSpec(key, "Only a query for lines has this; a metric query says it all by itself.")
        api_call.length(spec, "window", log_entries.WINDOW)
        api_call.length(spec, "delay", timedelta(), zero=True)
        api_call.whole(spec, "limit", LIMIT, MOST)
        names(spec)

    def read(
        self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta, asker: Asker = ANYBODY
    ) -> list[Reading]:
        window = api_call.length(spec, "window", log_entries.WINDOW)
        if not is_log_query(spec["query"]):
            return self._series(spec, window, at=at, timeout=timeout, asker=asker)
        looked = log_entries.look(asker, window, at=at, delay=api_call.length(spec, "delay", timedelta(), zero=True))
        limit = api_call.whole(spec, "limit", LIMIT, MOST)
        params = {
            "query": spec["query"],
            # Loki takes from start up to but not including end; our windows are the other way round
            "start": str(api_call.nanoseconds(looked.begin) + 1),
            "end": str(api_call.nanoseconds(looked.end) + 1),
            "limit": str(limit),
            "direction": "backward",
        }
        data, asked = self._ask(spec, "/loki/api/v1/query_range", params, timeout)
        entries = _entries(data, asked)
        more = len(entries) >= limit
        return log_entries.readings(entries, looked, by=names(spec) or asker.group_by, more=more)

    def _series(
        self, spec: Mapping[str, Any], window: timedelta, *, at: datetime, timeout: timedelta, asker: Asker
    ) -> list[Reading]:
        since = max(asker.since, at - log_entries.MISSED) if asker.since else at
        length = max(window, at - since)
        query = spec["query"].replace(RANGE, f"{length // timedelta(milliseconds=1)}ms")
        params = {"query": query, "time": str(api_call.nanoseconds(at))}
        data, asked = self._ask(spec, "/loki/api/v1/query", params, timeout)
        found = samples.readings(data, asked, grouped=bool(asker.group_by))
        return found or ([Reading({"value": 0})] if counts_plainly(spec["query"]) else [])

    def _ask(
        self, spec: Mapping[str, Any], path: str, params: Mapping[str, str], timeout: timedelta
    ) -> tuple[Any, str]:
        headers = {"X-Scope-OrgID": spec["org"]} if spec.get("org") else {}
        answer, asked = api_call.get(spec, path, params, timeout, headers=headers), api_call.place(spec, path)
        return successful(answer, asked).get("data"), asked


def is_log_query(query: str) -> bool:
    """Whether `query` asks for lines: it begins with a selector, maybe behind parentheses and comments."""
    return bool(SELECTOR.match(query))


def counts_plainly(query: str) -> bool:
    """Whether no series at all means that nothing was logged: lines are counted, not grouped, not compared."""
    bare = samples.bare(query)
    return bool(COUNTS.search(bare)) and not NOT_PLAIN.search(bare) and "unwrap" not in samples.TEXTS.sub("", query)


def names(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """The labels that lines are grouped by."""
    said = spec.get("by") or []
    said = [said] if isinstance(said, str) else said
    if not isinstance(said, list) or not all(isinstance(name, str) and name for name in said):
        raise BadSpec("by", f"This should be a label or a list of labels, and it is {said!r}.")
    return tuple(said)


def _entries(data: Any, asked: str) -> list[Entry]:
    try:
        if data["resultType"] != "streams":
            raise ProbeError(f"{asked} answered with {data['resultType']!r} where lines are expected.", reason="answer")
        found = []
        for stream in data["result"] or []:
            labels = {str(name): str(text) for name, text in stream["stream"].items()}
            for nanoseconds, line, *_ in stream["values"]:
                # whole microseconds, upwards: a line just after the window began is in it
                at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=-(-int(nanoseconds) // 1000))
                found.append(Entry(at, str(line), labels))
    except (TypeError, KeyError, IndexError, ValueError, AttributeError, OverflowError) as error:
        raise ProbeError(f"{asked} answered in a form we cannot read: {error!r}.", reason="answer") from None
    return found
