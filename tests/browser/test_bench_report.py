"""The page of `camslice bench --report` in a real browser, opened from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from camslice.fleet.types import Topology
from camslice.measure.bench.report import Price
from camslice.measure.bench.report_html.page import write_page
from tests.browser.conftest import DESK, PHONE
from tests.unit.measure.bench.made import report, row, trial

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    rows = [
        row(topology, pods, trial([10.0 * pods, 12.0 * pods, 40.0 * pods] * 20), trial())
        for topology in (Topology.SLICED, Topology.POOLED)
        for pods in (1, 20)
    ]
    path = tmp_path / "out.html"
    write_page(path, report(*rows, price=Price(2.176)))
    return path


def opened(browser: Browser, path: Path, size: tuple[int, int], theme: Literal["dark", "light"]) -> tuple[Page, list[str]]:
    """The page, and what it complains about or asks for."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=theme)
    noted: list[str] = []
    page.on("console", lambda message: noted.append(message.text))
    page.on("pageerror", lambda error: noted.append(str(error)))
    page.on("request", lambda request: noted.append(request.url) if not request.url.startswith(("file:", "data:")) else None)
    page.goto(path.as_uri())
    return page, noted


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_it_opens_from_a_file_without_complaint_or_request(
    browser: Browser, page_file: Path, size: tuple[int, int], theme: Literal["dark", "light"]
) -> None:
    page, noted = opened(browser, page_file, size, theme)
    assert page.locator("svg").count() == 5
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0], "the page itself scrolls sideways"
    assert noted == []
    page.close()


def test_its_colours_follow_the_reader_and_paper_is_light(browser: Browser, page_file: Path) -> None:
    page, _ = opened(browser, page_file, DESK, "dark")
    colour = "getComputedStyle(document.body).color"
    dark = page.evaluate(colour)
    page.emulate_media(media="print", color_scheme="dark")
    printed = page.evaluate(colour)
    page.emulate_media(media="screen", color_scheme="light")
    assert dark != page.evaluate(colour) == printed
    page.close()


def test_no_label_lies_over_another(browser: Browser, page_file: Path) -> None:
    page, _ = opened(browser, page_file, DESK, "light")
    overlapping = page.evaluate(
        """() => [...document.querySelectorAll("svg")].flatMap((svg) => {
            const boxes = [...svg.querySelectorAll("text")].map((one) => [one.textContent, one.getBoundingClientRect()]);
            return boxes.flatMap(([words, a], i) => boxes.slice(i + 1)
                .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3)
                .map(([others]) => `${words} / ${others}`));
        })"""
    )
    assert overlapping == []
    page.close()


def test_a_program_reads_the_figures_from_the_page(browser: Browser, page_file: Path) -> None:
    page, _ = opened(browser, page_file, DESK, "light")
    topologies = page.evaluate("JSON.parse(document.getElementById('report').textContent).rows.map((row) => row.topology)")
    assert topologies == ["sliced", "sliced", "pooled", "pooled"]
    page.close()
