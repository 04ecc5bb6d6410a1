"""What `demo` does: the best model and clip to be had here, the highest rate this machine sustains, a fleet at that rate."""

from __future__ import annotations

import sys
import webbrowser
from dataclasses import replace
from pathlib import Path

from camslice.cli.fetching import FetchBars
from camslice.cli.fleet_run import INTERRUPTED, listening
from camslice.cli.output import print_json, stderr
from camslice.cli.session import Session
from camslice.cli.signals import Signals
from camslice.cli.summary import print_summary
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Fleet, ModelSpec, Objective
from camslice.measure.throughput import throughput
from camslice.models.catalogue import Kind, load_catalogue
from camslice.models.fetch import best_available
from camslice.models.licences import accepting
from camslice.models.resolve import resolve
from camslice.video.check import native_fps

MEASURE_S = 5.0
SHARE = 0.7
"""Of the measured rate: the demo also draws pictures, and other programs want the machine too."""
_RATES = (0.2, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0)


def run_demo(cameras: int, seconds: float, *, listen: str | None, accept_licence: frozenset[str], as_json: bool) -> int:
    """Run the demo; returns the exit code."""
    signals = Signals()
    out = stderr()
    accept = accepting(accept_licence)
    if accept_licence:
        out.print(f"licences accepted for this run: {', '.join(sorted(accept_licence))}", highlight=False)
    catalogue = load_catalogue()
    model = best_available(catalogue, Kind.MODEL, accept=accept, progress=FetchBars())
    clip = best_available(catalogue, Kind.CLIP, accept=accept, progress=FetchBars())
    for found in (model, clip):
        out.print(f"{found.entry.kind}: {found.entry.name} ({found.entry.licence}), from {found.source}", highlight=False)
    spec = ModelSpec("people", str(model.path), classes=("person",), confidence=0.35)
    info = resolve(spec, accept=accept)
    source = Source(str(clip.path), str(clip.path))
    specs = tuple(CameraSpec(f"camera-{i}", source, 1.0, ("people",), loop=True) for i in range(1, cameras + 1))
    fleet = Fleet(Objective(), {"people": spec}, specs)
    out.print(f"measuring what this machine carries, {MEASURE_S:.0f} s ...", highlight=False)
    measured = throughput(fleet, {"people": info}, MEASURE_S)
    rate = sustained_rate(measured.fps, cameras, native_fps(specs[0]))
    out.print(
        f"measured {measured.fps:.0f} frames/s; {cameras} cameras at {rate:g} frames/s each use "
        f"{cameras * rate / measured.fps:.0%} of it",
        highlight=False,
    )
    fleet = at_rate(fleet, rate)
    models = {"people": info}
    with Session(fleet, models, lambda _: models, Path.cwd(), None if listen is None else listening(listen, None)) as session:
        signals.note()
        if session.url:
            out.print(f"page: {session.url} (for {seconds:g} s)", highlight=False)
            if sys.stdout.isatty():
                webbrowser.open(session.url)
        signals.wait(seconds)
    report = session.running.report()
    if as_json:
        print_json(report)
    else:
        print_summary(report, fleet.objective)
    return INTERRUPTED if signals.interrupted else 0


def sustained_rate(measured_fps: float, cameras: int, clip_fps: float | None) -> float:
    """Frames/s per camera: the highest usual rate within the share, at most the clip's own."""
    each = measured_fps * SHARE / cameras
    limit = min(each, clip_fps) if clip_fps else each
    return max((rate for rate in _RATES if rate <= limit), default=limit)


def at_rate(fleet: Fleet, rate: float) -> Fleet:
    """The same fleet with every camera at `rate` frames/s."""
    return replace(fleet, cameras=tuple(replace(camera, fps=rate) for camera in fleet.cameras))
