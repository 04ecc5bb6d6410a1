"""`camslice eval`: how accurate a model is on labelled pictures, or what a policy loses and saves on clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camslice.cli.options import MODEL_HELP, AcceptLicences, AsJson, Engine, PrecisionOption


def evaluate(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            help="MODEL DATASET: a model, and a folder with images/ and a COCO instances.json; with --policy CLIP...: video "
            "files or scene:// addresses, the cameras of the fleet file when left out",
            metavar="MODEL DATASET | CLIP...",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help="judge policies on clips instead: a fleet file, a policy's name, or `all`",
            metavar="FLEET|POLICY",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help=f"with --policy: {MODEL_HELP}; the fleet's first when left out", show_default=False)
    ] = None,
    cameras: Annotated[int, typer.Option(help="with --policy: play the clips as so many cameras", min=1, max=64)] = 12,
    fps: Annotated[
        float | None, typer.Option(help="with --policy: frames per second of each; the fleet's when left out", min=0.1, max=60)
    ] = None,
    seconds: Annotated[float, typer.Option(help="with --policy: seconds of video of each camera", min=1.0)] = 30.0,
    plot: Annotated[
        Path | None, typer.Option(help="with --policy: draw recall against inferences (.svg or .png)", show_default=False)
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            help="with --policy: what takes up what was measured: a profile of this machine, for plans, or a fleet file, for "
            "running it",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(
            help="lowest confidence that counts; 0.001 for a data set, 0.35 or the fleet's for a policy", min=0.0, max=1.0
        ),
    ] = None,
    nms_iou: Annotated[
        float | None,
        typer.Option(
            help="overlap above which a weaker box of the same class is dropped; 0.7 for a data set, 0.5 or the fleet's for a "
            "policy",
            max=1.0,
        ),
    ] = None,
    engine: Engine = "openvino",
    precision: PrecisionOption = "auto",
    accept_licence: AcceptLicences = None,
    as_json: AsJson = False,
) -> None:
    """Measure mAP of MODEL as COCO defines it; compare models with each other on the same pictures, not with published figures.

    With --policy say what analysing less than full frames would lose and save on your own clips: recall and precision against
    the full-precision model on every full frame, delay of first detections, inferences and CPU per frame.
    """
    from camslice.cli.eval_dataset import evaluate_dataset
    from camslice.cli.eval_policy import Asked, evaluate_policy

    if policy is None:
        evaluate_dataset(
            arguments or [],
            0.001 if confidence is None else confidence,
            0.7 if nms_iou is None else nms_iou,
            engine,
            precision,
            accept_licence or [],
            as_json=as_json,
        )
        return
    asked = Asked(
        policy, tuple(arguments or ()), model, cameras, fps, seconds, plot, into, confidence, nms_iou, engine, precision
    )
    evaluate_policy(asked, accept_licence or [], as_json=as_json)
