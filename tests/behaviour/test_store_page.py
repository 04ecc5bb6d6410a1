"""What docs/reference/store.md tells other programs about the store is what stands in it.

That its programs run at all is seen with the commands of the page, in test_docs_commands.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from camslice.events.store.packing import pack_frames, unpack_frame
from camslice.events.store.retention import ROLLUPS_KEPT_TIMES
from camslice.events.store.schema import VERSION, metadata
from camslice.fleet.stages import StageTimes
from camslice.models.detections import Detections
from tests.docs_blocks import ROOT, blocks

PAGE = ROOT / "docs" / "reference" / "store.md"


def test_the_page_names_every_table_and_column_and_the_version() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE.read_text()))
    for table in metadata.sorted_tables:
        assert {table.name, *(column.name for column in table.columns)} <= named, table.name
    assert f"This is version {VERSION}," in PAGE.read_text()


def test_the_page_numbers_the_stages_as_the_store_does() -> None:
    numbered = ", ".join(f"{number} {name}" for number, name in enumerate(StageTimes._fields))
    assert f"`stage` is {numbered} |" in PAGE.read_text()


def test_the_page_says_how_long_roll_ups_stay() -> None:
    assert ROLLUPS_KEPT_TIMES == 4, "the pages say four times"


@pytest.mark.parametrize("longest_side", [640, 8191, 8192, 40_000])
def test_the_program_on_the_page_unpacks_what_camslice_packed(longest_side: int, tmp_path: Path) -> None:
    (program,) = (block for block in blocks(PAGE) if block.file == "unpack.py")
    (tmp_path / "unpack.py").write_text(program.text)
    unpack = runpy.run_path(str(tmp_path / "unpack.py"))["unpack"]
    boxes = np.array([[0, 1.125, 320.5, 479.875], [12, 13, longest_side, 600]], np.float32)
    detections = Detections(boxes, np.array([0.25, 1.0], np.float32), np.array([0, 79], np.int32))
    (packed,) = pack_frames([detections], [longest_side])
    expected = unpack_frame(packed)
    rows = np.array(unpack(packed))
    assert rows[:, :4] == pytest.approx(expected.boxes)
    assert rows[:, 4] == pytest.approx(expected.confidence)
    assert rows[:, 5].tolist() == expected.class_id.tolist()
    assert unpack(None) == []
