"""Weights in Ultralytics' own hands. The only module that imports the package, which is AGPL-3.0 and an optional extra."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import ultralytics
import ultralytics.utils

from camslice.fleet.errors import ModelError
from camslice.models.detections import Detections
from camslice.models.model import ModelInfo
from camslice.models.original import CONFIDENCE, NMS_IOU, Picture

_OPSET = 17


class UltralyticsWeights:
    """A .pt file, loaded. See `original.Original`."""

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        ultralytics.settings.update({"sync": False})  # that is its telemetry
        try:
            self._model = ultralytics.YOLO(str(weights))
        except Exception as error:  # whatever a pickle of unknown origin raises, it is no weights file to us
            reason = str(error).partition("\n")[0]
            raise ModelError(f"weights {weights}: Ultralytics cannot load this file ({reason})") from error

    def export(self, into: Path, size: int | None) -> Path:
        """See `original.Original`."""
        copy = into / "weights.pt"  # the export is written beside the weights
        shutil.copyfile(self._weights, copy)
        options = {} if size is None else {"imgsz": size}
        exported = ultralytics.YOLO(str(copy)).export(
            format="onnx", dynamic=True, simplify=False, opset=_OPSET, device="cpu", **options
        )
        return Path(str(exported))

    def detect(self, picture: Picture, info: ModelInfo) -> Detections:
        """See `original.Original`."""
        size = (info.input.height, info.input.width)
        results = self._model.predict(
            picture, imgsz=size, conf=CONFIDENCE, iou=NMS_IOU, rect=False, device="cpu", verbose=False, save=False
        )
        boxes = results[0].boxes
        return Detections(
            boxes.xyxy.cpu().numpy().astype(np.float32),
            boxes.conf.cpu().numpy().astype(np.float32),
            boxes.cls.cpu().numpy().astype(np.int32),
        )

    def samples(self) -> Path:
        """See `original.Original`."""
        return Path(ultralytics.utils.ASSETS)
