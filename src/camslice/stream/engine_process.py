"""The engine process: models on a device, a door at which pods ask for answers, and nothing else.

Started by its supervisor as `python -m camslice.stream.engine_process` with the descriptor of a pipe and what its door listens
on; it has no command line for people. The address outlives it: a successor of a process that died is found where it was.
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
from collections.abc import Sequence
from multiprocessing.connection import Connection

from camslice.fleet.errors import CamsliceError
from camslice.fleet.log import log_to_stderr
from camslice.stream.engine_doors import EngineDoor, open_door
from camslice.stream.messages import (
    Configure,
    Drain,
    FromPod,
    Heartbeat,
    LoadModel,
    ModelLoaded,
    ModelStopped,
    ToPod,
    UnloadModel,
)
from camslice.stream.priority import come_after_others
from camslice.stream.topologies.sharing import Door

log = logging.getLogger(__name__)

HEARTBEAT_S = 1.0


class EngineProcess:
    """Everything in one engine process. Owns the door, and through it the engines.

    The main thread obeys the supervisor and speaks to it; "loader" loads models one after another, so that a process that
    loads still shows that it lives.
    """

    def __init__(self, pipe: Connection, door: EngineDoor) -> None:
        self._pipe = pipe
        self._door = door
        self._speaking = threading.Lock()
        self._models: set[str] = set()
        self._orders: queue.SimpleQueue[LoadModel | UnloadModel] = queue.SimpleQueue()
        self._loader = threading.Thread(target=self._obey_in_order, name="loader", daemon=True)

    def run(self) -> None:
        """Obey until `Drain`, or until the supervisor is gone."""
        self._loader.start()
        while True:
            if not self._pipe.poll(HEARTBEAT_S):
                self._say(Heartbeat(self._door.busy_ns()))
                continue
            match self._heard():
                case (LoadModel() | UnloadModel()) as order:
                    self._orders.put(order)
                case Drain() as drain:
                    self._door.close(drain.patience_s)
                    self._say(Heartbeat(self._door.busy_ns()))
                    return

    def _heard(self) -> ToPod:
        try:
            message: ToPod = self._pipe.recv()
        except (EOFError, OSError):
            log.warning("the supervisor is gone; leaving")
            os._exit(0)
        return message

    def _obey_in_order(self) -> None:
        come_after_others()
        while True:
            match self._orders.get():
                case LoadModel() as order:
                    self._load(order)
                case UnloadModel(name):
                    self._models.discard(name)
                    self._door.withdraw(name)

    def _load(self, order: LoadModel) -> None:
        name = order.spec.name
        try:
            info = self._door.load(order.spec, order.info)
        except CamsliceError as error:
            self._not_loaded(order, str(error))
            return
        except Exception as error:
            log.exception("model %s could not be loaded", name)
            self._not_loaded(order, f"could not be loaded: {error}")
            return
        self._models.add(name)
        queues = max(1, info.batches // 2)
        width, height = info.input_width, info.input_height
        self._say(
            ModelLoaded(
                name, order.number, info.backend, info.device, info.precision, width, height, queues, info.precision_why
            )
        )

    def _not_loaded(self, order: LoadModel, reason: str) -> None:
        name = order.spec.name
        goes_on = " (the model as it was before goes on)" if name in self._models else ""
        self._say(ModelStopped(name, order.number, f"{reason}{goes_on}"))

    def _say(self, message: FromPod) -> None:
        with self._speaking:
            try:
                self._pipe.send(message)
            except OSError:
                return  # the main thread sees the same end of the pipe


def main(arguments: Sequence[str] | None = None) -> None:
    """Start from the descriptors that the supervisor passed."""
    faulthandler.enable()
    parser = argparse.ArgumentParser()
    parser.add_argument("--pipe", required=True, type=int)
    parser.add_argument("--listen", required=True, help="descriptor of a listening socket, or an address")
    parser.add_argument("--door", required=True, type=Door)
    given = parser.parse_args(arguments)
    log_to_stderr("camslice engine: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the supervisor decides
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pipe = Connection(given.pipe)
    try:
        configured: Configure = pipe.recv()
    except (EOFError, OSError):
        sys.exit(0)  # the supervisor was gone before it said a word
    try:
        door = open_door(given.door, given.listen, configured.threads)
    except CamsliceError as error:
        sys.exit(f"camslice engine: {error}")
    EngineProcess(pipe, door).run()
    sys.stderr.flush()
    os._exit(0)  # the engines are closed by now; their libraries' own tear-down only costs time


if __name__ == "__main__":
    main()
