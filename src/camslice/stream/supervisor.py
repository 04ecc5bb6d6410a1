"""The supervisor: keeps the processes at the work that the fleet declares, and loses no count when one of them dies.

It owns the shared boards and, through its crew, every process and its restarts. How many processes there are, and which of them
carries which camera, is the topology's business.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import FleetError
from camslice.fleet.types import Fleet, StreamKey
from camslice.models.model import ModelInfo
from camslice.stream.boards import MAX_STREAMS, Boards
from camslice.stream.crew import Crew, Orders
from camslice.stream.lives import CameraLife, ModelLife, PodStatus
from camslice.stream.memory import refuse_if_pods_do_not_fit, refuse_impossible_number
from camslice.stream.model_work import PolicyChange
from camslice.stream.previews import PreviewPicture
from camslice.stream.pulse import ProcessPulse
from camslice.stream.results import FrameResult
from camslice.stream.topologies.make import chosen_workers, make_sharing

log = logging.getLogger(__name__)

DRAIN_S = 4.0
START_PATIENCE_S = 180.0
_PATIENCE_PER_POD_S = 5.0
_TICK_S = 0.02
_LOCK_PATIENCE_S = 2.0
_GOLDEN = 0.6180339887


def spread_phase(start: int) -> float:
    """The phase (0..1) of the camera that was started as the `start`-th: multiples of the golden ratio spread evenly, however
    many there are."""
    return start * _GOLDEN % 1.0


class Supervisor:
    """Runs a fleet. Owns its one thread ("supervisor"), every process and the shared memory, until `stop` and `close`.

    Public methods may be called from any thread. `on_results` is called from the supervisor's thread.
    """

    def __init__(
        self,
        fleet: Fleet,
        models: Mapping[str, ModelInfo],
        on_results: Callable[[Sequence[FrameResult]], None],
        *,
        hold: bool = False,
        every_model: bool = False,
        phases: Callable[[int], float] = spread_phase,
        threads: int | None = None,
    ) -> None:
        """With `hold` no camera starts before `release`. With `every_model` every pod loads all `models`, used or not.
        `threads` caps those of each engine.

        Raises FleetError when the fleet does not fit its topology, MachineError when this machine lacks what that needs.
        """
        streams = _checked_size(fleet)
        sharing = make_sharing(fleet, threads=threads)
        refuse_impossible_number(len(sharing.place(fleet.cameras, {}).pods))
        self._boards = Boards(streams)
        self._on_results = on_results
        self._started_with = fleet
        self._orders = Orders(fleet, dict(models), held=hold, every_model=every_model)
        self._lock = threading.RLock()
        self._collected: list[FrameResult] = []
        self._changed = threading.Condition(self._lock)
        self._stopping = threading.Event()
        self._round_s = time.monotonic()
        try:
            self._crew = Crew(sharing, self._orders, self._boards, phases, self._collect)
        except BaseException:
            self._boards.close()
            raise
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self, patience_s: float = START_PATIENCE_S) -> None:
        """Start every process; returns when every model is loaded or has said why it is not, and cameras start.

        The first pod starts alone. Raises MachineError when the memory that it takes shows that there is none for the others.
        """
        self._thread.start()
        self._wait(lambda: self._crew.first_answered, patience_s)
        with self._lock:
            pods = self._crew.pods()
            if not self._stopping.is_set():
                refuse_if_pods_do_not_fit(pods)
            self._crew.only_first = False
        self._wait(lambda: self._crew.answered, patience_s + _PATIENCE_PER_POD_S * len(pods))

    def release(self, start_ns: int) -> None:
        """Let the cameras that were held begin together, at this instant of the monotonic clock."""
        with self._lock:
            self._orders = replace(self._orders, held=False, start_ns=start_ns)
            self._crew.give(self._orders)

    def stop(self, patience_s: float = DRAIN_S) -> None:
        """Stop the cameras, let what was captured be analysed, end every process and take in its last results."""
        with self._lock:
            if self._stopping.is_set():
                return
            self._stopping.set()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._crew.drain(patience_s)
        until_s = time.monotonic() + patience_s + 0.5
        while not self._crew.drained and time.monotonic() < until_s:
            self._take_results()
            time.sleep(_TICK_S)
        with self._lock:
            self._crew.end()
        self._take_results()

    def close(self) -> None:
        """Free the shared memory. Counts can no longer be read."""
        self._crew.close()
        self._boards.close()

    def apply(self, fleet: Fleet, models: Mapping[str, ModelInfo]) -> None:
        """Make it so: cameras and models that did not change are not touched. Raises FleetError for what cannot change."""
        with self._lock:
            before = self._orders
            for what in ("objective", "pace", "topology", "workers", "streams_per_pod", "policy"):
                if getattr(fleet, what) != getattr(before.fleet, what):
                    raise FleetError(f"{what} holds for the whole run: restart `camslice run` to change it.")
            _checked_size(fleet)
            wanted = {StreamKey(camera.name, model) for camera in fleet.cameras for model in camera.models}
            self._boards.reserve(len(wanted.union(self._boards.rows.in_use)))
            self._advise(fleet)
            orders = replace(before, fleet=fleet, models=dict(models), generation=before.generation + 1)
            self._crew.give(orders)
            self._orders = orders

    def _advise(self, fleet: Fleet) -> None:
        """What was chosen from the load when this run began stays, also where another choice would be better by now."""
        if fleet.workers is None and (now := chosen_workers(fleet)) != chosen_workers(self._started_with):
            log.warning("workers: auto would be %d for this fleet by now; restart to have them", now)

    @property
    def fleet(self) -> Fleet:
        """What is wanted just now."""
        return self._orders.fleet

    @property
    def generation(self) -> int:
        """How often the wanted fleet changed, from 1."""
        return self._orders.generation

    def pids(self) -> list[int]:
        """Every process that runs, the supervisor's own not among them."""
        with self._lock:
            return self._crew.pids()

    def pods(self) -> list[PodStatus]:
        """Every pod as it is now."""
        with self._lock:
            return self._crew.pods()

    def pulses(self, patience_s: float = _LOCK_PATIENCE_S) -> list[ProcessPulse] | None:
        """Every process as it was heard last; None when nobody lets go of the supervisor's lock."""
        if not self._lock.acquire(timeout=patience_s):
            return None
        try:
            return self._crew.pulses()
        finally:
            self._lock.release()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping.is_set()

    @property
    def still_s(self) -> float:
        """For how many seconds the supervisor has not made its round, of which there are many in a second."""
        return time.monotonic() - self._round_s

    @property
    def restarts(self) -> int:
        """How often a process had to be started again."""
        return self._crew.restarts

    @property
    def dropped_results(self) -> int:
        """Results that a pod had no room to publish."""
        return self._crew.dropped_results

    def cameras(self) -> dict[str, CameraLife]:
        """Every camera that is wanted, with its state."""
        with self._lock:
            lives = self._crew.cameras()
            return {camera.name: lives.get(camera.name) or CameraLife(camera) for camera in self._orders.fleet.cameras}

    def models(self) -> dict[str, ModelLife]:
        """Every model that is wanted, with what became of it."""
        with self._lock:
            return self._crew.models()

    def counts(self) -> dict[StreamKey, FrameCounts]:
        """Frame counts of every stream that ran or runs, each one consistent snapshot."""
        with self._lock:
            rows = self._boards.rows
            return {key: rows.counts(key) for key in rows.keys()}  # noqa: SIM118 (not a dict)

    def unchanged_at_s(self) -> dict[StreamKey, float]:
        """UTC seconds at which the newest frame of each stream was captured in which nothing was new, where there was one."""
        with self._lock:
            rows = self._boards.rows
            return {key: at_s for key in rows.in_use if (at_s := rows.unchanged_at_s(key)) is not None}

    def policy_changes(self) -> list[PolicyChange]:
        """The last changes of policy, oldest first."""
        with self._lock:
            return self._crew.policy_changes()

    def watch(self, camera: str, for_s: float) -> None:
        """Ask for previews of a camera."""
        with self._lock:
            row = self._preview_row(camera)
            if row is not None:
                self._boards.previews.watch(row, time.monotonic_ns() + int(for_s * 1e9))

    def take_preview(self, camera: str) -> PreviewPicture | None:
        """The newest preview of a watched camera, once."""
        with self._lock:
            row = self._preview_row(camera)
            return None if row is None else self._boards.previews.take(row)

    def _preview_row(self, camera: str) -> int | None:
        life = self._crew.cameras().get(camera)
        return self._boards.rows.row_of(StreamKey(camera, life.spec.models[0])) if life else None

    def _wait(self, what: Callable[[], bool], patience_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: what() or self._stopping.is_set(), patience_s)

    def _watch(self) -> None:
        """The supervisor's thread: results, messages, and the life of every process."""
        while not self._stopping.wait(_TICK_S):
            self._round_s = time.monotonic()
            try:
                with self._changed:
                    self._crew.tend()
                    self._changed.notify_all()
                self._take_results()
            except Exception:
                log.exception("the supervisor stumbled and goes on")

    def _collect(self) -> None:
        """Take in what was published so far; it is handed on later, when no lock is held. Lock is held."""
        self._collected += self._crew.results()

    def _take_results(self) -> None:
        """Hand on what was published so far. Not with the lock held: whoever gets it may ask us something."""
        with self._lock:
            self._collect()
            results, self._collected = self._collected, []
        if results:
            self._on_results(results)


def _checked_size(fleet: Fleet) -> int:
    """How many streams the fleet has. Raises FleetError when they are too many."""
    streams = sum(len(camera.models) for camera in fleet.cameras)
    if streams > MAX_STREAMS:
        raise FleetError(
            f"this fleet has {streams} streams (cameras times models), and one supervisor holds {MAX_STREAMS}; "
            "run the rest as a second fleet."
        )
    return streams
