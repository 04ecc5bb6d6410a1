"""Everything on the page but the wall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import httpx
import pytest

from tests.browser.conftest import DESK, PHONE, Visitor
from tests.fake_fleet import FakeFleet

if TYPE_CHECKING:
    from playwright.sync_api import Page

TOKEN = "0123456789abcdef-token"


def api(page: Page, path: str) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    answer: dict[str, dict[str, dict[str, dict[str, float]]]] = httpx.get(page.url.rstrip("/") + path).json()
    return answer


def test_the_stage_table_shows_the_figures_of_the_api(visitor: Visitor) -> None:
    page = visitor.open(FakeFleet())
    stages = api(page, "/api/status")["fleet"]["stages"]
    rows = page.locator("#stages tbody tr")
    assert [row.get_attribute("data-stage") for row in rows.all()] == list(stages)
    for row in rows.all():
        figures = stages[row.get_attribute("data-stage") or ""]
        for column, cell in zip(["mean", "p50", "p95", "p99", "max"], row.locator("td").all(), strict=True):
            assert float((cell.get_attribute("title") or "").removesuffix(" ms")) == figures[column]
            assert float(cell.inner_text().replace(",", "")) == pytest.approx(figures[column], rel=0.01, abs=0.006)


def test_the_page_says_whether_the_objective_is_met(visitor: Visitor) -> None:
    fleet = FakeFleet(["gate"])
    page = visitor.open(fleet)
    assert "Objective met since the start." in page.inner_text("#judgement")
    fleet.cameras["gate"].slowness = 20.0
    fleet.cameras["gate"].analyse(2000)
    page.wait_for_selector('#objective[data-met="false"]')
    page.wait_for_selector('#judgement[data-met="false"]')
    assert "Objective not met (too late) since the start." in page.inner_text("#judgement")
    assert page.inner_text("#objective-verdict") == "not met"


def test_every_frame_has_a_fate_and_they_add_up(visitor: Visitor) -> None:
    fleet = FakeFleet(["gate"])
    fleet.cameras["gate"].analyse(1000, dropped=100)
    page = visitor.open(fleet)
    assert page.inner_text("#identity") == "captured 1,500 = analysed 1,400 + stale 100"
    assert page.inner_text("#drop-rate").startswith("Drop rate 6.7% since the start, 1.0% allowed.")
    assert "broken" in (page.get_attribute("#drop-rate", "class") or "")


def test_engine_memory_processor_and_dollars_are_shown(visitor: Visitor) -> None:
    page = visitor.open(FakeFleet())
    assert page.locator("#engines .chips li").all_inner_texts() == ["openvino", "CPU", "bf16", "Apache-2.0"]
    assert "61.0% busy" in page.inner_text("#engines")
    assert page.inner_text("#figure-memory .value") == "413 MB"
    assert page.inner_text("#figure-cpu .value") == "1.62"
    assert page.inner_text("#figure-usd .value") == "$37.46"
    assert "broken" in (page.get_attribute("#figure-usd", "class") or "")


def test_without_a_price_no_dollars_are_shown(visitor: Visitor) -> None:
    page = visitor.open(FakeFleet(usd_per_hour=None))
    assert page.locator("#figure-usd").is_hidden()


def test_problems_are_on_top_of_the_page(visitor: Visitor) -> None:
    fleet = FakeFleet()
    page = visitor.open(fleet)
    assert page.locator("#problems").is_hidden()
    fleet.problems.append("the disk of the store is full")
    page.wait_for_selector("#problems li")
    assert page.inner_text("#problems") == "the disk of the store is full"


def test_the_charts_begin_with_the_history_and_go_on(visitor: Visitor) -> None:
    page = visitor.open(FakeFleet())
    page.wait_for_function(
        "() => (document.querySelector('#chart-fps .chart-line')?.getAttribute('d').split('L').length ?? 0) >= 3"
    )
    assert page.inner_text("#chart-fps strong") == "10.0"
    assert "analysed frames/s" in (page.get_attribute("#chart-fps svg", "aria-label") or "")


def test_a_camera_is_added_by_the_form(visitor: Visitor) -> None:
    visitor.expected = ("409",)
    fleet = FakeFleet()
    page = visitor.open(fleet)
    page.click("#add-camera")
    page.fill("[name=name]", "gate")
    page.click("#adder .strong")
    assert page.inner_text("#adder .form-error") == "Give the camera a source."
    page.fill("[name=source]", "rtsp://bob:hunter2secret@10.0.0.9/1")
    page.fill("[name=fps]", "2.5")
    page.click("#adder .strong")
    page.wait_for_function("() => document.querySelector('#adder .form-error').textContent.includes('already')")
    page.fill("[name=name]", "back door")
    page.keyboard.press("Enter")
    page.wait_for_selector('[data-camera="back door"]')
    assert page.locator("#adder").is_hidden()
    assert fleet.cameras["back door"].spec.fps == 2.5
    assert "hunter2secret" not in page.content()


def test_a_camera_is_removed_only_after_asking(visitor: Visitor) -> None:
    fleet = FakeFleet()
    page = visitor.open(fleet)
    page.click('[data-camera="gate"] .tile-open')
    page.click("#closeup [data-do=remove]")
    assert page.inner_text("#remover-title") == "Remove gate?"
    page.click("#remover [data-do=cancel]")
    assert "gate" in fleet.cameras
    page.click("#closeup [data-do=remove]")
    page.click("#remover [data-do=confirm]")
    page.wait_for_selector('[data-camera="gate"].tile', state="detached")
    assert list(fleet.cameras) == ["yard"]
    assert page.locator("#closeup").is_hidden()


def test_the_token_is_asked_for_and_leaves_the_address(visitor: Visitor) -> None:
    visitor.expected = ("401",)
    server = visitor.serve(FakeFleet(), token=TOKEN)
    page = visitor.page()
    page.goto(server.url)
    page.fill("[name=token]", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?token=wrong")
    page.fill("[name=token]", TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_selector("#link[data-link=open]")
    assert page.url == server.url + "/"
    assert page.evaluate("document.cookie") == ""
    [cookie] = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    page.reload()
    page.wait_for_selector("#link[data-link=open]")


def test_a_lost_connection_is_said_and_mended(visitor: Visitor) -> None:
    visitor.expected = ("WebSocket connection", "ERR_CONNECTION_REFUSED")
    fleet = FakeFleet()
    server = visitor.serve(fleet)
    page = visitor.page()
    page.goto(server.url)
    page.wait_for_selector("#link[data-link=open]")
    assert page.locator("#lost").is_hidden()
    server.stop()
    page.wait_for_selector("#lost:visible")
    assert "Pictures and figures are from" in page.inner_text("#lost")
    fleet.remove_camera("yard")
    visitor.serve(fleet, port=int(server.url.rsplit(":", 1)[1]))
    page.wait_for_selector("#lost", state="hidden")
    page.wait_for_selector('[data-camera="yard"]', state="detached")


def test_a_page_left_open_asks_for_a_token_that_has_changed(visitor: Visitor) -> None:
    visitor.expected = ("WebSocket connection", "ERR_CONNECTION_REFUSED", "401")
    fleet = FakeFleet()
    server = visitor.serve(fleet, token=TOKEN)
    page = visitor.page()
    page.goto(f"{server.url}/?token={TOKEN}")
    page.wait_for_selector("#link[data-link=open]")
    server.stop()
    page.wait_for_selector("#lost:visible")
    visitor.serve(fleet, token=TOKEN[::-1], port=int(server.url.rsplit(":", 1)[1]))
    page.wait_for_selector("input[name=token]")
    page.fill("[name=token]", TOKEN[::-1])
    page.keyboard.press("Enter")
    page.wait_for_selector("#link[data-link=open]")


def test_the_dialogs_say_how_long_a_change_lasts(visitor: Visitor) -> None:
    page = visitor.open(FakeFleet())
    page.click("#add-camera")
    assert "until it is removed or camslice restarts" in page.inner_text("#adder")
    page.click("#adder [data-do=cancel]")
    page.click('[data-camera="gate"] .tile-open')
    page.click("#closeup [data-do=remove]")
    assert "until it is added here again or camslice restarts" in page.inner_text("#remover")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_page_follows_the_system_until_a_theme_is_chosen(visitor: Visitor, theme: Literal["dark", "light"]) -> None:
    page = visitor.open(FakeFleet(), theme=theme)

    def lightness() -> float:
        return float(page.evaluate("Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"))

    assert (lightness() > 128) is (theme == "light")
    page.click("#theme")
    assert (lightness() > 128) is (theme == "dark")
    page.reload()
    assert (lightness() > 128) is (theme == "dark")


CONTRAST = """(selectors) => {
  const channels = (colour) => {
    const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, alpha] = channels(getComputedStyle(at).backgroundColor);
      if (alpha === 255) return [r, g, b];
    }
    return [255, 255, 255];
  };
  return selectors.map((selector) => {
    const element = document.querySelector(selector);
    const [a, b] = [luminance(channels(getComputedStyle(element).color).slice(0, 3)), luminance(ground(element))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  });
}"""


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_stands_out_from_its_ground(visitor: Visitor, theme: Literal["dark", "light"]) -> None:
    fleet = FakeFleet()
    fleet.cameras["gate"].slowness = 20.0
    fleet.cameras["gate"].analyse(2000, dropped=900)
    page = visitor.open(fleet, theme=theme)
    selectors = [
        "#condition", "#link", "#add-camera", "#wall-view", ".note", ".figure h2", "#objective-verdict", ".tile-name",
        ".tile-state", ".tile-figures dt", ".tile-figures .broken dd", ".tile-trouble", ".stages thead th", ".stages td.broken",
        ".judgement", ".identity", ".chips li", ".filter [aria-pressed=false]", ".foot",
    ]  # fmt: skip
    ratios = page.evaluate(CONTRAST, selectors)
    assert {name: round(ratio, 2) for name, ratio in zip(selectors, ratios, strict=True) if ratio < 4.5} == {}


@pytest.mark.parametrize("size", [PHONE, (820, 1180), DESK, (2560, 1440)])
def test_nothing_sticks_out_of_the_screen(visitor: Visitor, size: tuple[int, int]) -> None:
    page = visitor.open(FakeFleet(["gate", "a camera with quite a long name indeed, longer than any tile"]), size)
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    page.click('[data-camera="gate"] .tile-open')
    page.wait_for_selector("#closeup-streams td")
    box = page.locator("#closeup").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size[0]
