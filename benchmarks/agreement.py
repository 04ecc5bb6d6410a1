"""How far our answers are from those of Ultralytics, on the same weights and pictures.

Accuracy: both answer every picture of a labelled data set with the settings of Ultralytics' validator, and one evaluator,
ours, scores both, so that only the detector differs.
Boxes: both answer photographs as `predict` and `camslice detect` do, in FP32. Ultralytics pads to the smallest rectangle and
we to a square, so they are compared on the same square, on the same rectangle, and each as it is used.
The data set's pictures are compared too, on the square.

    python -m benchmarks.agreement --weights yolov8n.onnx --dataset DIR --pictures a.jpg b.jpg --python OTHER/bin/python
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.record import write_result
from benchmarks.vs_ultralytics import versions
from camslice.fleet.types import ModelSpec, Precision
from camslice.measure.accuracy import Accuracy, LabelledPictures, measure_accuracy, read_dataset, score
from camslice.measure.pictures import PictureDetector
from camslice.models.detections import Detections
from camslice.models.resolve import resolve
from camslice.video.picture import StillPicture, load_picture

SIZE = 640
VALIDATOR = {"confidence": 0.001, "nms_iou": 0.7}
PREDICT = {"confidence": 0.25, "nms_iou": 0.7}
MATCH_IOU = 0.5
GOALS = {"map_50_95_points": 0.5, "box_px": 1.0}


@dataclass(frozen=True)
class Answer:
    """What Ultralytics found in one picture, and the (width, height) it computed on."""

    detections: Detections
    input_size: tuple[int, int]


@dataclass(frozen=True)
class Answers:
    """One run of Ultralytics, picture by picture. `predict_ms`: the median by its own account, reading left out."""

    labels: tuple[str, ...]
    fps: float
    predict_ms: float
    pictures: tuple[Answer, ...]


@dataclass(frozen=True)
class Comparison:
    """Boxes of one or more pictures. `errors_px`: per matched box, the largest difference among its four sides."""

    errors_px: tuple[float, ...]
    confidence_errors: tuple[float, ...]
    only_ours: tuple[float, ...]
    only_theirs: tuple[float, ...]

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(
            self.errors_px + other.errors_px,
            self.confidence_errors + other.confidence_errors,
            self.only_ours + other.only_ours,
            self.only_theirs + other.only_theirs,
        )

    def as_json(self) -> dict[str, object]:
        """Unmatched boxes by their confidence."""
        found = bool(self.errors_px)
        return {
            "matched": len(self.errors_px),
            "largest_px": round(max(self.errors_px), 4) if found else None,
            "median_px": round(float(np.median(self.errors_px)), 4) if found else None,
            "within_1_px": sum(error <= GOALS["box_px"] for error in self.errors_px),
            "largest_confidence_difference": round(max(self.confidence_errors), 5) if found else None,
            "only_ours": [round(confidence, 3) for confidence in self.only_ours],
            "only_theirs": [round(confidence, 3) for confidence in self.only_theirs],
        }


NOTHING = Comparison((), (), (), ())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="an .onnx of Ultralytics with dynamic size")
    parser.add_argument("--also", type=Path, nargs="*", default=[], help="other weights, whose accuracy is recorded beside it")
    parser.add_argument("--dataset", type=Path, required=True, help="a folder with images/ and a COCO instances.json")
    parser.add_argument("--pictures", type=Path, nargs="+", required=True)
    parser.add_argument("--python", required=True, help="an interpreter that has the package ultralytics (and onnxruntime)")
    given = parser.parse_args()
    dataset = read_dataset(given.dataset)
    accuracy = {
        f"ours, {weights.stem}, {precision}": our_accuracy(weights, dataset, precision)
        for weights in (given.weights, *given.also)
        for precision in (Precision.FP32, Precision.AUTO)
    }
    theirs = {
        "Ultralytics, square": their_accuracy(given.python, given.weights, dataset, rectangle=False),
        "Ultralytics, rectangle": their_accuracy(given.python, given.weights, dataset, rectangle=True),
    }
    points = {
        ours: {name: round(100 * (accuracy[ours].map_50_95 - their.map_50_95), 2) for name, their in theirs.items()}
        for ours in (f"ours, {given.weights.stem}, {precision}" for precision in (Precision.FP32, Precision.AUTO))
    }
    result = {
        "weights": given.weights.name,
        "dataset": {"name": given.dataset.name, "pictures": len(dataset.images)},
        "goals": GOALS,
        "settings": {"accuracy": VALIDATOR | {"multi_label": True, "max_det": 300}, "boxes": PREDICT, "match_iou": MATCH_IOU},
        "accuracy": {name: {"map_50_95": each.map_50_95, "map_50": each.map_50} for name, each in (accuracy | theirs).items()},
        "ours_minus_theirs_map_50_95_points": points,
        "boxes": compare_photographs(given.python, given.weights, given.pictures),
        "boxes_on_dataset": compare_dataset(given.python, given.weights, list(dataset.images.values())),
        "versions_of_theirs": versions(given.python),
    }
    print(
        json.dumps(
            {key: result[key] for key in ("accuracy", "ours_minus_theirs_map_50_95_points", "boxes_on_dataset", "boxes")}
        )
    )
    print(write_result("agreement", result))


def our_accuracy(weights: Path, dataset: LabelledPictures, precision: Precision) -> Accuracy:
    """What `camslice eval` measures."""
    spec = ModelSpec(weights.stem, str(weights), precision=precision, **VALIDATOR)
    return measure_accuracy(resolve(spec), spec, dataset, lambda: None)


def their_accuracy(python: str, weights: Path, dataset: LabelledPictures, *, rectangle: bool) -> Accuracy:
    """Their answers, scored by our evaluator."""
    pictures = list(dataset.images.values())
    answers = their_answers(python, weights, pictures, VALIDATOR, rectangle=rectangle, multi_label=True)
    found = {image_id: answer.detections for image_id, answer in zip(dataset.images, answers.pictures, strict=True)}
    return score(dataset, answers.labels, found, answers.fps)


def compare_photographs(python: str, weights: Path, paths: Sequence[Path]) -> dict[str, object]:
    """Every photograph on the same square, on the same rectangle, and each side as it is used."""
    square = their_answers(python, weights, paths, PREDICT, rectangle=False)
    rectangle = their_answers(python, weights, paths, PREDICT, rectangle=True)
    compared: dict[str, object] = {}
    for path, on_square, on_rectangle in zip(paths, square.pictures, rectangle.pictures, strict=True):
        picture = load_picture(path)
        (ours_square,) = our_answers(weights, [picture], on_square.input_size)
        (ours_rectangle,) = our_answers(weights, [picture], on_rectangle.input_size)
        compared[path.name] = {
            "rectangle": list(on_rectangle.input_size),
            "same_square": compare(ours_square, on_square.detections).as_json(),
            "same_rectangle": compare(ours_rectangle, on_rectangle.detections).as_json(),
            "ours_square_theirs_rectangle": compare(ours_square, on_rectangle.detections).as_json(),
        }
    return compared


def compare_dataset(python: str, weights: Path, paths: Sequence[Path]) -> dict[str, object]:
    """All pictures on the same square."""
    theirs = their_answers(python, weights, paths, PREDICT, rectangle=False).pictures
    pictures = [load_picture(path) for path in paths]
    ours = our_answers(weights, pictures, (SIZE, SIZE))
    total = NOTHING
    for mine, their in zip(ours, theirs, strict=True):
        total += compare(mine, their.detections)
    return {"pictures": len(paths), **total.as_json()}


def our_answers(weights: Path, pictures: Sequence[StillPicture], input_size: tuple[int, int]) -> list[Detections]:
    """What `camslice detect` finds."""
    spec = ModelSpec(weights.stem, str(weights), precision=Precision.FP32, input_size=input_size, **PREDICT)
    detector = PictureDetector(resolve(spec), spec)
    try:
        return list(detector.detect(pictures))
    finally:
        detector.close()


def their_answers(
    python: str,
    weights: Path,
    pictures: Sequence[Path],
    settings: Mapping[str, float],
    *,
    rectangle: bool,
    multi_label: bool = False,
) -> Answers:
    """Ultralytics in a process of its own."""
    command = [python, str(Path(__file__).with_name("ultralytics_answers.py")), "--weights", str(weights)]
    command += ["--confidence", str(settings["confidence"]), "--nms-iou", str(settings["nms_iou"])]
    command += ["--rectangle"] * rectangle + ["--multi-label"] * multi_label
    output = subprocess.check_output([*command, *map(str, pictures)], text=True)
    answered = json.loads(output.splitlines()[-1])
    return Answers(
        labels=tuple(answered["labels"]),
        fps=len(pictures) / answered["seconds"],
        predict_ms=float(np.median([each["predict_ms"] for each in answered["pictures"]])),
        pictures=tuple(Answer(_detections(each), tuple(each["input"])) for each in answered["pictures"]),
    )


def _detections(answer: Mapping[str, list[float]]) -> Detections:
    boxes = np.array(answer["boxes"], np.float32).reshape(-1, 4)
    return Detections(boxes, np.array(answer["confidence"], np.float32), np.array(answer["class_id"], np.int32))


def compare(ours: Detections, theirs: Detections) -> Comparison:
    """Pair boxes of the same class whose overlap exceeds `MATCH_IOU`, the best overlap first, each box once."""
    overlap = _iou(ours.boxes, theirs.boxes)
    overlap[ours.class_id[:, None] != theirs.class_id[None, :]] = 0.0
    pairs: list[tuple[int, int]] = []
    for place in np.argsort(-overlap, axis=None):
        mine, their = divmod(int(place), len(theirs))
        if overlap[mine, their] <= MATCH_IOU:
            break
        if all(mine != a and their != b for a, b in pairs):
            pairs.append((mine, their))
    matched_ours, matched_theirs = {mine for mine, _ in pairs}, {their for _, their in pairs}
    return Comparison(
        errors_px=tuple(float(np.abs(ours.boxes[a] - theirs.boxes[b]).max()) for a, b in pairs),
        confidence_errors=tuple(float(abs(ours.confidence[a] - theirs.confidence[b])) for a, b in pairs),
        only_ours=tuple(float(c) for i, c in enumerate(ours.confidence) if i not in matched_ours),
        only_theirs=tuple(float(c) for i, c in enumerate(theirs.confidence) if i not in matched_theirs),
    )


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[N, M]: intersection over union of each pair."""
    corner = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared = np.clip(corner, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    return shared / np.maximum(areas[0][:, None] + areas[1][None, :] - shared, 1e-9)


if __name__ == "__main__":
    main()
