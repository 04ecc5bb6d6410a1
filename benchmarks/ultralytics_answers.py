"""What the package Ultralytics answers to pictures, one by one: run by `agreement` in an environment of its own.

`predict` itself does everything. With `--multi-label` its suppression is told, as its validator tells it, that a box may have
several classes. Prints one JSON object: labels, seconds, and per picture its boxes [x1, y1, x2, y2] in source pixels with
confidence and class number, the (width, height) that the model computed on, and the ms it took by its own account.
"""

from __future__ import annotations

import argparse
import functools
import json
import logging
import os
import time

os.environ.setdefault("YOLO_AUTOINSTALL", "false")
os.environ.setdefault("YOLO_OFFLINE", "true")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--confidence", type=float, required=True)
    parser.add_argument("--nms-iou", type=float, required=True)
    parser.add_argument(
        "--rectangle", action="store_true", help="pad to the smallest rectangle, its own habit, else to a square"
    )
    parser.add_argument("--multi-label", action="store_true")
    parser.add_argument("pictures", nargs="+")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    from ultralytics import YOLO
    from ultralytics.utils import nms

    if given.multi_label:
        nms.non_max_suppression = functools.partial(nms.non_max_suppression, multi_label=True)
    model = YOLO(given.weights, task="detect")
    settings = {"imgsz": 640, "conf": given.confidence, "iou": given.nms_iou, "max_det": 300, "rect": given.rectangle}
    answers = []
    started_s = time.monotonic()
    for picture in given.pictures:
        (result,) = model.predict(picture, **settings, verbose=False)
        height, width = model.predictor.preprocess([result.orig_img]).shape[2:]
        answers.append(
            {
                "boxes": result.boxes.xyxy.tolist(),
                "confidence": result.boxes.conf.tolist(),
                "class_id": result.boxes.cls.int().tolist(),
                "input": [width, height],
                "predict_ms": sum(result.speed.values()),
            }
        )
    seconds = time.monotonic() - started_s
    print(json.dumps({"labels": list(result.names.values()), "seconds": seconds, "pictures": answers}))


if __name__ == "__main__":
    main()
