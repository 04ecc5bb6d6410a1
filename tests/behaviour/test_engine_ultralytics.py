"""The case study's code path for real, with the package itself.

Ultralytics is under AGPL-3.0 and brings PyTorch (1 GB) and an OpenCV of its own, so it is in no lock file, and nothing here
runs in CI: install camslice[ultralytics] into an environment of its own and run pytest there.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.sealed import run_sealed
from tests.tiny_detector import tiny_detector

if find_spec("ultralytics") is None:
    pytest.skip("needs the package ultralytics: pip install 'camslice[ultralytics]'", allow_module_level=True)

_ENGINE = """
import json, os, sys, threading
import numpy as np
from camslice.engine.make import make_engine
from camslice.engine.slots import Layout
from camslice.fleet.geometry import Region
from camslice.fleet.types import Backend, ModelSpec, Precision
from camslice.models.decoders.make import make_decoder
from camslice.models.resolve import resolve
from camslice.video.picture import StillPicture

def boxes_of(backend, weights, **more):
    spec = ModelSpec("tiny", weights, backend=backend, precision=Precision.FP32, **more)
    info = resolve(spec)
    before = len(os.listdir("/proc/self/task"))
    engine = make_engine(info, spec, threads=1, layout=Layout.RGB)
    decode = make_decoder(info, confidence=0.35, nms_iou=0.5, ready_boxes=engine.info.ready_boxes)
    batch = engine.acquire()
    letterboxes = []
    for index, (width, height) in enumerate([(640, 480), (480, 640)][: engine.info.max_batch]):
        picture = StillPicture(np.full((height, width, 3), 200, np.uint8))
        letterboxes.append(engine.fit(Region(0, 0, width, height)))
        picture.scale_into(batch.slot_for(index, letterboxes[-1]), letterboxes[-1])
    done, found = threading.Event(), {}
    def on_done(batch, outputs, times, error):
        if error is None:
            raw = [decode(outputs, index) for index in range(len(letterboxes))]
            found["boxes"] = [box.to_source(each.boxes).tolist() for box, each in zip(letterboxes, raw)]
        found["error"] = error and str(error)
        found["parts_ms"] = [part / 1e6 for part in (times.preprocess_ns, times.inference_ns, times.postprocess_ns)]
        batch.release()
        done.set()
    batch.start(len(letterboxes), on_done)
    assert done.wait(60)
    found["threads"] = len(os.listdir("/proc/self/task")) - before
    engine.close()
    return found
"""


def run(code: str, home: Path) -> dict[str, dict[str, object]]:
    """What the code prints as JSON; it must reach for no network and write nothing into the home but our cache."""
    process, attempts = run_sealed(_ENGINE + code, home, native=False)
    assert process.returncode == 0, process.stderr
    assert not attempts
    left = [path for path in home.rglob("*") if path.is_file() and not path.is_relative_to(home / ".cache" / "camslice")]
    assert not left
    return dict(json.loads(process.stdout))


def test_it_finds_the_boxes_that_our_own_engine_finds(tmp_path: Path) -> None:
    weights = tmp_path / "tiny.onnx"
    tiny_detector(weights)
    both = run(
        f"w = {str(weights)!r}\n"
        "print(json.dumps({b.value: boxes_of(b, w, max_batch=2) for b in (Backend.ULTRALYTICS, Backend.OPENVINO)}))",
        tmp_path / "home",
    )
    theirs, ours = both["ultralytics"], both["openvino"]
    assert theirs["error"] is None
    assert len(ours["boxes"]) == 2
    assert [len(boxes) for boxes in ours["boxes"]] == [1, 1]
    for one, other in zip(theirs["boxes"], ours["boxes"], strict=True):
        assert one[0] == pytest.approx(other[0], abs=1.0)
    assert min(theirs["parts_ms"]) > 0


def test_a_pod_with_one_thread_starts_no_thread_per_core(tmp_path: Path) -> None:
    weights = tmp_path / "tiny.onnx"
    tiny_detector(weights)
    one = run(f"print(json.dumps({{'it': boxes_of(Backend.ULTRALYTICS, {str(weights)!r})}}))", tmp_path / "home")["it"]
    assert one["error"] is None
    assert one["threads"] <= 3  # its own, and what libraries keep whatever the number of cores


def test_a_checkpoint_runs_as_it_is(tmp_path: Path) -> None:
    code = """
from camslice.models.cache import cache_folder
from camslice.models.ultralytics_setting import confine_ultralytics
confine_ultralytics(cache_folder() / "ultralytics")
import ultralytics
ultralytics.YOLO("yolov8n.yaml").save(weights)
print(json.dumps({"it": boxes_of(Backend.ULTRALYTICS, weights, input_size=(64, 64))}))
"""
    one = run(f"weights = {str(tmp_path / 'untrained.pt')!r}\n" + code, tmp_path / "home")["it"]
    assert one["error"] is None
    assert one["boxes"] == [[]], "weights that have learnt nothing find nothing"
