"""Traces counted by Tempo's search."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from sources.probes import PROBES, BadSpec, ProbeError
from tests.factories import NINE
from tests.sources.test_probes_http import JSON, Server, running

TAGS = {"service.name": "mr-dj-backend", "deployment.environment": "production"}
SECOND = timedelta(seconds=1)


@pytest.fixture
def tempo():
    with running(Server()) as server:
        yield server


def trace(ago: timedelta, name: str = "POST /bookings") -> dict:
    nanos = str(int((NINE - ago).timestamp() * 1_000_000) * 1000)
    return {"traceID": "2f3e", "rootServiceName": "mr-dj-backend", "rootTraceName": name, "startTimeUnixNano": nanos}


def ask(server, *traces, status=200, **more):
    server.say["/api/search"] = (
        status,
        JSON,
        {"traces": list(traces), "metrics": {}} if status == 200 else "no such tag",
    )
    spec = {"url": server.url, "tags": TAGS, **more}
    PROBES["tempo"].check(spec)
    [reading] = PROBES["tempo"].read(spec, at=NINE, timeout=timedelta(seconds=5))
    return reading.fields


def test_traces_with_all_attributes_are_counted_in_the_window(tempo):
    fields = ask(tempo, trace(299 * SECOND, "old"), trace(9 * SECOND), trace(300 * SECOND), trace(-2 * SECOND))
    assert (fields["count"], fields["age"], fields["root"], fields["service"]) == (
        2,
        9.0,
        "POST /bookings",
        "mr-dj-backend",
    )
    _, path, _, _ = tempo.asked[0]
    query = parse_qs(urlsplit(path).query)
    assert query["q"] == ['{ .service.name = "mr-dj-backend" && .deployment.environment = "production" }']
    assert int(query["end"][0]) - int(query["start"][0]) == 301


def test_none_is_an_answer_and_a_query_is_sent_as_it_is(tempo):
    fields = ask(tempo)
    assert (fields["count"], fields["age"]) == (0, None)
    spec = {"url": tempo.url, "query": "{ status = error }", "window": "1h", "org": "dj", "limit": 1}
    tempo.say["/api/search"] = (200, JSON, {"traces": [trace(SECOND)]})
    [reading] = PROBES["tempo"].read(spec, at=NINE, timeout=timedelta(seconds=5))
    _, path, headers, _ = tempo.asked[-1]
    assert parse_qs(urlsplit(path).query)["q"] == ["{ status = error }"] and headers["X-Scope-OrgID"] == "dj"
    assert reading.fields["more"] is True


def test_what_it_refuses_is_told_in_its_words(tempo):
    with pytest.raises(ProbeError, match="answered 400: no such tag"):
        ask(tempo, status=400)
    tempo.say["/api/search"] = (200, JSON, {"traces": "none"})
    with pytest.raises(ProbeError, match="no list of traces"):
        PROBES["tempo"].read({"url": tempo.url, "tags": TAGS}, at=NINE, timeout=timedelta(seconds=5))


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({}, "tags"), ({"tags": TAGS, "query": "{}"}, "tags"), ({"tags": {"a b": "x"}}, "tags.a b"),
        ({"tags": {"a": ["x"]}}, "tags.a"), ({"tags": TAGS, "window": "soon"}, "window"),
        ({"tags": TAGS, "limit": 0}, "limit"), ({"tags": TAGS, "org": "a\nb"}, "org"),
    ],
)  # fmt: skip
def test_a_specification_that_cannot_work_names_its_key(spec, path):
    with pytest.raises(BadSpec) as refused:
        PROBES["tempo"].check({"url": "http://127.0.0.1:9", **spec})
    assert refused.value.path == path
