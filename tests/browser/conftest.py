"""A real web process on a data folder of its own, and Debian's Chromium to look at it."""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.accounts import PASSWORD
from tests.process.instance import clean_environment, until

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1280, "height": 900}}
BUSY = 30_000  # milliseconds; a wait ends when what it waits for is there
expect.set_options(timeout=BUSY)


@dataclass(frozen=True)
class Site:
    """Where Opscenter answers, and what is on its pages: name -> path."""

    url: str
    paths: dict[str, str]

    def at(self, place: str) -> str:
        """The address of a named place, or of a path."""
        return self.url + self.paths.get(place, place)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def site(tmp_path_factory, migrated: Path) -> Iterator[Site]:
    """Opscenter's web process by Granian, as `bin/run` starts it, with the rows of stage.py."""
    data, port = tmp_path_factory.mktemp("site"), _free_port()
    url = f"http://127.0.0.1:{port}"
    env = clean_environment() | {
        "OPSCENTER_DATA": str(data), "OPSCENTER_BASE_URL": url, "OPSCENTER_ENGINE": "inline", "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "opscenter.settings", "LOG_LEVEL": "WARNING",
    }  # fmt: skip

    def python(*words: str) -> str:
        done = subprocess.run([sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return done.stdout

    shutil.copy(migrated, data)
    paths = json.loads(python("-m", "tests.browser.stage").splitlines()[-1])
    words = [
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "opscenter.wsgi:application",
    ]
    with (data / "web.log").open("w") as log:
        web = subprocess.Popen([sys.executable, *words], cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        until(lambda: web.poll() is not None or _answers(url), 60)
        assert web.poll() is None, (data / "web.log").read_text()
        yield Site(url, paths)
    finally:
        web.terminate()
        web.wait(20)


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/login/", timeout=20).status_code == 200
    except requests.RequestException:
        return False


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("No Chromium on the PATH: install Debian's package chromium to run the browser tests.")
    try:
        ctypes.CDLL("libatomic.so.1")
    except OSError:
        pytest.skip("No libatomic.so.1, which the browser's driver needs: install Debian's package libatomic1.")
    # Playwright keeps an event loop in this thread; Django would take any query beside it for one made in a coroutine
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


Visitor = Callable[..., Page]


@pytest.fixture
def visitor(chromium, site) -> Iterator[Visitor]:
    """`visitor(name, **device)` opens a browser of its own, signed in when `name` is given.

    At the end of the test no page may have met a script error or an offence against the content security policy.
    """
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def visit(name: str = "", **device) -> Page:
        context = chromium.new_context(**{"timezone_id": "Asia/Jakarta", "locale": "en-GB", **DESK, **device})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(BUSY)
        page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
        page.on("console", lambda said: _is_fault(said) and faults.append(f"{page.url}: {said.text}"))
        if name:
            page.goto(site.at("/login/"))
            sign_in(page, name)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not faults


def _is_fault(said: ConsoleMessage) -> bool:
    # a status such as 404 is told as an error too, by the browser and by htmx, but it is the answer that was asked for
    asked_for = "the server responded with a status" in said.text or "Response Status Error Code" in said.text
    return said.type in ("error", "warning") and not asked_for


def sign_in(page: Page, name: str) -> None:
    """Fill in the login page that is shown."""
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login/" not in url)
