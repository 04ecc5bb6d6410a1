"""The analysis process: decodes (a thread per camera), schedules and infers, and runs nothing else.

Started by its supervisor as `python -m camslice.stream.pod` with descriptors of a pipe and of the shared regions; it has no
command line for people. Store, metrics and page live in the supervisor, because one busy Python thread beside the
decoders and the engine cut 203 frames/s to 84 here.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

from camslice.engine.make import make_engine
from camslice.fleet.errors import CamsliceError
from camslice.fleet.log import log_to_stderr
from camslice.fleet.policy import Evaluated
from camslice.fleet.types import Pace, mailbox_depth
from camslice.models.decoders.make import make_decoder
from camslice.stream.attention import Attention
from camslice.stream.camera_feed import CameraFeed, Stream
from camslice.stream.ledger import Ledger
from camslice.stream.messages import (
    AddCamera,
    CameraChanged,
    CameraClosed,
    Configure,
    Drain,
    FromPod,
    Heartbeat,
    LoadModel,
    ModelLoaded,
    ModelStopped,
    RefuseModel,
    RemoveCamera,
    UnloadModel,
)
from camslice.stream.outbox import Outbox
from camslice.stream.previews import Previews
from camslice.stream.priority import come_after_others
from camslice.stream.request import LoadedModel
from camslice.stream.scheduler import Scheduler
from camslice.stream.shm import SharedRegion
from camslice.stream.watching.seen import DOUBTFUL
from camslice.stream.watching.steward import steward_of

log = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
_CLOSE_PATIENCE_S = 5.0


class Pod:
    """Everything in one analysis process. Owns the engines, the schedulers and the cameras' threads.

    The main thread obeys the supervisor; a second one speaks to it, so that no decoder or engine thread ever waits for
    the pipe. "loader" loads and unloads models in the order in which that was asked for; closing a camera takes time and gets
    a thread of its own.
    """

    def __init__(self, configured: Configure, pipe: Connection, ledger: Ledger, outbox: Outbox, previews: Previews) -> None:
        self._configured = configured
        self._pipe = pipe
        self._ledger = ledger
        self._outbox = outbox
        self._previews = previews
        self._schedulers: dict[str, Scheduler] = {}
        self._making = threading.Lock()
        self._orders: queue.SimpleQueue[LoadModel | RefuseModel | UnloadModel] = queue.SimpleQueue()
        self._loader = threading.Thread(target=self._obey_in_order, name="loader", daemon=True)
        self._feeds: dict[str, CameraFeed] = {}
        self._unsent: queue.SimpleQueue[FromPod | None] = queue.SimpleQueue()
        self._speaker = threading.Thread(target=self._speak, name="speaker", daemon=True)

    def run(self) -> None:
        """Obey until `Drain`, or until the supervisor is gone."""
        self._speaker.start()
        self._loader.start()
        drain: Drain | None = None
        while drain is None:
            if not self._pipe.poll(HEARTBEAT_S):
                self._say(self._heartbeat())
                continue
            try:
                message = self._pipe.recv()
            except (EOFError, OSError):
                log.warning("the supervisor is gone; leaving")
                os._exit(0)
            match message:
                case LoadModel() | RefuseModel() | UnloadModel():
                    self._orders.put(message)
                case AddCamera():
                    self._add(message)
                case RemoveCamera():
                    feed = self._feeds.pop(message.name, None)
                    if feed is None:  # it ended in the life of an earlier process
                        self._say(CameraClosed(message.name))
                    else:
                        threading.Thread(target=self._remove, args=(feed,), name="closer", daemon=True).start()
                case Drain():
                    drain = message
        self._drain(drain.patience_s)

    def _obey_in_order(self) -> None:
        come_after_others()
        while True:
            match self._orders.get():
                case LoadModel() as order:
                    self._load(order)
                case RefuseModel(model, number, reason):
                    self._not_loaded(self._scheduler(model), model, number, reason)
                case UnloadModel(name):
                    self._unload(name)

    def _load(self, message: LoadModel) -> None:
        spec = message.spec
        scheduler = self._scheduler(spec.name, spec.evaluated)
        try:
            model = _loaded(message, self._configured)
        except CamsliceError as error:
            self._not_loaded(scheduler, spec.name, message.number, str(error))
            return
        except Exception as error:
            log.exception("model %s could not be loaded", spec.name)
            self._not_loaded(scheduler, spec.name, message.number, f"could not be loaded: {error}")
            return
        before = scheduler.use(model)
        info = model.engine.info
        self._say(
            ModelLoaded(
                spec.name,
                message.number,
                info.backend,
                info.device,
                info.precision,
                info.input_width,
                info.input_height,
                max(1, info.batches // 2),
                info.precision_why,
            )
        )
        if before is not None:
            before.engine.close()

    def _not_loaded(self, scheduler: Scheduler, model: str, number: int, reason: str) -> None:
        if scheduler.has_model:
            self._say(ModelStopped(model, number, f"{reason} (the model as it was before goes on)"))
        else:
            scheduler.give_up()
            self._say(ModelStopped(model, number, reason))

    def _unload(self, model: str) -> None:
        with self._making:
            scheduler = self._schedulers.pop(model, None)
        loaded = scheduler.give_up() if scheduler is not None else None
        if loaded is not None:
            loaded.engine.close()

    def _scheduler(self, model: str, evaluated: Sequence[Evaluated] = ()) -> Scheduler:
        """Cameras come after the models that they need; what a policy was `evaluated` at counts from a model's start on."""
        with self._making:
            if model not in self._schedulers:
                self._schedulers[model] = self._new_scheduler(model, evaluated)
            return self._schedulers[model]

    def _new_scheduler(self, model: str, evaluated: Sequence[Evaluated]) -> Scheduler:
        configured = self._configured

        def stopped(number: int, reason: str) -> None:
            self._say(ModelStopped(model, number, reason))

        return Scheduler(
            configured.objective.latency_ms if configured.pace is Pace.LIVE else None,
            self._ledger,
            self._outbox,
            self._previews,
            stopped,
            attention=self._attention(evaluated),
            one_at_a_time=configured.pace is Pace.CLOSED_LOOP,
        )

    def _attention(self, evaluated: Sequence[Evaluated]) -> Attention | None:
        """None where every pixel of every frame is analysed, whatever comes."""
        configured = self._configured
        steward = steward_of(configured.objective, configured.policy, configured.pace, evaluated)
        return None if steward is None else Attention(steward, time.monotonic)

    def _add(self, message: AddCamera) -> None:
        configured = self._configured
        spec = message.spec
        streams = []
        for model, row in message.rows.items():
            scheduler = self._scheduler(model)
            scheduler.open(row, mailbox_depth(configured.objective, configured.pace, spec.fps, spec.freshness))
            streams.append(Stream(row, scheduler))
        feed = CameraFeed(
            message,
            configured.pace,
            streams,
            self._ledger,
            lambda name, state, reason: self._say(CameraChanged(name, state, reason)),
        )
        self._feeds[spec.name] = feed
        feed.start()

    def _remove(self, feed: CameraFeed) -> None:
        feed.stop()
        while not feed.finish(_CLOSE_PATIENCE_S):
            log.warning("camera %s does not come to an end yet", feed.spec.name)
        self._say(CameraClosed(feed.spec.name))

    def _drain(self, patience_s: float) -> None:
        feeds = list(self._feeds.values())
        for feed in feeds:
            feed.stop()
        until_s = time.monotonic() + patience_s
        for feed in feeds:
            feed.finish(max(0.0, until_s - time.monotonic()))
        self._say(self._heartbeat())
        self._unsent.put(None)
        self._speaker.join(patience_s)

    def _heartbeat(self) -> Heartbeat:
        schedulers = list(self._schedulers.items())
        pulses = {name: scheduler.pulse() for name, scheduler in schedulers}
        return Heartbeat(
            {name: scheduler.busy_ns for name, scheduler in schedulers},
            pulses,
            {name: scheduler.work() for name, scheduler in schedulers},
            {name: state for name, scheduler in schedulers if (state := scheduler.policy_state()) is not None},
        )

    def _say(self, message: FromPod) -> None:
        self._unsent.put(message)

    def _speak(self) -> None:
        while (message := self._unsent.get()) is not None:
            try:
                self._pipe.send(message)
            except OSError:
                return  # the main thread sees the same end of the pipe


def _loaded(message: LoadModel, configured: Configure) -> LoadedModel:
    """The engine, and the decoder that reads its answers. Raises CamsliceError."""
    spec = message.spec
    in_regions = steward_of(configured.objective, configured.policy, configured.pace) is not None
    engine = make_engine(message.info, spec, threads=configured.threads, slots=configured.slots)
    try:
        decode = make_decoder(
            message.info,
            confidence=spec.confidence * (DOUBTFUL if in_regions else 1.0),
            nms_iou=spec.nms_iou,
            classes=spec.classes,
            ready_boxes=engine.info.ready_boxes,
        )
    except BaseException:
        engine.close()
        raise
    return LoadedModel(engine, decode, message.number, spec.confidence)


def main(arguments: Sequence[str] | None = None) -> None:
    """Start from the descriptors that the supervisor passed."""
    faulthandler.enable()
    parser = argparse.ArgumentParser()
    for name in ("pipe", "ledger", "outbox", "previews"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args(arguments)
    log_to_stderr("camslice pod: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the supervisor decides
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    import cv2

    cv2.setNumThreads(1)  # decoder and engine threads are the parallelism here
    buffers = [SharedRegion(*map(int, value.split(":"))).buffer for value in (given.ledger, given.outbox, given.previews)]
    pipe = Connection(int(given.pipe))
    try:
        configured: Configure = pipe.recv()
    except (EOFError, OSError):
        sys.exit(0)  # the supervisor was gone before it said a word
    Pod(configured, pipe, Ledger(buffers[0]), Outbox(buffers[1]), Previews(buffers[2])).run()
    sys.stderr.flush()
    os._exit(0)  # engines and decoders are idle by now; their libraries' own tear-down only costs time


if __name__ == "__main__":
    main()
