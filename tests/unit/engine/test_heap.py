"""What a process keeps of memory that it has freed."""

from __future__ import annotations

import subprocess
import sys

FREE_LARGE_BLOCKS = """
import psutil
from camslice.engine.heap import bound_heap

bound_heap()
before = psutil.Process().memory_info().rss
block = b"x" * 25_000_000
del block  # from now on glibc would carve blocks of this size out of its heap
blocks, pins = [], []
for _ in range(4):
    blocks.append(b"x" * 20_000_000)
    pins.append(b"x" * 100_000)
del blocks
print(psutil.Process().memory_info().rss - before)
"""


def test_large_blocks_go_back_when_they_are_freed() -> None:
    done = subprocess.run([sys.executable, "-c", FREE_LARGE_BLOCKS], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) < 10_000_000
