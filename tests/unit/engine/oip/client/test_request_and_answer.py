"""Bytes on the wire: requests that protobuf reads as they were meant, and answers that are not believed blindly."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from camslice.engine.oip.client.answer import Spent, outputs_of, spent_by
from camslice.engine.oip.client.batch import times_of
from camslice.engine.oip.client.request import Letterhead
from camslice.engine.oip.descriptors import message_class
from camslice.engine.oip.messages import SharedMemory, Tensor
from camslice.fleet.errors import EngineError


@given(st.lists(st.integers(0, 40_000), max_size=3))
def test_protobuf_reads_the_tensors_that_were_sent(sizes: list[int]) -> None:
    tensors = [
        Tensor(f"input{number}", "UINT8", (1, size), np.full(size, number, np.uint8).data) for number, size in enumerate(sizes)
    ]
    request = message_class("ModelInferRequest").FromString(Letterhead("m").request(tensors).body)
    assert list(request.raw_input_contents) == [bytes([number]) * size for number, size in enumerate(sizes)]
    assert [(each.name, tuple(each.shape)) for each in request.inputs] == [(each.name, each.shape) for each in tensors]


def test_a_request_says_what_is_asked_and_where_things_lie() -> None:
    head = Letterhead("m", ("boxes",), {"confidence": 0.5, "classes": "a,b", "fast": True})
    here = Tensor("colour", "FP32", (1,), b"\0\0\0\0")
    there = Tensor("i420", "UINT8", (1, 6, 4), shared_memory=SharedMemory("r", 64, 24))
    asked = head.request([there, here], 1500)
    request = message_class("ModelInferRequest").FromString(asked.body)
    assert request.model_name == "m"
    assert request.id == asked.id != head.request([there, here]).id
    assert [output.name for output in request.outputs] == ["boxes"]
    assert request.parameters["confidence"].double_param == 0.5
    assert request.parameters["classes"].string_param == "a,b"
    assert request.parameters["fast"].bool_param is True
    assert request.parameters["timeout"].int64_param == 1500
    placed = request.inputs[0].parameters
    assert placed["shared_memory_region"].string_param == "r"
    assert (placed["shared_memory_offset"].int64_param, placed["shared_memory_byte_size"].int64_param) == (64, 24)
    assert list(request.raw_input_contents) == [b"\0\0\0\0"]


def test_a_form_serves_requests_with_other_contents_and_other_times() -> None:
    def tensor(value: int) -> Tensor:
        return Tensor("i420", "UINT8", (1, 4), bytes([value]) * 4)

    head = Letterhead("m", ("boxes",), {"confidence": 0.5})
    form = head.form([tensor(0)])
    asked = [form.request([tensor(1)], 1000), form.request([tensor(2)]), form.request([tensor(3)], 3000)]
    read = [message_class("ModelInferRequest").FromString(each.body) for each in asked]
    assert [each.id for each in read] == [each.id for each in asked]
    assert len({each.id for each in asked}) == 3
    assert [list(each.raw_input_contents) for each in read] == [[bytes([value]) * 4] for value in (1, 2, 3)]
    assert [sorted(each.parameters) for each in read] == [["confidence", "timeout"], ["confidence"], ["confidence", "timeout"]]
    assert [each.parameters["timeout"].int64_param for each in (read[0], read[2])] == [1000, 3000]
    assert all(each.model_name == "m" and len(each.inputs) == len(each.outputs) == 1 for each in read)


def answer(*outputs: tuple[str, str, tuple[int, ...], bytes]) -> Message:
    made = message_class("ModelInferResponse")()
    for name, datatype, shape, raw in outputs:
        made.outputs.add(name=name, datatype=datatype, shape=shape)
        made.raw_output_contents.append(raw)
    return made


def test_raw_outputs_come_in_the_order_that_is_asked_for() -> None:
    came = answer(("b", "FP32", (2, 1), np.array([1, 2], "<f4").tobytes()), ("a", "INT64", (2,), np.arange(2).tobytes()))
    first, second = outputs_of(came, ("a", "b"), 2)
    assert first.tolist() == [0, 1]
    assert second.tolist() == [[1], [2]]
    assert {each.dtype for each in (first, second)} == {np.dtype(np.float32)}
    assert len(outputs_of(came, (), 2)) == 2


def test_outputs_may_come_as_typed_contents() -> None:
    came = message_class("ModelInferResponse")()
    came.outputs.add(name="a", datatype="FP32", shape=(1, 2)).contents.fp32_contents.extend([0.5, 1.5])
    assert outputs_of(came, ("a",), 1)[0].tolist() == [[0.5, 1.5]]


@pytest.mark.parametrize(
    ("came", "piece"),
    [
        (answer(), "lacks the output a"),
        (answer(("b", "FP32", (1,), b"\0" * 4)), "lacks the output a"),
        (answer(("a", "FP32", (1, 2), b"\0" * 4)), "1 numbers for shape [1, 2]"),
        (answer(("a", "FP32", (1,), b"\0" * 5)), "0 numbers for shape [1]"),
        (answer(("a", "FP32", (2,), b"\0" * 8)), "of 1 picture(s)"),
        (answer(("a", "FP32", (), b"\0" * 4)), "for shape []"),
        (answer(("a", "FP32", (1, -1, -1), b"\0" * 4)), "for shape [1, -1, -1]"),
        (answer(("a", "BYTES", (1,), b"\0" * 4)), "a as BYTES"),
    ],
)
def test_an_answer_that_is_none_is_one_sentence(came: Message, piece: str) -> None:
    with pytest.raises(EngineError) as caught:
        outputs_of(came, ("a",), 1)
    assert piece in str(caught.value)


def test_outputs_without_their_bytes_are_refused() -> None:
    came = answer(("a", "FP32", (1,), b"\0" * 4))
    came.outputs.add(name="b", datatype="FP32", shape=(1,))
    with pytest.raises(EngineError, match="2 outputs and the bytes of 1"):
        outputs_of(came, (), 1)


def test_what_a_server_spent_is_read_and_nonsense_is_not() -> None:
    came = message_class("ModelInferResponse")()
    came.parameters["queue_ns"].int64_param = 5
    came.parameters["inference_ns"].uint64_param = 7
    came.parameters["preprocess_ns"].string_param = "soon"
    came.parameters["postprocess_ns"].int64_param = -3
    assert spent_by(came) == Spent(queue_ns=5, inference_ns=7)
    assert spent_by(answer()) == Spent()


@given(st.integers(0, 10**9), st.integers(0, 10**9), *[st.integers(0, 10**9)] * 4)
def test_the_parts_of_a_round_trip_add_up(encoding: int, trip: int, queue: int, pre: int, inference: int, post: int) -> None:
    spent = Spent(queue, pre, inference, post)
    times = times_of(0, encoding, encoding + trip, spent)
    parts = (times.network_ns, times.queue_ns, times.preprocess_ns, times.inference_ns, times.postprocess_ns)
    assert sum(parts) == encoding + trip
    assert times.network_ns >= 0
    assert times.inference_ns == (inference if spent.total_ns <= trip else 0)


def test_a_server_that_spent_more_than_the_whole_trip_has_said_nothing() -> None:
    times = times_of(0, 1_000, 11_000, Spent(queue_ns=9_000, preprocess_ns=1_000, inference_ns=2_000))
    assert (times.queue_ns, times.preprocess_ns, times.inference_ns, times.network_ns) == (0, 1_000, 0, 10_000)
