"""Measures the trials of the calibration, each round in an order of its own. Broken off, it goes on where it was."""

from __future__ import annotations

import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import psutil

from benchmarks.calibration_cases import CASES, OBJECTIVE, POINTS, Case, fleet_of, phases_of, rates_of
from camslice.fleet.histogram import Histogram
from camslice.fleet.types import Fleet, Topology
from camslice.measure.bench.trial import Phases, Runner, WarmUp, run_trial
from camslice.measure.judgement import lost_of
from camslice.measure.profile.costs import Costs, measured_costs
from camslice.measure.profile.journal import Journal
from camslice.measure.profile.observe import Closed, ThisMachine
from camslice.measure.profile.settings import Settings
from camslice.measure.profile.subject import Subject
from camslice.models.model import ModelInfo
from camslice.stream.results import FrameResult
from camslice.stream.supervisor import Supervisor

Value = TypeVar("Value")

QUIET = 0.1
"""Of the machine: what other programs may use when a trial begins."""
PATIENCE_S = 4.0

SETTINGS = Settings(objective=OBJECTIVE, codecs=(), batch_sizes=(1,), closed_loop_s=6.0, pods=POINTS, pooled_cameras=())


@dataclass(frozen=True, slots=True)
class Seen:
    """Percentiles in ms by model over all frames of a trial, a lost one infinitely late (None); and how many frames, how many
    of them lost. `others`: the share of the machine that programs other than the measured ones used, or a hypervisor took."""

    p50_ms: Mapping[str, float | None]
    p95_ms: Mapping[str, float | None]
    frames: Mapping[str, int]
    lost: int
    fps: float
    cpu_cores: float
    others: float
    stage_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Round:
    """Everything that one round measured: closed loops by model in the order of POINTS, costs by model, cases by name."""

    points: Mapping[str, tuple[Closed, ...]]
    costs: Mapping[str, Costs]
    cases: Mapping[str, Seen]


class TimeIsUpError(Exception):
    """What is left is for another call."""


class Measuring:
    """Does the steps of a round that the journal does not hold yet, until `seconds` are over."""

    def __init__(self, subjects: Mapping[str, Subject], journal: Journal, window_s: float, seconds: float) -> None:
        self._subjects = subjects
        self._journal = journal
        self._window_s = window_s
        self._until_s = time.monotonic() + seconds

    def round(self, number: int, most_fps: Mapping[str, float] | None) -> Round:
        """`most_fps` None: as the closed loops of this round say. Raises TimeIsUpError."""
        points: dict[str, dict[int, Closed]] = defaultdict(dict)
        costs: dict[str, Costs] = {}
        cases: dict[str, Seen] = {}

        def point(model: str, pods: int) -> None:
            machine = ThisMachine(self._subjects[model], SETTINGS)
            work = partial(machine.closed, Topology.SLICED, pods, 1)
            points[model][pods] = self._step(f"{number}/{model}/{pods} pods", Closed, work)

        def cost(model: str) -> None:
            work = partial(measured_costs, self._subjects[model], SETTINGS, Journal(None, {}), lambda _words, _seconds: None)
            costs[model] = self._step(f"{number}/{model}/costs", Costs, work)

        def case(which: Case) -> None:
            fps = most_fps or most_fps_of({name: tuple(each.values()) for name, each in points.items()})
            work = partial(self._case, which, rates_of(which, fps), number)
            cases[which.name] = self._step(f"{number}/{which.name}", Seen, work)

        first = [partial(point, model, pods) for model in self._subjects for pods in POINTS]
        first += [partial(cost, model) for model in self._subjects]
        then = [partial(case, each) for each in CASES]
        dice = random.Random(number)
        for works in (first, then) if most_fps is None else (first + then,):
            for work in dice.sample(works, len(works)):
                work()
        return Round({model: tuple(each[pods] for pods in POINTS) for model, each in points.items()}, costs, cases)

    def _step(self, name: str, kind: type[Value], work: Callable[[], Value]) -> Value:
        def timed() -> Value:
            if time.monotonic() > self._until_s:
                raise TimeIsUpError
            began_s = time.monotonic()
            wait_for_quiet()
            waited_s = time.monotonic() - began_s
            found = work()
            print(f"{name}: {time.monotonic() - began_s:.0f} s, {waited_s:.0f} s waited", file=sys.stderr, flush=True)
            return found

        return self._journal.step(name, kind, timed)

    def _case(self, case: Case, rates: Mapping[str, float], number: int) -> Seen:
        fleet = fleet_of(case, rates, self._subjects)
        infos = {model: self._subjects[model].info for model, _ in case.streams}
        slowest = min(rates.values(), default=None)

        warm_up = WarmUp(shortest_s=SETTINGS.warm_up_s).at_rate(slowest)
        return seen_of(fleet, infos, self._window_s, case.threads, phases_of(case, number), warm_up)


def wait_for_quiet() -> None:
    """Until other programs leave the machine alone, but no longer than PATIENCE_S."""
    until_s = time.monotonic() + PATIENCE_S
    while psutil.cpu_percent(0.5) > 100 * QUIET and time.monotonic() < until_s:
        pass


def seen_of(
    fleet: Fleet, infos: Mapping[str, ModelInfo], seconds: float, threads: int | None, phases: Sequence[float], warm_up: WarmUp
) -> Seen:
    """One trial, its latencies told apart by model."""
    came: list[tuple[str, float, float]] = []
    clocks: list[tuple[float, float]] = []

    def make(
        fleet: Fleet,
        models: Mapping[str, ModelInfo],
        on_results: Callable[[Sequence[FrameResult]], None],
        *,
        hold: bool,
        phases: Phases,
        threads: int | None,
    ) -> Runner:
        def both(results: Sequence[FrameResult]) -> None:
            came.extend((each.stream.model, each.captured_at_s, each.stages.total) for each in results)
            on_results(results)

        return Supervisor(fleet, models, both, hold=hold, phases=phases, threads=threads)

    def say(words: str) -> None:
        if words.startswith("measuring"):
            times = psutil.cpu_times()
            clocks.append((time.time(), sum(times) - times.guest - times.guest_nice - times.idle - times.iowait))

    trial = run_trial(
        fleet, infos, seconds, say=say, threads=threads, phases=lambda index: phases[index % len(phases)], warm_up=warm_up,
        make=make,
    )  # fmt: skip
    assert trial is not None
    (began_s, busy_before), (ended_s, busy_after) = clocks[0], clocks[-1]
    others = (busy_after - busy_before) / (ended_s - began_s) - trial.cpu_cores
    of_model: dict[str, Histogram] = {model: Histogram() for model in fleet.models}
    for model in fleet.models:
        of_model[model].add([ms for which, at_s, ms in came if which == model and began_s <= at_s <= began_s + seconds])
    # Which model lost a frame is not known where there are two: each is judged as if it had lost them all.
    lost = lost_of(trial.frames)
    return Seen(
        {model: each.percentile(50, infinite=lost) for model, each in of_model.items()},
        {model: each.percentile(95, infinite=lost) for model, each in of_model.items()},
        {model: each.n for model, each in of_model.items()},
        lost,
        trial.frames.analysed / trial.seconds,
        trial.cpu_cores,
        max(0.0, others) / (psutil.cpu_count() or 1),
        {name: each.mean or 0.0 for name, each in trial.stages.items()},
    )


def most_fps_of(points: Mapping[str, Sequence[Closed]]) -> dict[str, float]:
    """The most frames/s in the closed loops of each model."""
    return {model: max(each.point.fps.value for each in loops if each.point.fps is not None) for model, loops in points.items()}
