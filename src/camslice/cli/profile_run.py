"""What `profile` does: find model and clip, measure with a bar, write the file, print it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from camslice.cli.clips import clip_path
from camslice.cli.fetching import FetchBars, asking
from camslice.cli.options import one_of
from camslice.cli.output import print_json, stderr
from camslice.cli.profile_table import print_profile
from camslice.cli.signals import Signals
from camslice.fleet.errors import CamsliceError
from camslice.fleet.profile_json import profile_object, profile_text
from camslice.fleet.types import Backend, ModelSpec, Objective, Precision, Topology
from camslice.measure.precisions import time_once
from camslice.measure.profile.agenda import Reporter
from camslice.measure.profile.decoding import video_of
from camslice.measure.profile.journal import Journal, write_whole
from camslice.measure.profile.measuring import circumstances, measure_profile
from camslice.measure.profile.observe import ThisMachine
from camslice.measure.profile.settings import Settings
from camslice.measure.profile.subject import Subject
from camslice.models.licences import AcceptLicence
from camslice.models.resolve import resolve

_LOCAL = (Backend.OPENVINO, Backend.ONNXRUNTIME)
_SEARCHED = (Topology.POOLED, Topology.SLICED)


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were written; see `camslice profile --help`."""

    model: str
    clip: str | None
    topology: str
    fps: float
    latency_ms: float
    percentile: float
    drop_rate: float
    quick: bool
    confidence: float
    engine: str
    device: str | None
    precision: str
    accepted: frozenset[str]


def run_profile(asked: Asked, out: Path, *, as_json: bool) -> None:
    """Measure, write `out`, print. Raises CamsliceError for bad input, KeyboardInterrupt when broken off."""
    Signals()
    settings = _settings(asked)
    _require_place(out)
    subject = _subject(asked, asking(asked.accepted))
    journal = Journal(out.with_name(f"{out.name}.partial"), circumstances(subject, settings))
    if journal.steps:
        stderr().print(f"going on after {journal.steps} steps that {out}.partial holds")
    try:
        with _bar() as reporter:
            profile = measure_profile(subject, settings, ThisMachine(subject, settings), journal, reporter)
    except KeyboardInterrupt:
        stderr().print(f"stopped; {out}.partial holds {journal.steps} finished steps, and the same command goes on from there")
        raise
    write_whole(out, profile_text(profile))
    journal.remove()
    if as_json:
        print_json(profile_object(profile))
    else:
        print_profile(profile)
        stderr().print(f"profile: {out}")


def _settings(asked: Asked) -> Settings:
    topology = one_of(Topology, asked.topology, "--topology")
    if topology not in _SEARCHED:
        raise CamsliceError(
            f"--topology {topology}: capacity is looked for in {' or '.join(_SEARCHED)}; bench measures the others."
        )
    objective = Objective(asked.latency_ms, asked.percentile, asked.drop_rate)
    if asked.quick:
        return Settings.quick(topology, objective, asked.fps)
    return Settings(topology, objective, asked.fps)


def _subject(asked: Asked, accept: AcceptLicence) -> Subject:
    backend = one_of(Backend, asked.engine, "--engine")
    if backend not in _LOCAL:
        raise CamsliceError(f"--engine {backend}: a profile is of this machine's own engines; choose {' or '.join(_LOCAL)}.")
    spec = ModelSpec(
        "model",
        asked.model,
        confidence=asked.confidence,
        backend=backend,
        device=asked.device,
        precision=one_of(Precision, asked.precision, "--precision"),
    )
    info = resolve(spec, accept=accept, progress=FetchBars())
    time_once(info, spec, stderr().print)
    clip = clip_path(asked.clip, accept)
    return Subject(spec, info, clip, video_of(clip).fps)


def _require_place(out: Path) -> None:
    if out.is_dir() or not out.absolute().parent.is_dir():
        what = "is a folder" if out.is_dir() else "its folder does not exist"
        raise CamsliceError(f"--out {out}: {what}; name a file in a folder that exists.")


@contextmanager
def _bar() -> Iterator[Reporter]:
    """A bar on standard error: what is measured, and about how long it will still take."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    left = TextColumn("{task.fields[left]}")
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), left, TimeElapsedColumn())
    with Progress(*columns, console=stderr(), transient=True) as bar:
        task = bar.add_task("", total=1.0, left="")

        class Told:
            def step(self, words: str, done_s: float, left_s: float) -> None:
                about = f"about {int(left_s) // 60}:{int(left_s) % 60:02d} left"
                bar.update(task, description=words, completed=done_s, total=done_s + left_s, left=about)

        yield Told()
