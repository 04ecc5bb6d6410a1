"""`YOLO(weights).predict`, and nothing of it left to chance: threads, device, network, settings.

Beside `models.ultralytics_weights` the only module that imports Ultralytics (AGPL-3.0, an optional extra), and only when it is
used: what it is told through the environment must be said before.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from camslice.engine.thread_caps import capped_onnxruntime, capped_openvino
from camslice.fleet.errors import EngineError
from camslice.fleet.types import Precision
from camslice.models.cache import cache_folder
from camslice.models.model import ModelInfo
from camslice.models.ultralytics_setting import INSTALL_IT, confine_ultralytics

if TYPE_CHECKING:
    import ultralytics

Bgr = npt.NDArray[np.uint8]
"""A picture [height, width, 3], blue first, as Ultralytics takes it."""

MOST_BOXES = 300
"""Of one picture, the most confident ones: what Ultralytics takes by itself. Answers have room for so many."""
_FOLDER_ENDING = "_openvino_model"


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one call of `predict` found, and how long its parts took.

    `boxes` float32 [N, 300, 6]: x1, y1, x2, y2 in pixels of the picture, confidence, class id; rows of confidence 0 are none.
    `preprocess_ns` and `postprocess_ns` are Ultralytics' own figures for the whole batch. `taken_up_ns` and `found_ns` are
    monotonic stamps of the moments when they began and ended: before lies its handling of arguments, behind it that of
    results, which its figures leave out.
    """

    boxes: npt.NDArray[np.float32]
    taken_up_ns: int
    preprocess_ns: int
    postprocess_ns: int
    found_ns: int


class Predictor:
    """A loaded `YOLO`. Make and use it on one and the same thread: PyTorch keeps its number of threads by thread."""

    def __init__(
        self,
        info: ModelInfo,
        *,
        device: str,
        precision: Precision,
        threads: int,
        confidence: float,
        nms_iou: float,
    ) -> None:
        """Load the weights and compute a grey picture. Raises EngineError."""
        weights = _weights(info)
        if precision is Precision.BF16:
            raise EngineError(f"model {info.name}: Ultralytics chooses BF16 by itself; use `precision: auto` or fp32.")
        _import_package(info, threads)
        import torch
        import ultralytics

        self._arguments = {
            "imgsz": (info.input.height, info.input.width),
            "conf": confidence,
            "iou": nms_iou,
            "classes": None if info.wanted is None else list(info.wanted),
            "max_det": MOST_BOXES,
            "device": device,
            "verbose": False,
            "save": False,
        }
        # Beside a session whose threads spin while they wait, more threads for pre- and postprocessing only get in the way.
        # Said at each start, because Ultralytics sets a number of its own whenever it takes a device.
        torch_threads = threads if weights.suffix == ".pt" else 1
        self._taken_up_ns = self._found_ns = 0
        try:
            with redirect_stdout(sys.stderr), _capped(weights, threads, precision):
                self._model = ultralytics.YOLO(str(weights), task="detect")
                self._model.add_callback("on_predict_start", lambda _: torch.set_num_threads(torch_threads))
                self._model.add_callback("on_predict_batch_start", self._take_up)
                self._model.add_callback("on_predict_postprocess_end", self._found)
                self.predict([np.full((info.input.height, info.input.width, 3), info.input.pad, np.uint8)])
        except Exception as error:
            raise EngineError(
                f"model {info.name} ({info.path}): Ultralytics cannot run it on {device}: {reason_of(error)}"
            ) from error
        self.device = str(self._model.predictor.device)
        if device.startswith("cuda") and not self.device.startswith("cuda"):
            raise EngineError(f"model {info.name}: Ultralytics cannot use device {device!r} here, only {self.device}.")
        self.precision = _computed(self._model)

    def predict(self, pictures: Sequence[Bgr]) -> Prediction:
        """Find boxes. Raises whatever Ultralytics raises."""
        results = self._model.predict(list(pictures), **self._arguments)
        found = [result.boxes.data.cpu().numpy() for result in results]
        boxes = np.zeros((len(found), MOST_BOXES, 6), np.float32)
        for rows, mine in zip(boxes, found, strict=True):
            rows[: len(mine)] = mine[:, :6]
        spent_ms = {part: sum(result.speed[part] for result in results) for part in ("preprocess", "postprocess")}
        return Prediction(
            boxes,
            self._taken_up_ns,
            int(spent_ms["preprocess"] * 1e6),
            int(spent_ms["postprocess"] * 1e6),
            self._found_ns,
        )

    def _take_up(self, _: object) -> None:
        self._taken_up_ns = time.monotonic_ns()

    def _found(self, _: object) -> None:
        self._found_ns = time.monotonic_ns()


def reason_of(error: Exception) -> str:
    """The first line of what Ultralytics says, or the kind of error when it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _weights(info: ModelInfo) -> Path:
    """What Ultralytics is to load. Raises EngineError for what it could not read."""
    if info.decoder == "yolox":
        raise EngineError(f"model {info.name}: Ultralytics does not run YOLOX; use `engine: openvino` for it.")
    if info.path.suffix != ".xml":
        return info.path
    if not info.path.parent.name.endswith(_FOLDER_ENDING):
        raise EngineError(
            f"model {info.name} ({info.path}): Ultralytics reads OpenVINO models from a folder whose name ends in "
            f"{_FOLDER_ENDING}, as its export writes it; rename the folder, or use `engine: openvino`."
        )
    return info.path.parent


def _import_package(info: ModelInfo, threads: int) -> None:
    """Import PyTorch and Ultralytics, told what they may do. Raises EngineError when they are not installed."""
    confine_ultralytics(cache_folder() / "ultralytics")
    os.environ.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads of pods that share cores keep each other from work
    try:
        with redirect_stdout(sys.stderr):  # Ultralytics remembers where to write; standard output is for our own result
            import torch
            import ultralytics
    except ImportError as error:
        raise EngineError(f"model {info.name}: engine ultralytics needs its package ({error}); {INSTALL_IT}.") from error
    if torch.get_num_interop_threads() != 1:
        torch.set_num_interop_threads(1)
    if ultralytics.settings["sync"]:  # that is its telemetry
        ultralytics.settings.update({"sync": False})


def _capped(weights: Path, threads: int, precision: Precision) -> AbstractContextManager[None]:
    """While Ultralytics makes a session of its own for `weights`, that gets its share of threads."""
    match weights.suffix:
        case ".pt":
            return nullcontext()  # PyTorch itself, which can be told
        case ".onnx":
            return capped_onnxruntime(threads)
    return capped_openvino(threads, "f32" if precision is Precision.FP32 else None)


def _computed(model: ultralytics.YOLO) -> str:
    """The precision that its session computes in: OpenVINO chooses BF16 by itself, the others compute in FP32."""
    compiled = getattr(model.predictor.model, "ov_compiled_model", None)
    if compiled is None:
        return "fp32"
    chosen = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    return "fp32" if chosen == "f32" else str(chosen)
