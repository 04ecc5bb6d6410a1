"""A file system of 1 MiB, and filling it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.needs import need


@contextmanager
def tiny_disk(folder: Path) -> Iterator[Path]:
    """Mounted at `folder`, which is created, while the context is open."""
    need(os.geteuid() == 0 and shutil.which("mount"), "root and mount", "run the tests as root to try a full disk")
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
    need(mounted.returncode == 0, "leave to mount a file system", "run the tests in a container with CAP_SYS_ADMIN")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Write until nothing more goes in; the file that was written."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = 65_536
        while size:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2
    return ballast
