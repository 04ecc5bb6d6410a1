"""The models that one process was told to load, and what it said of them."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping, Set
from dataclasses import dataclass

from camslice.fleet.types import ModelSpec
from camslice.models.model import ModelInfo
from camslice.stream.child import Child
from camslice.stream.lives import ModelLife
from camslice.stream.messages import Heartbeat, LoadModel, ModelLoaded, ModelStopped, RefuseModel, UnloadModel
from camslice.stream.model_work import ModelWork, PolicyChange
from camslice.stream.pulse import Pulse

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WantedModel:
    """What is asked of a model, and its weights. `problem`: why it is not to be had, as somebody else has found out."""

    spec: ModelSpec
    info: ModelInfo
    problem: str | None = None


Wanted = Mapping[str, WantedModel]
"""Models by name."""
MOST_CHANGES = 50
"""So many changes of policy are kept."""


class ModelBoard:
    """Whoever owns the process owns its board; one thread at a time."""

    def __init__(self) -> None:
        self._wanted: dict[str, WantedModel] = {}
        self._lives: dict[str, ModelLife] = {}
        self._infos: list[ModelInfo] = []
        self._past: dict[str, ModelWork] = {}
        self._changes: deque[PolicyChange] = deque(maxlen=MOST_CHANGES)

    @property
    def work(self) -> Mapping[str, ModelWork]:
        """What each model has done here, those that are gone too."""
        return self._past | {name: life.work for name, life in self._lives.items()}

    @property
    def policy_changes(self) -> list[PolicyChange]:
        """The last of them, oldest first."""
        return list(self._changes)

    @property
    def lives(self) -> Mapping[str, ModelLife]:
        """Every model that the process was told to load."""
        return self._lives

    @property
    def answered(self) -> bool:
        """Whether the process has said of every model what became of it."""
        return all(life.answered for life in self._lives.values())

    @property
    def pulses(self) -> Mapping[str, Pulse]:
        """How the work of each model went on when the process spoke last."""
        return {name: life.pulse for name, life in self._lives.items() if life.pulse is not None}

    def info(self, number: int) -> ModelInfo:
        """The weights that results marked `number` come from."""
        return self._infos[number]

    def forget(self) -> None:
        """The process is gone, and what it had loaded with it."""
        self._past = dict(self.work)
        self._lives.clear()
        self._wanted.clear()

    def load(self, child: Child, wanted: Wanted) -> None:
        """Tell the process of every model that is new or changed."""
        for name, model in wanted.items():
            if self._wanted.get(name) == model:
                continue
            self._wanted[name] = model
            self._infos.append(model.info)
            number = len(self._infos) - 1
            before = self._lives.get(name)
            self._lives[name] = ModelLife(model.spec, model.info, number)
            if before is not None:
                self._lives[name].busy_ns, self._lives[name].policy = before.busy_ns, before.policy
            self._lives[name].work = before.work if before is not None else self._past.get(name, ModelWork())
            if model.problem is None:
                child.say(LoadModel(model.spec, model.info, number))
            else:
                child.say(RefuseModel(name, number, model.problem))

    def unload(self, child: Child, wanted: Wanted, in_use: Set[str]) -> None:
        """Tell the process of every model that is neither wanted nor in use any more."""
        for name in self.superfluous(wanted, in_use):
            self._past[name] = self._lives[name].work
            del self._lives[name], self._wanted[name]
            child.say(UnloadModel(name))

    def superfluous(self, wanted: Wanted, in_use: Set[str]) -> list[str]:
        """Models that nobody wants or uses any more."""
        return [name for name in self._lives if name not in wanted and name not in in_use]

    def hear(self, message: ModelLoaded | ModelStopped | Heartbeat) -> bool:
        """Take in what the process said. True when a model has answered; what is said of an earlier load counts no more."""
        if isinstance(message, Heartbeat):
            for name in message.busy_ns:
                if name in self._lives:
                    self._beat(name, self._lives[name], message)
            return False
        life = self._lives.get(message.model)
        if life is None or life.number != message.number:
            return False
        if isinstance(message, ModelLoaded):
            life.loaded, life.problem = message, None
        else:
            log.error("model %s: %s", message.model, message.reason)
            life.problem = message.reason
        return True

    def _beat(self, name: str, life: ModelLife, message: Heartbeat) -> None:
        life.busy_ns = message.busy_ns[name]
        life.pulse = message.pulses.get(name)
        life.work = self._past.get(name, ModelWork()) + message.work.get(name, ModelWork())
        before, life.policy = life.policy, message.policies.get(name)
        if life.policy is None or before is None or before.policy == life.policy.policy:
            return
        self._changes.append(PolicyChange(time.time(), name, before.policy, life.policy.policy, life.policy.reason))
