"""Documents found by Elasticsearch or OpenSearch: how many in a window, what the newest says, or figures by bucket.

    {"url": "https://elastic:9200", "index": "logs-*", "query": "level:ERROR AND error_type:\"timeout\"",
     "window": "5m", "time_field": "@timestamp", "kql": "…", "delay": "10s", "limit": 100}

query       in the syntax of query_string (Lucene); or `body`, the body of a search with `query` and `aggs`
kql         how people wrote it for Kibana: kept beside what is sent, never sent, as the search API takes no KQL
time_field  of the window; "" searches all there is
limit       so many documents are fetched, the newest, to place them between two checks

Sent is POST /INDEX/_search. `value` and `count` are hits.total, a number or an object; `last`, `text` (the field
message), `age` and the fields of the newest document go along. With buckets in the answer there is one reading for
each, labelled by its keys, `value` its doc_count, and the figures within it by name; figures outside of buckets go
along with the count. A search that timed out or failed on a shard is no answer: half a count would look like calm.

`token` is an API key. Source: Elasticsearch, "Search API", "Query string query", "Aggregations".
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from sources.probes import api_call, log_entries
from sources.probes.base import ANYBODY, Asker, BadSpec, ProbeError, Reading, check_type, plain, text_of
from sources.probes.http_call import get_path
from sources.probes.log_entries import Entry, Look

TIME_FIELD = "@timestamp"
LIMIT, MOST = 100, 1_000
MOST_BUCKETS = 10_000
FIGURES = ("value", "values", "doc_count", "count", "min", "max", "avg", "sum", "std_deviation")


class Elasticsearch:
    kind = "elasticsearch"

    def calm_when_empty(self, spec: Mapping[str, Any]) -> bool:
        return _aggregations(spec) is not None  # no bucket is no document

    def check(self, spec: Mapping[str, Any]) -> None:
        allowed = ("query", "body", "kql", "time_field", "window", "delay", "limit")
        api_call.check(spec, required=("index",), allowed=allowed)
        for key, what in [("index", "the name of an index"), ("query", "a query string"), ("kql", "a text"),
                          ("time_field", "the name of a field")]:  # fmt: skip
            check_type(spec, key, str, what)
        check_type(spec, "body", Mapping, "a set of keys, as the search API takes it")
        if any(sign in spec["index"] for sign in "/?# \\"):
            raise BadSpec("index", f"This should be the name of an index such as logs-*, and it is {spec['index']!r}.")
        if bool(spec.get("query")) == bool(spec.get("body")):
            words = "A search needs either `query`, a query string, or `body`, and one of them only."
            raise BadSpec("query", words + (" KQL cannot be sent." if spec.get("kql") else ""))
        api_call.length(spec, "window", log_entries.WINDOW)
        api_call.length(spec, "delay", timedelta(), zero=True)
        api_call.whole(spec, "limit", LIMIT, MOST)

    def read(
        self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta, asker: Asker = ANYBODY
    ) -> list[Reading]:
        window = api_call.length(spec, "window", log_entries.WINDOW)
        looked = log_entries.look(asker, window, at=at, delay=api_call.length(spec, "delay", timedelta(), zero=True))
        now, limit = Look(window, looked.end), api_call.whole(spec, "limit", LIMIT, MOST)
        if aggregations := _aggregations(spec):
            begin = min(now.begin, looked.since) if looked.since else now.begin
            between = (begin, looked.end) if spec.get("time_field", TIME_FIELD) else None
            answer = self._search(spec, between, timeout, size=1, aggregations=aggregations)
            return _figures(answer, spec, now)
        if not spec.get("time_field", TIME_FIELD):
            answer = self._search(spec, None, timeout, size=1)
            return [log_entries.reading(_entries(answer, spec), window, {}, end=now.end, count=_total(answer, spec))]
        answer = self._search(spec, (looked.begin, looked.end), timeout, size=limit)
        entries, total = _entries(answer, spec), _total(answer, spec)
        placed = [entry for entry in entries if entry.at > datetime.min.replace(tzinfo=UTC)]
        complete = len(placed) >= total
        found = log_entries.readings(placed, looked, more=not complete)
        if not complete:  # some could not be fetched: the window of now is counted by itself
            if looked.since is not None:
                answer = self._search(spec, (now.begin, now.end), timeout, size=1)
            inside = _entries(answer, spec)
            found[0] = log_entries.reading(inside[-1:], window, {}, end=now.end, count=_total(answer, spec))
        return found

    def _search(
        self, spec: Mapping[str, Any], between: tuple[datetime, datetime] | None, timeout: timedelta, *, size: int,
        aggregations: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Ask for what happened after the first instant and up to the second, the newest first."""
        path, time_field = f"/{quote(spec['index'], safe=',*')}/_search", spec.get("time_field", TIME_FIELD)
        asked_for = (spec.get("body") or {}).get("query")
        query = {"query_string": {"query": spec["query"]}} if spec.get("query") else asked_for or {"match_all": {}}
        body = {name: value for name, value in (spec.get("body") or {}).items() if name != "aggregations"}
        body |= {"size": size, "track_total_hits": True, "query": query}
        body |= {"aggs": aggregations} if aggregations else {}
        if between:
            after, until = (at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z" for at in between)
            within = {"gt": after, "lte": until, "format": "strict_date_optional_time"}
            body["query"] = {"bool": {"must": [query], "filter": [{"range": {time_field: within}}]}}
            body["sort"] = [{time_field: {"order": "desc", "unmapped_type": "date"}}]
            body["docvalue_fields"] = [{"field": time_field, "format": "strict_date_optional_time"}]
        answer = api_call.post(spec, path, body, timeout, scheme="ApiKey")
        asked = api_call.place(spec, path)
        try:
            found = api_call.document(answer, asked)
        except ProbeError:
            if answer.ok:
                raise
            raise api_call.refused(answer, asked, answer.text) from None
        if not answer.ok or "error" in found:
            raise api_call.refused(answer, asked, words_of(found.get("error")) or answer.text)
        _check_whole(found, asked)
        return found


def words_of(error: Any) -> str:
    """What Elasticsearch says is wrong: the outer reason, and the innermost cause, where the mistake is named."""
    if not isinstance(error, Mapping):
        return str(error or "")
    said: list[str] = []
    cause: Any = error
    for inner in [*(error.get("root_cause") or [])[:1], *[one.get("reason") for one in _failures(error)][:1]]:
        cause = inner if isinstance(inner, Mapping) else cause
    while isinstance(cause, Mapping):
        said.append(f"{cause.get('type', '')}: {cause.get('reason', '')}")
        cause = cause.get("caused_by")
    outer = f"{error.get('type', '')}: {error.get('reason', '')}"
    return "; ".join(dict.fromkeys([outer, *said[:1], *said[-1:]]))


def _failures(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in error.get("failed_shards") or error.get("failures") or [] if isinstance(one, Mapping)]


def _check_whole(found: Mapping[str, Any], asked: str) -> None:
    if found.get("timed_out"):
        raise ProbeError(f"{asked} gave up before it had searched everything (timed_out).", reason="answer")
    shards = found.get("_shards")
    if not isinstance(shards, Mapping):
        return
    if shards.get("failed"):
        why = next((words_of(one.get("reason")) for one in _failures(shards)), "it does not say why")
        words = f"{asked} failed on {shards['failed']} of {shards.get('total')} shards: {why}"
        raise ProbeError(words[: api_call.LONGEST_WORDS], reason="answer")
    if shards.get("total") == 0:
        raise ProbeError(f"{asked}: no index has such a name.", reason="query")


def _total(found: Mapping[str, Any], spec: Mapping[str, Any]) -> int:
    try:
        total = found["hits"]["total"]
        return int(total["value"] if isinstance(total, Mapping) else total)
    except (KeyError, TypeError, ValueError):
        raise _unreadable(spec, "hits.total") from None


def _entries(found: Mapping[str, Any], spec: Mapping[str, Any]) -> list[Entry]:
    """The documents of an answer, oldest first; one whose time cannot be read has the first instant of all."""
    time_field, entries = spec.get("time_field", TIME_FIELD), []
    hits = found["hits"].get("hits") or [] if isinstance(found.get("hits"), Mapping) else []
    for hit in hits:
        if not isinstance(hit, Mapping):
            raise _unreadable(spec, "hits.hits")
        data = hit.get("_source") if isinstance(hit.get("_source"), Mapping) else {}
        entries.append(
            Entry(_time_of(hit, data or {}, time_field), text_of((data or {}).get("message")), {}, data or {})
        )
    return sorted(entries, key=lambda entry: entry.at)


def _time_of(hit: Mapping[str, Any], data: Mapping[str, Any], name: str) -> datetime:
    said = (hit.get("fields") or {}).get(name) or data.get(name)
    if said is None:
        try:
            said = get_path(data, name)
        except LookupError:
            said = next(iter(hit.get("sort") or []), None)
    said = said[0] if isinstance(said, list) and said else said
    try:
        if isinstance(said, (int, float)):
            return datetime.fromtimestamp(said / 1000, UTC)
        at = datetime.fromisoformat(str(said))
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _aggregations(spec: Mapping[str, Any]) -> Mapping[str, Any] | None:
    body = spec.get("body")
    return (body.get("aggs") or body.get("aggregations")) if isinstance(body, Mapping) else None


def _figures(found: Mapping[str, Any], spec: Mapping[str, Any], now: Look) -> list[Reading]:
    """A reading for each innermost bucket; without buckets one of the count, and the figures beside it."""
    aggregations = found.get("aggregations")
    if not isinstance(aggregations, Mapping):
        raise _unreadable(spec, "aggregations")
    buckets, fields = list(_buckets(aggregations, {})), _numbers(aggregations)
    if len(buckets) > MOST_BUCKETS:
        raise ProbeError(f"{api_call.place(spec)} gave more than {MOST_BUCKETS:,} buckets.", reason="limit")
    if buckets or any(isinstance(one, Mapping) and "buckets" in one for one in aggregations.values()):
        return [Reading(fields | more, labels) for more, labels in buckets]
    counted = log_entries.reading(_entries(found, spec)[-1:], now.window, {}, end=now.end, count=_total(found, spec))
    return [Reading(counted.fields | fields, counted.labels)]


def _buckets(within: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    for name, aggregation in within.items():
        buckets = aggregation.get("buckets") if isinstance(aggregation, Mapping) else None
        if isinstance(buckets, Mapping):  # a filters aggregation names them
            pairs: Sequence[tuple[Any, Any]] = list(buckets.items())
        else:
            pairs = [
                (one.get("key_as_string", one.get("key")), one) for one in buckets or [] if isinstance(one, Mapping)
            ]
        for key, bucket in pairs:
            named = {str(n): text_of(v) for n, v in key.items()} if isinstance(key, Mapping) else {name: text_of(key)}
            deeper = list(_buckets(bucket, {**labels, **named}))
            count = plain(bucket.get("doc_count"))
            yield from deeper or [({"value": count, "count": count} | _numbers(bucket), {**labels, **named})]


def _numbers(within: Mapping[str, Any]) -> dict[str, Any]:
    """Figures by the names of their aggregations: `p` with one value, `p_avg` or `p_95_0` with several."""
    found: dict[str, Any] = {}
    for name, aggregation in within.items():
        if not isinstance(aggregation, Mapping) or "buckets" in aggregation:
            continue
        for figure in FIGURES:
            value = aggregation.get(figure)
            if isinstance(value, Mapping):
                found |= {f"{name}_{key.replace('.', '_')}": plain(one) for key, one in value.items()}
            elif isinstance(value, list):
                found |= {f"{name}_{str(one['key']).replace('.', '_')}": plain(one["value"]) for one in value}
            elif isinstance(value, (int, float)):
                found[name if figure in ("value", "doc_count") else f"{name}_{figure}"] = plain(value)
    return found


def _unreadable(spec: Mapping[str, Any], what: str) -> ProbeError:
    return ProbeError(f"{api_call.place(spec)} answered with nothing we can read at {what}.", reason="answer")
