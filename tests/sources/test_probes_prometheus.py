"""Prometheus and metrics pages as sources, against a stand-in that reads PromQL, and against a real Prometheus."""

import json
import math
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from opscenter.processes import free_port
from sources.probes import KEEPERS, PROBES, Asker, BadSpec, ProbeError, Reading
from targets.prometheus import Prometheus

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
BINARY = shutil.which("prometheus")


@pytest.fixture(scope="module")
def running():
    with Prometheus() as prometheus:
        yield prometheus


@pytest.fixture
def prometheus(running):
    running.accept()
    running.reset()
    return running


def read(prometheus, query, *, asker=None, at=NINE, timeout=20 * SECOND, **spec):
    spec = {"url": prometheus.url, "query": query, **spec}
    KEEPERS["prometheus"].check(spec)
    return KEEPERS["prometheus"].read(spec, at=at, timeout=timeout, asker=asker or Asker())


def page(prometheus, metric, **spec):
    spec = {"url": prometheus.url, "metric": metric, **spec}
    PROBES["exposition"].check(spec)
    return PROBES["exposition"].read(spec, at=NINE, timeout=20 * SECOND)


def told(result, kind="vector", **more):
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more})


class TestSpec:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"query": ""}, "query: This key is needed"),
            ({"query": 5}, "query: This should be a PromQL expression"),
            ({"type": "range vector"}, "type: There is no type 'range vector'. Allowed: instant, range."),
            ({"window": "5m"}, "window: Only a query of type range has this"),
            ({"type": "range", "window": "x"}, "window: 'x' is not a length of time"),
            ({"type": "range", "step": "0s"}, "step: This should be more than nothing"),
            ({"type": "range", "window": "10d", "step": "10s"}, "step: This gives more than the 11,000 points"),
            ({"headers": {"X": 5}}, "headers.X: A header's name and value"),
            ({"verify": "no"}, "verify: This should be true or false"),
            ({"promql": "up"}, "promql: There is no such key here."),
        ],
    )
    def test_a_bad_spec_names_its_key(self, change, words):
        with pytest.raises(BadSpec) as refusal:
            KEEPERS["prometheus"].check({"url": "http://h", "query": "up"} | change)
        assert words in str(refusal.value)


class TestInstant:
    def test_each_series_is_a_reading(self, prometheus):
        prometheus.sample("memory", 81, {"instance": "a"}, NINE)
        prometheus.sample("memory", 79.5, {"instance": "b"}, NINE, MINUTE)
        first, second = read(prometheus, "memory")
        assert (first.value, first.labels, first.fields["metric"]) == (81, {"instance": "a"}, "memory")
        assert (second.value, second.labels) == (79.5, {"instance": "b"})
        assert first.fields["at"] == NINE
        assert prometheus.asked[-1].query["time"] == "1795424400.000000"

    @pytest.mark.parametrize(("query", "values"), [("memory > 80", [81]), ("memory > 81", []), ("momery", [])])
    def test_the_query_decides(self, prometheus, query, values):
        prometheus.sample("memory", 81, at=NINE)
        assert [reading.value for reading in read(prometheus, query)] == values

    def test_a_rate_and_a_quantile(self, prometheus):
        for n in range(7):
            at = NINE - (6 - n) * MINUTE
            prometheus.sample("errors_total", 100 + 12 * n, at=at)
            for edge, number in (("0.5", 80), ("1", 90), ("2.5", 100), ("+Inf", 100)):
                prometheus.sample("seconds_bucket", number * n, {"le": edge}, at)
        (rate,) = read(prometheus, "rate(errors_total[5m])")
        assert rate.value == pytest.approx(0.2)
        (quantile,) = read(prometheus, "histogram_quantile(0.95, sum by (le) (rate(seconds_bucket[5m])))")
        assert quantile.value == pytest.approx(1.75)

    def test_a_number_and_a_text(self, prometheus):
        assert read(prometheus, "1 + 1")[0].value == 2
        prometheus.fail(200, told([1795424400.0, "fine"], "string"))
        assert read(prometheus, '"fine"')[0].value == "fine"

    def test_what_is_no_number_is_left_out_and_said(self, prometheus):
        prometheus.sample("busy", 0, {"instance": "a"}, NINE)
        prometheus.sample("busy", 3, {"instance": "b"}, NINE)
        prometheus.sample("all", 0, {"instance": "a"}, NINE)
        prometheus.sample("all", 4, {"instance": "b"}, NINE)
        (found,) = read(prometheus, "busy / all")
        assert found.value == 0.75 and found.fields["left_out"] == "1 series without a number left out: instance=a"
        grouped = read(prometheus, "busy / all", asker=Asker(group_by=("instance",)))
        assert {r.labels["instance"]: r.value for r in grouped} == {"a": None, "b": 0.75}

    def test_nan_alone_is_a_reading_without_a_value(self, prometheus):
        (found,) = read(prometheus, "0 / 0")
        assert found.value is None and found.fields["note"] == "It has no number (NaN)."

    @pytest.mark.parametrize(("query", "value"), [("1 / 0", sys.float_info.max), ("-1 / 0", -sys.float_info.max)])
    def test_infinity_is_the_largest_number(self, prometheus, query, value):
        (found,) = read(prometheus, query)
        assert found.value == value and math.isfinite(found.value)
        assert found.fields["note"] == "It is infinite."

    def test_a_native_histogram_has_its_average(self, prometheus):
        histogram = [1795424400.0, {"count": "4", "sum": "10", "buckets": []}]
        prometheus.fail(200, told([{"metric": {"job": "a"}, "histogram": histogram}]))
        (found,) = read(prometheus, "x")
        assert found.value == 2.5 and found.fields["count"] == 4 and found.labels == {"job": "a"}

    def test_warnings_go_along(self, prometheus):
        prometheus.sample("up", 1, at=NINE)
        prometheus.warn("a store did not answer")
        assert read(prometheus, "up")[0].fields["warnings"] == "a store did not answer"

    def test_a_long_query_is_sent_as_a_form(self, prometheus):
        prometheus.sample("up", 1, {"job": "a"}, NINE)
        query = "up{job=~" + json.dumps("|".join(["a", *(f"service-{n}" for n in range(500))])) + "}"
        assert read(prometheus, query)[0].value == 1
        assert prometheus.asked[-1].method == "POST"

    def test_a_prefix_a_token_and_a_query_of_its_own(self, prometheus):
        with pytest.raises(ProbeError, match=r"/prom/api/v1/query.* answered 404"):
            read(prometheus, "up", url=prometheus.url + "/prom/?tenant=a", token="geheim")
        asked = prometheus.asked[-1]
        assert asked.path == "/prom/api/v1/query" and asked.query["tenant"] == "a"
        assert asked.header("Authorization") == "Bearer geheim"

    @pytest.mark.parametrize(
        ("query", "calm"), [("up == 0", True), ('up{a!="b"}', False), ("rate(x[5m]) > bool 3", False), ("a > 1", True)]
    )  # fmt: skip
    def test_no_series_is_calm_where_the_query_itself_compares(self, query, calm):
        assert KEEPERS["prometheus"].calm_when_empty({"query": query}) is calm


class TestRange:
    def test_figures_over_a_window(self, prometheus):
        for n, value in enumerate((5, 9, 1, 3)):
            prometheus.sample("load", value, {"host": "a"}, NINE, (3 - n) * MINUTE)
        (found,) = read(prometheus, "load", type="range", window="3m", step="1m")
        assert {name: found.fields[name] for name in ("value", "min", "max", "avg", "first", "count")} == {
            "value": 3, "min": 1, "max": 9, "avg": 4.5, "first": 5, "count": 4,
        }  # fmt: skip
        asked = prometheus.asked[-1]
        assert asked.path == "/api/v1/query_range" and asked.query["step"] == "60"

    def test_nan_within_is_not_counted(self, prometheus):
        values = [[1, "1"], [2, "NaN"], [3, "2"]]
        prometheus.fail(200, told([{"metric": {}, "values": values}], "matrix"))
        (found,) = read(prometheus, "x", type="range")
        assert found.value == 2 and found.fields["count"] == 2 and found.fields["avg"] == 1.5


class TestErrors:
    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ("up{", "parse error: unexpected end of input"),
            ("rate(up)", "expected type range vector in call to function"),
            ("up[5m]", 'invalid expression type "range vector"'),
            ("ratte(up[5m])", 'unknown function with name "ratte"'),
            ("sum by (a (up)", "parse error: unexpected"),
            ('{job=~".*"}', "at least one non-empty matcher"),
        ],
    )
    def test_a_wrong_query_is_refused_in_its_words(self, prometheus, query, words):
        with pytest.raises(ProbeError) as refusal:
            read(prometheus, query)
        assert "answered 400: bad_data" in str(refusal.value) and words in str(refusal.value)
        assert refusal.value.reason == "query"

    @pytest.mark.parametrize(
        ("status", "body", "reason", "words"),
        [
            (422, '{"status":"error","errorType":"execution","error":"too many samples"}', "query", "too many samples"),
            (503, '{"status":"error","errorType":"timeout","error":"query timed out"}', "query", "query timed out"),
            (503, "Service Unavailable", "unreachable", "answered 503: Service Unavailable"),
            (500, "", "answer", "answered 500: it gives no reason"),
            (401, "Unauthorized\n", "query", "rejects the token or password"),
            (200, "<html>", "answer", "not with JSON"),
            (200, '{"status":"success"}', "answer", "form we cannot read"),
            (200, told([{"metric": {}, "value": ["x"]}]), "answer", "form we cannot read"),
            (200, told([], "streams"), "answer", "'streams', which is neither series nor number"),
        ],
    )
    def test_what_is_no_answer_says_so(self, prometheus, status, body, reason, words):
        prometheus.fail(status, body)
        with pytest.raises(ProbeError) as refusal:
            read(prometheus, "up")
        assert words in str(refusal.value) and refusal.value.reason == reason

    def test_nobody_there_and_no_secret_told(self, prometheus):
        prometheus.refuse()
        with pytest.raises(ProbeError, match="No answer from http") as refusal:
            read(prometheus, "up", url=prometheus.url.replace("://", "://ada:geheim@"))
        assert refusal.value.reason == "unreachable" and "geheim" not in str(refusal.value)


class TestExposition:
    def test_samples_of_a_name_and_its_labels(self, prometheus):
        for queue, depth in (("mail", 5), ("sms", 7)):
            prometheus.sample("queue_depth", depth, {"queue": queue, "host": "a"})
        prometheus.sample("queue_depth_max", 9)
        assert [(r.value, r.labels["queue"]) for r in page(prometheus, "queue_depth")] == [(5, "mail"), (7, "sms")]
        assert [r.value for r in page(prometheus, "queue_depth", match={"queue": "sms"})] == [7]
        assert len(page(prometheus, "queue_depth", match={"queue": ["sms", "mail"], "host": "a"})) == 2
        assert page(prometheus, "queue_depth", match={"queue": "fax"}) == []
        assert page(prometheus, "queue") == []

    def test_a_path_of_its_own_and_no_page_there(self, prometheus):
        with pytest.raises(ProbeError, match="/other answered 404"):
            page(prometheus, "x", url=prometheus.url + "/other")

    @pytest.mark.parametrize(
        ("body", "value"),
        [
            ("# HELP x Of x.\n# TYPE x counter\nx 3 1795424400000\n", 3),
            ('x{a="with \\"quotes\\" and \\\\"} 1e3\n', 1000),
            ("x NaN\n", None),
            ("x +Inf\n", sys.float_info.max),
        ],
    )
    def test_forms_of_a_sample(self, prometheus, body, value):
        prometheus.fail(200, body)
        assert [reading.value for reading in page(prometheus, "x")] == [value]

    def test_what_is_no_metrics_page_says_so(self, prometheus):
        prometheus.fail(200, "<html>hello</html>")
        with pytest.raises(ProbeError, match="no metrics we can read"):
            page(prometheus, "x")

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"metric": ""}, "metric: This key is needed"),
            ({"match": ["a"]}, "match: This should be labels"),
            ({"match": {"a": 5}}, "match.a: This should be a text or a list of texts"),
        ],
    )
    def test_a_bad_spec_names_its_key(self, change, words):
        with pytest.raises(BadSpec) as refusal:
            PROBES["exposition"].check({"url": "http://h", "metric": "m"} | change)
        assert words in str(refusal.value)


@pytest.fixture
def real(tmp_path, prometheus):
    """A Prometheus that scrapes the stand-in's metrics page every second; yields its address."""
    jobs = [{"job_name": "shop", "scrape_interval": "1s", "static_configs": [{"targets": [prometheus.url[7:]]}]}]
    (tmp_path / "prometheus.yml").write_text(json.dumps({"scrape_configs": jobs}))
    address = f"127.0.0.1:{free_port('127.0.0.1')}"
    words = [BINARY or "prometheus", f"--config.file={tmp_path / 'prometheus.yml'}",
             f"--storage.tsdb.path={tmp_path / 'tsdb'}", f"--web.listen-address={address}",
             "--log.level=error"]  # fmt: skip
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"http://{address}"
    process.terminate()
    process.wait(30)


@pytest.mark.once
@pytest.mark.timeout(90)
@pytest.mark.skipif(BINARY is None, reason="no prometheus here; on Debian: apt-get install prometheus")
def test_a_real_prometheus_is_understood(real, prometheus):
    prometheus.sample("queue_depth", 51, {"queue": "mail"})
    prometheus.sample("idle", 0)

    def ask(query, **spec):
        spec = {"url": real, "query": query, **spec}
        return KEEPERS["prometheus"].read(spec, at=datetime.now(UTC), timeout=5 * SECOND)

    ends_at = time.monotonic() + 60
    found: list[Reading] = []
    while not found and time.monotonic() < ends_at:
        try:
            found = ask("count_over_time(queue_depth[1m]) > 2 and on () queue_depth")
        except (ProbeError, requests.RequestException):
            time.sleep(0.2)
    (reading,) = ask("queue_depth")
    assert reading.value == 51 and reading.fields["metric"] == "queue_depth"
    assert reading.labels == {"queue": "mail", "job": "shop", "instance": prometheus.url[7:]}
    assert ask("queue_depth > 51") == [] and ask("queue_depth > 50")[0].value == 51
    assert (
        ask("idle / idle")[0].value is None
        and ask("queue_depth / on (job) idle")[0].fields["note"] == "It is infinite."
    )
    assert ask("scalar(queue_depth)")[0].value == 51 and ask('"text"')[0].value == "text"
    (over_time,) = ask("queue_depth", type="range", window="1m", step="1s")
    assert over_time.fields["max"] == 51 and over_time.fields["count"] >= 2
    for query, words in [("up{", "bad_data"), ("rate(up)", "range vector"), ('up + on (job) {job=~".+"}', "execution")]:
        with pytest.raises(ProbeError) as refusal:
            ask(query)
        assert words in str(refusal.value) and refusal.value.reason == "query"
    samples = PROBES["exposition"].read({"url": real, "metric": "prometheus_build_info"}, at=NINE, timeout=5 * SECOND)
    assert samples[0].value == 1 and samples[0].labels["version"]
