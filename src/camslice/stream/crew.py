"""The processes that run a fleet: its pods, and the engine process beside them where the topology has one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from camslice.fleet.types import Fleet
from camslice.models.model import ModelInfo
from camslice.stream.boards import Boards
from camslice.stream.engine_life import EngineLife
from camslice.stream.lives import CameraLife, ModelLife, PodStatus, over_processes
from camslice.stream.messages import Configure
from camslice.stream.model_board import MOST_CHANGES, Wanted, WantedModel
from camslice.stream.model_work import ModelWork, PolicyChange, policy_over, work_of
from camslice.stream.pod_life import PodLife, Share
from camslice.stream.process_life import ProcessLife
from camslice.stream.pulse import ProcessPulse
from camslice.stream.results import FrameResult
from camslice.stream.topologies.sharing import Placement, Sharing


@dataclass(frozen=True, slots=True)
class Orders:
    """What is wanted of all processes together. `start_ns` and `held` as in `Share`."""

    fleet: Fleet
    models: Mapping[str, ModelInfo]
    generation: int = 1
    start_ns: int | None = None
    held: bool = False
    every_model: bool = False
    """Load every model that there is, not only those that cameras use: cameras to come begin at once."""


class Crew:
    """Owns every process of a running fleet. Not thread-safe: the supervisor holds its lock around every call."""

    def __init__(
        self, sharing: Sharing, orders: Orders, boards: Boards, phases: Callable[[int], float], on_results: Callable[[], None]
    ) -> None:
        """`phases` maps the number of a camera's start to its phase. Raises FleetError when the cameras do not fit."""
        self._sharing = sharing
        self._boards = boards
        self._starts = count(1)
        self._phase = lambda: phases(next(self._starts))
        self._on_results = on_results
        self._orders = orders
        plan = sharing.engine
        self._engine = None if plan is None else EngineLife(plan.door, self._configure(plan.threads))
        self._served: Wanted = {}
        self._placement = Placement((), {})
        self._pods: dict[int, PodLife] = {}
        self._leaving: list[PodLife] = []
        self._restarts_of_those_gone = 0
        self._dropped_by_those_gone = 0
        self._work_of_those_gone: dict[str, ModelWork] = {}
        self.only_first = True
        """Start one pod alone: it fills the caches of compiled models, and shows what a pod takes."""
        self.give(orders)

    def give(self, orders: Orders) -> None:
        """From now on this is wanted. Raises FleetError, and changes nothing, when the cameras do not fit."""
        before = {name: pod.number for pod in self._pods.values() for name in pod.cameras}
        before |= {camera.name: pod for pod, share in self._shares().items() for camera in share.cameras}
        placement = self._sharing.place(orders.fleet.cameras, before)
        self._pods |= self._new_pods([number for number in placement.pods if number not in self._pods], len(placement.pods))
        self._orders, self._placement = orders, placement
        self._leaving += [self._pods.pop(number) for number in set(self._pods) - set(placement.pods)]
        self._give_models_to_engine()
        self._give_shares()

    def tend(self) -> None:
        """Look after every process: start what is to start, hear what was said, bury what died, end what is idle."""
        if self._engine is not None:
            self._engine.tend(may_start=True)
            self._give_models_to_engine()
            if self._engine.usable(self._served) != self._served:
                self._give_shares()
        ready = self._engine is None or self._engine.answered
        for index, pod in enumerate(self._pods.values()):
            pod.tend(may_start=ready and (index == 0 or not self.only_first))
        for pod in list(self._leaving):
            pod.tend(may_start=False)
            if pod.idle or pod.child is None:
                self._leaving.remove(pod)
                self._restarts_of_those_gone += pod.restarts
                self._dropped_by_those_gone += pod.dropped_results
                for name, work in pod.models.work.items():
                    self._work_of_those_gone[name] = self._work_of_those_gone.get(name, ModelWork()) + work
                pod.drain(0.0)
                pod.end(1.0)
                pod.close()

    @property
    def first_answered(self) -> bool:
        """Whether the first pod's models are loaded or have said why not."""
        return next(iter(self._pods.values())).answered if self._pods else True

    @property
    def answered(self) -> bool:
        """Whether that is so of every process."""
        engine = self._engine
        return (engine is None or engine.answered) and all(pod.answered for pod in self._pods.values())

    @property
    def restarts(self) -> int:
        """How often processes had to be started again."""
        return self._restarts_of_those_gone + sum(process.restarts for process in self._processes())

    @property
    def dropped_results(self) -> int:
        """Results that found no room on their way."""
        return self._dropped_by_those_gone + sum(pod.dropped_results for pod in self._all_pods())

    def pids(self) -> list[int]:
        """Every process that runs."""
        return [process.child.pid for process in self._processes() if process.child is not None]

    def pods(self) -> list[PodStatus]:
        """Every pod as it is now."""
        return [pod.status for pod in self._pods.values()]

    def pulses(self) -> list[ProcessPulse]:
        """Every process that is to run, as it was heard last."""
        engine = [] if self._engine is None else [_pulse("the engine process", self._engine)]
        return [*engine, *(_pulse(f"pod {number}", pod) for number, pod in self._pods.items())]

    def cameras(self) -> dict[str, CameraLife]:
        """Every camera that some pod has."""
        return {name: life for pod in self._all_pods() for name, life in pod.cameras.items()}

    def models(self) -> dict[str, ModelLife]:
        """Every model, over all processes that have it. Where an engine process computes, its word counts."""
        engine = self._engine.models.lives if self._engine is not None else {}
        merged = {}
        for name in self._orders.models:
            lives = [pod.models.lives[name] for pod in self._pods.values() if name in pod.models.lives]
            if name in engine:
                merged[name] = over_processes([engine[name]])
                merged[name].problem = next((life.problem for life in (engine[name], *lives) if life.problem), None)
                merged[name].policy = policy_over([life.policy for life in lives if life.policy is not None])
            elif lives:
                merged[name] = over_processes(lives)
            if name in merged:
                works = [pod.models.work[name] for pod in self._all_pods() if name in pod.models.work]
                merged[name].work = work_of([*works, self._work_of_those_gone.get(name, ModelWork())])
        return merged

    def policy_changes(self) -> list[PolicyChange]:
        """The last changes of policy, oldest first."""
        changes = [change for pod in self._all_pods() for change in pod.models.policy_changes]
        return sorted(changes, key=lambda change: change.at_s)[-MOST_CHANGES:]

    def results(self) -> Iterator[FrameResult]:
        """What was published since the last call."""
        for pod in self._all_pods():
            yield from pod.results()

    def drain(self, patience_s: float) -> None:
        """Ask every pod to finish what it has and to end; returns at once."""
        for pod in self._all_pods():
            pod.drain(patience_s)

    @property
    def drained(self) -> bool:
        """Whether every pod has come to its end."""
        return all(pod.child is None or pod.child.ended() is not None for pod in self._all_pods())

    def end(self) -> None:
        """End every process, pods first. What they still held has failed."""
        for pod in self._all_pods():
            pod.end(0.0)
            pod.fail_held()
        if self._engine is not None:
            self._engine.drain(0.0)
            self._engine.end(1.0)

    def close(self) -> None:
        """Free what the processes shared."""
        for pod in self._all_pods():
            pod.close()
        if self._engine is not None:
            self._engine.close()

    def _all_pods(self) -> list[PodLife]:
        return [*self._pods.values(), *self._leaving]

    def _processes(self) -> list[ProcessLife]:
        return [*self._all_pods(), *([self._engine] if self._engine is not None else [])]

    def _shares(self) -> Mapping[int, Share]:
        return {number: pod.share for number, pod in self._pods.items()}

    def _wanted(self) -> Wanted:
        """Every model, as whoever computes it is to load it."""
        orders = self._orders
        return {name: WantedModel(orders.fleet.models[name], info) for name, info in orders.models.items()}

    def _give_models_to_engine(self) -> None:
        """The engine process keeps what pods still use, until they use it no more."""
        if self._engine is not None:
            in_use = {name for pod in self._all_pods() for name in pod.models.lives}
            self._engine.give(self._wanted(), in_use)

    def _give_shares(self) -> None:
        """Give each pod its cameras and the models that they need, as far as those are to be had."""
        orders = self._orders
        self._served = self._wanted() if self._engine is None else self._engine.usable(self._served)
        for number, pod in self._pods.items():
            cameras = tuple(camera for camera in orders.fleet.cameras if self._placement.pod_of[camera.name] == number)
            names = set(self._served) if orders.every_model else {name for camera in cameras for name in camera.models}
            models = {name: model for name, model in self._served.items() if name in names}
            pod.give(Share(cameras, models, orders.generation, orders.start_ns, orders.held))
        for pod in self._leaving:
            pod.give(Share((), {}, orders.generation))

    def _new_pods(self, numbers: Sequence[int], pods: int) -> dict[int, PodLife]:
        made: dict[int, PodLife] = {}
        try:
            for number in numbers:
                made[number] = self._new_pod(number, pods)
        except BaseException:
            for pod in made.values():
                pod.close()
            raise
        return made

    def _new_pod(self, number: int, pods: int) -> PodLife:
        plan = self._sharing.pod(number, pods)
        configure = self._configure(plan.threads, None if self._engine is None else self._engine.slots)
        return PodLife(number, plan, configure, self._boards, self._phase, self._on_results)

    def _configure(self, threads: int, slots: str | None = None) -> Configure:
        fleet = self._orders.fleet
        return Configure(fleet.objective, fleet.pace, threads, slots, fleet.policy)


def _pulse(name: str, process: PodLife | EngineLife) -> ProcessPulse:
    return ProcessPulse(name, process.child is not None, process.answered, process.silent_s, process.models.pulses)
