"""What a server offers for our pictures, read from its model's metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from camslice.engine.oip.descriptions import ModelMetadata, TensorMetadata
from camslice.fleet.errors import EngineError
from camslice.models.model import ModelInfo

COLOUR = "colour"
BOXES = "boxes"
_BOX_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Offer:
    """Names of the inputs that a model takes pictures by, None for each that it has not, and what it answers.

    `i420` UINT8 [N, H * 3 / 2, W] (ours only), `picture` UINT8 [N, H, W, 3], `jpeg` BYTES [N] (ours only), `tensor` FP32
    [N, 3, H, W]. `outputs` are in the order in which the model has them. `ready_boxes`: it answers boxes when asked to,
    which is how we know a server of our own.
    """

    i420: str | None
    picture: str | None
    jpeg: str | None
    tensor: str | None
    outputs: tuple[str, ...]
    ready_boxes: bool
    any_batch: bool

    @property
    def foreign(self) -> bool:
        """Whether the server is none of ours."""
        return not self.ready_boxes


def offer_of(metadata: ModelMetadata, info: ModelInfo, url: str) -> Offer:
    """What `metadata` offers for a model that is `info` here. Raises EngineError when no input takes our pictures."""
    width, height = info.input.width, info.input.height
    ours = _is_ours(metadata)
    if not ours and len(metadata.inputs) != 1:
        raise EngineError(
            f"{url}: model {metadata.name} takes {_listed(metadata.inputs)}; one input, for pictures, was expected."
        )
    offer = Offer(
        i420=_named(metadata.inputs, "UINT8", (height * 3 // 2, width)) if ours else None,
        picture=_named(metadata.inputs, "UINT8", (height, width, 3)),
        jpeg=_named(metadata.inputs, "BYTES", ()) if ours else None,
        tensor=_named(metadata.inputs, "FP32", (3, height, width)),
        outputs=tuple(output.name for output in metadata.outputs),
        ready_boxes=ours,
        any_batch=all(given.shape[:1] == (-1,) for given in metadata.inputs),
    )
    if not (offer.i420 or offer.picture or offer.tensor) or (ours and not offer.i420):
        raise EngineError(
            f"{url}: model {metadata.name} takes {_listed(metadata.inputs)}, and {info.name} here is to read pictures of "
            f"{width}x{height}: UINT8 [N, {height}, {width}, 3] or FP32 [N, 3, {height}, {width}]; "
            "set `input_size` to the server's, or name another model."
        )
    return offer


def _is_ours(metadata: ModelMetadata) -> bool:
    """Our servers say so by what they can do: planes in, boxes out."""
    boxes = any(output.name == BOXES and output.shape[-1:] == (_BOX_COLUMNS,) for output in metadata.outputs)
    return boxes and any(given.name == "i420" for given in metadata.inputs)


def _named(inputs: Sequence[TensorMetadata], datatype: str, picture: tuple[int, ...]) -> str | None:
    """The input of that type whose pictures have, or may have, that shape."""
    for given in inputs:
        shape = given.shape[1:]
        fits = len(shape) == len(picture) and all(a in (-1, b) for a, b in zip(shape, picture, strict=True))
        if given.datatype == datatype and fits:
            return given.name
    return None


def _listed(inputs: Sequence[TensorMetadata]) -> str:
    return " and ".join(f"{given.name} {given.datatype} {list(given.shape)}" for given in inputs) or "nothing"
