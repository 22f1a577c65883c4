"""Loki as a source, against a stand-in that reads the LogQL it is sent."""

from datetime import UTC, datetime, timedelta

import pytest

from sources.probes import KEEPERS, Asker, BadSpec, ProbeError
from targets.loki import Loki

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LIMITER = (
    '{app="crm"} \n  |= "Error reserving rate limit token" \n  | json \n  | error_type="rate_limiter_backend_error"'
)
BREAKER = '{app="crm"} \n  |= "too many transient errors" \n  | json \n  | consecutive_errors >= 10'


@pytest.fixture(scope="module")
def running():
    with Loki() as loki:
        yield loki


@pytest.fixture
def loki(running):
    running.accept()
    running.reset()
    return running


def read(loki, query, *, asker=None, at=NINE, timeout=20 * SECOND, **spec):
    spec = {"url": loki.url, "query": query, **spec}
    KEEPERS["loki"].check(spec)
    return KEEPERS["loki"].read(spec, at=at, timeout=timeout, asker=asker or Asker())


def count(loki, query, **spec):
    first, *_ = read(loki, query, **spec)
    assert first.value == first.fields["count"]
    return first.value


class TestSpec:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"query": ""}, "query: This key is needed"),
            ({"query": ["x"]}, "query: This should be a LogQL query"),
            ({"url": "loki:3100"}, "url: This should begin with http://"),
            ({"window": "5 minutes"}, "window: '5 minutes' is not a length of time"),
            ({"window": "0s"}, "window: This should be more than nothing"),
            ({"limit": 5001}, "limit: This should be a whole number from 1 to 5,000"),
            ({"limit": True}, "limit: This should be a whole number"),
            ({"org": 5}, "org: This should be the name of a tenant"),
            ({"org": "a\nb"}, "org: A tenant's name is a text on one line."),
            ({"by": [5]}, "by: This should be a label or a list of labels"),
            ({"token": "a\r\nX: y"}, "token: A token is plain text on one line."),
            ({"windw": "5m"}, "windw: There is no such key here."),
            ({"query": 'sum(rate({a="b"}[1m]))', "by": ["a"]}, "by: Only a query for lines has this"),
        ],
    )
    def test_a_bad_spec_names_its_key(self, change, words):
        with pytest.raises(BadSpec) as refusal:
            KEEPERS["loki"].check({"url": "http://h", "query": '{a="b"}'} | change)
        assert words in str(refusal.value)


class TestLines:
    def test_lines_are_counted_and_the_newest_is_told(self, loki):
        loki.line("beat: one", at=NINE, ago=2 * MINUTE)
        loki.entry({"message": "beat: two", "level": "INFO", "n": 3}, {"app": "crm", "container": "b"}, NINE, MINUTE)
        (found,) = read(loki, '{app="crm"} |= "beat:"')
        assert found.fields["value"] == 2
        assert found.fields["last"] == NINE - MINUTE and found.fields["age"] == 60
        assert found.fields["level"] == "INFO" and found.fields["n"] == 3
        assert "beat: two" in found.fields["text"] and found.labels == {"app": "crm"}

    def test_nothing_is_zero_and_not_nothing(self, loki):
        (found,) = read(loki, '{app="crm"}')
        assert found.value == 0 and found.fields["text"] is None and found.labels == {}

    @pytest.mark.parametrize(
        ("ago", "counted"),
        [
            (timedelta(0), 1),
            (5 * MINUTE - SECOND, 1),
            (5 * MINUTE - timedelta(microseconds=1), 1),
            (5 * MINUTE, 0),  # it was the last window's
            (5 * MINUTE + SECOND, 0),
            (-SECOND, 0),
        ],
    )
    def test_the_window_has_its_end_and_not_its_beginning(self, loki, ago, counted):
        loki.line("x", at=NINE, ago=ago)
        assert count(loki, '{app="crm"}') == counted

    @pytest.mark.req("ML-51")
    def test_the_query_is_sent_as_it_is_written(self, loki):
        loki.entry({"error_type": "rate_limiter_backend_error", "message": "Error reserving rate limit token"}, at=NINE)
        assert count(loki, LIMITER, window="1m") == 1
        assert loki.asked[-1].path == "/loki/api/v1/query_range"
        assert loki.asked[-1].query["query"] == LIMITER

    @pytest.mark.parametrize(
        "wrong",
        [
            LIMITER.replace("error_type", "errortype"),
            LIMITER.replace('app="crm"', 'app="crn"'),
            LIMITER.replace("Error reserving", "error reserving"),
            LIMITER.replace("| json", "| logfmt"),
        ],
    )
    def test_another_query_finds_something_else(self, loki, wrong):
        loki.entry({"error_type": "rate_limiter_backend_error", "message": "Error reserving rate limit token"}, at=NINE)
        assert count(loki, wrong) == 0

    @pytest.mark.req("ML-05")
    @pytest.mark.parametrize(
        ("text", "counted"),
        [
            ("Error reserving rate limit token (Redis unavailable), allowing send (fail-open)", 1),
            ("Error reserving rate limit token (Redis unavailable), allowing send", 0),
            ("Error reserving rate limit token Redis unavailable, allowing send fail-open", 0),
        ],
    )
    def test_a_text_with_parentheses_is_no_regular_expression(self, loki, text, counted):
        loki.entry({"message": text}, at=NINE)
        query = '{app="crm"} |= "Error reserving rate limit token (Redis unavailable), allowing send (fail-open)"'
        assert count(loki, query) == counted

    @pytest.mark.req("ML-21", "ML-53")
    @pytest.mark.parametrize(("errors", "counted"), [(9, 0), (10, 1), (11, 1), ("9", 0), ("10", 1), ("100", 1)])
    def test_a_field_is_compared_as_a_number(self, loki, errors, counted):
        loki.entry({"message": "too many transient errors", "consecutive_errors": errors}, at=NINE)
        assert count(loki, BREAKER) == counted

    def test_labels_tell_readings_apart(self, loki):
        for container, times in [("web", 2), ("beat", 1)]:
            for n in range(times):
                loki.line("x", {"app": "crm", "container": container}, NINE, n * SECOND)
        loki.line("x", {"app": "crm"}, NINE)  # of no container
        found = read(loki, '{app="crm"}', by=["container"])
        assert {r.labels["container"]: r.value for r in found} == {"web": 2, "beat": 1}
        found = read(loki, '{app="crm"}', asker=Asker(group_by=("container",)))
        assert {r.labels["container"]: r.value for r in found} == {"web": 2, "beat": 1}

    def test_more_lines_than_are_fetched_is_said(self, loki):
        for n in range(5):
            loki.line("x", at=NINE, ago=n * SECOND)
        (found,) = read(loki, '{app="crm"}', limit=3)
        assert found.value == 3 and found.fields["more"] is True
        (found,) = read(loki, '{app="crm"}', limit=6)
        assert found.value == 5 and "more" not in found.fields

    def test_a_tenant_and_a_token_go_along(self, loki):
        loki.line("x", at=NINE, org="shop")
        assert count(loki, '{app="crm"}') == 0
        assert count(loki, '{app="crm"}', org="shop", token="geheim") == 1
        assert loki.asked[-1].header("Authorization") == "Bearer geheim"

    def test_name_and_password_stand_in_the_address(self, loki):
        address = loki.url.replace("://", "://ada:geheim@") + "/"
        assert read(loki, '{app="crm"}', url=address)[0].value == 0
        assert loki.asked[-1].header("Authorization").startswith("Basic ")

    def test_private_fields_stay_with_the_line(self, loki):
        loki.entry({"message": "x", "api_token": "geheim", "user": {"email": "ada@example.org", "id": 5}}, at=NINE)
        (found,) = read(loki, '{app="crm"}')
        assert found.fields["user"] == {"id": 5} and "api_token" not in found.fields


class TestBetweenChecks:
    def test_a_line_since_the_last_check_is_not_missed(self, loki):
        loki.line("x", at=NINE, ago=3 * MINUTE)
        assert [r.value for r in read(loki, '{app="crm"}', window="1m")] == [0]
        late = Asker(since=NINE - 4 * MINUTE)
        assert [r.value for r in read(loki, '{app="crm"}', window="1m", asker=late)] == [0, 1]

    def test_the_windows_are_not_longer_than_they_are(self, loki):
        for ago in (7, 5, 3):  # never two within a minute
            loki.line("x", at=NINE, ago=ago * MINUTE)
        found = read(loki, '{app="crm"}', window="1m", asker=Asker(since=NINE - 10 * MINUTE))
        assert max(r.value for r in found) == 1

    def test_what_the_last_check_saw_is_not_seen_again(self, loki):
        loki.line("x", at=NINE, ago=MINUTE)
        found = read(loki, '{app="crm"}', window="1m", asker=Asker(since=NINE - MINUTE))
        assert [r.value for r in found] == [0]

    def test_a_burst_over_the_edge_of_two_checks_counts_together(self, loki):
        for ago in (61, 62, 55):
            loki.line("x", at=NINE, ago=ago * SECOND)
        found = read(loki, '{app="crm"}', window="1m", asker=Asker(since=NINE - MINUTE))
        assert [r.value for r in found] == [1, 3]

    def test_lines_may_be_waited_for(self, loki):
        loki.line("x", at=NINE, ago=65 * SECOND)
        assert count(loki, '{app="crm"}', window="1m") == 0
        assert count(loki, '{app="crm"}', window="1m", delay="10s") == 1


class TestFigures:
    def test_a_count_is_asked_at_the_instant_of_the_check(self, loki):
        for ago in (30, 61):
            loki.line("x", at=NINE, ago=ago * SECOND)
        (found,) = read(loki, 'sum(count_over_time({app="crm"} |= "x" [1m]))')
        assert found.value == 1 and loki.asked[-1].path == "/loki/api/v1/query"
        assert loki.asked[-1].query["time"] == "1795424400000000000"

    def test_a_group_each_has_a_reading(self, loki):
        for level in ("ERROR", "ERROR", "INFO"):
            loki.entry({"level": level}, at=NINE)
        found = read(loki, 'sum by (level) (count_over_time({app="crm"} | json [5m]))')
        assert {r.labels["level"]: r.value for r in found} == {"ERROR": 2, "INFO": 1}

    @pytest.mark.parametrize(
        ("query", "values"),
        [
            ('count_over_time({app="crm"} |= "x" [1m])', [0]),
            ('sum(rate({app="crm"} | json | n >= 10 [1m]))', [0]),
            ('sum by (level) (count_over_time({app="crm"} | json [5m]))', []),
            ('count_over_time({app="crm"}[1m]) > 0', []),
            ('absent_over_time({app="crm"}[5m])', [1]),
            ("vector(1)", [1]),
        ],
    )
    def test_nothing_logged_is_no_lack_of_an_answer(self, loki, query, values):
        assert [r.value for r in read(loki, query)] == values

    @pytest.mark.parametrize(
        ("query", "calm"),
        [
            ('count_over_time({app="crm"}[1m]) > 0', True),
            ('count_over_time({app="crm"} | json | n > 0 [1m])', False),
            ('{app="crm"} | json | n > 0', False),
            ('sum(rate({a="b>c"}[1m])) > bool 2', False),
        ],
    )
    def test_no_series_is_calm_where_the_query_itself_compares(self, query, calm):
        assert KEEPERS["loki"].calm_when_empty({"query": query}) is calm

    def test_the_range_reaches_back_to_the_last_check(self, loki):
        loki.line("x", at=NINE, ago=3 * MINUTE)
        query = 'sum(count_over_time({app="crm"}[$__range]))'
        assert read(loki, query, window="1m")[0].value == 0
        assert read(loki, query, window="1m", asker=Asker(since=NINE - 4 * MINUTE))[0].value == 1


class TestErrors:
    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ('{app="crm" source="x"}', "parse error at line 1, col 12: syntax error: unexpected IDENTIFIER"),
            ('{app="crm"} |= error', "unexpected IDENTIFIER, expecting STRING"),
            ('{app="crm"} | json | n >= "10"', "unexpected STRING"),
            ('{app=~".*"}', "queries require at least one regexp or equality matcher"),
            ('{app=~"("}', "error parsing regexp"),
            ('sum(count_over_time({app="crm"}))', "unexpected ), expecting ["),
            ("up == 0", "unexpected IDENTIFIER"),
            ('sum(avg_over_time({app="crm"}[5m]))', "invalid aggregation avg_over_time without unwrap"),
        ],
    )
    def test_a_wrong_query_is_refused_in_lokis_words(self, loki, query, words):
        with pytest.raises(ProbeError) as refusal:
            read(loki, query)
        assert "answered 400" in str(refusal.value) and words in str(refusal.value)
        assert refusal.value.reason == "query"

    def test_nobody_there(self, loki):
        loki.refuse()
        with pytest.raises(ProbeError, match="No answer from http") as refusal:
            read(loki, '{app="crm"}')
        assert refusal.value.reason == "unreachable"

    def test_no_answer_in_time(self, loki):
        loki.hang(5)
        with pytest.raises(ProbeError, match=r"did not answer within 0\.2 s") as refusal:
            read(loki, '{app="crm"}', timeout=SECOND / 5)
        assert refusal.value.reason == "timeout"

    @pytest.mark.parametrize(
        ("status", "body", "reason", "words"),
        [
            (500, "context canceled\n", "answer", "answered 500: context canceled"),
            (503, "upstream gone", "unreachable", "answered 503: upstream gone"),
            (429, "too many outstanding requests", "query", "too many outstanding requests"),
            (401, "no org id\n", "query", "rejects the token or password (no org id)"),
            (200, "<html>", "answer", "not with JSON"),
            (200, "[]", "answer", "JSON that is no object"),
            (200, '{"status": "success"}', "answer", "in a form we cannot read"),
            (200, '{"status": "success", "data": {"resultType": "vector", "result": []}}', "answer", "lines are"),
            (200, '{"data": {"resultType": "streams", "result": [{"stream": {}, "values": [[]]}]}}', "answer", "form"),
        ],
    )  # fmt: skip
    def test_what_is_no_answer_says_so(self, loki, status, body, reason, words):
        loki.fail(status, body)
        with pytest.raises(ProbeError) as refusal:
            read(loki, '{app="crm"}', token="geheim")
        assert words in str(refusal.value) and refusal.value.reason == reason

    def test_a_tenant_is_asked_for(self):
        with Loki(tenants=True) as loki, pytest.raises(ProbeError, match="no org id"):
            read(loki, '{app="crm"}')
