"""`camslice detect MODEL PICTURE...`: one-off detection on still pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camslice.cli.options import AcceptLicences, AsJson, Engine, ModelArgument, NmsIou, PrecisionOption, model_on_pictures


def detect(
    model: ModelArgument,
    pictures: Annotated[list[Path], typer.Argument(help="pictures to look at", metavar="PICTURE...")],
    out: Annotated[Path | None, typer.Option(help="folder for annotated copies", metavar="DIR")] = None,
    confidence: Annotated[float, typer.Option(help="lowest confidence to report", min=0.0, max=1.0)] = 0.35,
    nms_iou: NmsIou = 0.5,
    engine: Engine = "openvino",
    precision: PrecisionOption = "auto",
    accept_licence: AcceptLicences = None,
    as_json: AsJson = False,
) -> None:
    """Detect objects in pictures, print them, and write annotated copies if asked."""
    from camslice.cli.annotate import copy_paths, detections_json, write_copy
    from camslice.cli.fetching import FetchBars, asking
    from camslice.cli.output import print_json, stdout
    from camslice.measure.pictures import PictureDetector
    from camslice.models.resolve import resolve
    from camslice.video.picture import load_picture

    spec = model_on_pictures(model, confidence, nms_iou, engine, precision)
    loaded = [load_picture(path) for path in pictures]
    copies = [] if out is None else copy_paths(out, pictures)
    info = resolve(spec, accept=asking(accept_licence or ()), progress=FetchBars())
    detector = PictureDetector(info, spec)
    try:
        found = list(detector.detect(loaded))
    finally:
        detector.close()
    for copy, picture, detections in zip(copies, loaded, found, strict=False):
        write_copy(copy, picture, detections, info.labels)
    report = [
        {"path": str(path), "detections": detections_json(detections, info.labels)}
        for path, detections in zip(pictures, found, strict=True)
    ]
    if as_json:
        print_json({"pictures": report})
        return
    for path, detections in zip(pictures, found, strict=True):
        stdout().print(f"{path}: {len(detections)} found", highlight=False)
        for each in detections_json(detections, info.labels):
            stdout().print(f"  {each['label']} {each['confidence']:.2f} at {each['box']}", highlight=False)
