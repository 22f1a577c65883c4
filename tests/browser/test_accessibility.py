"""axe-core finds nothing serious on any page, light or dark, with every fold open."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import DESK, PHONE

pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]
BY = {
    "linus": [
        "/incidents/", "/incidents/?status=all", "/incidents/?q=nothing+like+it", "/incidents/new/",
        "/incidents/99999/", "long", "taken", "held", "drill", "resolved", "closed", "false positive", "correct",
        "draft", "submitted", "approved", "/reviews/", "/alerts/", "/alerts/?show=all", "/on-call/",
        "/webhooks/", "/webhooks/?q=nothing+like+it", "webhook",
    ],
    "ada": ["resolved", "submitted"],
    "margaret": ["long", "/incidents/new/", "/webhooks/", "webhook"],
    "": [
        "/status/", "/status/history/", "/status/subscribe/", "/login/", "link of another", "link too late",
        "link expired",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def axe():
    return Axe()


@pytest.mark.parametrize(("scheme", "device"), [("light", DESK), ("dark", PHONE)], ids=["light", "dark"])
@pytest.mark.parametrize("name", list(BY))
def test_axe_finds_nothing_serious(site, visitor, axe, name, scheme, device):
    page = visitor(name, color_scheme=scheme, **device)
    found = []
    for place in BY[name]:
        page.goto(site.at(place))
        page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
        for fault in axe.run(page).response["violations"]:
            if fault["impact"] in ("serious", "critical"):
                where = [node["html"][:200] + " " + str(node.get("any", [{}])[:1]) for node in fault["nodes"][:3]]
                found.append(f"{place}: {fault['id']}: {fault['help']}: {where}")
    assert not found, "\n".join(found)


def test_the_refused_form_is_told_to_a_screen_reader(site, visitor):
    page = visitor("linus")
    page.goto(site.at("long"))
    page.locator("#tool-facts summary").click()
    page.locator("#facts-started_at").fill("yesterday")
    page.get_by_role("button", name="Save the facts").click()
    field = page.locator("#facts-started_at")
    assert field.get_attribute("aria-invalid") == "true"
    described = field.get_attribute("aria-describedby").split()
    texts = [page.locator(f"#{name}").inner_text() for name in described]
    assert any("Write the time as" in text for text in texts)
