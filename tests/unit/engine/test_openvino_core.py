"""What becomes of a process that loads models and lets go of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.engine.tiny_models import SIDE

LOAD_AND_LET_GO = f"""
import os, signal, sys, threading
from pathlib import Path
from camslice.engine.openvino_engine import OpenVinoEngine
from tests.unit.engine.tiny_models import mean_model

def load():
    return OpenVinoEngine(mean_model(Path(sys.argv[1])), {SIDE}, {SIDE}, cache=None)

def close():
    while loaded:
        loaded.pop(0).close()

loaded = [load(), load()]
closing = threading.Thread(target=close) if sys.argv[2] == "another thread" else None
if closing:
    closing.start()
    closing.join()
else:
    close()
signal.signal(signal.SIGTERM, lambda *_: print("heard", flush=True))
os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.parametrize("closed_by", ["the same thread", "another thread"])
def test_a_process_that_has_unloaded_models_hears_its_signals(closed_by: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOAD_AND_LET_GO, str(tmp_path / "mean.onnx"), closed_by]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr
