"""What is taken out of a public version, what stays in it, and that a leak is told before anybody outside reads it."""

import pytest
from django.test import Client
from django.urls import reverse

from reviews import redacting
from tests.accounts import signed_in
from tests.factories import ReviewAnswerFactory, ReviewFactory, UserFactory

LEAKS = [
    # telephone numbers without a country code
    ("0812-3456-7890", "[removed]"),
    ("0812.3456.7890", "[removed]"),
    ("081234567890", "[removed]"),
    ("(021) 555-1234", "[removed]"),
    ("(021)5551234", "[removed]"),
    ("021 555 1234", "[removed]"),
    ("(555) 123-4567", "[removed]"),
    ("1-800-555-1234", "[removed]"),
    # secrets by their names
    ('{"password": "hunter2"}', '{"password"[removed]}'),
    ('{"token":"a \\"b\\" c", "x": 1}', '{"token"[removed], "x": 1}'),
    ("SECRET_KEY=abc123def", "SECRET_KEY[removed]"),
    ("apikey=zzzyyy123", "apikey[removed]"),
    ("api-key = a", "api-key[removed]"),
    ("AWS_SECRET_ACCESS_KEY=wJalr/x+y", "AWS_SECRET_ACCESS_KEY[removed]"),
    ("PGPASSWORD: x", "PGPASSWORD[removed]"),
    ("DB_PASSWORD='a b'", "DB_PASSWORD[removed]"),
    ("clientSecret: a,b", "clientSecret[removed]"),
    ("--password hunter2", "--password[removed]"),
    ("Authorization: Bearer abcdef123456", "Authorization: [removed]"),
    # links without a scheme, and hosts
    ("www.intra.example.com/x?y=1", "[removed]"),
    ("localhost:8000", "[removed]"),
    ("db1.prod.example.com", "[removed]"),
    ("db1.prod.example.com:5432/app", "[removed]"),
    ("db1.example:5432", "[removed]"),
    ("postgres:5432", "[removed]"),
    ("web-1:80", "[removed]"),
    ("ada@mail.prod.example.org", "[removed]"),
]
INNOCENT = [
    "2026-11-22 10:30:00 UTC", "2026-11-22T10:30:00Z", "2026-11-22-1030", "22.11.2026, 09:15-10:40", "01.02.2026 10:30",
    "01/02/2026", "01-02-2026 to 03-02-2026", "from 0900 to 1130", "0200-0330", "10:30-11:45", "UTC+07:00",
    "INC-2026-0042, #1234 and #000123456", "12 345 orders", "12,345 and 1.234.567", "1 000 000 000 rows",
    "10 000-20 000 rows", "Rp 12.500.000 or 1.000.000,50", "0.123456789", "99.95 %", "12345678 rows",
    "since 1700000000", "port 8080 and :8080", "HTTP 502", "error 5000 at step 3:30", "line:4200", "since:2026",
    "16:9 and 3:1", "version 1.2.3, v2.10.0-rc1 and v2.1.beta", "backup.tar.gz and app.min.js", "reviews/views.py:116",
    "Node.js 20.1",
    "the password reset was slow, tokens expired", "the secretary: Mary", "Basic functionality", "bearer certificates",
    "e.g. U.S. and i.e. a.m.", "It failed.We restarted.", "example.com", "an admin and the root cause of the system",
    "password: [removed] and password[removed]",
]  # fmt: skip


@pytest.mark.parametrize(("text", "redacted"), LEAKS)
def test_what_is_not_for_everybody_is_taken_out(text, redacted):
    assert redacting.redact(f"See {text} now.") == f"See {redacted} now."


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_innocent_stays(text):
    names = ["admin", "root", "System", "ada"]
    assert redacting.redact(f"See {text} now.", names) == f"See {text} now."


@pytest.mark.parametrize("text", ["a.", "a-", "password", "x_secret_", "a+", "::", "012 ", "-", '"'])
def test_no_text_keeps_the_patterns_busy(text):
    assert redacting.redact(text * 20_000) is not None  # a pattern that tries anew at each letter takes minutes


@pytest.fixture
def review(grace):
    review = ReviewFactory(author=grace, status="approved", summary="jdoe saw it", incident__status="closed")
    text = "\n".join(text for text, _ in LEAKS) + "\nTold by Jane Doering and jdoe."
    ReviewAnswerFactory(review=review, key="impact", prompt="Who was hurt?", text=text, public=True)
    ReviewAnswerFactory(review=review, key="more", prompt="More?", text="\n".join(INNOCENT), public=True, position=1)
    UserFactory(username="jdoe", first_name="Jane", last_name="Doering")  # an account without a contact
    return review


@pytest.mark.django_db
def test_the_draft_on_the_page_names_nobody_and_a_leak_is_told_before_it_is_public(review, grace):
    commander, address = signed_in(Client(), grace, "Incident Commander"), reverse("review-public", args=[review.pk])
    page = commander.get(address)
    drafted = page.context["form"].initial["text"]
    assert page.context["leaks"] == []
    assert "an engineer saw it" in drafted
    assert "Told by an engineer and an engineer." in drafted
    assert "\n".join(INNOCENT) in drafted
    for leaking in ("Call 0812-3456-7890", '{"password": "hunter2"}', "On db1.prod.example.com", "By jdoe", "Doering"):
        refused = commander.post(address, {"title": "Checkout", "text": f"{leaking}.", "do": "show"})
        assert refused.status_code == 409
        assert len(refused.context["leaks"]) == 1
    review.refresh_from_db()
    assert review.public_at is None
    assert commander.post(address, {"title": "Checkout", "text": drafted, "do": "show"}).status_code == 302
