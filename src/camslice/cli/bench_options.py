"""From the options of `camslice bench` to what is to be measured; what cannot be is refused here, in one sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from camslice.cli.clips import clip_path
from camslice.cli.fetching import FetchBars
from camslice.cli.options import one_of
from camslice.cli.output import stderr
from camslice.fleet.errors import CamsliceError, FleetError
from camslice.fleet.secrets import Source
from camslice.fleet.types import Backend, CameraSpec, ModelSpec, Objective, Precision, Server, Topology
from camslice.measure.bench.load import load_for
from camslice.measure.bench.report import Price
from camslice.measure.bench.values import Load, Phase, Question
from camslice.measure.precisions import time_once
from camslice.models.catalogue import Kind, load_catalogue
from camslice.models.fetch import best_available
from camslice.models.licences import AcceptLicence
from camslice.models.resolve import resolve
from camslice.video.check import check_source

_DRAWN = "scene://"


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were written; see `camslice bench --help`."""

    topology: str
    pods: str
    model: str | None
    engine: str
    precision: str
    device: str | None
    input_size: str | None
    server: str | None
    clip: str | None
    seconds: float
    rounds: int
    fps: float | None
    phase: str
    seed: int
    latency_ms: float
    streams_per_pod: int
    workers: int | None
    threads: int | None
    price_usd_per_hour: float | None
    hours_per_month: float

    @property
    def price(self) -> Price | None:
        """What a machine costs, if that was said."""
        return None if self.price_usd_per_hour is None else Price(self.price_usd_per_hour, self.hours_per_month)


def understood(asked: Asked, accept: AcceptLicence) -> tuple[Question, Sequence[Load]]:
    """What is to be measured, and the rows. Fetches model and clip where none is named. Raises CamsliceError."""
    topologies = [one_of(Topology, name.strip(), "--topology") for name in asked.topology.split(",")]
    pods = [_pods(text, asked.pods) for text in asked.pods.split(",")]
    phase = one_of(Phase, asked.phase, "--phase")
    spec = _spec(asked, accept)
    clip = _clip(asked, accept)
    info = resolve(spec, accept=accept, progress=FetchBars())
    time_once(info, spec, stderr().print)
    question = Question(
        spec,
        info,
        clip,
        Objective(asked.latency_ms),
        asked.fps,
        phase,
        asked.seed,
        asked.seconds,
        asked.rounds,
        asked.streams_per_pod,
        asked.workers,
        asked.threads,
    )
    return question, [load_for(topology, number, question) for topology in topologies for number in pods]


def _pods(text: str, whole: str) -> int:
    if not re.fullmatch(r"[1-9]\d*", text.strip()):
        raise FleetError(
            f"--pods {whole}: a row needs at least 1 pod, and {text.strip()!r} is none; write such as --pods 1,20,54."
        )
    return int(text)


def _spec(asked: Asked, accept: AcceptLicence) -> ModelSpec:
    backend = one_of(Backend, asked.engine, "--engine")
    if (backend is Backend.OIP) != (asked.server is not None):
        raise FleetError("--engine oip and --server URL go together: the engine asks the server that the address names.")
    weights = asked.model or str(best_available(load_catalogue(), Kind.MODEL, accept=accept, progress=FetchBars()).path)
    return ModelSpec(
        "model",
        weights,
        input_size=None if asked.input_size is None else _size(asked.input_size),
        backend=backend,
        device=asked.device,
        precision=one_of(Precision, asked.precision, "--precision"),
        server=None if asked.server is None else Server(asked.server),
    )


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if found is None:
        raise CamsliceError(f"--input-size {text}: write width and height in pixels, such as 640x480.")
    return int(found[1]), int(found[2])


def _clip(asked: Asked, accept: AcceptLicence) -> Source:
    """A drawn scene as it is written, else a file."""
    if asked.clip is not None and "://" in asked.clip:
        source = Source(asked.clip, asked.clip)
        if not asked.clip.startswith(_DRAWN):
            raise CamsliceError(
                f"--clip {source.redacted}: every camera plays it over and over; give a file or {_DRAWN}people."
            )
    else:
        path = str(clip_path(asked.clip, accept))
        source = Source(path, path)
    check_source(CameraSpec("clip", source, 1.0, ("model",), loop=True))
    return source
