"""Between a camera's decoder thread and the streams that want its frames."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from camslice.fleet.types import Pace
from camslice.stream.ledger import Ledger
from camslice.stream.messages import AddCamera
from camslice.stream.scheduler import Scheduler
from camslice.stream.turn import TURN
from camslice.video.camera import Camera
from camslice.video.camera_state import CameraState
from camslice.video.frame import Frame
from camslice.video.gate.gate import Gate

RING_BYTES = 2_000_000
"""The last compressed packets of each camera, for recordings to come: about ten seconds of a small camera."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One camera analysed by one model: its row of the ledger and the scheduler that serves it."""

    row: int
    scheduler: Scheduler


class CameraFeed:
    """Runs one camera and hands every due frame to each of its streams. Owns the camera's thread."""

    def __init__(
        self,
        start: AddCamera,
        pace: Pace,
        streams: Sequence[Stream],
        ledger: Ledger,
        on_state: Callable[[str, CameraState, str], None],
    ) -> None:
        self.spec = start.spec
        self._streams = streams
        self._open = list(streams)
        self._ledger = ledger
        self._generation = start.generation
        self._on_state = on_state
        self._stopping = threading.Event()
        self._gate = Gate(start.spec.masks) if any(stream.scheduler.wants_sight for stream in streams) else None
        self._camera = Camera(
            start.spec,
            pace,
            self,
            first_sequence=start.first_sequence,
            phase=start.phase,
            start_ns=start.start_ns,
            ring_bytes=RING_BYTES,
        )

    def start(self) -> None:
        """Connect and decode from now on."""
        self._camera.start()

    def stop(self) -> None:
        """Ask the camera to stop. Returns at once."""
        self._stopping.set()
        self._camera.stop()

    def finish(self, patience_s: float) -> bool:
        """After `stop`: wait until the camera's thread has ended and its frames have met their fates.

        False when that has not come to pass after about `patience_s`: call again.
        """
        until_s = time.monotonic() + patience_s
        if not self._camera.join(patience_s):
            return False
        while self._open and self._open[-1].scheduler.close(self._open[-1].row, max(0.0, until_s - time.monotonic())):
            self._open.pop()
        return not self._open

    def on_due(self, frame: Frame) -> None:
        """Hand a frame to every stream of this camera, with what changed in it to those that are to look at it."""
        sight, gate_ns, looking = None, 0, list[Stream]()
        if self._gate is not None:
            with TURN:
                looking = [each for each in self._streams if each.scheduler.looks(each.row, frame.stamp.captured_ns)]
                sight = self._gate.look(frame.picture, frame.stamp.captured_ns / 1e9) if looking else None
            gate_ns = time.monotonic_ns() - frame.stamp.decoded_ns
        for stream in self._streams:
            seen = sight if stream in looking else None
            stream.scheduler.offer(stream.row, frame, self._generation, self._stopping, seen, gate_ns)

    def on_decoded(self, frames: int, skipped: int) -> None:
        """Count decoded frames, and those that did not have to be decoded, for every stream."""
        for stream in self._streams:
            self._ledger.add(stream.row, decoded=frames, skipped=skipped)

    def on_corrupt(self, packets: int) -> None:
        """Count corrupt packets for every stream."""
        for stream in self._streams:
            self._ledger.add(stream.row, corrupt=packets)

    def on_missed(self, frames: int) -> None:
        """Count missed frames for every stream."""
        for stream in self._streams:
            self._ledger.add(stream.row, missed=frames)

    def on_state(self, state: CameraState, reason: str) -> None:
        """Tell what the camera does now."""
        if self._gate is not None and state is CameraState.RECONNECTING:
            self._gate.reset()
        self._on_state(self.spec.name, state, reason)
