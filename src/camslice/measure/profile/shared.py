"""What sharing costs: so many pods at once, so many cameras in one, each as fast as it can; and the memory they hold."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial

from camslice.fleet.errors import MachineError
from camslice.fleet.figures import Figure
from camslice.fleet.profile import Coverage, Memory, SharingPoint
from camslice.fleet.types import Topology
from camslice.measure.profile.agenda import START_S, Begin
from camslice.measure.profile.costs import Costs
from camslice.measure.profile.journal import Journal
from camslice.measure.profile.memory_law import most_streams_in, pod_and_stream_mb
from camslice.measure.profile.observe import Closed, Observe
from camslice.measure.profile.settings import Settings
from camslice.stream.boards import MAX_STREAMS

log = logging.getLogger(__name__)

_SPARE = 0.9
"""Of the memory to be had: what the machine may be filled with."""


@dataclass(frozen=True, slots=True)
class Most:
    """The most streams that may be tried, and whether it is memory that forbids more."""

    streams: int
    by_memory: bool


@dataclass(frozen=True, slots=True)
class Shared:
    """Closed loops on this machine, and the memory of a pod by the streams in it."""

    loops: tuple[Closed, ...]

    @property
    def points(self) -> tuple[SharingPoint, ...]:
        """As they stand in the profile."""
        return tuple(loop.point for loop in self.loops)

    @property
    def memory(self) -> Memory:
        """A pod with its first stream, each further one, and the process that supervises them."""
        pod_mb, stream_mb = self._pod_and_stream_mb()
        supervisor_mb = min(loop.supervisor_mb for loop in self.loops)
        return Memory(Figure.measured(pod_mb), Figure.measured(stream_mb), Figure.measured(supervisor_mb))

    def most_fps(self, topology: Topology) -> float:
        """The most frames per second in a topology's closed loops; of any, where it has none."""
        of_topology = [loop for loop in self.loops if loop.point.topology is topology] or list(self.loops)
        return max(loop.point.fps.value for loop in of_topology if loop.point.fps is not None)

    def most_streams(self, topology: Topology, available_mb: float) -> Most:
        """How many streams of one per pod (`pooled`: all in one) memory holds, and one machine takes."""
        pod_mb, stream_mb = self._pod_and_stream_mb()
        if topology is Topology.POOLED:
            fitting = most_streams_in(_SPARE * available_mb, pod_mb, stream_mb)
        else:  # pods share the pages of their libraries: what counts is what each has for itself
            alone = [loop for loop in self.loops if loop.point.streams_per_pod == 1]
            fitting = int(_SPARE * available_mb / max(loop.private_mb for loop in alone or self.loops))
        fitting = max(1, fitting)
        return Most(min(MAX_STREAMS, fitting), fitting < MAX_STREAMS)

    def other_cpu_ms(self, costs: Costs) -> Figure | None:
        """CPU time per frame of one pod alone that neither decoding nor a stage accounts for; None where none was seen."""
        alone = next((loop.point for loop in self.loops if loop.point.pods * loop.point.streams_per_pod == 1), None)
        if alone is None or alone.cpu_cores is None or alone.fps is None or not alone.fps.value:
            return None
        whole_ms = 1000 * alone.cpu_cores.value / alone.fps.value
        known_ms = costs.decode_ms_per_frame + sum(stage.cpu_ms.value for stage in costs.stages if stage.cpu_ms is not None)
        return Figure.measured(max(0.0, whole_ms - known_ms))

    def coverage(self, topology: Topology) -> Coverage:
        """The topologies that were seen; one pod alone is `dedicated`."""
        seen = {loop.point.topology for loop in self.loops} | {topology}
        alone = {Topology.DEDICATED} if any(loop.point.pods * loop.point.streams_per_pod == 1 for loop in self.loops) else set()
        return Coverage(tuple(each for each in Topology if each in seen | alone))

    def _pod_and_stream_mb(self) -> tuple[float, float]:
        """From the pods of several cameras; where pods had one each, from those."""
        seen = [(loop.point.streams_per_pod, loop.pod_mb) for loop in self.loops]
        pooled = [pair for pair, loop in zip(seen, self.loops, strict=True) if loop.point.topology is Topology.POOLED]
        return pod_and_stream_mb(pooled if len({streams for streams, _ in pooled}) > 1 else seen)


def measured_sharing(settings: Settings, observe: Observe, journal: Journal, begin: Begin, available_mb: float) -> Shared:
    """Measure `pods` sliced ones and `pooled_cameras`, as memory allows. Raises CamsliceError when not even one runs."""
    loops: list[Closed] = []
    lasts_s = settings.closed_loop_s + settings.warm_up_s + START_S

    def measure(topology: Topology, pods: int, streams_per_pod: int) -> None:
        begin(f"{topology}, {_words(pods, streams_per_pod)}, as fast as they can", lasts_s)
        name = f"closed loop/{topology}/{pods}/{streams_per_pod}"
        try:
            loops.append(journal.step(name, Closed, partial(observe.closed, topology, pods, streams_per_pod)))
        except MachineError as error:  # the profile then says less; it is tried again when the measurement goes on another time
            log.warning("%s with %d pods of %d streams is not measured: %s", topology, pods, streams_per_pod, error)

    for pods in settings.pods:
        if loops and pods * loops[0].private_mb > _SPARE * available_mb:
            log.warning("%d pods are not measured: each takes %.0f MB, and memory has no room", pods, loops[0].private_mb)
            break
        measure(Topology.SLICED, pods, 1)
    for cameras in settings.pooled_cameras:
        measure(Topology.POOLED, 1, cameras)
    if not loops:
        raise MachineError("not even one stream fits on this machine; `camslice doctor` says what it lacks.")
    return Shared(tuple(loops))


def _words(pods: int, streams_per_pod: int) -> str:
    cameras = f"{streams_per_pod} camera{'s' * (streams_per_pod > 1)}"
    return f"{pods} pod{'s' * (pods > 1)} of {cameras}"
