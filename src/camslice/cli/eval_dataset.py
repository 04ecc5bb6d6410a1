"""What `eval MODEL DATASET` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from camslice.cli.fetching import FetchBars, asking
from camslice.cli.options import model_on_pictures
from camslice.cli.output import print_json, progress, stdout
from camslice.fleet.errors import CamsliceError
from camslice.measure.accuracy import measure_accuracy, read_dataset
from camslice.models.resolve import resolve


def evaluate_dataset(
    arguments: Sequence[str],
    confidence: float,
    nms_iou: float,
    engine: str,
    precision: str,
    licences: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """Measure and print. Raises CamsliceError."""
    if len(arguments) != 2:
        raise CamsliceError(
            f"eval takes a model and a data set, and {len(arguments)} arguments were given: write "
            "`camslice eval MODEL DATASET`, or give --policy to judge policies on clips."
        )
    model, dataset = arguments
    spec = model_on_pictures(model, confidence, nms_iou, engine, precision)
    pictures = read_dataset(Path(dataset))
    info = resolve(spec, accept=asking(licences), progress=FetchBars())
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
