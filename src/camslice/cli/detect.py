"""`camslice detect MODEL PICTURE...`: one-off detection on still pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def detect(
    model: Annotated[str, typer.Argument(help="a name of the model list, or a path to .onnx / OpenVINO .xml", metavar="MODEL")],
    pictures: Annotated[list[Path], typer.Argument(help="pictures to look at", metavar="PICTURE...")],
    out: Annotated[Path | None, typer.Option(help="folder for annotated copies", metavar="DIR")] = None,
    confidence: Annotated[float, typer.Option(help="lowest confidence to report", min=0.0, max=1.0)] = 0.35,
    nms_iou: Annotated[
        float, typer.Option(help="overlap above which a weaker box of the same class is dropped", max=1.0)
    ] = 0.5,
    engine: Annotated[str, typer.Option(help="openvino or onnxruntime")] = "openvino",
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32")] = "auto",
    accept_licence: Annotated[list[str] | None, typer.Option(help="accept this licence", metavar="SPDX")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Detect objects in pictures, print them, and write annotated copies if asked."""
    from camslice.cli.annotate import copy_paths, detections_json, write_copy
    from camslice.cli.fetching import FetchBars, asking
    from camslice.cli.options import one_of
    from camslice.cli.output import print_json, stdout
    from camslice.fleet.types import Backend, ModelSpec, Precision
    from camslice.measure.pictures import PictureDetector
    from camslice.models.resolve import resolve
    from camslice.video.picture import load_picture

    spec = ModelSpec(
        model,
        model,
        confidence=confidence,
        nms_iou=nms_iou,
        backend=one_of(Backend, engine, "--engine"),
        precision=one_of(Precision, precision, "--precision"),
    )
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
