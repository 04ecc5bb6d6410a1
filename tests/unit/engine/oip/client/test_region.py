"""Shared memory that has a name for a moment only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from camslice.engine.oip.client import region as region_module
from camslice.engine.oip.client.placing import SharedRegionMemory, bytes_for
from camslice.engine.oip.client.region import Region
from camslice.engine.slots import InputShape
from camslice.fleet.errors import MachineError


def test_what_is_written_is_seen_through_the_name_and_the_name_goes(tmp_path: Path) -> None:
    region = Region(4096, tmp_path)
    path = tmp_path / region.key.lstrip("/")
    with region.named():
        assert path.stat().st_size == 4096
        assert path.stat().st_mode & 0o777 == 0o600
        region.buffer[:3] = b"abc"
        assert path.read_bytes()[:4] == b"abc\0"
    assert list(tmp_path.iterdir()) == []
    region.buffer[:3] = b"def"


def test_the_name_goes_when_registering_fails_too(tmp_path: Path) -> None:
    region = Region(4096, tmp_path)
    with pytest.raises(RuntimeError), region.named():
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_more_than_the_folder_holds_is_refused_before_it_is_touched(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"MB free and .* MB are needed; enlarge it"):
        Region(1 << 60, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot be used: No such file or directory; set `transport: inline`"):
        Region(4096, tmp_path / "nowhere")


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region_module, "_LEFT_BEHIND_S", -60.0)
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True)
    pid = int(gone.stdout)
    kept = [f"camslice-{os.getpid()}-{'0' * 16}", f"camslice-{pid}-notours", f"other-{pid}-{'0' * 16}"]
    for name in [*kept, f"camslice-{pid}-{'0' * 16}"]:
        (tmp_path / name).touch()
    region = Region(4096, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, region.name])


def test_inputs_lie_side_by_side_in_a_region_and_fit_into_what_was_reckoned(tmp_path: Path) -> None:
    shapes: dict[str, InputShape] = {"bytes": ((2, 5), np.uint8), "numbers": ((2, 3, 4), np.float32)}
    region = Region(2 * bytes_for(shapes), tmp_path)
    memory = SharedRegionMemory(region)
    placed = [each for _ in range(2) for each in memory.place(shapes)]
    for number, each in enumerate(placed):
        each.array[:] = number
    assert [float(each.array.max()) for each in placed] == [0, 1, 2, 3]
    tensor = placed[3].tensor(1)
    assert tensor.shared_memory is not None
    start, size = tensor.shared_memory.offset, tensor.shared_memory.byte_size
    assert np.frombuffer(region.buffer[start : start + size], np.float32).tolist() == [3.0] * 12
    with pytest.raises(ValueError, match="buffer"):
        memory.place(shapes)
