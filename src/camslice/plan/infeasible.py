"""When there is no plan: which constraint must give, and by how much.

Each demand is relaxed alone, the others stay: latency up, dollars up, frames per second down. What is found is where a plan
begins to exist, to about a hundredth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from camslice.fleet.types import CameraSpec, Fleet, Objective
from camslice.plan.planner import Question

Cheapest = Callable[[Question], float | None]
"""US dollars per month of the cheapest fleet that keeps everything but the dollars; None where there is none at any price."""

_EXACT = 0.005
_MOST_LATENCY = 20.0
_MOST_LATENCY_MS = 10_000.0
_LEAST_RATE = 1 / 10
_LEAST_FPS = 0.1
"""A demand is relaxed so far at least, even where it is then many times what was asked."""


@dataclass(frozen=True, slots=True)
class WayOut:
    """One demand relaxed until a plan exists, as a user would write it."""

    demand: str
    asked: float
    feasible_at: float
    words: str


def ways_out(question: Question, cheapest: Cheapest) -> tuple[WayOut, ...]:
    """Every single demand whose relaxation makes a plan possible; empty where none does alone."""
    found = (_dollars(question, cheapest), _latency(question, cheapest), _rate(question, cheapest))
    return tuple(each for each in found if each is not None)


def sentence(ways: tuple[WayOut, ...]) -> str:
    """The ways out in one sentence."""
    if not ways:
        return "no single demand makes a plan possible: relax several, allow more machines, or give more profiles"
    return "feasible " + ", or ".join(each.words for each in ways)


def allowed_usd(question: Question, cameras: int) -> float | None:
    """What a plan may cost in a month; None for any amount."""
    each = question.fleet.objective.usd_per_camera_month
    limits = [question.budget_usd_per_month, None if each is None else each * cameras]
    return min((limit for limit in limits if limit is not None), default=None)


def _dollars(question: Question, cheapest: Cheapest) -> WayOut | None:
    cameras = len(question.fleet.cameras)
    usd = cheapest(question)
    allowed = allowed_usd(question, cameras)
    if usd is None or allowed is None or usd <= allowed:
        return None
    return WayOut("usd_per_camera_month", allowed / cameras, usd / cameras, f"at ${usd / cameras:.2f} per camera and month")


def _latency(question: Question, cheapest: Cheapest) -> WayOut | None:
    asked = question.fleet.objective.latency_ms
    most = max(_MOST_LATENCY, _MOST_LATENCY_MS / asked)
    factor = _smallest(1.0, most, lambda times: _affordable(_with_latency(question, times), cheapest))
    return None if factor is None else WayOut("latency_ms", asked, asked * factor, f"at {asked * factor:.4g} ms")


def _rate(question: Question, cheapest: Cheapest) -> WayOut | None:
    fastest = max(camera.fps for camera in question.fleet.cameras)
    most = max(1 / _LEAST_RATE, fastest / _LEAST_FPS)
    slower = _smallest(1.0, most, lambda times: _affordable(_with_rate(question, 1 / times), cheapest))
    return None if slower is None else WayOut("fps", fastest, fastest / slower, f"at {fastest / slower:.3g} frames/s")


def _smallest(low: float, high: float, works: Callable[[float], bool]) -> float | None:
    """The smallest factor that works, a hundredth above at the most; None where even `high` does not."""
    if works(low):
        return low
    if not works(high):
        return None
    while high / low > 1 + _EXACT:
        middle = (low * high) ** 0.5
        if works(middle):
            high = middle
        else:
            low = middle
    return high


def _affordable(question: Question, cheapest: Cheapest) -> bool:
    usd = cheapest(question)
    allowed = allowed_usd(question, len(question.fleet.cameras))
    return usd is not None and (allowed is None or usd <= allowed)


def _with_latency(question: Question, times: float) -> Question:
    def slower(objective: Objective) -> Objective:
        return replace(objective, latency_ms=objective.latency_ms * times)

    def of(camera: CameraSpec) -> CameraSpec:
        return camera if camera.objective is None else replace(camera, objective=slower(camera.objective))

    return _with(question, question.fleet, slower(question.fleet.objective), of)


def _with_rate(question: Question, times: float) -> Question:
    return _with(question, question.fleet, question.fleet.objective, lambda camera: replace(camera, fps=camera.fps * times))


def _with(question: Question, fleet: Fleet, objective: Objective, of: Callable[[CameraSpec], CameraSpec]) -> Question:
    return replace(question, fleet=replace(fleet, objective=objective, cameras=tuple(map(of, fleet.cameras))))
