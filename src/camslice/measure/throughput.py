"""How many frames per second this machine analyses when every camera goes as fast as it can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from camslice.fleet.errors import EngineError
from camslice.fleet.types import Fleet, Pace
from camslice.measure.bench.trial import run_trial
from camslice.models.model import ModelInfo

_FASTER_THAN_ANY_CLIP_FPS = 1000.0


@dataclass(frozen=True, slots=True)
class Throughput:
    """Frames analysed per second by the whole fleet, none of them dropped, over `seconds`."""

    fps: float
    seconds: float


def throughput(fleet: Fleet, models: Mapping[str, ModelInfo], seconds: float) -> Throughput:
    """Run `fleet` at pace `lossless` for `seconds` (after a warm-up) and count. Raises EngineError when nothing is analysed."""
    cameras = tuple(replace(camera, fps=_FASTER_THAN_ANY_CLIP_FPS, loop=True) for camera in fleet.cameras)
    trial = run_trial(replace(fleet, cameras=cameras, pace=Pace.LOSSLESS), models, seconds)
    if trial is None or not trial.frames.analysed:
        raise EngineError("the machine could not be measured: no frame was analysed; `camslice doctor` may say why.")
    return Throughput(trial.frames.analysed / trial.seconds, trial.seconds)
