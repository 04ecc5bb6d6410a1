"""A data set small enough to generate: gray pictures, and one box where the tiny detector always looks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

SIDE = 128
FOUND = (24.0, 24.0, 16.0, 16.0)
"""x, y, width, height in source pixels of what the tiny detector finds in a picture of 128 x 128."""
ELSEWHERE = (80.0, 80.0, 16.0, 16.0)


def gray_picture(path: Path, brightness: int, side: int = SIDE) -> Path:
    """Write a PNG (or what the name says). Black is the one picture in which the tiny detector finds nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((side, side, 3), brightness, np.uint8))
    return path


def data_set(folder: Path, boxes: Sequence[tuple[float, ...]], *, category: str = "thing") -> Path:
    """A picture for each box, as `images/` and a COCO `instances.json`."""
    images, annotations = [], []
    for number, box in enumerate(boxes):
        gray_picture(folder / "images" / f"{number}.png", 200)
        images.append({"id": 10 + number, "file_name": f"{number}.png", "width": SIDE, "height": SIDE})
        area = box[2] * box[3]
        annotations.append(
            {"id": 1 + number, "image_id": 10 + number, "category_id": 3, "bbox": list(box), "area": area, "iscrowd": 0}
        )
    index = {"images": images, "categories": [{"id": 3, "name": category}], "annotations": annotations}
    (folder / "instances.json").write_text(json.dumps(index))
    return folder
