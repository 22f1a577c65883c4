from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.durations import BadDuration, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("500ms", 0.5),
        ("90s", 90),
        ("5m", 300),
        ("2h", 7200),
        ("1h30m", 5400),
        (" 1d ", 86400),
        ("2w", 14 * 86400),
        ("1w2d3h4m5s6ms", 788645.006),
    ],
)
def test_reads_what_people_write(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "  ", "5", "m", "-5m", "5 m", "1.5h", "30m1h", "5m5m", "5M", "1y", "٣m", None, 5])
def test_refuses_the_rest_and_says_what_is_allowed(text):
    with pytest.raises(BadDuration, match="Write whole numbers with"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["5201w", "9" * 400 + "s"])
def test_refuses_what_no_calendar_holds(text):
    with pytest.raises(BadDuration, match="longer than"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(hours=1), "1h"),
        (timedelta(days=14), "14d"),
        (timedelta(milliseconds=1500), "1s500ms"),
        (timedelta(microseconds=900), "0s"),
    ],
)
def test_writes_the_short_form(length, text):
    assert format_duration(length) == text


def test_refuses_to_write_a_negative_length():
    with pytest.raises(ValueError, match="not negative"):
        format_duration(timedelta(seconds=-1))


@given(st.integers(min_value=0, max_value=5200 * 7 * 86_400_000))
def test_what_is_written_reads_back(milliseconds):
    length = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(length)) == length
