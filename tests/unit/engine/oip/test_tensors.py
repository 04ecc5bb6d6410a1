"""Tensors from strangers: whatever they say of themselves, only what is really there is read."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import OipError, SharedMemory, Status, Tensor
from camslice.engine.oip.shared_memory import SharedMemoryRegions
from camslice.engine.oip.tensors import ITEM_BYTES, content_of, elements_of

NOWHERE = SharedMemoryRegions(Limits())
wild_sizes = st.one_of(st.integers(-3, 6), st.sampled_from([2**31 - 1, 2**31, 2**62, 2**63, -(2**63), 2**64]))


def refusal(tensor: Tensor) -> Status:
    with pytest.raises(OipError) as caught:
        content_of(tensor, NOWHERE)
    return caught.value.status


def packed(*elements: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


@given(st.lists(wild_sizes, max_size=10), st.sampled_from([*ITEM_BYTES, "BYTES", "", "FP128"]), st.binary(max_size=64))
def test_a_tensor_is_taken_only_when_its_size_is_what_its_shape_says(shape: list[int], datatype: str, data: bytes) -> None:
    tensor = Tensor("x", datatype, tuple(shape), data)
    honest = datatype in ITEM_BYTES and len(shape) <= 8 and all(0 < size < 2**31 for size in shape)
    if not honest or math.prod(shape) * ITEM_BYTES[datatype] != len(data):
        assert refusal(tensor) is Status.INVALID_ARGUMENT
        return
    content = content_of(tensor, NOWHERE)
    assert len(data) == content.byte_size == content.held_bytes
    assert content.array(0, (len(data),)).tobytes() == data


@pytest.mark.parametrize(
    ("datatype", "shape", "size"),
    [
        ("UINT8", (2, 2), 3),
        ("UINT8", (2, 2), 5),
        ("FP32", (1,), 3),
        ("UINT8", (0,), 0),
        ("UINT8", (-1, -1), 1),
        ("UINT8", (2**32, 2**32), 0),  # 2 ** 64 wraps to 0 where integers do
        ("UINT8", (1,) * 9, 1),
        ("COMPLEX", (1,), 8),
        ("BYTES", (1,), 5),
    ],
)
def test_a_tensor_that_is_not_what_it_says_is_refused(datatype: str, shape: tuple[int, ...], size: int) -> None:
    assert refusal(Tensor("x", datatype, shape, bytes(size))) is Status.INVALID_ARGUMENT


def test_a_tensor_is_in_one_place_only() -> None:
    assert refusal(Tensor("x", "UINT8", (4,), b"1234", SharedMemory("r", 0, 4))) is Status.INVALID_ARGUMENT
    assert refusal(Tensor("x", "UINT8", (4,), b"", SharedMemory("r", 0, 4))) is Status.NOT_FOUND


def test_bytes_go_into_several_arrays_one_after_another() -> None:
    content = content_of(Tensor("x", "UINT8", (14,), bytes(range(14))), NOWHERE)
    first, second = np.zeros((2, 2), np.uint8), np.zeros(2, np.float32)
    content.read_into([first, second], 2)
    assert first.tolist() == [[2, 3], [4, 5]]
    assert second.tobytes() == bytes(range(6, 14))


def test_bytes_are_never_lost_in_an_array_that_is_not_contiguous() -> None:
    content = content_of(Tensor("x", "UINT8", (4,), b"1234"), NOWHERE)
    with pytest.raises(TypeError):
        content.read_into([np.zeros((4, 2), np.uint8)[:, 0]], 0)


def test_elements_lie_behind_their_lengths() -> None:
    tensor = Tensor("jpeg", "BYTES", (3,), packed(b"one", b"", b"three"))
    assert [bytes(element) for element in elements_of(tensor, NOWHERE, 100)] == [b"one", b"", b"three"]


@given(st.integers(1, 4), st.binary(max_size=40))
def test_elements_never_reach_beyond_their_tensor(count: int, data: bytes) -> None:
    tensor = Tensor("jpeg", "BYTES", (count,), data)
    try:
        elements = elements_of(tensor, NOWHERE, 100)
    except OipError:
        return
    assert packed(*map(bytes, elements)) == data
    assert len(elements) == count


@given(st.lists(st.binary(max_size=10), min_size=1, max_size=5))
def test_what_was_packed_is_unpacked(elements: list[bytes]) -> None:
    tensor = Tensor("jpeg", "BYTES", (len(elements),), packed(*elements))
    assert list(map(bytes, elements_of(tensor, NOWHERE, 100))) == elements


@pytest.mark.parametrize(
    "data", [b"", b"\x01", packed(b"a"), packed(b"a", b"b", b"c"), packed(b"a", b"b") + b"\0", b"\xff" * 8]
)
def test_elements_that_do_not_fill_their_tensor_are_refused(data: bytes) -> None:
    with pytest.raises(OipError) as caught:
        elements_of(Tensor("jpeg", "BYTES", (2,), data), NOWHERE, 100)
    assert caught.value.status is Status.INVALID_ARGUMENT


def test_more_bytes_than_allowed_are_not_looked_at() -> None:
    with pytest.raises(OipError) as caught:
        elements_of(Tensor("jpeg", "BYTES", (1,), packed(bytes(97))), NOWHERE, 100)
    assert caught.value.status is Status.TOO_LARGE
