"""What the rest of the house needs to know of a model: values only, cheap to import and to send to another process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What the model's only input expects: pictures [N, 3, `height`, `width`].

    `channels` is `rgb` or `bgr`; `scale` multiplies the pixel values 0..255; `pad` (0..255, before scaling) fills what the
    picture leaves free, on both sides if `centred`, else right and below. `dynamic_batch` and `dynamic_size` say what the
    weights leave open; `width` and `height` are the size that is to be used.
    """

    width: int
    height: int
    dynamic_batch: bool
    dynamic_size: bool
    channels: str = "rgb"
    scale: float = 1 / 255
    pad: int = 114
    centred: bool = True


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Weights that lie at `path`, and what their answers mean.

    `labels[class_id]` is a class's name; `wanted` holds the class ids to be reported, None for all. `decoder` is a key of
    `decoders.make`. `sha256` is that of the file at `path` (for OpenVINO IR: of the .xml followed by the .bin).
    `source` says in words where the file came from.
    """

    name: str
    path: Path
    sha256: str
    licence: str
    task: str
    labels: tuple[str, ...]
    input: InputSpec
    decoder: str
    source: str
    wanted: tuple[int, ...] | None = None
