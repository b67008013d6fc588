"""A real browser: Debian's Chromium, installed where missing, which notes what a page asked for and complained of."""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from local import stack
from tests.e2e.station import Station

WIDE: Final = (1280, 900)
PHONE: Final = (390, 844)
SCREENSHOTS: Final = "ML_LOOP_SCREENSHOTS"
"""Folder that pictures are kept in, such as docs/images; unset: the test's own."""


def install() -> str:
    """Chromium's path. A new machine has none."""
    if (found := shutil.which("chromium")) is None:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (("update", "-qq"), ("install", "-y", "-qq", "--no-install-recommends", "chromium")):
            subprocess.run(["apt-get", *command], env=environment, check=True, capture_output=True)
        found = shutil.which("chromium")
    assert found is not None, "apt-get has installed no chromium"
    return found


@dataclass
class Visit:
    """One tab, and what happened in it."""

    page: Page
    hosts: set[str] = field(default_factory=set[str])
    """Whom the page asked for anything."""
    complaints: list[str] = field(default_factory=list[str])
    """What the browser wrote to its console as an error."""

    def see(self, url: str, text: str) -> None:
        """Opens an address, and waits until a reader finds the text."""
        self.page.goto(url)
        self.page.get_by_text(text).first.wait_for(timeout=30_000)


@dataclass(frozen=True)
class Chromium:
    """A browser, and where its pictures go."""

    browser: Browser
    pictures: Path

    @contextmanager
    def visit(self, size: tuple[int, int] = WIDE, *, dark: bool = False) -> Generator[Visit]:
        page = self.browser.new_page(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
        )
        visit = Visit(page)
        page.on("request", lambda request: visit.hosts.add(urlsplit(request.url).netloc))
        page.on("console", lambda said: visit.complaints.append(said.text) if said.type == "error" else None)
        yield visit
        page.close()

    def keep(self, page: Page, name: str) -> None:
        """A picture of the whole page."""
        page.screenshot(path=self.pictures / f"{name}.png", full_page=True)


def page_of(station: Station) -> str:
    """Where the page of the loop is, with a slash at its end."""
    return str(stack.outputs(stack.BUILT_IN, station.paths)["page"])


@contextmanager
def chromium(own: Path) -> Generator[Chromium]:
    pictures = Path(os.environ.get(SCREENSHOTS) or own)
    with sync_playwright() as playwright:
        # As root there is no sandbox to make; what is opened is ours.
        browser = playwright.chromium.launch(executable_path=install(), args=["--no-sandbox"])
        yield Chromium(browser, pictures)
        browser.close()
