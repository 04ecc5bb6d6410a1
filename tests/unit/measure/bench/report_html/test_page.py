"""The page stands alone, holds everything, and is never half written."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import CamsliceError
from camslice.fleet.types import Topology
from camslice.measure.bench.report import Price
from camslice.measure.bench.report_html import page
from camslice.measure.bench.report_html.page import render, require_place, write_page
from tests.unit.measure.bench.made import report, row, trial

TWO = report(row(Topology.SLICED, 3, trial(), trial()), row(Topology.POOLED, 3), price=Price(0.1))
_EMPTY = {"meta", "link", "br"}


class Reader(HTMLParser):
    """Notes elements and refuses those that are closed out of order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += data

    def bars(self, name: str) -> list[float]:
        """Widths of the rectangles of a class."""
        return [float(at["width"] or 0) for tag, at in self.elements if tag == "rect" and at.get("class") == name]


def embedded(html: str) -> Any:
    found = re.search(r'<script type="application/json" id="report">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_page_asks_the_network_for_nothing_and_runs_nothing() -> None:
    reader = Reader(render(TWO))
    for tag, attributes in reader.elements:
        assert tag not in {"img", "iframe", "object", "embed"}
        assert tag != "script" or attributes["type"] == "application/json"
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert "url(" not in render(TWO)
    assert "@import" not in render(TWO)


def test_the_whole_report_is_embedded_with_its_raw_histograms() -> None:
    assert embedded(render(TWO)) == json.loads(json.dumps(TWO))


def test_names_that_look_like_html_stay_text() -> None:
    nasty = "</script><script>alert(1)</script>"
    html = render({**TWO, "command": nasty, "clip": {"name": nasty, "sha256": None}})
    assert "alert(1)" in Reader(html).text
    assert html.count("<script") == 1
    assert embedded(html)["command"] == nasty


def test_every_row_is_drawn_in_every_plot() -> None:
    reader = Reader(render(TWO))
    labels = [attributes["aria-label"] for tag, attributes in reader.elements if tag == "svg"]
    assert labels == [
        "mean latency of each row, cut into stages",
        "distribution of latency of each row",
        "frames per second",
        "MB of memory per camera",
        "per camera and month",
    ]
    hills = [attributes for tag, attributes in reader.elements if tag == "path"]
    assert [hill["class"] for hill in hills] == ["hill sliced", "hill pooled"]
    assert len(reader.bars("sliced")) == len(reader.bars("pooled")) == 3
    assert "$24.33" in reader.text


def test_bars_of_stages_are_as_long_as_their_means() -> None:
    reader = Reader(render(report(row(Topology.SLICED, 1, trial([14.0] * 10)))))
    decode, inference = reader.bars("stage-decode"), reader.bars("stage-inference")
    assert inference[0] / decode[0] == pytest.approx(10.0, rel=0.02)


def test_without_a_price_there_are_no_dollars() -> None:
    assert "Dollars" not in Reader(render(report(row()))).text


def test_a_partial_report_is_a_page_that_says_so() -> None:
    failed = row(Topology.SLICED, 54)
    failed.trials, failed.failure = [], "54 pods do not fit into memory"
    some, none = report(row(), failed, stopped=True), report(row(Topology.SLICED, 2, trial(partial=True)), stopped=True)
    assert "54 pods do not fit into memory" in Reader(render(some)).text
    assert "Partial" in Reader(render(none)).text
    assert "Partial" not in Reader(render(TWO)).text


def test_a_row_that_analysed_nothing_is_in_the_table_and_not_among_the_hills() -> None:
    frames = FrameCounts(captured=777, superseded=777)
    nothing = row(Topology.SLICED, 2, trial([], frames=frames))
    for rows, svgs in (((row(), nothing), 4), ((nothing,), 2)):
        reader = Reader(render(report(*rows)))
        assert "no frame was analysed" in reader.text
        assert "777" in reader.text
        assert "never" in reader.text
        assert len([tag for tag, _ in reader.elements if tag == "svg"]) == svgs


def test_a_report_of_nothing_is_a_page_too() -> None:
    unreached = row()
    unreached.trials = []
    reader = Reader(render(report(unreached, stopped=True)))
    assert "Partial" in reader.text
    assert "How it was measured" in reader.text
    assert not [tag for tag, _ in reader.elements if tag == "svg"]


def test_the_page_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.html"
    write_page(path, TWO)
    before = path.read_text()

    def broken(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(page.os, "fdopen", broken)
    with pytest.raises(OSError, match="no space"):
        write_page(path, report(row()))
    assert path.read_text() == before
    assert [each.name for each in tmp_path.iterdir()] == ["out.html"]


@pytest.mark.parametrize("name", ["missing/out.html", "."])
def test_a_place_where_nothing_can_be_written_is_refused_beforehand(tmp_path: Path, name: str) -> None:
    with pytest.raises(CamsliceError, match="cannot be written there"):
        require_place(tmp_path / name)
    require_place(tmp_path / "out.html")
