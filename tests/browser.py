"""A browser for tests: the system's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.node import unavailable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
INSECURE_HOST = "insecure.test"
"""A name for 127.0.0.1 that browsers do not trust as they do localhost."""


# Not for the session: while Playwright's synchronous interface is in use, an event loop counts as
# running in this thread, and no other test could run its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a Chromium that runs for the module, and keeps pages that one may go back to."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("needs playwright")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        unavailable(f"needs Chromium: none of {', '.join(PROGRAMS)} is on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1",
            ],
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a user with an empty cache and storage, whose pages raise no error of their own."""
    context = browser.new_context()
    context.set_default_timeout(5000)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context
    context.close()
    assert not errors


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Return a tab."""
    page = context.new_page()
    # Whoever waits for a message has Playwright's driver listen only then, without knowing when it
    # does: so it listens from the start.
    page.on("console", lambda _: None)
    return page
