"""`camslice serve MODEL...`: models of this machine for any client of the Open Inference Protocol."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from camslice.cli.options import MODEL_HELP, AcceptLicences, AsJson, Engine, NmsIou, PrecisionOption


def serve(
    models: Annotated[list[str], typer.Argument(help=f"{MODEL_HELP}; NAME=MODEL to call it otherwise", metavar="MODEL...")],
    grpc: Annotated[
        str, typer.Option(help="where gRPC is served; also unix-abstract:NAME, or none", metavar="HOST:PORT")
    ] = "127.0.0.1:8001",
    http: Annotated[str, typer.Option(help="where HTTP is served, or none", metavar="HOST:PORT")] = "127.0.0.1:8000",
    engine: Engine = "openvino",
    precision: PrecisionOption = "auto",
    device: Annotated[str | None, typer.Option(help="what the engine computes on, such as cpu or cuda")] = None,
    threads: Annotated[int | None, typer.Option(help="most threads of each engine; else one per core", min=1)] = None,
    max_batch: Annotated[
        int | None, typer.Option(help="most pictures computed together; else the engine's choice", min=1)
    ] = None,
    queue: Annotated[int, typer.Option(help="pictures of a model that may wait; more are refused at once", min=1)] = 128,
    max_message_mb: Annotated[
        int | None,
        typer.Option(help="largest request; else 64, or more if a batch of the model's input needs it", min=1, max=2000),
    ] = None,
    confidence: Annotated[
        float, typer.Option(help="lowest confidence of boxes where a request names none", min=0.0, max=1.0)
    ] = 0.35,
    nms_iou: NmsIou = 0.5,
    tls_cert: Annotated[Path | None, typer.Option(help="encrypt, with this certificate (PEM)", metavar="FILE")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="its private key (PEM)", metavar="FILE")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(help="let only clients in that have a certificate of this authority (PEM)", metavar="FILE")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="file with the token that clients must send (else CAMSLICE_TOKEN)", metavar="FILE")
    ] = None,
    open_metrics: Annotated[
        bool, typer.Option("--open-metrics", help="tell /metrics without the token; who reaches the port may read them")
    ] = False,
    accept_licence: AcceptLicences = None,
    as_json: AsJson = False,
) -> None:
    """Serve models over the Open Inference Protocol until stopped (Ctrl-C), and print what they were asked.

    Exit code 0: stopped by SIGTERM, with what was asked answered. 2: bad input. 130: stopped by Ctrl-C.
    """
    from dataclasses import replace

    from camslice.cli.called import called
    from camslice.cli.fetching import FetchBars, asking
    from camslice.cli.options import model_on_pictures
    from camslice.cli.output import stderr
    from camslice.cli.serving import Doors, run_server
    from camslice.cli.token import read_token
    from camslice.engine.oip.limits import Limits
    from camslice.engine.oip.tls import read_tls
    from camslice.measure.precisions import time_once
    from camslice.models.expected import expected_hashes, refuse_other_weights
    from camslice.models.resolve import resolve

    tls = read_tls(tls_cert, tls_key, tls_client_ca)
    doors = Doors.read(grpc, http, tls, read_token(token_file), open_metrics=open_metrics)
    wanted = [called(model) for model in models]
    declared = [model_on_pictures(each.model, confidence, nms_iou, engine, precision) for each in wanted]
    specs = [replace(spec, device=device, max_batch=max_batch) for spec in declared]
    found = [(resolve(spec, accept=asking(accept_licence or ()), progress=FetchBars()), spec) for spec in specs]
    expected = expected_hashes(os.environ)
    for info, spec in found:
        refuse_other_weights(spec, info, expected)
    for info, spec in found:
        time_once(info, spec, stderr().print)
    renamed = [(replace(info, name=each.name or info.name), spec) for each, (info, spec) in zip(wanted, found, strict=True)]
    raise typer.Exit(
        run_server(
            renamed,
            doors,
            Limits(waiting_pictures=queue),
            threads=threads,
            max_message_bytes=None if max_message_mb is None else max_message_mb * 1_000_000,
            as_json=as_json,
        )
    )
