"""Search bodies of Elasticsearch over documents in memory: the queries and aggregations that rules use.

Source: Elasticsearch, "Query DSL", "Aggregations".
"""

from collections.abc import Callable
from typing import Any

from targets import lucene
from targets.lucene import Document, Test, values


class BadSearch(ValueError):
    """The body is refused; `kind` is Elasticsearch's name of the mistake, `query` the query string at fault."""

    def __init__(self, words: str, *, kind: str = "parsing_exception", query: str | None = None) -> None:
        super().__init__(words)
        self.kind, self.query = kind, query


def parse(query: Any) -> Test:
    """Return the test that a query is."""
    if not isinstance(query, dict) or len(query) != 1:
        raise BadSearch("[bool] malformed query, expected [END_OBJECT] but found [FIELD_NAME]")
    name, inside = next(iter(query.items()))
    if name not in QUERIES:
        raise BadSearch(f"unknown query [{name}]")
    if not isinstance(inside, dict):
        raise BadSearch(f"[{name}] query malformed, no start_object after query name")
    return QUERIES[name](inside)


def boolean(inside: dict[str, Any]) -> Test:
    known = {"must", "filter", "should", "must_not", "minimum_should_match", "boost"}
    if wrong := set(inside) - known:
        raise BadSearch(f"[bool] query does not support [{min(wrong)}]", kind="x_content_parse_exception")
    must, should = [*tests(inside, "must"), *tests(inside, "filter")], tests(inside, "should")
    never = tests(inside, "must_not")
    least = int(inside.get("minimum_should_match", 0 if must or not should else 1))
    return lambda document: (
        all(test(document) for test in must)
        and not any(test(document) for test in never)
        and sum(test(document) for test in should) >= least
    )


def tests(inside: dict[str, Any], name: str) -> list[Test]:
    found = inside.get(name, [])
    return [parse(one) for one in (found if isinstance(found, list) else [found])]


def one_field(inside: dict[str, Any], *names: str) -> tuple[str, Any]:
    """The field a query is about and what it wants: {"field": "x"} or {"field": {"query": "x"}}."""
    if len(inside) != 1:
        raise BadSearch("query doesn't support multiple fields")
    field, wanted = next(iter(inside.items()))
    if isinstance(wanted, dict):
        wanted = next((wanted[name] for name in names if name in wanted), None)
    if wanted is None:
        raise BadSearch(f"no value for [{field}]", kind="illegal_argument_exception")
    return field, wanted


def match(inside: dict[str, Any]) -> Test:
    field, wanted = one_field(inside, "query")
    every = isinstance(inside[field], dict) and inside[field].get("operator", "or").lower() == "and"
    words = lucene.words(wanted)
    some: Callable = all if every else any
    return lambda document: any(some(lucene.has_term(value, w) for w in words) for value in values(document, field))


def match_phrase(inside: dict[str, Any]) -> Test:
    field, wanted = one_field(inside, "query")
    return lambda document: any(lucene.has_phrase(value, str(wanted)) for value in values(document, field))


def term(inside: dict[str, Any]) -> Test:
    """Not analyzed: a text field has only lower-case words, so that `ERROR` is not found there."""
    field, wanted = one_field(inside, "value")
    return lambda document: any(is_term(value, wanted) for value in values(document, field))


def is_term(value: Any, wanted: Any) -> bool:
    if isinstance(value, str):
        return lucene.said(wanted) in lucene.words(value)
    return lucene.said(value) == lucene.said(wanted) or lucene.number(wanted) == lucene.number(value) is not None


def terms(inside: dict[str, Any]) -> Test:
    field, wanted = next(iter(inside.items()))
    if not isinstance(wanted, list):
        raise BadSearch("[terms] query requires an array")
    return lambda document: any(is_term(value, one) for value in values(document, field) for one in wanted)


def ranged(inside: dict[str, Any]) -> Test:
    field, bounds = next(iter(inside.items()))
    bounds = {name: edge for name, edge in bounds.items() if name not in ("format", "time_zone", "boost")}
    if wrong := set(bounds) - {"gt", "gte", "lt", "lte"}:
        raise BadSearch(f"[range] query does not support [{min(wrong)}]")
    return lambda document: any(lucene.in_range(value, bounds) for value in values(document, field))


def query_string(inside: dict[str, Any]) -> Test:
    if not inside.get("query"):
        raise BadSearch("[query_string] must be provided with a [query]")
    try:
        return lucene.parse(inside["query"], inside.get("default_field", lucene.ANYWHERE))
    except lucene.BadQuery as error:
        raise BadSearch(str(error), kind="parse_exception", query=inside["query"]) from None


def exists(inside: dict[str, Any]) -> Test:
    field = inside.get("field")
    if not isinstance(field, str):
        raise BadSearch("[exists] must be provided with a [field]")
    return lambda document: bool(values(document, field))


def wildcard(inside: dict[str, Any]) -> Test:
    field, wanted = one_field(inside, "value", "wildcard")
    return lambda document: any(lucene.has_wildcard(value, str(wanted)) for value in values(document, field))


QUERIES: dict[str, Callable[[dict[str, Any]], Test]] = {
    "bool": boolean, "match": match, "match_phrase": match_phrase, "term": term, "terms": terms, "range": ranged,
    "query_string": query_string, "exists": exists, "wildcard": wildcard,
    "match_all": lambda inside: lambda document: True, "match_none": lambda inside: lambda document: False,
}  # fmt: skip


def aggregate(wanted: dict[str, Any], documents: list[Document]) -> dict[str, Any]:
    """The answer's `aggregations`."""
    return {name: aggregation(name, body, documents) for name, body in wanted.items()}


def aggregation(name: str, body: dict[str, Any], documents: list[Document]) -> dict[str, Any]:
    inner = body.get("aggs") or body.get("aggregations") or {}
    kind = next((key for key in body if key not in ("aggs", "aggregations", "meta")), "")
    spec: dict[str, Any] = body.get(kind, {})

    def bucket(found: list[Document], **more: Any) -> dict[str, Any]:
        return {**more, "doc_count": len(found)} | aggregate(inner, found)

    if kind == "terms":
        return {
            "doc_count_error_upper_bound": 0,
            "sum_other_doc_count": 0,
            "buckets": by_terms(spec, documents, bucket),
        }
    if kind == "filter":
        test = parse(spec)
        return bucket([document for document in documents if test(document)])
    if kind == "filters":
        each = {key: parse(query) for key, query in spec["filters"].items()}
        return {"buckets": {key: bucket([d for d in documents if test(d)]) for key, test in each.items()}}
    found = [value for document in documents for value in values(document, spec.get("field", ""))]
    figures = [figure for value in found if (figure := lucene.number(value)) is not None]
    match kind:
        case "value_count":
            return {"value": len(found)}
        case "cardinality":
            return {"value": len({lucene.said(value) for value in found})}
        case "avg" | "sum" | "max" | "min":
            work: dict[str, Callable[[list[float]], float]] = {
                "avg": lambda found: sum(found) / len(found), "sum": sum, "max": max, "min": min,
            }  # fmt: skip
            return {"value": work[kind](figures) if figures else 0.0 if kind == "sum" else None}
        case "percentiles":
            ordered = sorted(figures)
            return {"values": {f"{p:.1f}": rank(ordered, p) for p in spec.get("percents", [50, 95, 99])}}
    raise BadSearch(f"Unknown aggregation type [{kind}] in [{name}]")


def by_terms(spec: dict[str, Any], documents: list[Document], bucket: Callable[..., dict[str, Any]]) -> list[dict]:
    groups: dict[Any, list[Document]] = {}
    for document in documents:
        for value in values(document, spec["field"]):
            groups.setdefault(str(value) if isinstance(value, str) else value, []).append(document)
    ordered = sorted(groups.items(), key=lambda pair: (-len(pair[1]), str(pair[0])))[: spec.get("size", 10)]
    return [bucket(found, key=key) for key, found in ordered]


def rank(ordered: list[float], percent: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else None
