"""What a profile is of: one model on one clip, on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from camslice.fleet.secrets import Source
from camslice.fleet.types import ModelSpec
from camslice.models.model import ModelInfo


@dataclass(frozen=True, slots=True)
class Subject:
    """The model as declared and as found, and the clip that every stream plays. `clip_fps` is the clip's own rate."""

    spec: ModelSpec
    info: ModelInfo
    clip: Path
    clip_fps: float

    @property
    def source(self) -> Source:
        """The clip as a camera's source."""
        return Source(str(self.clip), str(self.clip))
