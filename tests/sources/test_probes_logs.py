"""Log files of this machine: which lines count, how far back is read, and what may be read at all."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from sources.log_lines import read_line
from sources.probes import PROBES, Asker, BadSpec, ProbeError, log_files

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def log(tmp_path, settings):
    settings.LOG_DIRS = [str(tmp_path)]
    return tmp_path / "app.log"


def read(file, *, at=NINE, since=None, group_by=(), **spec):
    spec = {"file": str(file), **spec}
    PROBES["logs"].check(spec)
    return PROBES["logs"].read(spec, at=at, timeout=20 * SECOND, asker=Asker(since=since, group_by=group_by))


def count(file, **spec):
    return read(file, **spec)[0].fields["value"]


def failure(file, **spec):
    with pytest.raises(ProbeError) as failed:
        read(file, **spec)
    return failed.value


def plain(seconds_ago, text, at=NINE):
    return f"{(at - timedelta(seconds=seconds_ago)).isoformat()} {text}\n"


def structured(seconds_ago, **fields):
    return json.dumps({"timestamp": (NINE - timedelta(seconds=seconds_ago)).isoformat(), **fields}) + "\n"


def test_lines_in_the_window_that_contain_the_text_count(log):
    words = "Error reserving rate limit token (Redis unavailable), allowing send (fail-open)"
    log.write_text(
        plain(301, words) + plain(300, words) + plain(299, words) + plain(5, "all is well") + plain(0, words)
    )
    (reading,) = read(log, contains="Redis unavailable), allowing send (fail-open)")
    assert reading.fields["value"] == reading.fields["count"] == 2  # what is 300 s old has left the window
    assert reading.fields["last"] == NINE
    assert words in reading.fields["text"]
    assert count(log, contains="Redis unavailable, allowing") == 0  # parentheses are no pattern
    assert count(log, contains="Redis unavailable", window="301s") == 3
    assert count(log) == 3


@pytest.mark.parametrize(
    ("filter", "counts"),
    [
        ({"level": "ERROR", "match": {"error_type": "rate_limiter_backend_error", "policy": "fail_open"}}, 1),
        ({"match": {"policy": "fail_closed"}}, 1),
        ({"match": {"policy": ["fail_open", "fail_closed"]}}, 2),
        ({"level": "warning", "match": {"policy": "fail_open"}}, 0),
        ({"match": {"consecutive_errors": ">= 10"}}, 2),
        ({"match": {"consecutive_errors": "> 10"}}, 0),
        ({"match": {"consecutive_errors": "< 10"}}, 1),
        ({"match": {"request.path": "~/api/.*"}}, 1),
        ({"any": [{"level": "warning"}, {"match": {"policy": "fail_open"}}]}, 2),
        ({"not": {"contains": "too many"}}, 2),
        ({"regex": r'"consecutive_errors": "?1\d'}, 2),
        ({"regex": [r"nothing", r"(?i)FAIL_open"]}, 1),
        ({"contains": "лимит"}, 1),
    ],
)
def test_fields_of_json_lines_are_matched(log, filter, counts):
    log.write_text(
        structured(9, level="ERROR", error_type="rate_limiter_backend_error", policy="fail_open", message="лимит")
        + structured(8, level="ERROR", policy="fail_closed", request={"path": "/api/send"})
        + structured(7, level="WARN", message="too many transient errors", consecutive_errors=9)
        + structured(6, level="ERROR", message="too many transient errors", consecutive_errors=10)
        + structured(5, level="ERROR", message="too many transient errors", consecutive_errors="10")
    )
    assert count(log, **filter) == counts


def test_the_fields_of_the_newest_line_go_along_and_lines_are_grouped(log):
    log.write_text(
        structured(9, queue="mail", depth=3)
        + structured(8, queue="sms", depth=1)
        + structured(7, queue="mail", depth=7)
    )
    (reading,) = read(log)
    assert (reading.fields["value"], reading.fields["depth"]) == (3, 7)
    by_queue = {one.labels["queue"]: one.fields["value"] for one in read(log, by="queue")}
    assert by_queue == {"mail": 2, "sms": 1}
    assert {one.labels["queue"] for one in read(log, group_by=("queue",))} == {"mail", "sms"}


def test_a_line_without_a_time_has_that_of_the_line_before(log):
    log.write_text(plain(400, "old") + "  Traceback: boom\n" + plain(10, "new") + "  Traceback: boom\n")
    assert count(log, contains="boom") == 1


def test_a_log_that_says_no_times_cannot_be_judged(log):
    log.write_text("hello\nworld\n")
    assert str(failure(log)).startswith(f"No line of {log} says when it was logged")


def test_an_empty_file_is_calm_and_a_missing_one_an_error(log):
    error = failure(log)
    assert (error.reason, str(error)) == ("answer", f"There is no file {log}.")
    log.write_text("")
    assert count(log) == 0
    log.write_text("\n \n")
    assert count(log) == 0


def test_a_file_that_was_rotated_is_read_on_in_the_one_before(log):
    log.with_name("app.log.1").write_text(plain(400, "x") + plain(200, "x") + plain(150, "x"))
    log.write_text(plain(100, "x"))
    assert count(log) == 3
    log.unlink()  # moved away, and the new one not yet there
    assert count(log) == 2
    log.write_text(plain(500, "x") + plain(100, "x"))  # it reaches back beyond the window
    assert count(log) == 1


def test_a_file_rotated_by_date_is_found_too(log):
    old, new = log.with_name("app.log-20261121"), log.with_name("app.log-20261122")
    old.write_text(plain(200, "x") * 5)
    new.write_text(plain(200, "x"))
    os.utime(old, (1, 1))
    log.write_text(plain(100, "x"))
    assert count(log) == 2


def test_only_the_end_of_a_large_file_is_read(log, monkeypatch):
    monkeypatch.setattr(log_files, "BLOCK", 1_000)
    log.write_text("".join(plain(5_000 - place, f"line {place}") for place in range(5_000)))
    (reading,) = read(log)
    assert reading.fields["value"] == 299  # of the seconds 299 to 1 ago
    assert "more" not in reading.fields
    monkeypatch.setattr(log_files, "MOST", 5_000)
    (cut,) = read(log)
    assert 0 < cut.fields["value"] < 300
    assert cut.fields["more"] is True


def test_no_line_is_missed_between_two_checks(log):
    log.write_text(plain(500, "boom") + plain(5, "fine"))
    assert [one.fields["value"] for one in read(log, contains="boom", window="1m")] == [0]
    found = read(log, contains="boom", window="1m", since=NINE - timedelta(minutes=10))
    assert [one.fields["value"] for one in found] == [0, 1]


def test_times_without_a_zone_are_in_the_zone_that_is_told(log):
    log.write_text("2026-11-23 09:59:00,250 ERROR boom\n")
    assert count(log) == 0
    assert count(log, timezone="Europe/Amsterdam") == 1


def test_secrets_in_addresses_are_not_shown(log):
    log.write_text(plain(1, "cannot reach redis://:geheim@cache/0?token=hush"))
    assert "geheim" not in str(read(log)[0]) and "hush" not in str(read(log)[0])


def test_nothing_is_read_unless_the_settings_allow_it(log, settings, tmp_path):
    log.write_text(plain(1, "x"))
    inner = tmp_path / "inner"
    inner.mkdir()
    settings.LOG_DIRS = [str(inner)]
    error = failure(log)
    assert error.reason == "unset"
    assert str(error) == f"{log} may not be read. OPSCENTER_LOG_DIRS allows what is in {inner}."
    (inner / "link.log").symlink_to(log)
    assert "may not be read" in str(failure(inner / "link.log"))
    assert "may not be read" in str(failure(f"{inner}/../app.log"))
    settings.LOG_DIRS = []
    assert str(failure(log)) == "Reading log files is off. Name the folders that may be read in OPSCENTER_LOG_DIRS."


def test_a_folder_is_no_log(log, tmp_path):
    (tmp_path / "inner").mkdir()
    assert str(failure(tmp_path / "inner")) == f"{tmp_path / 'inner'} is a folder and no file."


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({}, "file"),
        ({"file": "app.log"}, "file"),
        ({"file": 3}, "file"),
        ({"file": "/a", "window": "soon"}, "window"),
        ({"file": "/a", "regex": "("}, "regex"),
        ({"file": "/a", "match": {"a": "~("}}, "match.a"),
        ({"file": "/a", "match": "a"}, "match"),
        ({"file": "/a", "timezone": "Mars"}, "timezone"),
        ({"file": "/a", "by": 3}, "by"),
        ({"file": "/a", "any": [{"stream": "x", "colour": 1}]}, "any.0.colour"),
        ({"file": "/a", "contain": "x"}, "contain"),
    ],
)
def test_a_source_written_wrongly_is_refused(spec, path):
    with pytest.raises(BadSpec) as refused:
        PROBES["logs"].check(spec)
    assert refused.value.path == path


@pytest.mark.parametrize(
    ("raw", "at", "level", "text"),
    [
        ("2026-11-23T09:00:00Z hello", NINE, "", "2026-11-23T09:00:00Z hello"),
        ("2026-11-23T10:00:00.5+01:00 WARN hello", NINE + SECOND / 2, "warning", None),
        ("[2026-11-23 09:00:00,250: INFO/Beat] Scheduler: Sending", NINE + SECOND / 4, "info", None),
        ("<13>2026-11-23T09:00:00+0000 host app: ERROR x", NINE, "error", None),
        ('2026-11-23T09:00:00Z {"level": "crit", "msg": "inner"}', NINE, "critical", "inner"),
        ('{"time": 1795424400, "level": 50, "msg": "pino"}', NINE, "error", "pino"),
        ('{"ts": 1795424400000, "levelname": "ERROR"}', NINE, "error", None),
        ('{"@timestamp": "2026-11-23T09:00:00Z", "log": {"level": "Warn"}, "message": "ecs"}', NINE, "warning", "ecs"),
        ('{"log": "ERROR boom\\n", "stream": "stderr", "time": "2026-11-23T09:00:00.1234567Z"}',
         NINE + timedelta(microseconds=123456), "error", "ERROR boom"),
        ('time=2026-11-23T09:00:00Z level=warn msg="a \\"b\\" c" n=3', NINE, "warning", 'a "b" c'),
        ("2026-02-31T09:00:00Z no such day", None, "", None),
        ("just words about an ERROR", None, "error", None),
        ('{"time": 1e300, "msg": "far"}', None, "", "far"),
        ('{"broken": ', None, "", '{"broken":'),
    ],
)  # fmt: skip
def test_lines_are_read_as_programs_write_them(raw, at, level, text):
    line = read_line(raw)
    assert line.at == at
    assert line.level == level
    if text is not None:
        assert line.text == text
