"""For how long a frame holds the interpreter's lock in an analysis process.

A thread that does nothing but Python runs beside a real pod in this process. It never waits for anything but the lock and the
processor, and the kernel says how long it had or waited for the latter (schedstat): what is missing from the wall clock is
the time for which others had the lock, the way from one to the other included. Divided by the frames that is
the figure. The cameras are kept slow, so that the pod waits for nobody. Wants a machine that does nothing else: the share of
the time for which the spinning thread waited for a processor is told beside the figure and should be close to zero.

    python -m benchmarks.lock_time --clip vtest.avi --model yolox-nano=weights/yolox_nano.onnx
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import cv2

from benchmarks.record import spread
from camslice.engine.threads import inference_threads
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, ModelSpec, Objective, Pace
from camslice.models.model import ModelInfo
from camslice.models.resolve import resolve
from camslice.stream.ledger import Ledger, ledger_bytes
from camslice.stream.messages import AddCamera, Configure, Drain, LoadModel, ModelLoaded
from camslice.stream.outbox import OUTBOX_BYTES, Inbox, Outbox
from camslice.stream.pod import Pod
from camslice.stream.previews import Previews, previews_bytes
from camslice.stream.shm import SharedRegion

CAMERAS = 4
FPS = 10.0
HANDOVER_S = 5e-4
"""The spinning thread gives the lock up so soon after somebody wants it. Python's own 5 ms would hold the frames up; much
less wakes the spinning thread so often while it waits that the kernel counts the waking as waiting for a processor."""
WARM_UP_S = 2.0


@dataclass(frozen=True, slots=True)
class Window:
    """What a spinning thread saw in one stretch of time."""

    lock_ms_per_frame: float
    processor_wait_share: float


def lock_time(info: ModelInfo, spec: ModelSpec, clip: Path, seconds: float, windows: int) -> list[Window]:
    """For how long one frame of `clip` holds the lock on its whole way through a pod, in so many windows."""
    cv2.setNumThreads(1)
    ours, theirs = socket.socketpair()
    pipe = Connection(ours.detach())
    sizes = {"ledger": ledger_bytes(CAMERAS), "outbox": OUTBOX_BYTES, "previews": previews_bytes(CAMERAS)}
    ledger, outbox, previews = (SharedRegion.create(name, size).buffer for name, size in sizes.items())
    configure = Configure(Objective(), Pace.LIVE, inference_threads())
    pod = Pod(configure, Connection(theirs.detach()), Ledger(ledger), Outbox(outbox), Previews(previews))
    thread = threading.Thread(target=pod.run)
    thread.start()
    try:
        pipe.send(LoadModel(spec, info, 0))
        while not isinstance(pipe.recv(), ModelLoaded):
            pass
        source = Source(str(clip), str(clip))
        for row in range(CAMERAS):
            camera = CameraSpec(f"camera-{row}", source, FPS, (spec.name,), loop=True, playback_fps=FPS)
            pipe.send(AddCamera(camera, {spec.name: row}, 0, 1, row / CAMERAS))
        time.sleep(WARM_UP_S)
        counts, inbox = Ledger(ledger), Inbox(outbox)

        def frames() -> int:
            return sum(counts.read(row).analysed for row in range(CAMERAS))

        return [_window(frames, inbox, seconds) for _ in range(windows)]
    finally:
        pipe.send(Drain(2.0))
        thread.join()


def _window(frames: Callable[[], int], inbox: Inbox, seconds: float) -> Window:
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(HANDOVER_S)
    stopping = threading.Event()
    spinner = threading.Thread(target=_spin, args=(stopping,))
    spinner.start()
    try:
        first, from_ns, (ran_ns, queued_ns) = frames(), time.monotonic_ns(), _schedstat(spinner)
        time.sleep(seconds)
        wall_ns, last, (ran_to_ns, queued_to_ns) = time.monotonic_ns() - from_ns, frames(), _schedstat(spinner)
    finally:
        stopping.set()
        spinner.join()
        sys.setswitchinterval(usual_s)
    for _ in inbox.take():
        pass
    waited_ns = queued_to_ns - queued_ns
    return Window((wall_ns - (ran_to_ns - ran_ns) - waited_ns) / 1e6 / (last - first), waited_ns / wall_ns)


def _spin(stopping: threading.Event) -> None:
    while not stopping.is_set():
        pass


def _schedstat(thread: threading.Thread) -> tuple[int, int]:
    """For how long, in ns, the thread has run, and for how long it was ready to but had no processor."""
    ran, queued, _ = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text().split()
    return int(ran), int(queued)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model", required=True, help="NAME=PATH of the weights")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--windows", type=int, default=7)
    given = parser.parse_args()
    name, _, weights = given.model.partition("=")
    spec = ModelSpec(name, weights)
    seen = lock_time(resolve(spec), spec, given.clip, given.seconds, given.windows)
    print(
        json.dumps(
            {
                "lock_ms_per_frame": spread([window.lock_ms_per_frame for window in seen]),
                "processor_wait_share": spread([window.processor_wait_share for window in seen]),
            }
        )
    )


if __name__ == "__main__":
    main()
