"""The server behind its transports: one object that answers every question of the Open Inference Protocol."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from camslice import __version__
from camslice.engine.oip.counters import Counters
from camslice.engine.oip.descriptions import (
    ModelMetadata,
    ModelState,
    ModelStatistics,
    RepositoryEntry,
    ServerMetadata,
)
from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import InferRequest, OipError, Status
from camslice.engine.oip.metadata import Json, model_config, model_metadata
from camslice.engine.oip.model_source import ModelSource
from camslice.engine.oip.repository import UNLOADED, ModelRepository
from camslice.engine.oip.served_model import VERSION, OnAnswer, ServedModel
from camslice.engine.oip.shared_memory import SharedMemoryRegions
from camslice.engine.oip.stage_clock import StageClock
from camslice.engine.oip.tensors import invalid
from camslice.engine.oip.work import as_oip_error
from camslice.engine.threads import inference_threads

__all__ = ["Json", "OnAnswer", "Service"]

log = logging.getLogger(__name__)

EXTENSIONS = (
    "binary_tensor_data",
    "model_configuration",
    "model_repository",
    "parameters",
    "statistics",
    "system_shared_memory",
)
_LOOK_EVERY_S = 0.25


class Service:
    """Every method is thread-safe, and all but `load`, `unload` and `close` return at once. Errors are `OipError`.

    Owns, until `close`: the models that it loads, the shared memory regions, a pool that prepares JPEG and large pictures,
    and one thread that now and then refuses requests that have become hopeless, and forgets the memory of clients that ended,
    while nothing else happened.
    """

    def __init__(self, repository: ModelRepository, limits: Limits | None = None) -> None:
        """`repository` says which models there are; none is loaded yet."""
        self._repository = repository
        self._limits = limits or Limits()
        self.shared_memory = SharedMemoryRegions(self._limits)
        self._preparers = ThreadPoolExecutor(inference_threads(), "oip-prepare")
        self._closing = threading.Event()
        self._watch = threading.Thread(target=self._look_after, name="oip-watch", daemon=True)
        self._watch.start()

    def infer(self, request: InferRequest, on_done: OnAnswer) -> None:
        """Have it computed. `on_done` is called exactly once, perhaps before this returns, perhaps from an engine's thread.

        A request is due at its `deadline_ns`, or so many microseconds after now as its parameter `timeout` says.
        """
        clock = StageClock(time.monotonic_ns())
        counters: Counters | None = None
        try:
            counters = self._repository.counters(request.model, request.version)
            self._infer(_with_deadline(request, clock.arrived_ns), clock, on_done)
        except Exception as error:  # noqa: BLE001 (answered with a status, counted and logged)
            refusal = as_oip_error(error)
            if counters is not None:
                counters.refused(refusal.status, time.monotonic_ns() - clock.arrived_ns)
            on_done(refusal)

    def live(self) -> bool:
        """Whether the server runs."""
        return not self._closing.is_set()

    def ready(self) -> bool:
        """Whether every model is ready, but for those that were unloaded on purpose."""
        wanted = [entry for entry in self._repository.index() if entry.reason != UNLOADED]
        return self.live() and all(entry.state is ModelState.READY for entry in wanted)

    def model_ready(self, name: str, version: str = "") -> bool:
        """Whether this model answers; False for one that does not exist."""
        try:
            self._repository.serving(name, version)
        except OipError:
            return False
        return True

    def metadata(self) -> ServerMetadata:
        """Who answers."""
        return ServerMetadata("camslice", __version__, EXTENSIONS)

    def model_metadata(self, name: str, version: str = "") -> ModelMetadata:
        """What a model takes and gives. Raises OipError: NOT_FOUND or UNAVAILABLE."""
        return model_metadata(name, self._repository.serving(name, version))

    def model_config(self, name: str, version: str = "") -> Mapping[str, Json]:
        """The model's configuration in Triton's keys. Raises OipError: NOT_FOUND or UNAVAILABLE."""
        return model_config(name, self._repository.serving(name, version), self._limits)

    def statistics(self, name: str = "", version: str = "") -> list[ModelStatistics]:
        """What one model did since it was added, or all of them. Raises OipError (NOT_FOUND)."""
        names = [name] if name else self._repository.names()
        return [self._repository.counters(each, version).statistics(each, VERSION) for each in names]

    def repository_index(self, ready_only: bool = False) -> list[RepositoryEntry]:
        """All models and their states."""
        entries = self._repository.index()
        return [entry for entry in entries if entry.state is ModelState.READY or not ready_only]

    def load(self, name: str) -> None:
        """Load a model, or load it again. Blocks until it is ready. Raises OipError: NOT_FOUND or UNAVAILABLE."""
        self._repository.load(name, self._serve, self._limits.patience_s)

    def unload(self, name: str) -> None:
        """Unload a model. Blocks until what it has taken on is done. Raises OipError (NOT_FOUND)."""
        self._repository.unload(name, self._limits.patience_s)

    def remove(self, name: str) -> None:
        """Unload a model and forget that there was one. Blocks. Raises OipError (NOT_FOUND)."""
        self._repository.remove(name, self._limits.patience_s)

    def close(self) -> None:
        """Unload everything and forget all shared memory. Blocks until what was taken on is done. May be called twice."""
        self._closing.set()
        for name in self._repository.names():
            self._repository.unload(name, self._limits.patience_s)
        self._watch.join()
        self.shared_memory.unregister_all()
        self._preparers.shutdown()

    def _infer(self, request: InferRequest, clock: StageClock, on_done: OnAnswer) -> None:
        while True:
            served = self._repository.serving(request.model, request.version)
            try:
                served.infer(request, clock, on_done)
            except OipError as error:
                # A model that was loaded anew meanwhile has somebody else to answer.
                replaced = error.status is Status.UNAVAILABLE and self._repository.serving(request.model) is not served
                if not replaced:
                    raise
            else:
                return

    def _serve(self, source: ModelSource, counters: Counters) -> ServedModel:
        if self._closing.is_set():
            raise OipError(Status.UNAVAILABLE, "the server is closing")
        return ServedModel(source, self._limits, self.shared_memory, counters, self._preparers)

    def _look_after(self) -> None:
        while not self._closing.wait(_LOOK_EVERY_S):
            try:
                self.shared_memory.forget_abandoned()
                self._repository.look_after()
            except Exception:
                log.exception("models and shared memory could not be looked after")


def _with_deadline(request: InferRequest, arrived_ns: int) -> InferRequest:
    """The request with the earlier of its deadline and its timeout. Raises OipError."""
    timeout_us = request.parameters.get("timeout", 0)
    if isinstance(timeout_us, bool) or not isinstance(timeout_us, int) or timeout_us < 0:
        raise invalid("parameter 'timeout' must be a number of microseconds, 0 for none")
    if not timeout_us:
        return request
    due_ns = arrived_ns + timeout_us * 1000
    return replace(request, deadline_ns=due_ns if request.deadline_ns is None else min(due_ns, request.deadline_ns))
