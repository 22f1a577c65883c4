import json

import pytest

from sources.intake import PAYLOAD_LENGTH, Ceiling, masked, masked_text, redact
from sources.privacy import without_persons
from sources.probes.masking import MASK, mask_url


def test_values_of_secret_names_are_masked_at_any_depth():
    body = {"a": [{"Password": "x1", "nested": {"api_key": "x2"}}], "access-token": "x3", "Authorization": "Bearer x4"}
    told = redact(json.dumps(body).encode())
    assert not any(secret in told for secret in ("x1", "x2", "x3", "x4"))
    assert json.loads(told)["a"][0]["nested"] == {"api_key": "***"}


def test_secrets_in_pairs_are_masked_and_lists_of_two_are_not():
    assert masked([["Authorization", "Bearer x"], ["token", ""], ["coupon", "X1"], ["secret", "b", "c"]]) == [
        ["Authorization", MASK], ["token", ""], ["coupon", "X1"], ["secret", "b", "c"],
    ]  # fmt: skip


def test_deduplication_keys_and_codes_stay_readable():
    body = {"key": "disk-1", "dedup_key": "d", "status_code": 500, "secret": ""}
    assert json.loads(redact(json.dumps(body).encode())) == body


def test_passwords_in_addresses_are_masked():
    assert "hunter2" not in redact(b'{"url": "https://ada:hunter2@host/path?token=hunter2"}')


@pytest.mark.parametrize(
    "body", [b'{"password": "hunter2", "a": ', b"password=hunter2&a=b", b'\xff {"token":"hunter2"']
)
def test_what_is_no_json_is_masked_as_text(body):
    assert "hunter2" not in redact(body)


@pytest.mark.parametrize(
    "unit",
    [
        "x",
        "token",
        "://",
        "?",
        "://a:",
        ":a",
        "?a",
        'token="',
        "token='",
        "token ",
        "a=",
        "a:b:",
        "&a;",
        "[",
        "@",
        "a.",
        "a@",
    ],
)
def test_a_stranger_cannot_make_masking_slow(unit):
    # one that looked again from each character would take hours
    text = without_persons(mask_url(masked_text("://" + unit * (2_000_000 // len(unit)))))
    assert len(text) > 1000 or MASK in text
    assert redact(text.encode())


def test_a_long_body_is_cut():
    assert len(redact(json.dumps({"a": "x" * 10_000}).encode())) == PAYLOAD_LENGTH
    told = redact(json.dumps([{"password": "hunter2"}] * 10_000).encode())
    assert len(told) == PAYLOAD_LENGTH
    assert "hunter2" not in told


def test_what_the_database_cannot_hold_is_replaced():
    assert redact(b"a\0b") == "a\ufffdb"
    assert redact(b'"\\ud800"').isascii()


def test_a_ceiling_lets_so_many_through_a_minute_and_counts_the_rest():
    ceiling = Ceiling(2)
    assert [ceiling.take("a", second)[0] for second in (0, 1, 2, 59)] == [True, True, False, False]
    assert ceiling.take("b", 59) == (True, 0)
    assert ceiling.take("a", 60) == (True, 2)
    assert ceiling.take("a", 61) == (True, 0)
    assert ceiling.take("a", 200) == (True, 0)
