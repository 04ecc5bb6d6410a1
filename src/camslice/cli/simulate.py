"""`camslice simulate`: one node under load, event by event, from a plan or from a profile."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camslice.cli.catalogue_options import CatalogueFile
from camslice.cli.options import AsJson


def simulate(
    plan: Annotated[Path | None, typer.Argument(help="a plan.yaml; else give --profile", metavar="[PLAN]")] = None,
    shape: Annotated[str | None, typer.Option(help="which node of the plan; needed if it has several kinds")] = None,
    profile: Annotated[
        str | None, typer.Option(help="a profile: a file of `camslice profile` or `fit`, or the name of one that comes along")
    ] = None,
    instance_type: Annotated[str | None, typer.Option(help="the machine, a name of `camslice catalogue list`")] = None,
    vcpu: Annotated[int | None, typer.Option(help="vCPU of a machine that is in no catalogue", min=1)] = None,
    physical_cores: Annotated[int | None, typer.Option(help="its cores without hyper-threads", min=1)] = None,
    accelerators: Annotated[int | None, typer.Option(help="its accelerators", min=0)] = None,
    topology: Annotated[str, typer.Option(help="dedicated, remote, sliced, mps, mig or pooled")] = "sliced",
    pods: Annotated[int, typer.Option(help="pods (pooled: cameras in one pod)", min=1, max=5000)] = 1,
    streams_per_pod: Annotated[int, typer.Option(help="of all topologies but pooled", min=1, max=1000)] = 1,
    threads: Annotated[int | None, typer.Option(help="of each pod's engine, on a machine without GPU", min=1)] = None,
    mig_profile: Annotated[str | None, typer.Option(help="how cards are cut in topology mig, such as 1g.10gb")] = None,
    fps: Annotated[float | None, typer.Option(help="frames/s of each stream; else a closed loop, as fast as it can")] = None,
    jitter_ms: Annotated[float, typer.Option(help="frames arrive late by a random time with this mean", min=0)] = 0.0,
    keyframe_delay_ms: Annotated[float, typer.Option(help="what a keyframe takes longer to arrive", min=0)] = 0.0,
    keyframe_interval_s: Annotated[float, typer.Option(help="seconds from one keyframe to the next", min=0.1)] = 2.0,
    latency_ms: Annotated[float, typer.Option(help="the latency objective", min=1)] = 500.0,
    percentile: Annotated[float, typer.Option(help="of all frames, which must keep it", min=1, max=99.9)] = 95.0,
    drop_rate: Annotated[float, typer.Option(help="largest share of frames that may be dropped", min=0, max=1)] = 0.01,
    seconds: Annotated[
        float | None, typer.Option(help="simulated; else as long as the interval of the 99th percentile needs, at most 600")
    ] = None,
    warm_up: Annotated[float, typer.Option(help="seconds before those that count", min=0)] = 2.0,
    seed: Annotated[int, typer.Option(help="of the arrivals", min=0)] = 1,
    catalogue: CatalogueFile = None,
    as_json: AsJson = False,
) -> None:
    """Simulate one node: a latency by stage, frames dropped, and how busy processor and accelerator are.

    Exit code 0: simulated. 1: the objective is not met. 2: bad input.
    """
    from camslice.cli.simulate_run import Asked, run_simulate

    asked = Asked(
        plan, shape, profile, instance_type, vcpu, physical_cores, accelerators, topology, pods, streams_per_pod, threads,
        mig_profile, fps, jitter_ms, keyframe_delay_ms, keyframe_interval_s, latency_ms, percentile, drop_rate, seconds,
        warm_up, seed, catalogue,
    )  # fmt: skip
    if not run_simulate(asked, as_json=as_json):
        raise typer.Exit(1)
