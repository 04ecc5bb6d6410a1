"""The doors of an engine process: how the pods beside it reach the models that it runs."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from camslice.engine.make import make_engine
from camslice.engine.protocol import Engine, EngineInfo
from camslice.engine.slots import Layout
from camslice.engine.slotted.server import SlotServer
from camslice.fleet.types import ModelSpec
from camslice.models.model import ModelInfo
from camslice.stream.topologies.sharing import Door

if TYPE_CHECKING:
    from camslice.engine.oip.model_source import ModelSource

TOKEN = "CAMSLICE_ENGINE_TOKEN"  # noqa: S105 (the name of the variable that holds it)


class EngineDoor(Protocol):
    """One way in. Owns the engines that it loads, until `close`. Thread-safe, but for one `load` or `withdraw` at a time."""

    def load(self, spec: ModelSpec, info: ModelInfo) -> EngineInfo:
        """Load a model and serve it, or replace the one of that name without a gap. Raises CamsliceError; then the one that
        was served before goes on.
        """
        ...

    def withdraw(self, model: str) -> None:
        """Serve it no more and close its engine."""
        ...

    def busy_ns(self) -> dict[str, int]:
        """Device time that each model served has used so far."""
        ...

    def close(self, patience_s: float) -> None:
        """Let nobody in any more and wait at most `patience_s` for what runs; the process is about to end."""
        ...


def open_door(door: Door, listen: str, threads: int) -> EngineDoor:
    """Open `door` on what `listen` says: the descriptor of a listening socket for slots, else an address.

    Engines get `threads` threads. Raises MachineError when the address cannot be had.
    """
    if door is Door.SLOTS:
        return _SlotDoor(int(listen), threads)
    return _OipDoor(listen, os.environ.pop(TOKEN, None), threads)


class _SlotDoor:
    """Slots in shared memory."""

    def __init__(self, descriptor: int, threads: int) -> None:
        self._server = SlotServer(socket.socket(fileno=descriptor))
        self._threads = threads

    def load(self, spec: ModelSpec, info: ModelInfo) -> EngineInfo:
        engine = make_engine(info, spec, threads=self._threads, layout=Layout.I420)
        loaded = engine.info
        self._server.serve(spec.name, engine)
        return loaded

    def withdraw(self, model: str) -> None:
        self._server.withdraw(model)

    def busy_ns(self) -> dict[str, int]:
        return self._server.busy_ns()

    def close(self, patience_s: float) -> None:
        self._server.close()


class _OipDoor:
    """The Open Inference Protocol over gRPC."""

    def __init__(self, address: str, token: str | None, threads: int) -> None:
        from camslice.engine.oip.listen import parse_address
        from camslice.engine.oip.repository import ModelRepository
        from camslice.engine.oip.server import OipServer
        from camslice.engine.oip.service import Service

        self._threads = threads
        self._repository = ModelRepository()
        self._service = Service(self._repository)
        self._wanted: dict[str, tuple[ModelSpec, ModelInfo]] = {}
        self._loaded: dict[str, EngineInfo] = {}
        self._server = OipServer(self._service, parse_address(address), token=token)
        self._server.start()

    def load(self, spec: ModelSpec, info: ModelInfo) -> EngineInfo:
        known = spec.name in self._wanted
        self._wanted[spec.name] = spec, info
        if not known:
            self._repository.add(spec.name, lambda: self._source(spec.name))
        self._service.load(spec.name)
        return self._loaded[spec.name]

    def withdraw(self, model: str) -> None:
        if self._wanted.pop(model, None) is not None:
            self._service.remove(model)

    def busy_ns(self) -> dict[str, int]:
        return {model.name: sum(batches.compute_infer.ns for batches in model.batches) for model in self._service.statistics()}

    def close(self, patience_s: float) -> None:
        self._server.stop(patience_s)

    def _source(self, model: str) -> ModelSource:
        """What the model is loaded from: what was asked for last. Remembers what came of it."""
        from camslice.engine.oip.model_source import model_source

        spec, info = self._wanted[model]
        source = model_source(info, spec, threads=self._threads, layouts=(Layout.I420,))

        def make(layout: Layout, max_batch: int) -> Engine:
            engine = source.make(layout, max_batch)
            self._loaded[model] = engine.info
            return engine

        return replace(source, make=make)
