"""A look at a protobuf message before it is parsed: parsing a hostile one would take forty times its size in memory.

Raw tensors are only copied. Everything else is taken apart into objects, and two bytes can be enough for an object of eighty
(`inputs {}`), so a message as large as a picture must be refused when it is not made of raw tensors.
"""

from __future__ import annotations

from camslice.engine.oip.messages import OipError, Status
from camslice.engine.oip.wire_limits import WireLimits

RAW_INPUT_CONTENTS = 7
_VARINT, _I64, _LEN, _GROUP_BEGINS, _GROUP_ENDS, _I32 = range(6)
_LONGEST_VARINT = 10


def check_structure(message: bytes, limits: WireLimits) -> None:
    """Raise OipError when a `ModelInferRequest` has too many fields, or too much in it besides raw tensors.

    What is no protobuf at all passes: the parser says so better.
    """
    if len(message) <= min(limits.fields, limits.structure_bytes):
        return  # a field has a byte at least; a request whose pictures lie in shared memory is that small
    at, fields, raw_bytes = 0, 0, 0
    while at < len(message):
        fields += 1
        if fields > limits.fields:
            raise OipError(Status.TOO_LARGE, f"the request has more than {limits.fields} fields.")
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _LEN:
            length, at = _varint(message, at)
            raw_bytes += min(length, len(message) - at) if tag >> 3 == RAW_INPUT_CONTENTS else 0
            at += length
        elif kind == _VARINT:
            _, at = _varint(message, at)
        elif kind in {_I64, _I32}:
            at += 8 if kind == _I64 else 4
        elif kind not in {_GROUP_BEGINS, _GROUP_ENDS}:  # what lies between those two are fields as well
            break
    if len(message) - raw_bytes > limits.structure_bytes:
        raise OipError(
            Status.TOO_LARGE,
            f"{len(message) - raw_bytes} bytes of the request are no raw tensors, and {limits.structure_bytes} may be: "
            "send tensors in raw_input_contents.",
        )


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, and where the next field begins: at the end, if the number has none."""
    value = 0
    for i, byte in enumerate(message[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    return 0, len(message)
