"""A review from its first word to the PDF, in Chromium, by an incident commander and an approver."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE

pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]
WRITTEN = {
    "Summary": "Card payments failed for an hour.",
    "Who was affected, how, and for how long?": "Whoever paid by card, for 60 minutes.",
    "What caused it?": "The certificate of the payment gateway had expired.",
    "What happened?": "Card payments were refused.",
    "Why? (1)": "The gateway's certificate was not accepted.",
    "Why? (2)": "Nobody had renewed it.",
    "Factor 1": "Renewal is done by hand",
    "What went well?": "The page came within a minute.",
}
PREVENTION = "What keeps it from happening again?"


def test_a_review_is_written_approved_published_and_taken_away(site, visitor, tmp_path):
    page = visitor("linus")
    page.goto(site.at("unwritten"))
    page.locator("#do-review").click()
    expect(page.locator(".incident .status")).to_have_text("Draft")
    expect(page.get_by_role("region", name="Response targets")).to_contain_text("Met")
    for label, words in WRITTEN.items():
        page.get_by_label(label, exact=True).fill(words)
    page.get_by_role("button", name="Submit").click()
    # a draft that lacks something is kept, and says what it lacks
    expect(page.get_by_role("alert").or_(page.locator(".notice")).first).to_contain_text(PREVENTION)
    expect(page.get_by_label("Summary")).to_have_value(WRITTEN["Summary"])
    page.get_by_label(PREVENTION, exact=True).fill("A rule warns thirty days before.")
    page.get_by_label("New action item").fill("Watch when certificates expire")
    page.get_by_label("Who", exact=True).select_option("ada")
    page.get_by_label("Until").fill((datetime.now(UTC) + timedelta(days=14)).date().isoformat())
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".incident .status")).to_have_text("In review")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)  # not by a commander
    address = page.url

    phone = visitor("ada", **PHONE)
    phone.goto(address)
    expect(phone.locator("article")).to_contain_text("The certificate of the payment gateway had expired.")
    phone.get_by_role("button", name="Approve").tap()
    expect(phone.locator(".incident .status")).to_contain_text("Approved")

    page.goto(address)
    page.get_by_role("button", name="Publish").click()
    expect(page.locator(".incident .status")).to_have_text("Published")
    page.get_by_role("link", name="Reports", exact=True).last.click()
    page.get_by_role("link", name="Incident report").first.click()
    for words in (*WRITTEN.values(), "Watch when certificates expire", "A rule warns thirty days before."):
        expect(page.locator("main")).to_contain_text(words)
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").first.click()
    download.value.save_as(tmp_path / "review.pdf")
    content = (tmp_path / "review.pdf").read_bytes()
    assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF") and len(content) > 5_000
