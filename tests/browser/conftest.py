"""A real browser on a real server over a fake fleet. Every visit must end without an error and without a foreign request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import pytest

from camslice.web.app import create_app
from camslice.web.server import WebServer
from tests.fake_fleet import FakeFleet, parse_camera
from tests.needs import program

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK, PHONE = (1600, 1000), (390, 844)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium with a fresh profile. Ends with its module: Playwright's event loop must not outlive it."""
    executable = program("chromium", "chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=QUIET)
        yield chromium
        chromium.close()


@dataclass
class Visitor:
    """Opens pages and keeps account of what they complained about and whom they talked to."""

    browser: Browser
    servers: list[WebServer] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    expected: tuple[str, ...] = ()

    def serve(self, fleet: FakeFleet, token: str | None = None, port: int = 0) -> WebServer:
        """Serve a fleet until the test ends."""
        server = WebServer(create_app(fleet, token=token, parse_camera=parse_camera), "127.0.0.1", port)
        server.start()
        self.servers.append(server)
        return server

    def page(self, size: tuple[int, int] = DESK, theme: Literal["dark", "light"] = "dark") -> Page:
        """A fresh page without cookies."""
        context = self.browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=theme)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._note)
        page.on("websocket", lambda socket: self.hosts.add(urlsplit(socket.url).netloc))
        return page

    def open(
        self, fleet: FakeFleet, size: tuple[int, int] = DESK, theme: Literal["dark", "light"] = "dark", path: str = "/"
    ) -> Page:
        """The page of a fleet, connected."""
        page = self.page(size, theme)
        page.goto(self.serve(fleet).url + path)
        page.wait_for_selector("#link[data-link=open]")
        return page

    def end(self) -> None:
        """Close everything; then nothing may have gone wrong unseen."""
        for context in self.browser.contexts:
            context.close()
        for server in self.servers:
            server.stop()
        unexpected = [line for line in self.complaints if not any(words in line for words in self.expected)]
        assert unexpected == []
        assert self.hosts <= {urlsplit(server.url).netloc for server in self.servers}

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _note(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.hosts.add(urlsplit(request.url).netloc)


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    visitor = Visitor(browser)
    yield visitor
    visitor.end()
