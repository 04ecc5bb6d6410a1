"""A stand-in for the packages ultralytics and torch: takes what `YOLO(weights).predict` takes, answers in the same form."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

Picture = npt.NDArray[np.uint8]
Rows = list[list[float]]


def blue_box(picture: Picture) -> Rows:
    """One box as large as the picture, its confidence the first channel of the first pixel in percent."""
    height, width = picture.shape[:2]
    return [[0, 0, width, height, float(picture[0, 0, 0]) / 100, 0]]


@dataclass
class StandIn:
    """How it behaves, and what it was told."""

    finds: Callable[[Picture], Rows] = blue_box
    fails: Exception | None = None
    device: str | None = None
    speed: dict[str, float] = field(default_factory=lambda: {"preprocess": 0.0, "inference": 0.0, "postprocess": 0.0})
    loaded: list[tuple[str, str]] = field(default_factory=list)
    arguments: list[dict[str, Any]] = field(default_factory=list)
    shapes: list[list[tuple[int, ...]]] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    interop_threads: int = 8
    used_on: set[int] = field(default_factory=set)
    settings: dict[str, bool] = field(default_factory=lambda: {"sync": True})

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Be what `import ultralytics` and `import torch` find."""
        torch, ultralytics = ModuleType("torch"), ModuleType("ultralytics")
        torch.set_num_threads = self.threads.append  # type: ignore[attr-defined]  # a module made here
        torch.get_num_interop_threads = lambda: self.interop_threads  # type: ignore[attr-defined]  # a module made here
        torch.set_num_interop_threads = self._set_interop_threads  # type: ignore[attr-defined]  # a module made here
        ultralytics.settings = self.settings  # type: ignore[attr-defined]  # a module made here
        ultralytics.YOLO = lambda weights, task: _Yolo(self, weights, task)  # type: ignore[attr-defined]  # a module made here
        monkeypatch.setitem(sys.modules, "torch", torch)
        monkeypatch.setitem(sys.modules, "ultralytics", ultralytics)

    def _set_interop_threads(self, threads: int) -> None:
        self.interop_threads = threads


class _Yolo:
    def __init__(self, stand_in: StandIn, weights: str, task: str) -> None:
        stand_in.loaded.append((weights, task))
        stand_in.used_on.add(threading.get_ident())
        self._stand_in = stand_in
        self._callbacks: list[tuple[str, Callable[[object], None]]] = []
        self.predictor: SimpleNamespace | None = None

    def add_callback(self, event: str, callback: Callable[[object], None]) -> None:
        self._callbacks.append((event, callback))

    def predict(self, pictures: list[Picture], **arguments: Any) -> list[SimpleNamespace]:
        told = self._stand_in
        told.used_on.add(threading.get_ident())
        told.arguments.append(arguments)
        told.shapes.append([picture.shape for picture in pictures])
        self.predictor = SimpleNamespace(device=told.device or arguments["device"], model=SimpleNamespace())
        for event in ("on_predict_start", "on_predict_batch_start", "on_predict_postprocess_end"):
            if told.fails is not None and event == "on_predict_postprocess_end":
                raise told.fails
            for wanted, callback in self._callbacks:
                if wanted == event:
                    callback(self.predictor)
        return [_result(told.finds(picture), told.speed) for picture in pictures]


def _result(rows: Rows, speed: dict[str, float]) -> SimpleNamespace:
    data = np.array(rows, np.float32).reshape(-1, 6)
    return SimpleNamespace(
        boxes=SimpleNamespace(data=SimpleNamespace(cpu=lambda: SimpleNamespace(numpy=lambda: data))), speed=speed
    )
