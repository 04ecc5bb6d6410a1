"""The models of a server: which there are, which of them answer, and why the others do not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from camslice.engine.oip.counters import Counters
from camslice.engine.oip.descriptions import ModelState, RepositoryEntry
from camslice.engine.oip.messages import OipError, Status
from camslice.engine.oip.model_source import Loader, ModelSource
from camslice.engine.oip.served_model import VERSION, ServedModel
from camslice.fleet.errors import CamsliceError

log = logging.getLogger(__name__)

NOT_YET = "not loaded yet"
UNLOADED = "unloaded"

Serve = Callable[[ModelSource, Counters], ServedModel]


@dataclass(slots=True)
class _Model:
    """One model. `turn` is held while it is loaded or unloaded; the rest may be read at any time."""

    name: str
    loader: Loader
    counters: Counters = field(default_factory=Counters)
    turn: threading.Lock = field(default_factory=threading.Lock)
    served: ServedModel | None = None
    state: ModelState = ModelState.UNAVAILABLE
    reason: str = NOT_YET
    removed: bool = False


class ModelRepository:
    """Models by name. Thread-safe. Owns what it has loaded until `unload` or `remove`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[str, _Model] = {}

    def add(self, name: str, loader: Loader) -> None:
        """A model that can be loaded from now on. Raises OipError (ALREADY_EXISTS)."""
        with self._lock:
            if name in self._models:
                raise OipError(Status.ALREADY_EXISTS, f"there is a model {name!r} already")
            self._models[name] = _Model(name, loader)

    def names(self) -> list[str]:
        """All models, in the order in which they were added."""
        with self._lock:
            return list(self._models)

    def index(self) -> list[RepositoryEntry]:
        """All models and their states."""
        with self._lock:
            models = list(self._models.values())
        return [RepositoryEntry(model.name, VERSION, model.state, model.reason) for model in models]

    def serving(self, name: str, version: str = "") -> ServedModel:
        """The model, ready to answer. Raises OipError: NOT_FOUND or UNAVAILABLE."""
        model = self._model(name, version)
        served = model.served
        if served is None:
            raise OipError(Status.UNAVAILABLE, f"model {name!r} is not ready: {model.reason or model.state.value.lower()}")
        return served

    def counters(self, name: str, version: str = "") -> Counters:
        """What the model did over all its loads. Raises OipError (NOT_FOUND)."""
        return self._model(name, version).counters

    def load(self, name: str, serve: Serve, patience_s: float) -> None:
        """Load a model, or load it anew: the new one takes over without a gap, the old one finishes what it has
        taken on within `patience_s`.

        Blocks. Raises OipError: NOT_FOUND, or UNAVAILABLE when it cannot be loaded; one that was ready before stays so.
        """
        model = self._model(name)
        with model.turn:
            if model.removed:
                raise OipError(Status.NOT_FOUND, f"model {name!r} was removed meanwhile")
            before = model.served
            if before is None:
                model.state, model.reason = ModelState.LOADING, ""
            try:
                served = serve(model.loader(), model.counters)
            except Exception as error:
                reason = _reason(name, error)
                if before is None:
                    model.state, model.reason = ModelState.UNAVAILABLE, reason
                raise OipError(Status.UNAVAILABLE, f"model {name!r} could not be loaded: {reason}") from error
            model.served = served
            model.state, model.reason = ModelState.READY, ""
            if before is not None:
                before.close(patience_s)

    def unload(self, name: str, patience_s: float) -> None:
        """Take a model out of service; it finishes what it has taken on within `patience_s`. Blocks. Raises OipError."""
        self._unload(self._model(name), patience_s)

    def remove(self, name: str, patience_s: float) -> None:
        """Unload a model and forget it. Blocks. Raises OipError (NOT_FOUND)."""
        model = self._model(name)
        with self._lock:
            self._models.pop(name, None)
            model.removed = True
        self._unload(model, patience_s)

    def look_after(self) -> None:
        """See `Batcher.look_after`."""
        with self._lock:
            loaded = [model.served for model in self._models.values()]
        for served in loaded:
            if served is not None:
                served.look_after()

    def _unload(self, model: _Model, patience_s: float) -> None:
        with model.turn:
            served, model.served = model.served, None
            if served is not None:
                model.state, model.reason = ModelState.UNLOADING, "being unloaded"
                served.close(patience_s)
            model.state, model.reason = ModelState.UNAVAILABLE, UNLOADED

    def _model(self, name: str, version: str = "") -> _Model:
        with self._lock:
            model = self._models.get(name)
            if model is None:
                known = ", ".join(self._models) or "no models at all"
                raise OipError(Status.NOT_FOUND, f"there is no model {name!r}; this server has {known}")
        if version not in ("", VERSION):
            raise OipError(Status.NOT_FOUND, f"model {name!r} has no version {version!r}, only {VERSION!r}")
        return model


def _reason(name: str, error: Exception) -> str:
    """Why a model could not be loaded, in words for a client."""
    if isinstance(error, CamsliceError):
        log.warning("model %s could not be loaded: %s", name, error)
        return str(error)
    log.error("model %s could not be loaded", name, exc_info=error)
    return "the server's log says why"
