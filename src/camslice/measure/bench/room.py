"""Whether memory holds as many pods as are asked for: said with the arithmetic, before they bring the machine down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from camslice.engine.memory import available_memory_bytes
from camslice.fleet.errors import CamsliceError, MachineError
from camslice.fleet.types import Topology
from camslice.measure.bench.load import load_for
from camslice.measure.bench.trial import Wait, WarmUp, run_trial
from camslice.measure.bench.values import Load, Question
from camslice.stream.memory import SMALLEST_POD_MB
from camslice.stream.topologies.make import make_sharing

_PROBE_S = 0.5


@dataclass(frozen=True, slots=True)
class Taken:
    """What processes share with nobody, in MB (10^6 bytes): one pod, and the engine process that pods ask (0 without one)."""

    pod_mb: float
    engine_mb: float = 0.0


PrivateMemory = Callable[[Load, int], Taken | None]
"""Starts this load, its engines on so many threads, and says what it takes; None when asked to stop meanwhile."""


def refuse_what_memory_cannot_hold(
    loads: Sequence[Load],
    question: Question,
    private_mb: PrivateMemory,
    available_mb: Callable[[], float] = lambda: available_memory_bytes() / 1e6,
) -> list[tuple[Load, str]]:
    """Look at the largest load of each topology. Raises MachineError. Returns the loads that cannot be started for another
    reason than memory, with that reason: they cost the others nothing.

    What not even the smallest pods could do is refused at once; else one pod is started, and each of the others will take
    as much as it takes.
    """
    largest = [load for load in _largest_of_each_topology(loads) if load.pods_here > 1]
    for load in largest:
        _refuse(load, Taken(SMALLEST_POD_MB), available_mb(), f"even the smallest pods take {SMALLEST_POD_MB:.0f} MB")
    broken: list[tuple[Load, str]] = []
    for load in largest:
        before_mb = available_mb()
        threads = make_sharing(load.fleet, threads=question.threads).pod(0, load.pods_here).threads
        try:
            taken = private_mb(load_for(load.topology, 1, question), threads)
        except MachineError:
            raise
        except CamsliceError as error:
            broken.append((load, str(error)))
            continue
        if taken is not None:
            server = f", their engine server {taken.engine_mb:.0f} MB" if taken.engine_mb else ""
            _refuse(load, taken, before_mb, f"one pod of this model takes {taken.pod_mb:.0f} MB for itself{server}")
    return broken


def measured_private_mb(question: Question, wait: Wait) -> PrivateMemory:
    """Measures it while the load analyses a few frames."""

    def private_mb(load: Load, threads: int) -> Taken | None:
        models = {question.spec.name: question.info}
        trial = run_trial(
            load.fleet, models, _PROBE_S, wait=wait, threads=threads, warm_up=WarmUp(shortest_s=0.0).at_rate(question.fps)
        )
        return None if trial is None else Taken(trial.private_mb, trial.engine_private_mb)

    return private_mb


def _largest_of_each_topology(loads: Sequence[Load]) -> list[Load]:
    def topology(load: Load) -> Topology:
        return load.topology

    return [max(group, key=lambda load: load.pods_here) for _, group in groupby(sorted(loads, key=topology), topology)]


def _refuse(load: Load, taken: Taken, available_mb: float, reason: str) -> None:
    pods = load.pods_here
    needed_mb = pods * taken.pod_mb + taken.engine_mb
    if needed_mb <= available_mb:
        return
    most = max(0, int((available_mb - taken.engine_mb) / taken.pod_mb))
    raise MachineError(
        f"--topology {load.topology} --pods {pods}: {reason}, so {pods} pods need {needed_mb:,.0f} MB, and this machine "
        f"has {available_mb:,.0f} MB to give; ask for at most {most} pods, for more cameras in each "
        "(--streams-per-pod), or for pooled."
    )
