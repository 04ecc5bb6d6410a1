"""The models that one process was told to load, and what it said of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Set

from camslice.fleet.types import ModelSpec
from camslice.models.model import ModelInfo
from camslice.stream.child import Child
from camslice.stream.lives import ModelLife
from camslice.stream.messages import Heartbeat, LoadModel, ModelLoaded, ModelStopped, UnloadModel

log = logging.getLogger(__name__)

Wanted = Mapping[str, tuple[ModelSpec, ModelInfo]]
"""Models by name: what is asked of each, and its weights."""


class ModelBoard:
    """Whoever owns the process owns its board; one thread at a time."""

    def __init__(self) -> None:
        self._lives: dict[str, ModelLife] = {}
        self._infos: list[ModelInfo] = []

    @property
    def lives(self) -> Mapping[str, ModelLife]:
        """Every model that the process was told to load."""
        return self._lives

    @property
    def answered(self) -> bool:
        """Whether the process has said of every model what became of it."""
        return all(life.answered for life in self._lives.values())

    def info(self, number: int) -> ModelInfo:
        """The weights that results marked `number` come from."""
        return self._infos[number]

    def forget(self) -> None:
        """The process is gone, and what it had loaded with it."""
        self._lives.clear()

    def load(self, child: Child, wanted: Wanted) -> None:
        """Tell the process of every model that is new or changed."""
        for name, (spec, info) in wanted.items():
            life = self._lives.get(name)
            if life is not None and (life.spec, life.info) == (spec, info):
                continue
            self._infos.append(info)
            number = len(self._infos) - 1
            self._lives[name] = ModelLife(spec, info, number, busy_ns=life.busy_ns if life else 0)
            child.say(LoadModel(spec, info, number))

    def unload(self, child: Child, wanted: Wanted, in_use: Set[str]) -> None:
        """Tell the process of every model that is neither wanted nor in use any more."""
        for name in [name for name in self._lives if name not in wanted and name not in in_use]:
            del self._lives[name]
            child.say(UnloadModel(name))

    def hear(self, message: ModelLoaded | ModelStopped | Heartbeat) -> bool:
        """Take in what the process said. True when a model has answered."""
        match message:
            case ModelLoaded():
                life = self._lives.get(message.model)
                if life is None or life.number != message.number:
                    return False
                life.loaded, life.problem = message, None
                return True
            case ModelStopped():
                life = self._lives.get(message.model)
                if life is None:
                    return False
                log.error("model %s: %s", message.model, message.reason)
                life.problem = message.reason
                return True
            case Heartbeat():
                for name, life in self._known(message.busy_ns):
                    life.busy_ns = message.busy_ns[name]
                return False

    def _known(self, names: Mapping[str, int]) -> Iterator[tuple[str, ModelLife]]:
        return ((name, self._lives[name]) for name in names if name in self._lives)
