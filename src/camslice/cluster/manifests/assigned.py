"""A stream as its pod gets it."""

from __future__ import annotations

from dataclasses import dataclass

from camslice.cluster.objects import CameraObject


@dataclass(frozen=True, slots=True)
class Assigned:
    """A stream that a pod is to analyse: its camera, model, rate, and the epoch of its placement."""

    camera: CameraObject
    model: str
    fps: float
    epoch: int

    @property
    def name(self) -> str:
        """As CAMERA/MODEL."""
        return f"{self.camera.name}/{self.model}"
