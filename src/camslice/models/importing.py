"""Bringing one's own YOLOv8 or YOLO11 weights: exported once with Ultralytics, and accepted when both agree on boxes.

Ultralytics is under AGPL-3.0 and an extra of its own: it is imported here, when this runs, and nowhere else. It must not
install packages, ask its servers or keep settings on its way.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from camslice.fleet.errors import ModelError
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.types import ModelSpec
from camslice.models.agreement import max_box_error_px
from camslice.models.cache import keep, sha256_of, work_folder
from camslice.models.catalogue import imported_folder, load_catalogue
from camslice.models.decoders.make import make_decoder
from camslice.models.detections import Detections
from camslice.models.model import ModelInfo
from camslice.models.original import CONFIDENCE, NMS_IOU, Original, Picture
from camslice.models.resolve import resolve
from camslice.models.ultralytics_setting import INSTALL_IT, confine_ultralytics

MOST_ERROR_PX = 2.0
"""Boxes of both programs on the same picture may differ by this much, in pixels of the model's input."""

_PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


@dataclass(frozen=True, slots=True)
class Imported:
    """A model that `weights: NAME` means from now on. The error is over all sample pictures, in pixels of the model's input."""

    name: str
    path: Path
    labels: tuple[str, ...]
    max_box_error_px: float


def import_weights(weights: Path, *, name: str | None = None, samples: Path | None = None, size: int | None = None) -> Imported:
    """Export `weights` (.pt), compare its boxes on the pictures in `samples` with Ultralytics' own, and keep it as `name`.

    `size` is the input size in pixels, None for what the weights were trained for. Raises ModelError: no such file, no
    Ultralytics, a name that is taken or odd, not a detector, nothing found on the samples, boxes that disagree.
    """
    name = name or weights.stem
    _refuse_name(name)
    if not weights.is_file():
        raise ModelError(f"weights {weights}: there is no such file.")
    with work_folder() as work, redirect_stdout(sys.stderr):  # standard output is for our own result
        original = _in_ultralytics(weights, work)
        exported = original.export(work, size).rename(work / f"{name}.onnx")
        info = resolve(ModelSpec(name, str(exported)))
        error_px = _compare(original, info, _pictures(samples or original.samples()))
        if error_px > MOST_ERROR_PX:
            raise ModelError(
                f"weights {weights}: not imported, {_far(error_px)} Ultralytics' own on the sample pictures "
                f"(at most {MOST_ERROR_PX:g} px would do)."
            )
        path = keep(exported, exported.name)
    _list(info, path)
    return Imported(name, path, info.labels, round(error_px, 3))


def _far(error_px: float) -> str:
    return f"its boxes are {error_px:.1f} px from" if math.isfinite(error_px) else "its boxes are not the same as"


def _refuse_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ModelError(f"the name {name!r} will not do for a model; use letters, digits, dots, dashes and underscores.")
    if (imported_folder() / f"{name}.yaml").exists():
        return
    catalogue = load_catalogue()
    files = [Path(file.name).stem for entry in catalogue.entries for file in entry.files]
    if name in {*(entry.name for entry in catalogue.entries), *files, *catalogue.label_sets}:
        raise ModelError(f"the model list uses the name {name} already; choose another --name.")


def _compare(original: Original, info: ModelInfo, pictures: Sequence[Picture]) -> float:
    """The largest error over all pictures, in pixels of the input. Raises ModelError if there was nothing to compare."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(info.path), providers=["CPUExecutionProvider"])
    decode = make_decoder(info, confidence=CONFIDENCE, nms_iou=NMS_IOU)
    error_px, compared = 0.0, 0
    for picture in pictures:
        fitted = _fitted(picture, info)
        found = decode(session.run(None, {session.get_inputs()[0].name: _tensor(fitted, info)}), 0)
        limits = np.array([info.input.width, info.input.height] * 2, np.float32)
        ours = Detections(found.boxes.clip(0, limits), found.confidence, found.class_id)  # theirs end at the picture's edge
        theirs = original.detect(fitted, info)
        compared += len(theirs)
        error_px = max(error_px, max_box_error_px(ours, theirs))
    if not compared:
        raise ModelError(
            f"model {info.name}: not imported, Ultralytics finds nothing on the {len(pictures)} sample pictures; "
            "name a folder of pictures that show its classes with --sample."
        )
    return error_px


def _fitted(picture: Picture, info: ModelInfo) -> Picture:
    """The picture scaled and padded to the model's input: given to both, so that no rounding of sizes comes between them."""
    import cv2

    height, width = picture.shape[:2]
    box = Letterbox.fit(Region(0, 0, width, height), info.input.width, info.input.height, centred=info.input.centred)
    fitted = np.full((info.input.height, info.input.width, 3), info.input.pad, np.uint8)
    fitted[box.top : box.top + box.height, box.left : box.left + box.width] = cv2.resize(picture, (box.width, box.height))
    return fitted


def _tensor(fitted: Picture, info: ModelInfo) -> npt.NDArray[np.float32]:
    channels = fitted[..., ::-1] if info.input.channels == "rgb" else fitted
    tensor: npt.NDArray[np.float32] = np.ascontiguousarray(channels.transpose(2, 0, 1)[None], np.float32)
    return tensor * np.float32(info.input.scale)


def _pictures(folder: Path) -> list[Picture]:
    import cv2

    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in _PICTURES)
    pictures = [picture for path in paths if (picture := cv2.imread(str(path))) is not None]
    if not pictures:
        raise ModelError(f"sample folder {folder}: there are no pictures in it.")
    return [picture.astype(np.uint8, copy=False) for picture in pictures]


def _list(info: ModelInfo, path: Path) -> None:
    """Write the model's entry for the model list, in the format of the packaged one."""
    fields = asdict(info.input)
    dynamic = {key: fields.pop(key) for key in ("dynamic_batch", "dynamic_size")}
    entry = {
        "name": info.name,
        "kind": "model",
        "about": "imported",
        "licence": info.licence,
        "model": {"task": info.task, "labels": info.name, "decoder": info.decoder, "input": fields},
        "files": [{"name": path.name, "size_bytes": path.stat().st_size, "sha256": sha256_of(path), **dynamic}],
    }
    text = yaml.safe_dump({"label_sets": {info.name: list(info.labels)}, "entries": [entry]}, sort_keys=False)
    imported_folder().mkdir(parents=True, exist_ok=True)
    with work_folder() as work:
        (work / "entry.yaml").write_text(text)
        (work / "entry.yaml").replace(imported_folder() / f"{info.name}.yaml")


def _in_ultralytics(weights: Path, work: Path) -> Original:
    confine_ultralytics(work / "settings")
    try:
        from camslice.models.ultralytics_weights import UltralyticsWeights
    except ImportError as error:
        raise ModelError(f"importing .pt weights needs the package ultralytics ({error}); {INSTALL_IT}.") from error
    return UltralyticsWeights(weights)
