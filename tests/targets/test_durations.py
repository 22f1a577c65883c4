"""Durations as people write them."""

from datetime import timedelta

import pytest

from targets import durations

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30m", 1800),
        ("29m50s", 1790),
        ("2h 1m", 7260),
        ("1d", 86400),
        ("1500ms", 1.5),
        ("90", 90),
        (7.5, 7.5),
        ("-1h30m", -5400),
        ("0s", 0),
        (timedelta(minutes=1), 60),
    ],
)
def test_a_duration_is_read(text, seconds):
    assert durations.read(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "5x", "m5", "5m!", "-"])
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="write it like 30m"):
        durations.read(text)
