"""What an INT8 version loses: against labels, or where nobody labelled the pictures, against full precision itself.

Without labels what the model finds in full precision is taken for true: boxes at least `SURE` confident. Boxes of which full
precision is not sure (down to half of that) count neither way, as crowds do not in COCO, else every box near the threshold
would count as lost or invented. That is judged at IoU 0.50: there it agrees with what labels say (YOLOv8n, one version with a
true loss of 0.002 and one of 0.018 mAP 50, judged to lose 0.005 and 0.024), while mAP 50-95 would punish a border that moves
by a pixel, of which nobody knows whether it got worse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from camslice.engine.slots import Layout
from camslice.fleet.errors import ModelError
from camslice.fleet.types import ModelSpec, Precision
from camslice.measure.accuracy import LabelledPictures, score
from camslice.measure.pictures import PictureDetector
from camslice.measure.sample_pictures import Files, Sample
from camslice.models.detections import Detections
from camslice.models.model import ModelInfo

SURE = 0.25
CONFIDENCE, NMS_IOU = 0.001, 0.7
"""As accuracy is measured: every box counts by its rank."""

Advance = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Judge:
    """Pictures with a truth. `ids` are the truth's numbers of `sample.pictures`; `metric` is `map_50_95` or `map_50`."""

    sample: Sample
    ids: Sequence[int]
    truth: LabelledPictures
    labels: Sequence[str]
    by: str
    metric: str
    before: float
    """mAP of full precision."""

    def mark(self, info: ModelInfo, spec: ModelSpec, advance: Advance = lambda: None) -> float:
        """The mAP of a model, computed as its engine really does."""
        return self.mark_of(dict(zip(self.ids, detect(info, spec, self.sample, advance), strict=True)))

    def mark_of(self, found: Mapping[int, Detections]) -> float:
        """The mAP of detections by image id; only these pictures count."""
        images = {number: self.truth.images[number] for number in found}
        accuracy = score(replace(self.truth, images=images), self.labels, found, 0.0)
        return accuracy.map_50_95 if self.metric == "map_50_95" else accuracy.map_50


def by_labels(info: ModelInfo, spec: ModelSpec, dataset: LabelledPictures, advance: Advance) -> Judge:
    """Judge by a data set's labels. Raises ModelError when the model finds nothing of what is labelled."""
    ids = list(dataset.images)
    sample = Sample(Files(list(dataset.images.values())), Layout.RGB, str(dataset.annotations.parent))
    judge = Judge(sample, ids, dataset, info.labels, "labels", "map_50_95", 0.0)
    before = judge.mark(info, _full(spec), advance)
    if before <= 0:
        raise ModelError(f"model {info.name} finds nothing of what {dataset.annotations} labels; judge it on other pictures.")
    return replace(judge, before=before)


def by_agreement(info: ModelInfo, spec: ModelSpec, sample: Sample, work: Path, advance: Advance) -> Judge:
    """Judge by what the model itself finds in full precision. The truth is written into `work`.

    Raises ModelError when it finds nothing.
    """
    found = dict(enumerate(detect(info, _full(spec), sample, advance)))
    annotations = [row for number, detections in found.items() for row in _rows(number, detections)]
    if not any(row["iscrowd"] == 0 for row in annotations):
        raise ModelError(
            f"model {info.name} finds nothing on the {len(found)} pictures that are to judge its INT8 version; "
            "use pictures that show its classes."
        )
    categories = {label: number + 1 for number, label in enumerate(info.labels)}
    index = {
        "images": [{"id": number, "file_name": str(number), "width": 1, "height": 1} for number in found],
        "annotations": [{"id": number + 1, **row} for number, row in enumerate(annotations)],
        "categories": [{"id": number, "name": label} for label, number in categories.items()],
    }
    path = work / "agreement.json"
    path.write_text(json.dumps(index))
    truth = LabelledPictures(path, dict.fromkeys(found, path), categories)
    judge = Judge(sample, list(found), truth, info.labels, "agreement", "map_50", 0.0)
    return replace(judge, before=judge.mark_of(found))


def detect(info: ModelInfo, spec: ModelSpec, sample: Sample, advance: Advance) -> list[Detections]:
    """What a model finds on every picture, with all its boxes."""
    asked = replace(spec, confidence=CONFIDENCE, nms_iou=NMS_IOU, max_batch=1)
    detector = PictureDetector(info, asked, multi_label=True, layout=sample.layout, keep_compiled=False)
    try:
        found = []
        for detections in detector.detect(sample.pictures):
            found.append(detections)
            advance()
        return found
    finally:
        detector.close()


def _full(spec: ModelSpec) -> ModelSpec:
    return replace(spec, precision=Precision.FP32)


def _rows(number: int, detections: Detections) -> list[dict[str, object]]:
    boxes, confidence, classes = detections.boxes.tolist(), detections.confidence.tolist(), detections.class_id.tolist()
    return [
        {
            "image_id": number,
            "category_id": class_id + 1,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": 0 if sure >= SURE else 1,
        }
        for (x1, y1, x2, y2), sure, class_id in zip(boxes, confidence, classes, strict=True)
        if sure >= SURE / 2
    ]
