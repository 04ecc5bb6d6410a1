"""How accurate a model is on labelled pictures: mAP as COCO defines it, by a maintained evaluator.

Scores mean something beside those of another model on the same pictures; a subset's mAP is not the published one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from camslice.fleet.errors import CamsliceError, ModelError
from camslice.fleet.types import ModelSpec
from camslice.measure.pictures import PictureDetector
from camslice.models.detections import Detections
from camslice.models.model import ModelInfo
from camslice.video.picture import StillPicture, load_picture


@dataclass(frozen=True, slots=True)
class Accuracy:
    """mAP over IoU 0.50:0.95 and at 0.50, per class the former; `fps` pictures per second, reading included."""

    images: int
    map_50_95: float
    map_50: float
    per_class: Mapping[str, float]
    fps: float


@dataclass(frozen=True, slots=True)
class LabelledPictures:
    """A folder with `images/` and COCO `instances.json`. `images` maps image id to file; `categories` name to id."""

    annotations: Path
    images: Mapping[int, Path]
    categories: Mapping[str, int]


def read_dataset(folder: Path) -> LabelledPictures:
    """Read a data set's index. Raises CamsliceError when it is not one."""
    annotations = folder / "instances.json"
    try:
        index = json.loads(annotations.read_text())
        images = {int(image["id"]): folder / "images" / str(image["file_name"]) for image in index["images"]}
        categories = {str(category["name"]): int(category["id"]) for category in index["categories"]}
        labelled = sum(_labels_one_of(annotation, images) for annotation in index["annotations"])
    except OSError as error:
        raise CamsliceError(
            f"data set {folder}: cannot read {annotations.name}: {error.strerror}; "
            "a data set is a folder with images/ and a COCO instances.json."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise CamsliceError(f"{annotations}: this is not a COCO index (images, categories, annotations): {error!r}.") from error
    missing = [path.name for path in images.values() if not path.is_file()]
    if missing:
        raise CamsliceError(f"data set {folder}: {len(missing)} pictures are missing from images/, such as {missing[0]}.")
    if not images or not labelled:
        raise CamsliceError(f"{annotations}: there is nothing in it to measure with: {len(images)} pictures, {labelled} boxes.")
    return LabelledPictures(annotations, images, categories)


def _labels_one_of(annotation: Mapping[str, object], images: Mapping[int, Path]) -> bool:
    """Whether a box is on one of these pictures. Raises what `read_dataset` explains when it is none that can be scored."""
    box, _, _ = annotation["bbox"], annotation["category_id"], annotation["id"]
    if not isinstance(box, list) or len(box) != 4 or not all(isinstance(edge, int | float) for edge in box):
        raise ValueError(f"bbox {box}")
    return annotation["image_id"] in images


def measure_accuracy(info: ModelInfo, spec: ModelSpec, dataset: LabelledPictures, advance: Callable[[], None]) -> Accuracy:
    """Run the model over the data set. `advance` is called after each picture. Raises ModelError, EngineError."""
    if not _category_ids(info.labels, dataset):
        raise ModelError(
            f"model {info.name}: none of its classes ({', '.join(info.labels[:5])}, ...) is labelled in {dataset.annotations}."
        )
    detector = PictureDetector(info, spec, multi_label=True)
    found: dict[int, Detections] = {}
    started_s = time.monotonic()
    try:
        for image_id, detections in zip(dataset.images, detector.detect(_pictures(dataset)), strict=True):
            found[image_id] = detections
            advance()
    finally:
        detector.close()
    return score(dataset, info.labels, found, len(dataset.images) / (time.monotonic() - started_s))


def score(dataset: LabelledPictures, labels: Sequence[str], found: Mapping[int, Detections], fps: float) -> Accuracy:
    """The accuracy of answers, whoever gave them: `found` by image id, class numbers meaning `labels`. Raises CamsliceError."""
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as error:
        raise CamsliceError("eval needs a COCO evaluator: pip install 'camslice[eval]'.") from error
    names = _category_ids(labels, dataset)
    rows = [row for image_id, detections in found.items() for row in _coco_rows(image_id, detections, names)]
    if not rows:
        return Accuracy(len(dataset.images), 0.0, 0.0, {}, fps)
    truth = COCO(str(dataset.annotations))
    evaluator = COCOeval_faster(truth, truth.loadRes(rows), iouType="bbox", print_function=lambda *_: None)
    evaluator.params.imgIds = sorted(dataset.images)
    evaluator.params.catIds = sorted(names.values())
    evaluator.evaluate()
    evaluator.accumulate()
    precision = evaluator.eval["precision"][:, :, :, 0, -1]  # [IoU, recall, class], all areas, most detections
    by_id = {number: name for name, number in dataset.categories.items()}
    per_class = {by_id[number]: _mean(precision[:, :, k]) for k, number in enumerate(evaluator.params.catIds)}
    known = {name: value for name, value in per_class.items() if value is not None}
    return Accuracy(len(dataset.images), _mean(precision) or 0.0, _mean(precision[0]) or 0.0, known, fps)


def _category_ids(labels: Sequence[str], dataset: LabelledPictures) -> dict[int, int]:
    """Class number to category id, where both know the class."""
    return {class_id: dataset.categories[label] for class_id, label in enumerate(labels) if label in dataset.categories}


def _pictures(dataset: LabelledPictures) -> Iterator[StillPicture]:
    for path in dataset.images.values():
        yield load_picture(path)


def _coco_rows(image_id: int, detections: Detections, names: Mapping[int, int]) -> Iterator[dict[str, object]]:
    for box, confidence, class_id in zip(
        detections.boxes.tolist(), detections.confidence.tolist(), detections.class_id.tolist(), strict=True
    ):
        if class_id in names:
            x1, y1, x2, y2 = box
            yield {
                "image_id": image_id,
                "category_id": names[class_id],
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "score": confidence,
            }


def _mean(precision: object) -> float | None:
    """The mean of what is defined (-1 marks classes without a labelled box)."""
    import numpy as np

    values = np.asarray(precision)
    defined = values[values > -1]
    return round(float(defined.mean()), 4) if defined.size else None
