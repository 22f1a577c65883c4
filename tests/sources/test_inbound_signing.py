import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from notifications.transports.json import signature
from sources.inbound import signing

BODY, SECRET = b'{"title": "Down"}', "between us"
NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def check(header, *, body=BODY, secrets=(SECRET,), at=NINE, name=signing.OURS):
    return signing.check({name: header}, body, secrets, at=at)


def hub(secret, body=BODY):
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_our_own_deliveries_would_be_taken():
    header = signature(SECRET, BODY, at=NINE)
    assert check(header) == header.partition("v1=")[2]


def test_while_secrets_are_changed_over_both_are_good():
    for secret in ("new", "old"):
        assert check(signature(secret, BODY, at=NINE), secrets=["new", "old"])
    two = f"{signature('unknown', BODY, at=NINE)},{signature('old', BODY, at=NINE).partition(',')[2]}"
    assert check(two, secrets=["new", "old"])


@pytest.mark.parametrize("off", [-300, 0, 300])
def test_a_signature_may_be_five_minutes_off(off):
    assert check(signature(SECRET, BODY, at=NINE), at=NINE + timedelta(seconds=off))


@pytest.mark.parametrize(("off", "words"), [(301, "301 s old"), (-301, "301 s ahead")])
def test_and_no_more(off, words):
    with pytest.raises(signing.NotSigned, match=words):
        check(signature(SECRET, BODY, at=NINE), at=NINE + timedelta(seconds=off))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (signature("wrong", BODY, at=NINE), "does not fit"),
        (signature(SECRET, b"tampered", at=NINE), "does not fit"),
        (signature(SECRET, BODY, at=NINE).replace("t=", "t=1"), "must read|does not fit"),
        ("v1=00", "must read"),
        ("t=1795424400", "must read"),
        ("t=1,t=2,v1=00", "must read"),
        ("t=99999999999999999999,v1=00", "must read"),
        ("nonsense", "must read"),
        ("t=ff,v1=00", "must read"),
    ],
)
def test_what_is_not_signed_right_is_refused(header, words):
    with pytest.raises(signing.NotSigned, match=words):
        check(header)


def test_without_a_signature_the_words_say_how():
    with pytest.raises(signing.NotSigned, match=r"X-Opscenter-Signature: t=<unix seconds>,v1="):
        signing.check({}, BODY, [SECRET], at=NINE)


def test_githubs_form_is_taken_and_tells_no_replay():
    assert check(hub(SECRET), name=signing.BODY_ONLY) == ""
    assert check(hub("old"), name=signing.BODY_ONLY, secrets=["new", "old"]) == ""


@pytest.mark.parametrize("header", [hub("wrong"), hub(SECRET, b"tampered"), hub(SECRET)[7:], "sha1=00", "sha256="])
def test_githubs_form_is_refused_when_it_does_not_fit(header):
    with pytest.raises(signing.NotSigned, match="does not fit"):
        check(header, name=signing.BODY_ONLY)
