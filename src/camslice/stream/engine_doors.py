"""The doors of an engine process: how the pods beside it reach its engines."""

from __future__ import annotations

import socket
from typing import Protocol

from camslice.engine.protocol import Engine
from camslice.engine.slotted.server import SlotServer
from camslice.fleet.types import ModelSpec
from camslice.models.model import ModelInfo
from camslice.stream.topologies.sharing import Door


class EngineDoor(Protocol):
    """One way in. Owns the engines that it was given, until `close`. Thread-safe."""

    def serve(self, spec: ModelSpec, info: ModelInfo, engine: Engine) -> None:
        """Serve a model, or replace the one of that name without a gap. Raises EngineError when this door cannot."""
        ...

    def withdraw(self, model: str) -> None:
        """Serve it no more and close its engine."""
        ...

    def busy_ns(self) -> dict[str, int]:
        """Device time that each model served has used so far."""
        ...

    def close(self, patience_s: float) -> None:
        """Let nobody in any more, wait at most `patience_s` for what runs, and close the engines."""
        ...


def open_door(door: Door, listen: str) -> EngineDoor:
    """Open `door` on what `listen` says: the descriptor of a listening socket for slots, else an address."""
    return _SlotDoor(int(listen))


class _SlotDoor:
    """Slots in shared memory."""

    def __init__(self, descriptor: int) -> None:
        self._server = SlotServer(socket.socket(fileno=descriptor))

    def serve(self, spec: ModelSpec, info: ModelInfo, engine: Engine) -> None:
        self._server.serve(spec.name, engine)

    def withdraw(self, model: str) -> None:
        self._server.withdraw(model)

    def busy_ns(self) -> dict[str, int]:
        return self._server.busy_ns()

    def close(self, patience_s: float) -> None:
        self._server.close()
