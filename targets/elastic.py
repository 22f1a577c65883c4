"""A stand-in for Elasticsearch and OpenSearch: takes documents, answers searches as they document it.

POST /INDEX/_doc              a document
POST /INDEX/_search, /_count  query, aggs, size, sort, track_total_hits, docvalue_fields

Source: Elasticsearch, "Search API", "Count API", "Index API".
"""

import base64
import json
import re
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from targets import elastic_search, lucene
from targets.elastic_search import BadSearch
from targets.levers import Button, lever, press
from targets.lucene import Document
from targets.plain_target import PlainTarget
from targets.service import Answer, BadRequest, Request, arguments, run

INDEX, TIME = "logs-crm", "@timestamp"
MOST_SIZE, TRACKED = 10_000, 10_000
KNOWN = {"query", "aggs", "aggregations", "size", "from", "sort", "track_total_hits", "docvalue_fields", "_source",
         "timeout", "fields", "runtime_mappings"}  # fmt: skip


class Elastic(PlainTarget):
    """api_key, password   what must be shown, "" for nothing: an API key, or `name:password`"""

    name = "elastic"
    title = "Elasticsearch"
    about = "Documents of logs, asked for by query strings and search bodies. Each button stores one of now."

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, api_key: str = "", password: str = "") -> None:
        super().__init__(host=host, port=port)
        self.api_key, self.password = api_key, password

    def empty(self) -> None:
        self.indices: dict[str, list[Document]] = {INDEX: []}
        self.old_total, self.failed_shards, self.timed_out = False, 0, False

    @lever
    def document(
        self, fields: dict[str, Any], at: datetime | None = None, ago: timedelta = timedelta(0), index: str = INDEX
    ) -> None:
        """Store a document of `ago` before `at` (now)."""
        when = (at or self.now()) - ago
        with self.lock:
            self.indices.setdefault(index, []).append({TIME: when.isoformat().replace("+00:00", "Z"), **fields})

    @lever
    def oddities(self, old_total: bool = False, failed_shards: int = 0, timed_out: bool = False) -> None:
        """Answer with a bare number as hits.total, with shards that failed, or as cut off."""
        self.old_total, self.failed_shards, self.timed_out = old_total, failed_shards, timed_out

    def state(self) -> dict[str, Any]:
        return {f"documents of {index}": len(found) for index, found in self.indices.items()}

    def buttons(self) -> list[Button]:
        limiter = {
            "level": "ERROR",
            "error_type": "rate_limiter_backend_error",
            "policy": "fail_open",
            "message": "Error reserving rate limit token (Redis unavailable), allowing send (fail-open)",
        }
        breaker = {"level": "ERROR", "message": "Campaign paused: too many transient errors"}
        beat = {"level": "INFO", "container": "celery_beat", "message": "beat: Waking up in 5.00 seconds."}
        return [
            press("Rate limiter lost Redis", "document", fields=json.dumps(limiter)),
            press("9 transient errors", "document", fields=json.dumps({**breaker, "consecutive_errors": 9})),
            press("10 transient errors", "document", fields=json.dumps({**breaker, "consecutive_errors": 10})),
            press("Beat ticks", "document", fields=json.dumps(beat)),
        ]

    def serve(self, request: Request) -> Answer:
        if refusal := self._refusal(request.header("Authorization")):
            return refusal
        found = re.fullmatch(r"/([^/]+)/(_search|_count|_doc)", request.path)
        if not found:
            words = f"no handler found for uri [{request.path}] and method [{request.method}]"
            return Answer(400, {"error": words})
        try:
            body = request.fields()
        except BadRequest as error:
            return fault(400, "parsing_exception", str(error))
        if found[2] == "_doc":
            self.indices.setdefault(found[1], []).append(body)
            return Answer(201, {"_index": found[1], "result": "created", "_shards": {"total": 1, "failed": 0}})
        names = [name for name in self.indices if any(fnmatchcase(name, part) for part in found[1].split(","))]
        for part in found[1].split(","):
            if "*" not in part and part not in self.indices:
                return fault(404, "index_not_found_exception", f"no such index [{part}]", index=part)
        try:
            return self._count(names, body) if found[2] == "_count" else self._search(names, body)
        except BadSearch as error:
            return self._bad(error, names)

    def _search(self, names: list[str], body: dict[str, Any]) -> Answer:
        if wrong := set(body) - KNOWN:
            raise BadSearch(f"unknown key [{min(wrong)}] for a value in the request body")
        size = body.get("size", 10)
        if size > MOST_SIZE:
            raise BadSearch(f"Result window is too large: [{size}]", kind="illegal_argument_exception")
        found = self._found(names, body)
        for entry in reversed(body.get("sort", [])):
            field, how = next(iter(entry.items())) if isinstance(entry, dict) else (entry, {})
            order = how.get("order", "asc") if isinstance(how, dict) else how
            found.sort(key=lambda pair: lucene.moment(sort_value(pair[1], field)) or 0, reverse=order == "desc")
        hits = [self._hit(index, document, body) for index, document in found[:size]]
        tracked, total = body.get("track_total_hits", TRACKED), len(found)
        limit = total if tracked is True else 0 if tracked is False else int(tracked)
        about: Any = {"value": min(total, limit), "relation": "eq" if total <= limit else "gte"}
        answer: dict[str, Any] = {
            "took": 1,
            "timed_out": self.timed_out,
            "_shards": self._shards(names),
            "hits": {"total": total if self.old_total else about, "max_score": None, "hits": hits},
        }
        if wanted := body.get("aggs") or body.get("aggregations"):
            answer["aggregations"] = elastic_search.aggregate(wanted, [document for _, document in found])
        return Answer(200, answer)

    def _count(self, names: list[str], body: dict[str, Any]) -> Answer:
        if wrong := set(body) - {"query"}:
            raise BadSearch(f"request does not support [{min(wrong)}]")
        return Answer(200, {"count": len(self._found(names, body)), "_shards": self._shards(names)})

    def _found(self, names: list[str], body: dict[str, Any]) -> list[tuple[str, Document]]:
        test = elastic_search.parse(body.get("query", {"match_all": {}}))
        return [(name, document) for name in names for document in self.indices[name] if test(document)]

    def _hit(self, index: str, document: Document, body: dict[str, Any]) -> dict[str, Any]:
        hit: dict[str, Any] = {"_index": index, "_id": str(id(document)), "_score": None, "_source": document}
        wanted = [one["field"] if isinstance(one, dict) else one for one in body.get("docvalue_fields", [])]
        if fields := {name: lucene.values(document, name) for name in wanted if lucene.values(document, name)}:
            hit["fields"] = fields
        if body.get("sort"):
            first = next(iter(body["sort"][0]))
            hit["sort"] = [round((lucene.moment(sort_value(document, first)) or 0) * 1000)]
        return hit

    def _shards(self, names: list[str]) -> dict[str, Any]:
        failed = min(self.failed_shards, len(names))
        why = {"type": "circuit_breaking_exception", "reason": "[parent] Data too large"}
        failures = [{"shard": 0, "index": name, "reason": why} for name in names[:failed]]
        shards = {"total": len(names), "successful": len(names) - failed, "skipped": 0, "failed": failed}
        return shards | ({"failures": failures} if failures else {})

    def _bad(self, error: BadSearch, names: list[str]) -> Answer:
        if error.query is None:
            return fault(400, error.kind, str(error))
        why = {"type": "query_shard_exception", "reason": f"Failed to parse query [{error.query}]", "index": names[0]}
        shard = {**why, "caused_by": {"type": error.kind, "reason": str(error)}}
        failed = [{"shard": 0, "index": names[0], "reason": shard}]
        whole = {"type": "search_phase_execution_exception", "reason": "all shards failed", "phase": "query"}
        return Answer(400, {"error": {"root_cause": [why], **whole, "failed_shards": failed}, "status": 400})

    def _refusal(self, shown: str) -> Answer | None:
        basic = f"Basic {base64.b64encode(self.password.encode()).decode()}"
        wanted = [f"ApiKey {self.api_key}"] * bool(self.api_key) + [basic] * bool(self.password)
        if not wanted or shown in wanted:
            return None
        return fault(401, "security_exception", "unable to authenticate with provided credentials")


def sort_value(document: Document, field: str) -> Any:
    return next(iter(lucene.values(document, field)), None)


def fault(status: int, kind: str, words: str, **more: Any) -> Answer:
    """An error as Elasticsearch words it."""
    cause = {"type": kind, "reason": words, **more}
    return Answer(status, {"error": {"root_cause": [cause], **cause}, "status": status})


def main() -> None:
    """The command line."""
    options = arguments((__doc__ or "").splitlines()[0]).parse_args()
    elastic = Elastic(host=options.host, port=options.port)
    run(elastic, lambda: f"Elasticsearch answers on {elastic.url}; its levers are on {elastic.url}/")


if __name__ == "__main__":
    main()
