"""Elasticsearch as a source, against a stand-in that reads the queries it is sent."""

from datetime import UTC, datetime, timedelta

import pytest

from sources.probes import KEEPERS, Asker, BadSpec, ProbeError
from targets.elastic import Elastic

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
MILLI, SECOND, MINUTE = timedelta(milliseconds=1), timedelta(seconds=1), timedelta(minutes=1)
LIMITER = 'level:ERROR AND error_type:"rate_limiter_backend_error" AND policy:"fail_open"'
EVENT = {
    "level": "ERROR",
    "error_type": "rate_limiter_backend_error",
    "policy": "fail_open",
    "message": "Redis is gone",
}
BREAKER = 'level:ERROR AND message:"too many transient errors" AND consecutive_errors:>=10'
KQL = 'level:ERROR AND message:*"too many transient errors"* AND consecutive_errors:>=10'


@pytest.fixture(scope="module")
def running():
    with Elastic() as elastic:
        yield elastic


@pytest.fixture
def elastic(running):
    running.accept()
    running.reset()
    return running


def read(elastic, query=None, *, asker=None, at=NINE, timeout=20 * SECOND, **spec):
    spec = {"url": elastic.url, "index": "logs-*", **({"query": query} if query else {}), **spec}
    KEEPERS["elasticsearch"].check(spec)
    return KEEPERS["elasticsearch"].read(spec, at=at, timeout=timeout, asker=asker or Asker())


def count(elastic, query=None, **spec):
    first, *_ = read(elastic, query, **spec)
    assert first.value == first.fields["count"]
    return first.value


class TestSpec:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"index": ""}, "index: This key is needed"),
            ({"index": "a/b"}, "index: This should be the name of an index such as logs-*"),
            ({"query": ""}, "query: A search needs either `query`"),
            ({"query": "", "kql": "a:b"}, "KQL cannot be sent"),
            ({"body": {"query": {}}}, "query: A search needs either `query`"),
            ({"query": "", "body": "x"}, "body: This should be a set of keys"),
            ({"window": "soon"}, "window: 'soon' is not a length of time"),
            ({"limit": 0}, "limit: This should be a whole number from 1 to 1,000"),
            ({"time_field": 5}, "time_field: This should be the name of a field"),
            ({"qwery": "x"}, "qwery: There is no such key here."),
        ],
    )
    def test_a_bad_spec_names_its_key(self, change, words):
        with pytest.raises(BadSpec) as refusal:
            KEEPERS["elasticsearch"].check({"url": "http://h", "index": "i", "query": "a:b"} | change)
        assert words in str(refusal.value)


class TestDocuments:
    @pytest.mark.req("ML-56")
    @pytest.mark.parametrize(("ago", "counted"), [(0, 1), (59, 1), (60, 0), (61, 0), (-1, 0)])
    def test_documents_in_the_window_are_counted(self, elastic, ago, counted):
        elastic.document(EVENT, at=NINE, ago=ago * SECOND)
        assert count(elastic, LIMITER, window="1m") == counted
        sent = elastic.asked[-1]
        assert (sent.method, sent.path) == ("POST", "/logs-*/_search")
        assert sent.fields()["query"]["bool"]["must"] == [{"query_string": {"query": LIMITER}}]
        assert sent.fields()["track_total_hits"] is True

    @pytest.mark.req("ML-04")
    @pytest.mark.parametrize(
        ("change", "counted"),
        [({}, 1), ({"policy": "fail_closed"}, 0), ({"level": "WARNING"}, 0), ({"error_type": "other"}, 0)],
    )
    def test_every_part_of_the_query_counts(self, elastic, change, counted):
        elastic.document(EVENT | change, at=NINE)
        assert count(elastic, LIMITER) == counted

    @pytest.mark.parametrize(
        "wrong", ["levl:ERROR AND policy:fail_open", LIMITER.replace("open", "opened"), "NOT level:ERROR"]
    )
    def test_another_query_finds_something_else(self, elastic, wrong):
        elastic.document(EVENT, at=NINE)
        assert count(elastic, wrong) == 0

    @pytest.mark.req("ML-21", "ML-58")
    @pytest.mark.parametrize(("errors", "counted"), [(9, 0), (10, 1), ("9", 0), ("10", 1), ("100", 1), (None, 0)])
    def test_a_field_is_compared_as_a_number(self, elastic, errors, counted):
        message = "Campaign 5 paused: too many transient errors (SMTP)"
        elastic.document({"level": "ERROR", "message": message, "consecutive_errors": errors}, at=NINE)
        assert count(elastic, BREAKER, kql=KQL) == counted

    def test_kql_is_kept_and_not_sent(self, elastic):
        """As Lucene it would mean something else: the phrase would no longer be needed."""
        elastic.document({"level": "ERROR", "message": "all is well", "consecutive_errors": 10}, at=NINE)
        assert count(elastic, BREAKER, kql=KQL) == 0
        assert '*"' not in elastic.asked[-1].body.decode()
        assert count(elastic, KQL) == 1

    def test_the_newest_is_told(self, elastic):
        elastic.document(EVENT | {"campaign": 1}, at=NINE, ago=MINUTE)
        elastic.document(EVENT | {"campaign": 2, "user": {"email": "a@b.org", "id": 7}}, at=NINE, ago=SECOND)
        (found,) = read(elastic, LIMITER)
        assert found.value == 2 and found.fields["campaign"] == 2 and found.fields["text"] == "Redis is gone"
        assert found.fields["last"] == NINE - SECOND and found.fields["age"] == 1
        assert found.fields["user"] == {"id": 7}

    def test_nothing_is_zero_and_not_nothing(self, elastic):
        (found,) = read(elastic, LIMITER)
        assert found.value == 0 and found.fields["last"] is None

    @pytest.mark.req("ML-60")
    @pytest.mark.parametrize("old", [True, False])
    @pytest.mark.parametrize("documents", [0, 1, 3])
    def test_both_forms_of_the_total(self, elastic, old, documents):
        elastic.oddities(old_total=old)
        for n in range(documents):
            elastic.document(EVENT, at=NINE, ago=n * SECOND)
        assert count(elastic, LIMITER) == documents

    @pytest.mark.parametrize(("total", "value"), [("1", 1), ('{"value": 1}', 1), ("0", 0), ('{"value": 0}', 0)])
    def test_a_total_alone_is_enough(self, elastic, total, value):
        elastic.fail(200, f'{{"hits": {{"total": {total}}}}}')
        assert count(elastic, LIMITER) == value

    def test_more_than_are_fetched_are_counted(self, elastic):
        for n in range(7):
            elastic.document(EVENT, at=NINE, ago=n * MINUTE)
        assert count(elastic, LIMITER, limit=3, window="1h") == 7
        found = read(elastic, LIMITER, limit=3, window="5m", asker=Asker(since=NINE - 5 * MINUTE))
        assert found[0].value == 5

    def test_a_body_of_ones_own(self, elastic):
        elastic.document(EVENT, at=NINE)
        elastic.document(EVENT | {"policy": "fail_closed"}, at=NINE)
        query = {
            "bool": {
                "filter": [{"match_phrase": {"message": "redis is"}}],
                "must_not": [{"match": {"policy": "fail_closed"}}],
            }
        }
        assert count(elastic, body={"query": query}) == 1

    def test_another_time_field_or_none(self, elastic):
        elastic.document({"logged": {"at": "2026-11-23T08:59:30Z"}, "level": "ERROR"}, at=NINE - timedelta(days=3))
        assert count(elastic, "level:ERROR") == 0
        assert count(elastic, "level:ERROR", time_field="logged.at") == 1
        assert count(elastic, "level:ERROR", time_field="") == 1

    @pytest.mark.parametrize("shown", [{"token": "geheim"}, {"url": "ada:auch"}])
    def test_an_api_key_or_a_password(self, shown):
        with Elastic(api_key="geheim", password="ada:auch") as elastic:
            if "url" in shown:
                shown = {"url": elastic.url.replace("://", "://ada:auch@")}
            assert count(elastic, LIMITER, **shown) == 0
            with pytest.raises(ProbeError, match="rejects the token or password") as refusal:
                read(elastic, LIMITER, token="falsch")
            assert "falsch" not in str(refusal.value)


class TestBetweenChecks:
    def test_a_document_since_the_last_check_is_not_missed(self, elastic):
        elastic.document(EVENT, at=NINE, ago=3 * MINUTE)
        assert [r.value for r in read(elastic, LIMITER, window="1m")] == [0]
        late = Asker(since=NINE - 4 * MINUTE)
        assert [r.value for r in read(elastic, LIMITER, window="1m", asker=late)] == [0, 1]

    def test_the_windows_are_not_longer_than_they_are(self, elastic):
        for ago in (7, 5, 3):
            elastic.document(EVENT, at=NINE, ago=ago * MINUTE)
        found = read(elastic, LIMITER, window="1m", asker=Asker(since=NINE - 10 * MINUTE))
        assert max(r.value for r in found) == 1


class TestBuckets:
    def fill(self, elastic):
        for container, seconds in [("web", 1), ("web", 3), ("beat", 2)]:
            elastic.document({"container": container, "level": "ERROR", "seconds": seconds}, at=NINE)

    def test_each_bucket_is_a_reading(self, elastic):
        self.fill(elastic)
        inner = {"slow": {"max": {"field": "seconds"}}, "p": {"percentiles": {"field": "seconds", "percents": [95]}}}
        found = read(elastic, body={"aggs": {"container": {"terms": {"field": "container"}, "aggs": inner}}})
        assert [(r.labels, r.value, r.fields["slow"]) for r in found] == [
            ({"container": "web"}, 2, 3),
            ({"container": "beat"}, 1, 2),
        ]
        assert found[0].fields["p_95_0"] == 3

    def test_buckets_within_buckets_and_named_ones(self, elastic):
        self.fill(elastic)
        inner = {"kind": {"filters": {"filters": {"slow": {"range": {"seconds": {"gt": 2}}}}}}}
        found = read(elastic, body={"aggs": {"container": {"terms": {"field": "container"}, "aggs": inner}}})
        assert [(r.labels, r.value) for r in found] == [
            ({"container": "web", "kind": "slow"}, 1),
            ({"container": "beat", "kind": "slow"}, 0),
        ]

    def test_a_figure_of_all(self, elastic):
        self.fill(elastic)
        (found,) = read(elastic, body={"aggs": {"slow": {"avg": {"field": "seconds"}}}})
        assert found.value == 3 and found.fields["slow"] == 2

    def test_no_bucket_is_no_reading_and_calm(self, elastic):
        spec = {"body": {"aggs": {"container": {"terms": {"field": "container"}}}}}
        assert read(elastic, **spec) == []
        assert KEEPERS["elasticsearch"].calm_when_empty(spec)


class TestErrors:
    @pytest.mark.parametrize(
        ("spec", "words"),
        [
            ({"query": "level:"}, "Failed to parse query [level:]"),
            ({"query": "level:"}, 'Encountered "<EOF>"'),
            ({"query": "(level:ERROR"}, "Cannot parse '(level:ERROR'"),
            ({"query": "n:[10 TO"}, "Cannot parse"),
            ({"body": {"query": {"matches": {"a": "b"}}}}, "unknown query [matches]"),
            ({"body": {"query": {"bool": {"musst": []}}}}, "[bool] query does not support [musst]"),
            ({"body": {"qwery": {}}}, "unknown key [qwery]"),
            ({"query": "a", "index": "logs"}, "no such index [logs]"),
        ],
    )
    def test_a_wrong_search_is_refused_in_its_words(self, elastic, spec, words):
        with pytest.raises(ProbeError) as refusal:
            read(elastic, **spec)
        assert words in str(refusal.value) and refusal.value.reason == "query"

    def test_half_an_answer_is_none(self, elastic):
        elastic.document(EVENT, at=NINE)
        elastic.oddities(failed_shards=1)
        with pytest.raises(ProbeError, match=r"failed on 1 of 1 shards: circuit_breaking_exception: .*Data too large"):
            read(elastic, LIMITER)
        elastic.oddities(timed_out=True)
        with pytest.raises(ProbeError, match="before it had searched everything"):
            read(elastic, LIMITER)

    def test_a_name_that_no_index_has(self, elastic):
        with pytest.raises(ProbeError, match="no index has such a name") as refusal:
            read(elastic, LIMITER, index="lgos-*")
        assert refusal.value.reason == "query"

    @pytest.mark.parametrize(
        ("status", "body", "reason", "words"),
        [
            (500, '{"error": "IndexMissing"}', "answer", "answered 500: IndexMissing"),
            (503, '{"error": {"type": "cluster_block_exception", "reason": "no master"}}', "unreachable", "no master"),
            (404, "<html>", "query", "answered 404: <html>"),
            (200, "<html>", "answer", "not with JSON"),
            (200, "{}", "answer", "nothing we can read at hits.total"),
            (200, '{"hits": {"total": "many"}}', "answer", "hits.total"),
        ],
    )
    def test_what_is_no_answer_says_so(self, elastic, status, body, reason, words):
        elastic.fail(status, body)
        with pytest.raises(ProbeError) as refusal:
            read(elastic, LIMITER)
        assert words in str(refusal.value) and refusal.value.reason == reason

    def test_nobody_there_and_no_answer_in_time(self, elastic):
        elastic.hang(5)
        with pytest.raises(ProbeError, match=r"did not answer within 0\.2 s"):
            read(elastic, LIMITER, timeout=SECOND / 5)
        elastic.refuse()
        with pytest.raises(ProbeError, match="No answer from http") as refusal:
            read(elastic, LIMITER)
        assert refusal.value.reason == "unreachable"
