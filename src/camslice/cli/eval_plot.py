"""What policies keep against what they cost, as a picture."""

from __future__ import annotations

from pathlib import Path

from camslice.fleet.errors import CamsliceError
from camslice.measure.policy.evaluate import Evaluation


def check_ending(path: Path) -> None:
    """Raises CamsliceError for a file that no picture can be written to."""
    if path.suffix.lower() not in (".svg", ".png"):
        raise CamsliceError(f"--plot {path}: give a file that ends with .svg or .png.")


def draw_frontier(evaluation: Evaluation, path: Path) -> None:
    """Write `path`, a .svg or .png. Raises CamsliceError without the extra `plot`, or where nothing can be written."""
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib.figure import Figure
    except ImportError:
        raise CamsliceError(
            "--plot needs matplotlib; install it with `pip install 'camslice[plot]'`, or leave --plot out."
        ) from None
    figure = Figure(figsize=(8, 5), layout="constrained")
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
    kind = path.suffix.lower()[1:]
    try:
        with mpl.rc_context({"svg.hashsalt": "camslice"}):
            figure.savefig(path, format=kind, metadata={"Date": None} if kind == "svg" else {"Software": None})
    except OSError as error:
        raise CamsliceError(f"--plot {path}: it cannot be written ({error.strerror}); choose another place.") from None
