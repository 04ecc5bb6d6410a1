"""`camslice eval MODEL DATASET`: how accurate a model is on labelled pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camslice.cli.options import AcceptLicences, AsJson, Engine, ModelArgument, NmsIou, PrecisionOption, model_on_pictures


def evaluate(
    model: ModelArgument,
    dataset: Annotated[Path, typer.Argument(help="a folder with images/ and a COCO instances.json", metavar="DATASET")],
    confidence: Annotated[float, typer.Option(help="lowest confidence that counts", min=0.0, max=1.0)] = 0.001,
    nms_iou: NmsIou = 0.7,
    engine: Engine = "openvino",
    precision: PrecisionOption = "auto",
    accept_licence: AcceptLicences = None,
    as_json: AsJson = False,
) -> None:
    """Measure mAP as COCO defines it. Compare models with each other on the same pictures, not with published figures."""
    from camslice.cli.fetching import FetchBars, asking
    from camslice.cli.output import print_json, progress, stdout
    from camslice.measure.accuracy import measure_accuracy, read_dataset
    from camslice.models.resolve import resolve

    spec = model_on_pictures(model, confidence, nms_iou, engine, precision)
    pictures = read_dataset(dataset)
    info = resolve(spec, accept=asking(accept_licence or ()), progress=FetchBars())
    with progress(f"{info.name} on {len(pictures.images)} pictures", len(pictures.images)) as advance:
        accuracy = measure_accuracy(info, spec, pictures, advance)
    if as_json:
        print_json(
            {
                "images": accuracy.images,
                "map_50_95": accuracy.map_50_95,
                "map_50": accuracy.map_50,
                "per_class": dict(accuracy.per_class),
                "fps": round(accuracy.fps, 2),
            }
        )
        return
    from rich.table import Table

    table = Table(title=f"{info.name} on {accuracy.images} pictures")
    table.add_column("class")
    table.add_column("mAP 50-95", justify="right")
    for name, value in sorted(accuracy.per_class.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{value:.3f}")
    stdout().print(table)
    stdout().print(
        f"mAP 50-95 {accuracy.map_50_95:.3f}, mAP 50 {accuracy.map_50:.3f}, {accuracy.fps:.1f} pictures/s", highlight=False
    )
