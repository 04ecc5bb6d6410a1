"""How many frames per second this machine analyses when every camera goes as fast as it can."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from camslice.fleet.accounting import total_of
from camslice.fleet.errors import EngineError
from camslice.fleet.types import Fleet, Pace
from camslice.models.model import ModelInfo
from camslice.stream.results import FrameResult
from camslice.stream.supervisor import Supervisor

_WARM_UP_FRAMES = 4
_LONGEST_WARM_UP_S = 30.0


@dataclass(frozen=True, slots=True)
class Throughput:
    """Frames analysed per second by the whole fleet in a closed loop, over `seconds`."""

    fps: float
    seconds: float


def closed_loop(fleet: Fleet, models: Mapping[str, ModelInfo], seconds: float) -> Throughput:
    """Run `fleet` at pace `lossless` for `seconds` (after a warm-up) and count. Raises EngineError when nothing is analysed."""
    cameras = tuple(replace(camera, fps=240.0, loop=True) for camera in fleet.cameras)
    supervisor = Supervisor(replace(fleet, cameras=cameras, pace=Pace.LOSSLESS), models, _ignore)
    try:
        supervisor.start()
        _wait_for(supervisor, _WARM_UP_FRAMES * len(cameras), _LONGEST_WARM_UP_S)
        first, started_s = _analysed(supervisor), time.monotonic()
        time.sleep(seconds)
        last, ended_s = _analysed(supervisor), time.monotonic()
        problems = [life.problem for life in supervisor.models().values() if life.problem]
    finally:
        supervisor.stop()
        supervisor.close()
    if last == first:
        reason = "; ".join(problems) or "no frame was analysed; `camslice doctor` may say why"
        raise EngineError(f"the machine could not be measured: {reason}")
    return Throughput((last - first) / (ended_s - started_s), ended_s - started_s)


def _analysed(supervisor: Supervisor) -> int:
    return total_of(supervisor.counts().values()).analysed


def _wait_for(supervisor: Supervisor, frames: int, patience_s: float) -> None:
    until_s = time.monotonic() + patience_s
    while _analysed(supervisor) < frames and time.monotonic() < until_s:
        time.sleep(0.05)


def _ignore(results: Sequence[FrameResult]) -> None:
    """Only the counts matter here."""
