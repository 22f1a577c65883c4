"""From a page at three in the morning to the closed incident, in Chromium, by the people who do it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, sign_in

pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]


def seconds(page: Page, clock: str) -> int:
    """What a running clock shows, in seconds; negative once it is over."""
    text = page.locator(".clocks li", has_text=clock).locator("[data-due]").inner_text()
    hours, minutes, rest = (
        re.search(pattern, text) for pattern in (r"(\d+) h", r"(\d+)(?::\d+)? min", r"(?::(\d+) min|(\d+) s)")
    )
    total = 3600 * int(hours[1] if hours else 0) + 60 * int(minutes[1] if minutes else 0)
    total += int(next(filter(None, rest.groups()))) if rest else 0
    return -total if "over" in text else total


@pytest.mark.req("CARD-18", "CARD-23")
def test_from_the_page_to_the_closed_incident(site, visitor):
    # the message has one link: the first tap opens it, the second acknowledges
    phone = visitor(**PHONE)
    phone.goto(site.at("link"))
    button = phone.get_by_role("button", name="Acknowledge as grace")
    box = button.bounding_box()
    assert box["y"] > 844 / 2, "under the thumb"
    assert box["height"] >= 56
    assert box["width"] >= 330
    button.tap()
    expect(phone.get_by_text("Acknowledged, grace. You have it.")).to_be_visible()

    # the incident asks for a login and comes back to itself
    phone.get_by_role("link", name="Open the incident").tap()
    sign_in(phone, "grace")
    assert phone.url == site.at("paged")
    expect(phone.locator(".incident")).to_contain_text("Acknowledged by grace")
    expect(phone.get_by_role("button", name="Acknowledge")).to_have_count(0)
    before = seconds(phone, "Mitigate")
    phone.wait_for_timeout(2100)
    assert 1 <= before - seconds(phone, "Mitigate") <= 10  # a busy machine may be slow to look

    phone.get_by_text("Post an update").tap()
    phone.locator("#update-text").fill("We are rolling back.")
    phone.get_by_role("button", name="Post the update").tap()
    expect(phone.get_by_role("alert")).to_contain_text("Fill in impact")
    expect(phone.locator("#update-text")).to_have_value("We are rolling back.")
    phone.locator("#update-impact").fill("Nobody in Europe can pay.")
    phone.get_by_role("button", name="Post the update").tap()
    expect(phone.locator("#timeline")).to_contain_text("We are rolling back.")
    expect(phone.locator("#part-facts")).to_contain_text("Nobody in Europe can pay.")

    phone.get_by_text("Add a task").tap()  # its form comes when it is asked for
    phone.get_by_label("What is to be done").fill("Call the bank")
    phone.get_by_role("button", name="Put it on the list").tap()
    expect(phone.locator("#part-tasks")).to_contain_text("Call the bank")

    phone.get_by_role("button", name="Mitigated").tap()
    expect(phone.locator(".incident .status")).to_have_text("Mitigated")
    phone.get_by_role("button", name="Resolve").tap()
    expect(phone.locator(".incident .status")).to_have_text("Resolved")
    expect(phone.get_by_text("Cannot be closed yet.")).to_be_visible()
    expect(phone.get_by_role("button", name="Close", exact=True)).to_have_count(0)

    # the review is written at a desk
    desk = visitor("grace")
    desk.goto(site.at("paged"))
    desk.get_by_role("button", name="Write a review").click()
    expect(desk.locator("#id_timeline")).to_have_value(re.compile("Acknowledged by grace by link."))
    desk.get_by_label("What caused it?").fill("A release without a canary.")
    desk.get_by_label("New action item").fill("Release to one region first")
    desk.get_by_role("button", name="Submit").click()
    expect(desk.get_by_role("alert")).to_contain_text("Answer these before you submit")
    desk.get_by_label("Who was affected").fill("Shoppers in Europe, for ten minutes.")
    desk.get_by_label("What keeps it from happening again?").fill("The canary.")
    desk.get_by_role("button", name="Submit").click()
    expect(desk.locator(".incident .status")).to_have_text("In review")
    expect(desk.get_by_role("button", name="Approve")).to_have_count(0)
    address = desk.url

    other = visitor("ada")
    other.goto(address)
    expect(other.get_by_text("A release without a canary.")).to_be_visible()
    other.get_by_role("button", name="Approve").click()
    expect(other.locator(".incident")).to_contain_text("approved by ada")

    desk.reload()
    desk.get_by_role("link", name="To the incident, to close it").click()
    desk.get_by_role("button", name="Close", exact=True).click()
    expect(desk.locator(".incident .status")).to_have_text("Closed")
    expect(desk.locator("#timeline li").first).to_contain_text("Closed by grace")


def test_nothing_moves_or_is_lost_while_somebody_else_works(site, visitor):
    watcher, worker = visitor("grace", **PHONE), visitor("ada")
    for page in (watcher, worker):
        page.goto(site.at("watched"))
    watcher.get_by_text("Edit the facts").tap()
    typed = watcher.locator("#facts-cause")
    typed.fill("Half a thou")
    watcher.locator("#sent summary").tap()
    typed.focus()
    line = watcher.locator("#timeline li").last
    line.scroll_into_view_if_needed()
    watcher.evaluate("document.querySelector('#facts-cause').focus({preventScroll: true})")
    before = line.bounding_box()["y"]

    worker.get_by_label("Add to the timeline").fill("The index is being rebuilt.")
    worker.get_by_role("button", name="Add note").click()
    worker.get_by_role("button", name="Acknowledge").click()
    expect(watcher.locator("#timeline")).to_contain_text("The index is being rebuilt.", timeout=20_000)
    expect(watcher.locator(".incident")).to_contain_text("Acknowledged by ada", timeout=20_000)

    assert abs(line.bounding_box()["y"] - before) <= 1
    expect(typed).to_have_value("Half a thou")
    expect(typed).to_be_focused()
    assert watcher.locator("#tool-facts").evaluate("fold => fold.open")
    assert watcher.locator("#sent").evaluate("fold => fold.open")
    expect(watcher.locator("#timeline li", has_text="The index is being rebuilt.")).to_have_count(1)
    # the thumb that was about to acknowledge finds nothing under it, and the page offers what is true now
    expect(watcher.get_by_role("button", name="Acknowledge")).to_have_count(0)
    expect(watcher.get_by_text("The incident has moved on meanwhile.")).to_be_visible()


def test_an_unchanged_page_is_not_touched(site, visitor):
    page = visitor("grace")
    answers = []
    page.goto(site.at("held"), wait_until="networkidle")  # the chart comes after the page
    page.evaluate("new MutationObserver(seen => window.touched = (window.touched || 0) + seen.filter(one => "
                  "!one.target.closest('[data-due],[data-since]')).length)"
                  ".observe(document.querySelector('main'), {subtree: true, childList: true})")  # fmt: skip
    page.on("response", lambda response: "/live/" in response.url and answers.append(response.status))
    page.wait_for_timeout(11_000)
    assert set(answers) == {204}
    assert not page.evaluate("window.touched")


def test_a_page_that_hears_nothing_says_so_and_recovers(site, visitor):
    page = visitor("grace")
    page.goto(site.at("held"))
    page.route("**/live/**", lambda route: route.fulfill(status=502))
    page.evaluate("htmx.trigger('#live', 'refresh')")
    expect(page.get_by_text("What you see may be old.")).to_be_visible()
    page.unroute("**/live/**")
    page.evaluate("htmx.trigger('#live', 'refresh')")
    expect(page.get_by_text("What you see may be old.")).to_be_hidden()
    page.context.clear_cookies()
    page.evaluate("htmx.trigger('#live', 'refresh')")
    expect(page.get_by_text("You are logged out")).to_be_visible()


@pytest.mark.parametrize("place", ["/incidents/", "paged", "link of another", "/alerts/", "/on-call/", "draft"])
def test_the_first_load_is_light_and_fits_a_phone(site, visitor, place):
    page = visitor("grace", **PHONE)
    page.context.clear_cookies()
    loaded: dict[str, int] = {}
    page.goto(site.at("/login/"))
    sign_in(page, "grace")
    page.on("response", lambda response: loaded.update({response.url: len(response.body())}))
    page.context.route("**/*", lambda route: route.continue_())  # keeps the cache out of it
    page.goto(site.at(place), wait_until="load")
    page.wait_for_timeout(300)
    assert sum(loaded.values()) < 100_000, loaded
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"


def test_times_are_in_utc_with_the_local_time_beside(site, visitor):
    page = visitor("grace")
    page.goto(site.at("taken"))
    since = page.locator(".incident time").first
    assert since.inner_text().endswith("UTC")
    utc, local = since.get_attribute("datetime")[11:13], since.get_attribute("data-local")[:2]
    assert (int(utc) + 7) % 24 == int(local)  # Jakarta
    assert "here" in page.locator("#timeline time").first.get_attribute("title")


def test_the_keyboard_is_enough(site, visitor):
    page = visitor("grace")
    page.goto(site.at("/incidents/"))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.goto(site.at("held"))
    page.locator("#tool-update summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#update-text")).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
