"""A profile as people read it: what a frame costs, what sharing costs, how many streams, and why not more."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from camslice.cli.output import stdout
from camslice.fleet.figures import Figure
from camslice.fleet.profile import Capacity, Profile, SharingPoint


def print_profile(profile: Profile) -> None:
    """Print it."""
    out = stdout()
    out.print(f"{profile.about}\n{profile.machine.name} ({profile.machine.cpu})", highlight=False)
    out.print(_costs(profile))
    out.print(_batches(profile))
    out.print(_sharing(profile.sharing))
    memory = profile.memory
    if memory.pod_mb is not None and memory.further_stream_mb is not None:
        out.print(
            f"memory: {memory.pod_mb.value:.0f} MB for a pod, {memory.further_stream_mb.value:.1f} MB for each further one"
        )
    for capacity in profile.capacity:
        out.print(_capacity(capacity), highlight=False)


def _costs(profile: Profile) -> Table:
    table = Table(title="one frame")
    for name in ("stage", "CPU ms", "visits to the engine"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    video = profile.video
    for cost in profile.decode:
        megapixels = 0.0 if video is None else video.width * video.height / 1e6
        size = "" if video is None else f", {video.width} x {video.height}"
        anew = ", encoded anew" if cost.transcoded else ""
        table.add_row(f"decode ({cost.codec}{size}{anew})", f"{cost.cpu_ms_per_megapixel.value * megapixels:.2f}", "")
    for stage in profile.stages:
        table.add_row(stage.stage, _text(stage.cpu_ms, 2), _text(stage.visits, 0))
    if profile.other_cpu_ms is not None:
        table.add_row("other", _text(profile.other_cpu_ms, 2), "")
    return table


def _batches(profile: Profile) -> Table:
    table = Table(title="the engine, by batch size")
    for name in ("frames", "ms alone", "ms when full", "frames/s when full"):
        table.add_column(name, justify="right")
    for batch in profile.batches:
        full = batch.saturated_ms
        rate = "" if full is None or not full.value else f"{1000 * batch.size / full.value:.1f}"
        table.add_row(str(batch.size), _text(batch.accelerator_ms, 1), _text(full, 1), rate)
    return table


def _sharing(points: Iterable[SharingPoint]) -> Table:
    table = Table(title="each camera as fast as it can (a closed loop)")
    for name in ("topology", "pods", "cameras", "frames/s", "ms per frame", "cores", "MB per pod"):
        table.add_column(name, justify="left" if name == "topology" else "right")
    for point in points:
        table.add_row(
            point.topology.value,
            str(point.pods),
            str(point.pods * point.streams_per_pod),
            _text(point.fps, 1),
            _text(point.total_ms, 1),
            _text(point.cpu_cores, 2),
            _text(point.memory_mb_per_pod, 0),
        )
    return table


def _capacity(capacity: Capacity) -> str:
    held, broke = capacity.bracket
    streams = capacity.streams
    if streams.low is not None and streams.high is not None:
        sure = f"95 % interval {streams.low:.0f} to {streams.high:.0f}, from {len(capacity.trials)} trials"
    elif broke is None:
        sure = f"{held} held, and no more were tried"
    else:
        sure = f"a bracket: {held} held, {broke} did not"
    return (
        f"capacity: {streams.value:.0f} streams at {capacity.fps:g} frames/s, {capacity.topology} ({sure})\n"
        f"  p{capacity.percentile:g} of all frames within {capacity.latency_ms:g} ms, at most {capacity.drop_rate:.1%} lost\n"
        f"  binding constraint: {capacity.binding_constraint} ({capacity.evidence})"
    )


def _text(figure: Figure | None, digits: int) -> str:
    return "" if figure is None else f"{figure.value:.{digits}f}"
