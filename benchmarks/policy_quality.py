"""What each way of looking keeps of what the model finds in full precision on every full frame of the clip.

camslice's ways are played by `camslice eval --policy`'s own judge: cameras of one clip, spread evenly over it, together on
shared canvases. Ultralytics answers the same frames, as PNG, one by one. All against one reference: camslice with the same
weights in FP32 on full frames; boxes of the same class with IoU >= 0.5 match. So recall here is agreement with full precision,
not truth.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from benchmarks.agreement import their_answers
from camslice.fleet.policy import policy_named
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, ModelSpec, Precision
from camslice.measure.policy.clips import PlayedCamera, cameras_of
from camslice.measure.policy.compare import Kept
from camslice.measure.policy.evaluate import evaluate_policies
from camslice.measure.policy.looker import Looker
from camslice.models.detections import Detections
from camslice.models.resolve import resolve
from camslice.stream.watching.look import Look
from camslice.video.picture import AvPicture

CAMERAS = 12
_DRAWS = 400


@dataclass(frozen=True)
class Quality:
    """`recall_low`: the 5th percentile when frames are drawn anew. `fps`: frames per second of this machine that the cost of
    one comes to, for a search to begin with: CPU time of ours, and theirs by its own account. `looks`: shares of the frames."""

    recall: float | None
    recall_low: float | None
    precision: float | None
    inferences_per_frame: float
    fps: float
    frames: int
    computed_in: str
    looks: Mapping[str, float]


def ours(
    specs: Mapping[str, tuple[ModelSpec, str]], clip: Path, fps: float, frames_each: int, cores: float
) -> dict[str, Quality]:
    """Each way's (model, policy). Ways of one model are judged together."""
    found: dict[str, Quality] = {}
    for spec in dict.fromkeys(spec for spec, _ in specs.values()):
        ways = {way: policy for way, (model, policy) in specs.items() if model == spec}
        policies = [policy_named(policy) for policy in dict.fromkeys(ways.values())]
        evaluation = evaluate_policies(resolve(spec), spec, policies, [_played(clip, fps)], CAMERAS, frames_each, lambda: None)
        judged = {each.policy.name: each for each in evaluation.policies}
        for way, policy in ways.items():
            each = judged[policy]
            found[way] = Quality(
                _rounded(each.recall),
                _rounded(each.recall_low),
                _rounded(each.precision),
                round(each.inferences_per_frame, 4),
                round(1000 * cores / each.cpu_ms_per_frame, 2),
                evaluation.frames,
                evaluation.precision,
                {look.name.lower(): round(each.looks.get(look, 0.0), 4) for look in Look},
            )
    return found


def theirs(
    python: str, weights: Mapping[str, Path], spec: ModelSpec, clip: Path, fps: float, frames_each: int
) -> dict[str, Quality]:
    """Ultralytics' answers with each way's weights, to the very frames that our ways are judged on."""
    with tempfile.TemporaryDirectory() as folder:
        pictures, wanted = _reference(spec, clip, fps, frames_each, Path(folder))
        return {way: _answered(python, each, spec, pictures, wanted) for way, each in weights.items()}


def _answered(python: str, weights: Path, spec: ModelSpec, pictures: Sequence[Path], wanted: Sequence[Detections]) -> Quality:
    settings = {"confidence": spec.confidence, "nms_iou": spec.nms_iou}
    answers = their_answers(python, weights, pictures, settings, rectangle=True)
    of_interest = [label in (spec.classes or answers.labels) for label in answers.labels]
    kept = Kept()
    for reference, answer in zip(wanted, answers.pictures, strict=True):
        if spec.input_size is not None and answer.input_size != spec.input_size:
            raise SystemExit(f"Ultralytics computed on {answer.input_size}, not on {spec.input_size}: give --input so.")
        found = answer.detections
        chosen = [of_interest[number] for number in found.class_id]
        kept.add(reference, Detections(found.boxes[chosen], found.confidence[chosen], found.class_id[chosen]))
    precision = "OpenVINO's choice" if weights.is_dir() else "fp32"
    return Quality(
        _rounded(kept.recall),
        _rounded(kept.recall_low(_DRAWS)),
        _rounded(kept.precision),
        1.0,
        round(1000 / answers.predict_ms, 2),
        len(pictures),
        precision,
        {"full": 1.0},
    )


def _reference(spec: ModelSpec, clip: Path, fps: float, frames_each: int, folder: Path) -> tuple[list[Path], list[Detections]]:
    """The frames as PNG, each once, and what full precision finds in them."""
    exact = replace(spec, precision=Precision.FP32)
    looker = Looker(resolve(exact), exact)
    pictures: list[Path] = []
    wanted: list[Detections] = []
    seen: set[tuple[str, int]] = set()
    cameras: list[PlayedCamera] = cameras_of([_played(clip, fps)], CAMERAS, frames_each)
    try:
        for camera in cameras:
            for _ in range(frames_each):
                frame = camera.next()
                if frame.key in seen:
                    continue
                seen.add(frame.key)
                assert isinstance(frame.picture, AvPicture)
                path = folder / f"{frame.key[1]:06}.png"
                cv2.imwrite(str(path), frame.picture._frame.to_ndarray(format="bgr24"))
                pictures.append(path)
                wanted += looker.look([[(frame.picture, looker.fit(frame.picture))]])[0]
    finally:
        looker.close()
        for camera in cameras:
            camera.close()
    return pictures, wanted


def _played(clip: Path, fps: float) -> CameraSpec:
    return CameraSpec("clip", Source(str(clip), str(clip)), fps, ("model",), loop=False)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
