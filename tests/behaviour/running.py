"""Real fleets for behaviour tests: drawn scenes, a tiny real model, a real analysis process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Fleet, ModelSpec, Objective, Pace
from camslice.models.model import ModelInfo
from camslice.stream.results import FrameResult
from camslice.stream.supervisor import Supervisor
from tests.tiny_detector import tiny_detector

SCENE = "scene://people?seed={seed}&size=128x96&fps=30"


def scene_camera(name: str, fps: float = 10.0, models: tuple[str, ...] = ("tiny",), seed: int = 1) -> CameraSpec:
    address = SCENE.format(seed=seed)
    return CameraSpec(name, Source(address, address), fps, models)


def scene_fleet(cameras: Sequence[CameraSpec], models: Sequence[str] = ("tiny",), pace: Pace = Pace.LIVE) -> Fleet:
    return Fleet(Objective(), {name: ModelSpec(name, name) for name in models}, tuple(cameras), pace)


@dataclass
class Run:
    """A supervisor at work, everything it reported, and patience for what must happen."""

    supervisor: Supervisor
    results: list[FrameResult] = field(default_factory=list)

    def wait_for(self, what: Callable[[], bool], patience_s: float = 60.0) -> None:
        until_s = time.monotonic() + patience_s
        while not what():
            self.check()
            assert time.monotonic() < until_s, "it did not happen in time"
            time.sleep(0.02)

    def check(self) -> None:
        """The identity holds whenever it is read."""
        for key, counts in self.supervisor.counts().items():
            assert counts.balanced, (key, counts)

    def counts(self, camera: str, model: str = "tiny") -> FrameCounts:
        found = {key: counts for key, counts in self.supervisor.counts().items() if (key.camera, key.model) == (camera, model)}
        return next(iter(found.values()), FrameCounts())

    def analysed(self, camera: str, model: str = "tiny") -> int:
        return self.counts(camera, model).analysed

    def wait_for_more(self, camera: str, frames: int = 5, model: str = "tiny") -> None:
        goal = self.analysed(camera, model) + frames
        self.wait_for(lambda: self.analysed(camera, model) >= goal)


@contextmanager
def running(fleet: Fleet, models: dict[str, ModelInfo]) -> Iterator[Run]:
    results: list[FrameResult] = []
    supervisor = Supervisor(fleet, models, results.extend)
    try:
        supervisor.start()
        yield Run(supervisor, results)
    finally:
        supervisor.stop()
        supervisor.close()


def tiny_models(folder: Path, names: Sequence[str] = ("tiny",)) -> dict[str, ModelInfo]:
    return {name: tiny_detector(folder / f"{name}.onnx", name=name) for name in names}
