"""Which pictures of a stream others are predicted from, read from the first bytes of each packet.

Containers rarely say it (RTSP never does), so it is read where the encoder wrote it: in the headers of the NAL units. H.264
(ITU-T H.264, 7.4.1): `nal_ref_idc` 0 is a picture that no other refers to, type 5 an IDR picture. H.265 (ITU-T H.265, 7.4.2.2):
even types up to 14 are not referred to by pictures of their own temporal layer, types 19 and 20 are IDR pictures, type 21 (CRA)
is as good as one where pictures are shown in the order in which they come. Other codecs with prediction are not looked into,
and every picture of theirs is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

_H264_SLICES = frozenset({1, 2, 5})
_H264_IDR = 5
_HEVC_UNREFERRED = frozenset(range(0, 15, 2))
_HEVC_IDR = frozenset({19, 20})
_HEVC_CRA = 21
_HEVC_SPS = 33
_HEVC_FIRST_NON_VCL = 32
_NEAR = 4096
"""The first slice comes after a few small units; only where it does not, the whole packet is looked through."""


class Dependence(NamedTuple):
    """`droppable`: no other picture is predicted from this one. `fresh`: nothing after it refers to anything before it;
    `fresh_in_order`: that holds if no picture after it is shown before it."""

    droppable: bool
    fresh: bool
    fresh_in_order: bool = False


UNKNOWN = Dependence(droppable=False, fresh=False)
_ALONE = Dependence(droppable=True, fresh=True)
_FRESH = Dependence(droppable=False, fresh=True)
_FRESH_IN_ORDER = Dependence(droppable=False, fresh=False, fresh_in_order=True)
_DROPPABLE = Dependence(droppable=True, fresh=False)

ReadDependence = Callable[[memoryview], Dependence]
"""Of a packet's bytes."""


def dependence_reader(codec: str, extradata: bytes | None, *, intra_only: bool) -> ReadDependence | None:
    """How to tell it of the packets of one stream; None where it cannot be told. `codec` is FFmpeg's name of it."""
    if intra_only:
        return lambda _: _ALONE
    if codec == "h264":
        return _H264(extradata or b"")
    return _Hevc(extradata or b"") if codec == "hevc" else None


class _H264:
    def __init__(self, extradata: bytes) -> None:
        self._length_bytes = (extradata[4] & 3) + 1 if len(extradata) > 4 and extradata[0] == 1 else 0

    def __call__(self, packet: memoryview) -> Dependence:
        for unit in _units(packet, self._length_bytes):
            kind = unit[0] & 31
            if kind in _H264_SLICES:
                if kind == _H264_IDR:
                    return _FRESH
                return _DROPPABLE if unit[0] & 0x60 == 0 else UNKNOWN
        return UNKNOWN


class _Hevc:
    """Only pictures of the highest temporal layer are surely not referred to, so the number of layers has to be known."""

    def __init__(self, extradata: bytes) -> None:
        self._length_bytes = 0
        self._highest_layer: int | None = None
        if extradata[:1] == b"\x01" and len(extradata) > 22:
            self._length_bytes = (extradata[21] & 3) + 1
            for unit in _hvcc_units(extradata):
                self._learn(unit)
        elif extradata:
            for unit in _annex_b(extradata):
                self._learn(unit)

    def __call__(self, packet: memoryview) -> Dependence:
        for unit in _units(packet, self._length_bytes):
            kind = unit[0] >> 1 & 63
            if kind >= _HEVC_FIRST_NON_VCL or len(unit) < 2:
                self._learn(unit)
                continue
            if kind in _HEVC_IDR:
                return _FRESH
            if kind == _HEVC_CRA:
                return _FRESH_IN_ORDER
            is_top = self._highest_layer is not None and (unit[1] & 7) - 1 >= self._highest_layer
            return _DROPPABLE if is_top and kind in _HEVC_UNREFERRED else UNKNOWN
        return UNKNOWN

    def _learn(self, unit: bytes) -> None:
        if len(unit) > 2 and unit[0] >> 1 & 63 == _HEVC_SPS:
            self._highest_layer = unit[2] >> 1 & 7


def _units(packet: memoryview, length_bytes: int) -> Iterator[bytes]:
    """The first bytes of each NAL unit, as far as anybody asks."""
    return _length_prefixed(packet, length_bytes) if length_bytes else _annex_b_of(packet)


def _length_prefixed(view: memoryview, length_bytes: int) -> Iterator[bytes]:
    at = 0
    while at + length_bytes < len(view):
        size = int.from_bytes(view[at : at + length_bytes], "big")
        at += length_bytes
        if size:
            yield bytes(view[at : at + min(size, 4)])
        at += size


def _annex_b_of(view: memoryview) -> Iterator[bytes]:
    if len(view) <= _NEAR:
        yield from _annex_b(bytes(view))
        return
    yield from _annex_b(bytes(view[:_NEAR]))
    yield from _annex_b(bytes(view[_NEAR - 4 :]))


def _annex_b(data: bytes) -> Iterator[bytes]:
    at = data.find(b"\0\0\1")
    while at >= 0:
        unit = data[at + 3 : at + 7]
        if unit:
            yield unit
        at = data.find(b"\0\0\1", at + 3)


def _hvcc_units(extradata: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(extradata[22]):
        if at + 3 > len(extradata):
            return
        number = int.from_bytes(extradata[at + 1 : at + 3], "big")
        at += 3
        for _ in range(number):
            size = int.from_bytes(extradata[at : at + 2], "big")
            at += 2
            if size:
                yield extradata[at : at + min(size, 4)]
            at += size
