"""A fleet and profiles of full size that are synthetic: real instance types and prices, invented models and costs.

They have the structure of real ones, so that a whole plan can be made of them, through the same code as `camslice plan`. None
of their figures is a measurement; each is marked as assumed. The models are those of `benchmarks/synthetic_fleet.py`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from benchmarks.synthetic_fleet import CONTEXT_MB, NEWER, RATES_FPS, SPEED, InventedModel, invented_model
from camslice.fleet.figures import Figure, Provenance
from camslice.fleet.profile import (
    CPU,
    BatchCost,
    Concurrency,
    Contexts,
    Coverage,
    DecodeCost,
    Memory,
    Profile,
    ProfiledMachine,
    ProfiledModel,
    StageCost,
)
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Fleet, ModelSpec, Objective, Planning, StreamFormat, Topology
from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.eligibility import KnownProfile

HD = StreamFormat(1920, 1080, 15.0, "h264", 2000.0)
ON_GPU = (Topology.SLICED, Topology.MPS, Topology.POOLED)
ON_CPU = (Topology.SLICED, Topology.POOLED)
PROFILED_VCPU = 4


def synthetic_fleet(cameras: int, seed: int = 1) -> Fleet:
    """So many cameras of 8 models x 5 rates, on all instance types with all topologies that the profiles cover."""
    draw = random.Random(seed)
    models = _models(seed)
    kinds = [(model.name, fps) for model in models for fps in RATES_FPS]
    weights = [draw.uniform(0.3, 3.0) / fps**0.5 for _, fps in kinds]
    source = Source("rtsp://camera.example/stream", "rtsp://camera.example/stream")
    chosen = draw.choices(kinds, weights, k=cameras)
    return Fleet(
        Objective(500.0, 95.0, 0.01),
        {model.name: ModelSpec(model.name, model.name) for model in models},
        tuple(CameraSpec(f"c{number}", source, fps, (model,), stream=HD) for number, (model, fps) in enumerate(chosen)),
        planning=Planning(),
    )


def synthetic_profiles(catalogue: Catalogue, seed: int = 1) -> tuple[KnownProfile, ...]:
    """One for each model on each pair of processor and accelerator that the catalogue has."""
    pairs = dict.fromkeys((each.accelerator_name, each.cpu_family, each.architecture) for each in catalogue.values())
    speed_of = {each.cpu_family: NEWER.get(each.family, 1.0) for each in catalogue.values()}
    return tuple(
        KnownProfile(profile, profile.name, "0" * 64)
        for pair in pairs
        for model in _models(seed)
        for profile in _profiles(model, pair, speed_of[pair[1]])
    )


def _models(seed: int) -> list[InventedModel]:
    draw = random.Random(seed)
    return [invented_model(number, draw) for number in range(8)]


def _profiles(model: InventedModel, pair: tuple[str, str, str], cpu_speed: float) -> Iterator[Profile]:
    accelerator, cpu_family, architecture = pair
    on_cpu = accelerator == CPU
    beside_ms = model.cpu_ms / cpu_speed / 2
    inference_ms = model.cpu_only_ms / cpu_speed if on_cpu else model.accelerator_ms / SPEED.get(accelerator, 1.0)
    sizes = {1: 1.0} if on_cpu else {1: 1.0, 4: 2.8, 8: 5.0}
    yield Profile(
        f"{model.name} on {accelerator}, {cpu_family}",
        "synthetic: invented figures, for benchmarks of the planner alone",
        "2026-11-28",
        Provenance.ASSUMED,
        ProfiledMachine(
            "synthetic",
            cpu_family,
            cpu_family,
            architecture,
            accelerator,
            int(not on_cpu),
            vcpu=PROFILED_VCPU if on_cpu else None,
        ),
        ProfiledModel(model.name, "synthetic", max_batch=max(sizes), threads=PROFILED_VCPU if on_cpu else None),
        Coverage(ON_CPU if on_cpu else ON_GPU),
        decode=(DecodeCost("h264", _figure(1.2 / cpu_speed)),),
        stages=(
            StageCost("preprocess", _figure(beside_ms), visits=_figure(0.0)),
            StageCost("inference", _figure(inference_ms if on_cpu else 0.1), visits=_figure(1.0)),
            StageCost("postprocess", _figure(beside_ms), visits=_figure(0.0)),
        ),
        batches=tuple(BatchCost(size, _figure(inference_ms * times)) for size, times in sizes.items()),
        memory=Memory(
            _figure(model.pod_mb),
            _figure(12.0),
            _figure(40.0),
            None if on_cpu else _figure(CONTEXT_MB + model.engine_mb),
            None if on_cpu else _figure(2.0),
        ),
        contexts=Contexts(
            slice_ms=_figure(2.0),
            switch_ms=_figure(0.2),
            hyper_thread_yield=_figure(0.25),
            concurrency=(Concurrency(8, _figure(1.3)),),
        ),
        sources={"invented": "benchmarks/synthetic_profiles.py"},
    )


def _figure(value: float) -> Figure:
    return Figure(value, Provenance.ASSUMED, "invented")
