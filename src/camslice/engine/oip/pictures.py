"""The pictures of a request, in whichever of the four ways a client may send them, and how each gets into a slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from camslice.engine.oip.jpeg import check_jpeg, check_size, decode_jpeg
from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import OipError, Status, Tensor
from camslice.engine.oip.shared_memory import SharedMemoryRegions
from camslice.engine.oip.tensors import Content, check_shape, content_of, elements_of, invalid
from camslice.engine.protocol import Batch, Engine
from camslice.engine.slots import Layout
from camslice.fleet.geometry import Letterbox, Region
from camslice.models.model import InputSpec
from camslice.video.colour import STILL_COLOUR, rgb_matrix
from camslice.video.picture import StillPicture
from camslice.video.slot import I420Slot, RgbSlot, TensorSlot

SLOW_PIXELS = 1_000_000
"""Scaling a picture with more pixels takes around a millisecond: too long for a thread that others wait for."""


class Kind(StrEnum):
    """Inputs of a served model; a request has exactly one of them."""

    PICTURE = "picture"
    JPEG = "jpeg"
    I420 = "i420"
    TENSOR = "tensor"


COLOUR = "colour"
"""The input that may come with `i420`."""

LAYOUTS = {Kind.PICTURE: Layout.RGB, Kind.JPEG: Layout.RGB, Kind.I420: Layout.I420, Kind.TENSOR: Layout.TENSOR}
"""Which engine computes which kind of input."""


class Pictures(Protocol):
    """What one request is about: `count` pictures for an engine with slots of `layout`."""

    layout: Layout
    count: int
    held_bytes: int
    slow: bool

    def put(self, picture: int, engine: Engine, batch: Batch, index: int) -> Letterbox:
        """Write a picture into slot `index`; how it lies there. Raises OipError when it cannot be read."""
        ...

    def release(self) -> None:
        """Let go of the shared memory they lie in."""
        ...


def read_pictures(inputs: Sequence[Tensor], spec: InputSpec, limits: Limits, regions: SharedMemoryRegions) -> Pictures:
    """Find the one input of a request and check it; `spec` is the model's. Raises OipError."""
    given = {tensor.name: tensor for tensor in inputs}
    if len(given) != len(inputs):
        raise invalid("an input is given twice")
    known = [name for name in given if name in [*Kind]]
    extra = [name for name in given if name not in known and not (name == COLOUR and known == [Kind.I420])]
    if len(known) != 1 or extra:
        raise invalid(
            f"a request needs exactly one of the inputs {', '.join(Kind)} (and `{COLOUR}` only beside `{Kind.I420}`); "
            f"this one has {', '.join(map(repr, given)) or 'none'}"
        )
    _check_count(given[known[0]], limits)
    match Kind(known[0]):
        case Kind.PICTURE:
            return _RgbPictures(given[known[0]], limits, regions)
        case Kind.JPEG:
            return _JpegPictures(given[known[0]], limits, regions)
        case Kind.I420:
            return _PlanePictures(given, spec, regions)
        case Kind.TENSOR:
            return _Tensors(given[known[0]], spec, regions)


class _RgbPictures:
    """UINT8 [N, H, W, 3], red first: letterboxed here, or taken as they are when they have the model's size."""

    layout = Layout.RGB

    def __init__(self, tensor: Tensor, limits: Limits, regions: SharedMemoryRegions) -> None:
        _check(tensor, "UINT8", ("N", "H", "W", 3))
        self.count, self._height, self._width, _ = tensor.shape
        check_size(self._width, self._height, limits)
        self.slow = self._width * self._height > SLOW_PIXELS
        self._content = content_of(tensor, regions)
        self.held_bytes = self._content.held_bytes

    def put(self, picture: int, engine: Engine, batch: Batch, index: int) -> Letterbox:
        letterbox = engine.fit(Region(0, 0, self._width, self._height))
        slot = batch.slot_for(index, letterbox)
        offset = picture * self._height * self._width * 3
        if isinstance(slot, RgbSlot) and slot.rgb.shape == (self._height, self._width, 3):
            self._content.read_into([slot.rgb], offset)
        else:
            rgb = self._content.array(offset, (self._height, self._width, 3))
            StillPicture(rgb).scale_into(slot, letterbox)
        return letterbox

    def release(self) -> None:
        self._content.release()


class _JpegPictures:
    """BYTES [N]: JPEG files, of which only the headers are read before their turn comes."""

    layout = Layout.RGB
    slow = True

    def __init__(self, tensor: Tensor, limits: Limits, regions: SharedMemoryRegions) -> None:
        _check(tensor, "BYTES", ("N",))
        self._files = elements_of(tensor, regions, limits.encoded_bytes)
        for encoded in self._files:
            check_jpeg(encoded, limits)
        self.count = len(self._files)
        self.held_bytes = sum(len(encoded) for encoded in self._files)

    def put(self, picture: int, engine: Engine, batch: Batch, index: int) -> Letterbox:
        still = StillPicture(decode_jpeg(self._files[picture]))
        letterbox = engine.fit(Region(0, 0, still.width, still.height))
        still.scale_into(batch.slot_for(index, letterbox), letterbox)
        return letterbox

    def release(self) -> None:
        """The files were copied out of whatever they lay in."""


class _PlanePictures:
    """UINT8 [N, H * 3/2, W]: the planes Y, U and V, one after another, of a picture that has the model's input size already.

    `colour` FP32 [N, 3, 4] says what they mean as RGB (see `video.slot`); without it BT.601, limited range.
    """

    layout = Layout.I420
    slow = False

    def __init__(self, given: Mapping[str, Tensor], spec: InputSpec, regions: SharedMemoryRegions) -> None:
        tensor, colour = given[Kind.I420], given.get(COLOUR)
        _check(tensor, "UINT8", ("N", spec.height * 3 // 2, spec.width))
        self.count = tensor.shape[0]
        self._picture_bytes = spec.height * 3 // 2 * spec.width
        if colour is not None:
            _check(colour, "FP32", (self.count, 3, 4))
        self._content = content_of(tensor, regions)
        self._colour: Content | None = None
        try:
            self._colour = None if colour is None else content_of(colour, regions)
        except OipError:
            self._content.release()
            raise
        self.held_bytes = self._content.held_bytes

    def put(self, picture: int, engine: Engine, batch: Batch, index: int) -> Letterbox:
        letterbox, slot = _whole_slot(engine, batch, index)
        if not isinstance(slot, I420Slot):
            raise _wrong_engine(Kind.I420)
        self._content.read_into([slot.y, slot.u, slot.v], picture * self._picture_bytes)
        if self._colour is None:
            slot.colour[:] = rgb_matrix(STILL_COLOUR)
        else:
            self._colour.read_into([slot.colour], picture * slot.colour.nbytes)
        return letterbox

    def release(self) -> None:
        self._content.release()
        if self._colour is not None:
            self._colour.release()


class _Tensors:
    """FP32 [N, 3, H, W]: the network's own input, prepared by the client."""

    layout = Layout.TENSOR
    slow = False

    def __init__(self, tensor: Tensor, spec: InputSpec, regions: SharedMemoryRegions) -> None:
        _check(tensor, "FP32", ("N", 3, spec.height, spec.width))
        self.count = tensor.shape[0]
        self._content = content_of(tensor, regions)
        self.held_bytes = self._content.held_bytes

    def put(self, picture: int, engine: Engine, batch: Batch, index: int) -> Letterbox:
        letterbox, slot = _whole_slot(engine, batch, index)
        if not isinstance(slot, TensorSlot):
            raise _wrong_engine(Kind.TENSOR)
        self._content.read_into([slot.tensor], picture * slot.tensor.nbytes)
        return letterbox

    def release(self) -> None:
        self._content.release()


def _check_count(tensor: Tensor, limits: Limits) -> None:
    check_shape(tensor)
    if tensor.shape and tensor.shape[0] > limits.pictures_per_request:
        raise OipError(
            Status.TOO_LARGE,
            f"input {tensor.name!r} has {tensor.shape[0]} pictures; at most {limits.pictures_per_request} are allowed at once",
        )


def _check(tensor: Tensor, datatype: str, shape: Sequence[int | str]) -> None:
    """Refuse another datatype or shape; letters stand for any size. Raises OipError."""
    fits = len(tensor.shape) == len(shape) and all(
        isinstance(wanted, str) or size == wanted for size, wanted in zip(tensor.shape, shape, strict=True)
    )
    if tensor.datatype != datatype or not fits:
        wanted = ", ".join(map(str, shape))
        raise invalid(f"input {tensor.name!r} must be {datatype} [{wanted}]; it is {tensor.datatype} {list(tensor.shape)}")


def _whole_slot(engine: Engine, batch: Batch, index: int) -> tuple[Letterbox, I420Slot | RgbSlot | TensorSlot]:
    """A slot for what fills it exactly."""
    info = engine.info
    letterbox = engine.fit(Region(0, 0, info.input_width, info.input_height))
    return letterbox, batch.slot_for(index, letterbox)


def _wrong_engine(kind: Kind) -> TypeError:
    return TypeError(f"this engine's slots do not take the input {kind}")
