"""The wall of cameras in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec
from camslice.video.camera_state import CameraState
from tests.browser.conftest import PHONE, Visitor
from tests.fake_fleet import MODEL, FakeFleet

if TYPE_CHECKING:
    from playwright.sync_api import Page


def picture_of(page: Page, camera: str) -> str:
    """What the camera's canvas shows, as a data URL; waits until it shows something of a real size."""
    canvas = f'[data-camera="{camera}"] canvas'
    page.wait_for_function("canvas => document.querySelector(canvas).width > 100", arg=canvas)
    return str(page.eval_on_selector(canvas, "canvas => canvas.toDataURL()"))


def wait_for_another_picture(page: Page, camera: str, than: str) -> None:
    page.wait_for_function(
        "([canvas, than]) => document.querySelector(canvas).toDataURL() !== than",
        arg=[f'[data-camera="{camera}"] canvas', than],
    )


def shown_cameras(page: Page) -> list[str]:
    return [tile.get_attribute("data-camera") or "" for tile in page.query_selector_all(".tile:not([hidden])")]


def test_every_camera_has_a_tile_with_pictures_that_change(visitor: Visitor) -> None:
    page = visitor.open(FakeFleet(["gate", "yard"]))
    assert shown_cameras(page) == ["gate", "yard"]
    gate, yard = picture_of(page, "gate"), picture_of(page, "yard")
    assert gate != yard
    wait_for_another_picture(page, "gate", gate)
    wait_for_another_picture(page, "yard", yard)


def test_only_cameras_on_the_screen_are_drawn(visitor: Visitor) -> None:
    fleet = FakeFleet([f"camera {number}" for number in range(40)])
    page = visitor.open(fleet, PHONE)
    picture_of(page, "camera 0")
    assert not any("camera 39" in watched for watched in fleet.watched)
    page.locator('[data-camera="camera 39"]').scroll_into_view_if_needed()
    picture_of(page, "camera 39")
    assert "camera 0" not in fleet.watched[-1]


def test_a_tile_tells_the_figures_of_its_camera(visitor: Visitor) -> None:
    fleet = FakeFleet(["gate"])
    page = visitor.open(fleet)
    figures = page.locator('[data-camera="gate"] dd').all_inner_texts()
    p95_ms = fleet.cameras["gate"].stages["total"].percentile(95)
    assert p95_ms is not None
    assert figures == ["5.0", f"{p95_ms:.0f} ms", "90 ms", "0.0%"]


def test_a_camera_that_fails_says_why(visitor: Visitor) -> None:
    fleet = FakeFleet(["gate", "yard"])
    page = visitor.open(fleet)
    assert page.inner_text("#condition-text") == "All 2 cameras are well"
    fleet.cameras["yard"].state = CameraState.FAILED
    fleet.cameras["yard"].reason = "/clips/yard.mp4 is not a video"
    page.wait_for_selector('[data-camera="yard"][data-state="failed"]')
    assert page.locator('[data-camera="yard"] .tile-veil').inner_text().lower() == "failed\n/clips/yard.mp4 is not a video"
    assert page.inner_text("#condition-text") == "1 of 2 cameras in trouble"
    assert page.title() == "(1) camslice"
    assert page.inner_text("#announcer") == "yard: failed. /clips/yard.mp4 is not a video"
    fleet.cameras["yard"].state, fleet.cameras["yard"].reason = CameraState.LIVE, ""
    page.wait_for_selector('[data-camera="yard"][data-state="live"]:not([data-trouble])')
    assert page.title() == "camslice"


def test_a_camera_that_breaks_the_objective_is_red_and_says_how(visitor: Visitor) -> None:
    fleet = FakeFleet(["gate", "yard"])
    fleet.cameras["gate"].slowness = 20.0
    fleet.cameras["gate"].analyse(2000)
    page = visitor.open(fleet)
    tile = page.locator('[data-camera="gate"]')
    assert tile.get_attribute("data-trouble") == "latency"
    assert "500 ms allowed" in tile.locator(".tile-trouble").inner_text()
    assert "broken" in (tile.locator('[data-figure="p95"]').get_attribute("class") or "")
    assert page.locator('[data-camera="yard"] .broken').count() == 0


def test_at_night_only_cameras_in_trouble_are_shown(visitor: Visitor) -> None:
    fleet = FakeFleet(["gate", "yard", "roof"])
    page = visitor.open(fleet)
    page.click("[data-filter=trouble]")
    assert shown_cameras(page) == []
    assert page.inner_text("#empty") == "No camera is in trouble."
    fleet.cameras["roof"].state = CameraState.RECONNECTING
    page.wait_for_selector('[data-camera="roof"]:visible')
    assert shown_cameras(page) == ["roof"]
    assert page.inner_text("#count-trouble") == "1"
    page.click("[data-filter=all]")
    assert shown_cameras(page) == ["gate", "yard", "roof"]


def test_a_camera_is_found_by_its_name(visitor: Visitor) -> None:
    page = visitor.open(FakeFleet(["gate", "yard", "back yard"]))
    page.fill("#search", "YARD")
    assert shown_cameras(page) == ["yard", "back yard"]
    page.fill("#search", "moon")
    assert page.inner_text("#empty") == "No camera here is called “moon”."


def test_the_large_view_works_from_the_keyboard(visitor: Visitor) -> None:
    fleet = FakeFleet(["gate", "yard"])
    page = visitor.open(fleet)
    page.focus('[data-camera="gate"] .tile-open')
    page.keyboard.press("Enter")
    page.wait_for_selector("#closeup[open] #closeup-streams td")
    assert page.inner_text("#closeup-name") == "gate"
    assert "scene://gate" in page.inner_text("#closeup-facts")
    assert "person 1,200" in page.inner_text("#closeup-streams")
    page.wait_for_function("() => document.querySelector('#closeup canvas').width > 100")
    assert fleet.watched[-1] == ("gate",)
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#closeup-name") == "yard"
    page.keyboard.press("Escape")
    assert page.locator("#closeup").is_hidden()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Open gate"


def test_a_name_that_is_markup_is_only_text(visitor: Visitor) -> None:
    fleet = FakeFleet(["gate"])
    name = '<img src=x onerror="document.title=1">'
    fleet.add_camera(CameraSpec(name, Source("scene://x", "scene://x"), 1.0, (MODEL,)))
    page = visitor.open(fleet)
    assert page.locator(".tile-name").all_inner_texts() == ["gate", name]
    assert page.locator(".wall img").count() == 0
    assert page.title() == "camslice"


def test_wall_view_shows_pictures_only_and_stays_over_a_reload(visitor: Visitor) -> None:
    page = visitor.open(FakeFleet([f"camera {number}" for number in range(12)]))
    page.click("#wall-view")
    assert page.locator(".panels").is_hidden()
    page.reload()
    assert page.locator(".panels").is_hidden()
    bottoms = page.eval_on_selector_all(".tile", "tiles => tiles.map((tile) => tile.getBoundingClientRect().bottom)")
    assert max(bottoms) <= 1000
