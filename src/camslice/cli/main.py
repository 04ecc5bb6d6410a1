"""The command line's front door: it knows each command by name and loads only the one that is called."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, NoReturn, cast

import typer

from camslice import __version__
from camslice.cli.errors import exit_code_of
from camslice.fleet.log import log_to_stderr


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command lies (`module:attribute`, a function or a `typer.Typer` of its own) and its line in `--help`."""

    where: str
    about: str


COMMANDS: Mapping[str, Command] = {
    "demo": Command("camslice.cli.demo:demo", "Run a small fleet on real video with whatever this machine can get."),
    "run": Command("camslice.cli.run:run", "Analyse the fleet until stopped, then print what became of every frame."),
    "bench": Command("camslice.cli.bench:bench", "Measure pods in a topology on this machine."),
    "detect": Command("camslice.cli.detect:detect", "Detect objects in pictures."),
    "eval": Command("camslice.cli.eval:evaluate", "Measure a model's accuracy on labelled pictures."),
    "models": Command("camslice.cli.models:app", "List, fetch and import models."),
    "profile": Command("camslice.cli.profile:profile", "Measure what a stream costs here, and how many this machine carries."),
    "plan": Command("camslice.cli.plan:plan", "Find the cheapest fleet that keeps the objective, and say why."),
    "cost": Command("camslice.cli.cost:cost", "Say what nodes cost per camera and month, line by line."),
    "catalogue": Command("camslice.cli.catalogue:app", "List, renew and check instance types and their prices."),
    "simulate": Command("camslice.cli.simulate:simulate", "Simulate one node of a plan, or a machine under a load."),
    "fit": Command("camslice.cli.fit:fit", "Fit the simulator to a published or measured table of pods."),
    "render": Command("camslice.cli.render:render", "Write what a plan asks of a Kubernetes cluster."),
    "deploy": Command("camslice.cli.deploy:deploy", "Apply a plan to a cluster, and wait until its fleet is ready."),
    "verify": Command("camslice.cli.verify:verify", "Compare live latency and dollars with the plan, and say why they differ."),
    "operator": Command("camslice.cli.operator:operator", "Keep the camera fleets of a Kubernetes namespace running."),
    "probe": Command("camslice.cli.probe:probe", "Find out what each camera sends, as plans need it."),
    "serve": Command("camslice.cli.serve:serve", "Serve models over the Open Inference Protocol."),
    "web": Command("camslice.cli.web:web", "Serve the page and API of a cluster's fleet."),
    "schema": Command("camslice.cli.schema:schema", "Print the JSON Schema of fleet.yaml."),
    "doctor": Command("camslice.cli.doctor:doctor", "Say what this machine has and lacks, each with the fix."),
}


def program() -> NoReturn:
    """`main` as a process of its own, which ends without taking the interpreter apart: a thread of OpenVINO that is on its way
    back from a callback just then could not get the interpreter's lock any more, and would end it with SIGABRT.
    """
    try:
        main()
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else 0
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # its reader may be gone, which was told before
            stream.flush()
    os._exit(code)


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    log_to_stderr()
    sys.exit(exit_code_of(lambda: command_line(sys.argv[1:])(args=sys.argv[1:], prog_name="camslice")))


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """The application for these arguments: all commands by name, and the one that they call loaded."""
    app = typer.Typer(
        help="Run object detection on a fleet of cameras at the lowest cost per camera.",
        add_completion=False,
        no_args_is_help=True,
        # Plain help: loading rich would nearly double the time to start.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, command in COMMANDS.items():
        loaded = _load(command.where) if name == called else _listed_only
        if isinstance(loaded, typer.Typer):
            app.add_typer(loaded, name=name, help=command.about)
        else:
            app.command(name, short_help=command.about)(loaded)
    return app


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_version),
    ] = False,
) -> None:
    """Takes the options that stand before the command."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"camslice {__version__}")
        raise typer.Exit


def _listed_only() -> None:
    """Stands in for the commands that are not called."""


def _load(where: str) -> Callable[..., object] | typer.Typer:
    module, attribute = where.split(":")
    return cast("Callable[..., object] | typer.Typer", getattr(importlib.import_module(module), attribute))
