from datetime import timedelta

import pytest

from notifications import messages
from tests.factories import HOUR, MINUTE, NINE

USUAL = {"number": 12, "severity": "P1", "title": "Checkout is down"}


def test_a_page_says_what_since_when_and_why_you():
    words = messages.page(
        **USUAL, started_at=NINE, summary="Errors above 5 %.", service="Checkout", why_you="step 2 asks ada",
        runbook="https://wiki.example.org/checkout",
    )  # fmt: skip
    assert words.subject == "[P1] #12 Checkout is down"
    assert words.text.splitlines() == [
        "Checkout is down",
        "Severity P1, since 2026-11-23 09:00:00 UTC.",
        "Service: Checkout.",
        "Errors above 5 %.",
        "Runbook: https://wiki.example.org/checkout",
        "You are asked because step 2 asks ada.",
        "Acknowledge to take it; until somebody does, others are asked after you.",
    ]


def test_what_is_not_known_leaves_no_empty_line():
    words = messages.opened(**USUAL, started_at=NINE)
    assert words.subject == "New incident: [P1] #12 Checkout is down"
    assert words.text == "Checkout is down\nSeverity P1, since 2026-11-23 09:00:00 UTC."


def test_a_drill_says_so_first():
    assert messages.opened(**USUAL, started_at=NINE, drill=True).subject.startswith("DRILL: New incident: [P1]")


def test_a_subject_is_one_line_of_at_most_250_characters():
    subject = messages.page(number=1, severity="P1", title="two\nlines " + "x" * 300, started_at=NINE).subject
    assert subject.startswith("[P1] #1 two lines xxx")
    assert (len(subject), subject[-1]) == (250, "…")


@pytest.mark.parametrize(
    "after, told",
    [
        (timedelta(seconds=59, milliseconds=900), "59s"),
        (timedelta(0), "0s"),
        (timedelta(minutes=59, seconds=59), "59m59s"),
        (timedelta(hours=1, seconds=59), "1h"),
    ],
)
def test_lengths_are_told_in_whole_seconds_and_from_an_hour_on_in_minutes(after, told):
    words = messages.acknowledged(**USUAL, by="ada", after=after, via="link")
    assert words.text == f"Checkout is down\nada took it after {told} by link."


def test_a_resolve_says_who_or_that_it_was_nobody():
    assert "Resolved by ada after 1h30m." in messages.resolved(**USUAL, lasted=HOUR + 30 * MINUTE, by="ada").text
    assert "Resolved by itself after 5m.\nquiet" in messages.resolved(**USUAL, lasted=5 * MINUTE, reason="quiet").text


@pytest.mark.parametrize(
    "minutes, told", [(-10, "is due in 10m"), (0, "is due now"), (5, "is late by 5m"), (90, "is late by 1h30m")]
)
def test_a_reminder_tells_how_much_is_left_or_how_late_it_is(minutes, told):
    words = messages.reminder(**USUAL, what="The next update", due_at=NINE, at=NINE + minutes * MINUTE)
    assert words.subject == "Reminder, The next update: [P1] #12 Checkout is down"
    assert words.text == f"Checkout is down\nThe next update {told} (2026-11-23 09:00 UTC)."


def test_an_update_carries_its_fields_and_the_next_time():
    fields = {"impact": "one in ten orders", "eta": ""}
    words = messages.update(**USUAL, text="We roll back.", by="ada", fields=fields, next_at=NINE + HOUR)
    assert words.text.splitlines() == [
        "We roll back.",
        "impact: one in ten orders",
        "From ada.",
        "Next update by 2026-11-23 10:00 UTC.",
    ]
