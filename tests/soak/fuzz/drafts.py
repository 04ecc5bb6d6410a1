"""Inference requests as loose values, to be spoiled before they are written for a transport."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import numpy as np

from tests.soak.fuzz.values import mutated
from tests.tiny_detector import SIDE
from tests.unit.engine.oip.made_jpegs import claiming, jpeg


@dataclass
class DraftTensor:
    name: str
    datatype: str
    shape: list[int]
    data: bytes
    parameters: dict[str, object] = field(default_factory=dict)


@dataclass
class Draft:
    """`outputs` are names with parameters."""

    model: str
    inputs: list[DraftTensor]
    outputs: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    version: str = ""
    id: str = ""
    parameters: dict[str, object] = field(default_factory=dict)


def good_draft(chance: Random, model: str) -> Draft:
    """A request that can be answered."""
    count = chance.choice((1, 1, 1, 2, 5))
    make: Callable[[Random, int], list[DraftTensor]] = chance.choice((_picture, _picture, _jpeg, _planes, _tensor))
    outputs: list[tuple[str, dict[str, object]]] = [
        (name, {}) for name in chance.choice(((), ("boxes",), ("output0", "boxes")))
    ]
    parameters: dict[str, object] = {"confidence": chance.random()} if chance.random() < 0.2 else {}
    return Draft(model, make(chance, count), outputs, chance.choice(("", "1")), str(chance.random()), parameters)


def good_picture(side: int = SIDE) -> DraftTensor:
    """One picture in which the tiny detector finds its box."""
    return DraftTensor("picture", "UINT8", [1, side, side, 3], b"\xc8" * (side * side * 3))


def good_jpeg() -> DraftTensor:
    """The same as a JPEG."""
    return DraftTensor("jpeg", "BYTES", [1], _elements([jpeg(SIDE, SIDE, colour=(200, 200, 200))]))


def every_input() -> list[list[DraftTensor]]:
    """Each kind of input of a model, once."""
    return [make(Random(0), 1) for make in (_picture, _jpeg, _planes, _tensor)]


def bad_jpeg(chance: Random) -> bytes:
    """A file that is no JPEG, or a broken one, or one that lies."""
    honest = jpeg(chance.choice((8, 64, 320)), chance.choice((8, 48, 240)))
    match chance.randrange(7):
        case 0:
            return claiming(*chance.choice(((65535, 65535), (0, 0), (1, 65535), (16000, 1000), (4000, 3999))))
        case 1:
            return honest[: chance.randrange(len(honest))]
        case 2:
            return honest + chance.randbytes(500)
        case 3:
            return b"\xff\xd8" + b"\xff" * chance.randrange(3000)
        case 4:
            return honest[:2] + b"\xff\xe1\x00\x08Exif\x00\x00" + honest[2:]
        case 5:
            return chance.choice((b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8", b"RIFF")) + chance.randbytes(20)
        case _:
            return mutated(honest, chance)


def jpegs(chance: Random, files: list[bytes]) -> DraftTensor:
    """An input of these files, whose lengths may lie."""
    data = _elements(files)
    if chance.random() < 0.3:
        at = chance.randrange(max(1, len(data) - 4))
        data = data[:at] + struct.pack("<I", chance.choice((0, 2**32 - 1, len(data), 2**31))) + data[at + 4 :]
    return DraftTensor("jpeg", "BYTES", [len(files)], data)


def _picture(chance: Random, count: int) -> list[DraftTensor]:
    height, width = chance.choice(((SIDE, SIDE), (SIDE, SIDE), (1, 1), (48, 200), (1, 3000), (480, 640)))
    return [
        DraftTensor(
            "picture", "UINT8", [count, height, width, 3], bytes([chance.randrange(256)]) * (count * height * width * 3)
        )
    ]


def _jpeg(chance: Random, count: int) -> list[DraftTensor]:
    files = [jpeg(chance.choice((1, 64, 333)), chance.choice((1, 64, 222))) for _ in range(count)]
    return [DraftTensor("jpeg", "BYTES", [count], _elements(files))]


def _planes(chance: Random, count: int) -> list[DraftTensor]:
    planes = DraftTensor("i420", "UINT8", [count, SIDE * 3 // 2, SIDE], chance.randbytes(SIDE * 3 // 2 * SIDE) * count)
    colour = DraftTensor("colour", "FP32", [count, 3, 4], chance.randbytes(48) * count)  # NaN and infinity among them
    return [planes, colour] if chance.random() < 0.5 else [planes]


def _tensor(chance: Random, count: int) -> list[DraftTensor]:
    value = chance.choice((0.0, 1.0, -1e30, 3e38, float("nan"), float("inf"), float("-inf")))
    return [
        DraftTensor("tensor", "FP32", [count, 3, SIDE, SIDE], np.full(count * 3 * SIDE * SIDE, value, np.float32).tobytes())
    ]


def _elements(files: list[bytes]) -> bytes:
    return b"".join(struct.pack("<I", len(each)) + each for each in files)
