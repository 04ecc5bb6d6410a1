"""A service that answers at once, or when a test says so, and remembers what it was asked."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from camslice.engine.oip.descriptions import (
    ModelMetadata,
    ModelState,
    ModelStatistics,
    RegionStatus,
    RepositoryEntry,
    ServerMetadata,
    Sum,
    TensorMetadata,
)
from camslice.engine.oip.messages import InferRequest, InferResponse, OipError, Status, Tensor
from camslice.engine.oip.service import Json, OnAnswer, Service

PATIENCE_S = 10.0


class FakeRegions:
    """Remembers regions; knows only one object, `/there`."""

    def __init__(self) -> None:
        self.regions: dict[str, RegionStatus] = {}
        self.trusted: set[str] = set()

    def register(self, name: str, key: str, byte_size: int, offset: int = 0, *, trusted: bool = False) -> None:
        if key != "/there":
            raise OipError(Status.NOT_FOUND, f"there is no shared memory {key!r}.")
        if name in self.regions:
            raise OipError(Status.ALREADY_EXISTS, f"region {name!r} is registered already.")
        self.regions[name] = RegionStatus(name, key, offset, byte_size)
        if trusted:
            self.trusted.add(name)

    def status(self, name: str = "") -> list[RegionStatus]:
        if name and name not in self.regions:
            raise OipError(Status.NOT_FOUND, f"there is no region {name!r}.")
        return [self.regions[name]] if name else list(self.regions.values())

    def unregister(self, name: str) -> None:
        self.regions.pop(name, None)

    def unregister_all(self) -> None:
        self.regions.clear()


@dataclass
class Waiting:
    """A request that a test has to answer."""

    request: InferRequest
    on_done: OnAnswer

    def answer(self) -> None:
        """From another thread, as an engine does."""
        thread = threading.Thread(target=self.on_done, args=(echo(self.request),))
        thread.start()
        thread.join()


@dataclass
class FakeService(Service):
    """Model `echo` answers every input under its own name. `refuse` is what it answers instead; `hold` waits for the test."""

    requests: list[InferRequest] = field(default_factory=list)
    waiting: queue.Queue[Waiting] = field(default_factory=queue.Queue)
    refuse: Exception | None = None
    hold: bool = False
    is_ready: bool = True
    changed: list[str] = field(default_factory=list)
    shared_memory: FakeRegions = field(default_factory=FakeRegions)  # type: ignore[assignment]  # as much of it as is used

    def infer(self, request: InferRequest, on_done: OnAnswer) -> None:
        self.requests.append(request)
        if self.hold:
            self.waiting.put(Waiting(request, on_done))
        elif isinstance(self.refuse, OipError):
            on_done(self.refuse)
        elif self.refuse is not None:
            raise self.refuse
        else:
            on_done(echo(request))

    def asked(self) -> Waiting:
        """The next request that waits."""
        return self.waiting.get(timeout=PATIENCE_S)

    def live(self) -> bool:
        return True

    def ready(self) -> bool:
        return self.is_ready

    def model_ready(self, name: str, version: str = "") -> bool:
        return name == "echo" and self.is_ready

    def metadata(self) -> ServerMetadata:
        return ServerMetadata("camslice", "0", ("binary_tensor_data",))

    def model_metadata(self, name: str, version: str = "") -> ModelMetadata:
        self._check(name)
        tensor = TensorMetadata("data", "UINT8", (-1, 4))
        return ModelMetadata(name, ("1",), "fake", (tensor,), (tensor,))

    def model_config(self, name: str, version: str = "") -> Mapping[str, Json]:
        self._check(name)
        return {
            "name": name,
            "max_batch_size": 8,
            "input": [{"name": "data", "data_type": "TYPE_UINT8", "dims": [4]}],
            "dynamic_batching": {"preferred_batch_size": [8]},
            "ours": "a key that the protocol does not know",
        }

    def statistics(self, name: str = "", version: str = "") -> list[ModelStatistics]:
        self._check(name or "echo")
        return [ModelStatistics("echo", "1", inference_count=7, success=Sum(5, 1000), refused={"too late": 2})]

    def repository_index(self, ready_only: bool = False) -> list[RepositoryEntry]:
        asleep = [] if ready_only else [RepositoryEntry("asleep", "1", ModelState.UNAVAILABLE, "unloaded")]
        return [RepositoryEntry("echo", "1", ModelState.READY), *asleep]

    def load(self, name: str) -> None:
        self._check(name)
        self.changed.append(f"load {name}")

    def unload(self, name: str) -> None:
        self._check(name)
        self.changed.append(f"unload {name}")

    def close(self) -> None:
        """Nothing is held."""

    def _check(self, name: str) -> None:
        if name != "echo":
            raise OipError(Status.NOT_FOUND, f"there is no model {name!r}.")


def echo(request: InferRequest) -> InferResponse:
    """Every input as an output of the same name, where the client wants it."""
    placed = {each.name: each.shared_memory for each in request.outputs}
    outputs = tuple(
        Tensor(each.name, each.datatype, each.shape, b"" if placed.get(each.name) else each.data, placed.get(each.name))
        for each in request.inputs
    )
    return InferResponse(request.model, outputs, id=request.id, parameters={"queue_ns": 5, "note": "seen"})
