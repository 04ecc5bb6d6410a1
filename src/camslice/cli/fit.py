"""`camslice fit TABLE.csv`: what explains a table of pods, what it leaves open, and what follows for other rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camslice.cli.options import AsJson


def fit(
    table: Annotated[
        Path,
        typer.Argument(
            help="CSV with the columns pods and mean_ms, optionally preprocess_ms, inference_ms, postprocess_ms, network_ms, "
            "cores (vCPU) and sharing (time-slicing, mps, mig, dedicated)",
            metavar="TABLE.csv",
        ),
    ],
    fit_rows: Annotated[
        str | None, typer.Option(help="the rows to fit from, by their pods, such as 1,54; the others are predicted")
    ] = None,
    leave_one_out: Annotated[bool, typer.Option("--leave-one-out", help="predict each row from all the others")] = False,
    cores: Annotated[float | None, typer.Option(help="vCPU of rows that do not state theirs", min=0.1)] = None,
    out: Annotated[Path | None, typer.Option(help="write the fit as a profile", metavar="FILE")] = None,
    accelerator: Annotated[str, typer.Option(help="its name, for --out")] = "unknown",
    model: Annotated[str, typer.Option(help="the model's name, for --out")] = "unknown",
    as_json: AsJson = False,
) -> None:
    """Fit the simulator to a published or measured table of pods that share an accelerator, each as fast as it can.

    Every prediction comes with its range over all sets of parameters that explain the rows used about equally well; what
    the table cannot pin down is listed, and what rests on something that no row used shows is not predicted.

    Exit code 0: fitted. 2: bad input, or no set of parameters explains the rows.
    """
    from camslice.cli.fit_run import Asked, run_fit

    run_fit(Asked(table, fit_rows, leave_one_out, cores, out, accelerator, model), as_json=as_json)
