"""The engine process beside the pods, as their supervisor sees it: one device, reached by every pod through the same door."""

from __future__ import annotations

import logging
import secrets
import socket
from collections.abc import Set
from dataclasses import replace

from camslice.engine.slotted.address import SCHEME, listen
from camslice.fleet.types import Backend, ModelSpec, Server
from camslice.stream.child import Child
from camslice.stream.messages import Configure, FromPod, Heartbeat, ModelLoaded, ModelStopped
from camslice.stream.model_board import ModelBoard, Wanted, WantedModel
from camslice.stream.process_life import ProcessLife
from camslice.stream.topologies.sharing import Door

log = logging.getLogger(__name__)


class EngineLife(ProcessLife):
    """Owns the engine process and the address at which pods find it, which outlives the process.

    The address is a name that only this machine's processes can reach, that no file stands for, and that nobody can guess.
    """

    def __init__(self, door: Door, configure: Configure) -> None:
        super().__init__()
        self.models = ModelBoard()
        self.door = door
        self._configure = configure
        self._wanted: Wanted = {}
        self._token = secrets.token_urlsafe(32)
        self._address = f"{SCHEME}camslice-{secrets.token_hex(16)}"
        self._listener: socket.socket | None = None
        if door is Door.SLOTS:
            self._listener, self._address = listen()

    @property
    def answered(self) -> bool:
        """Whether every model in it is loaded or has said why not."""
        return self.child is not None and self.models.answered

    @property
    def slots(self) -> str | None:
        """The address of its slots, None when its door is another."""
        return self._address if self.door is Door.SLOTS else None

    def _as_seen_by_pods(self, spec: ModelSpec) -> ModelSpec:
        """The model as a pod is to load it."""
        if self.door is Door.SLOTS:
            return spec
        return replace(spec, backend=Backend.OIP, server=Server(self._address, model=spec.name, token=self._token))

    def give(self, wanted: Wanted, in_use: Set[str] = frozenset()) -> None:
        """From now on these are its models; those that pods still use (`in_use`) stay until that is over."""
        self._wanted = wanted
        if self.child is not None:
            self.models.load(self.child, wanted)
            self.models.unload(self.child, wanted, in_use)

    def usable(self, before: Wanted) -> Wanted:
        """Its models as pods are to load them: as far as it has loaded them, and else as they were `before`, if at all."""
        found = {}
        for name, wanted in self._wanted.items():
            life = self.models.lives.get(name)
            if life is not None and (life.spec, life.info) == (wanted.spec, wanted.info) and life.loaded is not None:
                found[name] = WantedModel(self._as_seen_by_pods(wanted.spec), wanted.info)
            elif name in before and before[name].problem is None:
                found[name] = before[name]
            elif life is not None and life.problem is not None:
                found[name] = WantedModel(self._as_seen_by_pods(wanted.spec), wanted.info, life.problem)
        return found

    def close(self) -> None:
        """Give the address up."""
        if self._listener is not None:
            self._listener.close()

    def _started(self) -> Child:
        self.models.forget()
        where = self._address if self._listener is None else str(self._listener.fileno())
        return Child(
            "camslice.stream.engine_process",
            [f"--door={self.door}", f"--listen={where}"],
            [] if self._listener is None else [self._listener.fileno()],
            self._configure.threads,
            {"CAMSLICE_ENGINE_TOKEN": self._token} if self.door is Door.OIP else {},
        )

    def _greet(self, child: Child) -> None:
        child.say(self._configure)
        self.models.load(child, self._wanted)

    def _hear(self, message: FromPod) -> None:
        match message:
            case ModelLoaded() | ModelStopped() | Heartbeat():
                self.models.hear(message)

    def _died(self, cause: str, pause_s: float) -> None:
        log.error("the engine process ended (%s); restart in %.1f s", cause, pause_s)
