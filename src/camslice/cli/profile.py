"""`camslice profile MODEL`: what one stream costs on this machine, and how many it carries at the objective."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camslice.cli.options import AcceptLicences, AsJson, ModelArgument, PrecisionOption


def profile(
    model: ModelArgument,
    out: Annotated[Path, typer.Option(help="where the profile is written", metavar="FILE")] = Path("profile.json"),
    clip: Annotated[
        str | None,
        typer.Option(help="a video file or a clip of the model list that every stream plays; else the best one here"),
    ] = None,
    topology: Annotated[str, typer.Option(help="whose capacity is looked for: pooled or sliced")] = "pooled",
    fps: Annotated[float, typer.Option(help="frames/s analysed of each stream in the search for the capacity", min=0.01)] = 5.0,
    latency_ms: Annotated[float, typer.Option(help="the latency objective", min=1)] = 500.0,
    percentile: Annotated[float, typer.Option(help="of all frames, which must keep it", min=1, max=99.9)] = 95.0,
    drop_rate: Annotated[float, typer.Option(help="largest share of frames that may be dropped", min=0, max=0.5)] = 0.01,
    quick: Annotated[bool, typer.Option("--quick", help="under a minute: a bracket instead of an interval")] = False,
    confidence: Annotated[float, typer.Option(help="lowest confidence to report", min=0.0, max=1.0)] = 0.35,
    engine: Annotated[str, typer.Option(help="openvino or onnxruntime")] = "openvino",
    device: Annotated[str | None, typer.Option(help="what the engine computes on, such as cpu or cuda")] = None,
    precision: PrecisionOption = "auto",
    accept_licence: AcceptLicences = None,
    as_json: AsJson = False,
) -> None:
    """Measure what one stream costs on this machine, and its capacity: the most streams at which the objective holds.

    A few minutes. What is measured is kept beside --out until the profile is written: broken off (Ctrl-C), the same command
    goes on from there.

    Exit code 0: the profile was written. 2: bad input. 130: stopped by Ctrl-C.
    """
    from camslice.cli.profile_run import Asked, run_profile

    run_profile(
        Asked(
            model, clip, topology, fps, latency_ms, percentile, drop_rate, quick, confidence, engine, device, precision,
            frozenset(accept_licence or ()),
        ),
        out,
        as_json=as_json,
    )  # fmt: skip
