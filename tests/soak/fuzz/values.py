"""Numbers, words, bytes and JSON that no well-meaning client sends."""

from __future__ import annotations

import json
from random import Random

INTEGERS = sorted(
    {sign * (2**power + step) for power in (0, 1, 3, 8, 16, 31, 32, 53, 63, 64) for step in (-1, 0, 1) for sign in (1, -1)}
)
FLOATS = (float("nan"), float("inf"), float("-inf"), -1.0, -0.0, 0.5, 1.0 + 1e-9, 5e-324, 1e308)
WORDS = (
    "", " ", "\0", ".", "..", "/", "../../etc/passwd", "/etc/passwd", "%00", "%s%n", "{0}", "boxes", "picture", "tensor",
    "output0", "i420", "colour", "BYTES", "FP32", "UINT8", "'; --", "\r\nX-Evil: 1", "\u202e\u0000", "\N{PILE OF POO}" * 300,
   "ä" * 700, "a" * 70_000,
)  # fmt: skip


def integer(chance: Random) -> int:
    """Often near a power of two, sometimes any."""
    return chance.choice(INTEGERS) if chance.random() < 0.8 else chance.randint(-(2**70), 2**70)


def int64(chance: Random) -> int:
    """One that protobuf can carry."""
    return max(-(2**63), min(2**63 - 1, integer(chance)))


def word(chance: Random) -> str:
    if chance.random() < 0.7:
        return chance.choice(WORDS)
    return "".join(chr(chance.choice((chance.randrange(0x80), chance.randrange(0xD800)))) for _ in range(chance.randrange(40)))


def noise(chance: Random, most: int) -> bytes:
    return chance.randbytes(chance.randrange(most + 1))


def mutated(data: bytes, chance: Random) -> bytes:
    """A few bytes flipped, cut, doubled, moved or put in."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(found) + 1)
        until = min(len(found), at + chance.choice((1, 2, 8, 64, len(found))))
        match chance.randrange(6):
            case 0:
                found[at:until] = (
                    bytes(byte ^ 1 << chance.randrange(8) for byte in found[at:until][:64]) + found[at + 64 : until]
                )
            case 1:
                del found[at:until]
            case 2:
                del found[at:]
            case 3:
                found[at:at] = found[at:until][:4096]
            case 4:
                found[at:at] = noise(chance, 16)
            case 5:
                found[at : at + 10] = b"\xff" * 9 + b"\x01"  # the longest number of protobuf
    return bytes(found)


def json_value(chance: Random, depth: int = 2) -> object:
    """Anything that JSON has, and a little more."""
    kinds = chance.randrange(8 if depth else 6)
    if kinds == 6:
        return [json_value(chance, depth - 1) for _ in range(chance.randrange(4))]
    if kinds == 7:
        return {word(chance)[:40]: json_value(chance, depth - 1) for _ in range(chance.randrange(4))}
    return (None, True, integer(chance), chance.choice(FLOATS), word(chance), 10 ** chance.choice((20, 400, 4200)))[kinds]


def bent_json(value: object, chance: Random) -> object:
    """The same with one value, anywhere in it, replaced, dropped or wrapped."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        if chance.random() < 0.15:
            return {name: each for name, each in value.items() if name != key}
        return value | {key: bent_json(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.7:
        at = chance.randrange(len(value))
        return [*value[:at], bent_json(value[at], chance), *value[at + 1 :]]
    return [value] if chance.random() < 0.1 else json_value(chance)


def json_bytes(value: object, chance: Random) -> bytes:
    """`value` as JSON, in one of the encodings that are allowed or not."""
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5)
    return text.encode("utf-16" if chance.random() < 0.01 else "utf-8", "surrogatepass")
