"""Takes the README's picture of the page, from drawn scenes: `python -m tests.browser.picture docs/pictures/wall-dark.png`."""

from __future__ import annotations

import io
import sys
import threading
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from camslice.video.camera_state import CameraState
from camslice.web.app import create_app
from camslice.web.server import WebServer
from tests.browser.conftest import DESK, QUIET
from tests.fake_fleet import FakeFleet, parse_camera
from tests.needs import program

CAMERAS = ["gate", "yard", "loading bay", "north stairs", "lobby", "roof", "car park", "bike racks", "platform 1"]
HISTORY_S = 75


def main(path: Path) -> None:
    """Let a fleet run for a while, then take the picture."""
    fleet = FakeFleet(CAMERAS, usd_per_hour=0.10264)
    fleet.cameras["roof"].state = CameraState.RECONNECTING
    fleet.cameras["roof"].reason = "10.0.0.17 refused the connection; trying again in 8 s"
    stopping = threading.Event()
    running = threading.Thread(target=_run, args=(fleet, stopping))
    server = WebServer(create_app(fleet, token=None, parse_camera=parse_camera), "127.0.0.1", 0)
    server.start()
    running.start()
    try:
        stopping.wait(HISTORY_S)
        _shoot(server.url, path)
    finally:
        stopping.set()
        running.join()
        server.stop()


def _run(fleet: FakeFleet, stopping: threading.Event) -> None:
    turn = 0
    while not stopping.wait(0.2):
        turn += 1
        with fleet.lock:
            for place, camera in enumerate(fleet.cameras.values()):
                if camera.state is not CameraState.LIVE:
                    camera.age_ms = (camera.age_ms or 0.0) + 200
                    continue
                slow = camera.spec.name == "bike racks"
                camera.slowness = 4.7 if slow else 1.6 + 0.7 * float(np.sin(turn / 40 + place / 9))
                camera.analyse(1, dropped=int(slow and turn % 60 == 0), seed=turn * 100 + place)
                camera.age_ms = 80 + 25 * float(np.sin(turn + place))


def _shoot(url: str, path: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium", "chromium"), args=QUIET)
        page = browser.new_page(viewport={"width": DESK[0], "height": DESK[1]}, color_scheme="dark")
        page.goto(url)
        page.wait_for_selector("#link[data-link=open]")
        page.wait_for_function(
            "() => [...document.querySelectorAll('.tile canvas')].slice(0, 9).every((one) => one.width > 100)"
        )
        page.wait_for_timeout(1500)
        picture = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    few_colours = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
    few_colours.save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
