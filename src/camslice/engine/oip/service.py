"""The server behind its transports: one object that answers every question of the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from camslice.engine.oip.descriptions import ModelMetadata, ModelStatistics, RepositoryEntry, ServerMetadata
from camslice.engine.oip.messages import InferRequest, InferResponse, OipError

Json = bool | int | float | str | list["Json"] | dict[str, "Json"]
"""What a JSON document may hold."""

OnAnswer = Callable[[InferResponse | OipError], None]


class Service:
    """Every method is thread-safe, and all but `load`, `unload` and `close` return at once. Errors are `OipError`."""

    def infer(self, request: InferRequest, on_done: OnAnswer) -> None:
        """Have it computed. `on_done` is called exactly once, perhaps before this returns, perhaps from an engine's thread."""
        raise NotImplementedError

    def live(self) -> bool:
        """Whether the server runs."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether every model that is to be served is ready."""
        raise NotImplementedError

    def model_ready(self, name: str, version: str = "") -> bool:
        """Whether this model answers; False for one that does not exist."""
        raise NotImplementedError

    def metadata(self) -> ServerMetadata:
        """Who answers."""
        raise NotImplementedError

    def model_metadata(self, name: str, version: str = "") -> ModelMetadata:
        """What a model takes and gives."""
        raise NotImplementedError

    def model_config(self, name: str, version: str = "") -> Mapping[str, Json]:
        """The model's configuration in Triton's keys."""
        raise NotImplementedError

    def statistics(self, name: str = "", version: str = "") -> list[ModelStatistics]:
        """What one model did, or all of them."""
        raise NotImplementedError

    def repository_index(self, ready_only: bool = False) -> list[RepositoryEntry]:
        """All models and their states."""
        raise NotImplementedError

    def load(self, name: str) -> None:
        """Load a model, or load it again. Blocks until it is ready."""
        raise NotImplementedError

    def unload(self, name: str) -> None:
        """Unload a model. Blocks until what it has taken on is done."""
        raise NotImplementedError

    def close(self) -> None:
        """Unload everything and forget all shared memory."""
        raise NotImplementedError
