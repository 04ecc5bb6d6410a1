"""`camslice bench`: N pods in a topology on this machine, each row with the same clip, model and clocks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camslice.cli.options import MODEL_HELP, AcceptLicences, AsJson, PrecisionOption


def bench(
    topology: Annotated[
        str, typer.Option(help="dedicated, remote, sliced, mps, mig, pooled: one or several, with commas", metavar="T,...")
    ] = "pooled",
    pods: Annotated[
        str, typer.Option(help="pods of each row, with commas; cameras of the one pod for pooled", metavar="N,...")
    ] = ("1"),
    model: Annotated[str | None, typer.Option(help=f"{MODEL_HELP}; else the best to be had here", metavar="MODEL")] = None,
    engine: Annotated[str, typer.Option(help="openvino, onnxruntime, ultralytics or oip")] = "openvino",
    precision: PrecisionOption = "auto",
    device: Annotated[str | None, typer.Option(help="what the engine computes on, such as cpu or cuda")] = None,
    input_size: Annotated[str | None, typer.Option(help="what the model computes on, in pixels", metavar="WxH")] = None,
    server: Annotated[
        str | None, typer.Option(help="where engine oip finds its server: grpc://HOST:PORT", metavar="URL")
    ] = None,
    clip: Annotated[
        str | None,
        typer.Option(
            help="a video file or a clip of the model list that every camera plays; else the best to be had here",
            metavar="CLIP",
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(help="how long each row is measured, all rounds together", min=0.1)] = 10.0,
    rounds: Annotated[int, typer.Option(help="measure the rows in so many turns, one after the other", min=1)] = 1,
    fps: Annotated[
        float | None, typer.Option(help="an open loop: frames/s of each camera, whether or not the machine keeps up", min=0.001)
    ] = None,
    phase: Annotated[str, typer.Option(help="when the cameras of an open loop have frames due: random or aligned")] = "random",
    seed: Annotated[int, typer.Option(help="what random phases are drawn from")] = 1,
    latency_ms: Annotated[float, typer.Option(help="the latency objective", min=1)] = 500.0,
    streams_per_pod: Annotated[int, typer.Option(help="cameras of each pod", min=1)] = 1,
    workers: Annotated[int | None, typer.Option(help="processes that decode for pooled or remote", min=0)] = None,
    threads: Annotated[
        int | None, typer.Option(help="most threads of each pod's engine; else its share of the cores", min=1)
    ] = None,
    price_usd_per_hour: Annotated[float | None, typer.Option(help="what a machine like this one costs", min=0)] = None,
    hours_per_month: Annotated[float, typer.Option(help="hours in a month's bill", min=1)] = 730.0,
    report: Annotated[Path | None, typer.Option(help="write a page with plots and raw figures", metavar="FILE.html")] = None,
    accept_licence: AcceptLicences = None,
    as_json: AsJson = False,
) -> None:
    """Measure N pods in a topology on this machine: latency by stage, frames/s, drops, cores, memory, dollars.

    Without --fps the loop is closed: each camera takes its next frame when it has the answer to the last. With --fps it is
    open. Several topologies or numbers of pods make a table.

    Exit code 0: every row was measured. 1: one could not be, and the output says why. 2: bad input. 130: stopped by Ctrl-C.
    """
    from camslice.cli.bench_options import Asked
    from camslice.cli.bench_run import run_bench

    raise typer.Exit(
        run_bench(
            Asked(
                topology=topology,
                pods=pods,
                model=model,
                engine=engine,
                precision=precision,
                device=device,
                input_size=input_size,
                server=server,
                clip=clip,
                seconds=seconds,
                rounds=rounds,
                fps=fps,
                phase=phase,
                seed=seed,
                latency_ms=latency_ms,
                streams_per_pod=streams_per_pod,
                workers=workers,
                threads=threads,
                price_usd_per_hour=price_usd_per_hour,
                hours_per_month=hours_per_month,
            ),
            page=report,
            accept_licence=frozenset(accept_licence or ()),
            as_json=as_json,
        )
    )
