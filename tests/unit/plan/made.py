"""Fleets, profiles and questions that the tests of plans are about."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

from camslice.fleet.profile import Profile
from camslice.fleet.profile_json import load_profile
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Fleet, ModelSpec, Objective, Planning, StreamFormat, Topology
from camslice.plan.catalogue.allocatable import Allocatable
from camslice.plan.catalogue.instance_type import Accelerator, InstanceType
from camslice.plan.catalogue.load import load_catalogue
from camslice.plan.cost.lines import CostSettings
from camslice.plan.cost.node_price import PriceRules
from camslice.plan.eligibility import KnownProfile
from camslice.plan.node_kind import NodeKind
from camslice.plan.plan import PlannedClass
from camslice.plan.planner import Question

HD = StreamFormat(1920, 1080, 25.0, "h264", 2000.0)
CASE_STUDY = Objective(500.0, 95.0, 0.01, 30.0)


@cache
def case_study_profile() -> Profile:
    return load_profile("t4-case-study")


def camera(name: str, fps: float = 4.0, model: str = "yolov8", stream: StreamFormat | None = HD) -> CameraSpec:
    return CameraSpec(
        name, Source("rtsp://camera.example/stream", "rtsp://camera.example/stream"), fps, (model,), stream=stream
    )


def fleet(
    cameras: int = 54,
    fps: float = 4.0,
    objective: Objective = CASE_STUDY,
    topologies: tuple[Topology, ...] = (Topology.SLICED,),
    **planning: object,
) -> Fleet:
    allowed = {
        "instance_types": ("g4dn.*",),
        "system_pods": "case-study",
        "robust": False,
        "topologies": topologies,
        **planning,
    }
    return Fleet(
        objective,
        {"yolov8": ModelSpec("yolov8", "yolov8")},
        tuple(camera(f"c{i}", fps) for i in range(cameras)),
        planning=Planning(**allowed),  # type: ignore[arg-type]  # per test
    )


def question(of: Fleet, **changes: object) -> Question:
    asked = Question(
        of,
        (KnownProfile(case_study_profile(), "t4-case-study", "0" * 64),),
        load_catalogue(),
        PriceRules(date(2026, 7, 25)),
        CostSettings(),
    )
    return replace(asked, **changes)  # type: ignore[arg-type]  # per test


def stream_class(streams: int = 54, fps: float = 4.0, model: str = "yolov8", name: str | None = None) -> PlannedClass:
    return PlannedClass(name or f"{model}@{fps:g}", model, fps, HD, Objective(), streams)


def machine(**changes: object) -> InstanceType:
    """A small made-up machine with two cards, unless changed."""
    cards = Accelerator("T4", 2, 16_000.0)
    made = InstanceType("made.large", "made", "made", "Intel Cascade Lake", "x86_64", 8, 4, 32_000.0, cards, 20, 110, 5_000.0)
    return replace(made, **changes)  # type: ignore[arg-type]  # per test


def node_kind(topology: Topology, streams_per_pod: int = 1, profile: Profile | None = None, **changes: object) -> NodeKind:
    of = case_study_profile() if profile is None else profile
    return NodeKind(
        machine(**changes), topology, streams_per_pod, Allocatable(7_900, 30_000.0, 16), {"yolov8": of, "other": of}
    )
