"""A folder as the kubelet mounts a ConfigMap or a Secret: names that lead through `..data`, exchanged in one step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from itertools import count
from pathlib import Path

_NUMBER = count(1)


def mount(folder: Path, content: Mapping[str, str], *, at_ns: int | None = None) -> None:
    """Make `folder` hold just this. `at_ns` gives every file the same time of change, whatever the content."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "..data"
    before = data.resolve() if data.is_symlink() else None
    fresh = folder / f"..2026_11_28_06_00_00.{next(_NUMBER):09d}"
    fresh.mkdir()
    for name, text in content.items():
        (fresh / name).write_text(text)
        if at_ns is not None:
            os.utime(fresh / name, ns=(at_ns, at_ns))
    exchanged = folder / "..data_tmp"
    exchanged.symlink_to(fresh.name)
    exchanged.rename(data)
    for name in content:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data") / name)
    for entry in folder.iterdir():
        if not entry.name.startswith("..") and entry.name not in content:
            entry.unlink()
    if before is not None:
        shutil.rmtree(before)
