"""What policies keep against what they cost, as a picture."""

from __future__ import annotations

from pathlib import Path

from camslice.cli.plotting import drawn, new_figure
from camslice.fleet.errors import CamsliceError
from camslice.measure.policy.evaluate import Evaluation


def check_ending(path: Path) -> None:
    """Raises CamsliceError for a file that no picture can be written to."""
    if path.suffix.lower() not in (".svg", ".png"):
        raise CamsliceError(f"--plot {path}: give a file that ends with .svg or .png.")


def draw_frontier(evaluation: Evaluation, path: Path) -> None:
    """Write `path`, a .svg or .png. Raises CamsliceError without the extra `plot`, or where nothing can be written."""
    figure = new_figure()
    axes = figure.add_subplot()
    points = [
        (each.inferences_per_frame, each.recall, each.policy.name) for each in evaluation.policies if each.recall is not None
    ]
    axes.plot([point[0] for point in points], [point[1] for point in points], "o-")
    for inferences, recall, name in points:
        axes.annotate(name, (inferences, recall), (6, -10), textcoords="offset points", fontsize=9)
    axes.set_xscale("log")
    axes.set_xlabel("inferences per frame")
    axes.set_ylabel("recall of the full frames' detections")
    axes.set_title(f"{evaluation.model}: {evaluation.frames} frames of {evaluation.cameras} cameras (measured)")
    axes.grid(alpha=0.3)
    try:
        path.write_bytes(drawn(figure, path.suffix.lower()[1:]))
    except OSError as error:
        raise CamsliceError(f"--plot {path}: it cannot be written ({error.strerror}); name another file.") from None
