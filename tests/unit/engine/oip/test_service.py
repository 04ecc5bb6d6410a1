"""The service with a real engine: pictures in four ways in, boxes and raw tensors out, and what is refused."""

from __future__ import annotations

import fcntl
import struct
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camslice.engine.oip.descriptions import EDGES_S
from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import InferResponse, OipError, RequestedOutput, SharedMemory, Status, Tensor
from camslice.engine.oip.metadata import model_config
from camslice.engine.oip.service import Service
from camslice.engine.oip.shared_memory import FOLDER
from camslice.video.colour import Matrix, YuvColour, rgb_matrix
from camslice.video.planes import i420_of
from tests.tiny_detector import ANCHORS, SIDE
from tests.unit.engine.oip.made_jpegs import claiming, jpeg
from tests.unit.engine.oip.serving import Client, array_of, grey, picture, tiny_service

BOX = [12, 12, 20, 20]
"""What the tiny detector finds in a picture that is not black, in pixels of its input of 64 x 64."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = tiny_service(tmp_path_factory.mktemp("models"), Limits(pictures_per_request=8, held_bytes=8 << 20))
    yield service
    service.close()


@pytest.fixture(scope="module")
def client(service: Service) -> Client:
    return Client(service)


@pytest.fixture
def segment() -> Iterator[Path]:
    """A POSIX shared memory object of a megabyte."""
    path = FOLDER / f"camslice-test-{uuid.uuid4().hex}"
    path.write_bytes(bytes(1 << 20))
    path.chmod(0o666)
    yield path
    path.unlink(missing_ok=True)


def jpegs(*files: bytes) -> Tensor:
    return Tensor("jpeg", "BYTES", (len(files),), b"".join(struct.pack("<I", len(file)) + file for file in files))


def planes(rgb: np.ndarray) -> bytes:
    return b"".join(plane.tobytes() for plane in i420_of(rgb))


def status(client: Client, *inputs: Tensor, **options: object) -> Status:
    answer = client.start(*inputs, **options)()
    assert isinstance(answer, OipError)
    return answer.status


def test_a_picture_of_the_models_size_goes_in_as_it_is(client: Client) -> None:
    np.testing.assert_allclose(client.boxes(picture(grey(SIDE, SIDE))), [[[*BOX, 1, 0]]])


@pytest.mark.parametrize(
    ("width", "height", "box"),
    [
        (128, 128, [24, 24, 40, 40]),
        (256, 128, [48, -16 + 0, 80, 16]),  # padded above and below by a quarter: the box reaches over the edge
        (32, 64, [-4, 12, 4, 20]),
    ],
)
def test_boxes_are_in_pixels_of_the_picture_that_was_sent(client: Client, width: int, height: int, box: list[float]) -> None:
    scale = max(width, height) / SIDE
    left, top = (SIDE - width / scale) / 2, (SIDE - height / scale) / 2
    x1, y1, x2, y2 = BOX
    exact = np.array([(x1 - left) * scale, (y1 - top) * scale, (x2 - left) * scale, (y2 - top) * scale])
    assert exact.tolist() == box
    expected = np.clip(exact, 0, [width, height] * 2)
    np.testing.assert_allclose(client.boxes(picture(grey(width, height)))[0, 0, :4], expected, atol=1e-3)


def test_a_jpeg_is_decoded_by_the_server(client: Client) -> None:
    np.testing.assert_allclose(client.boxes(jpegs(jpeg(128, 128)))[0, 0, :4], [24, 24, 40, 40], atol=1e-3)


def test_jpegs_of_one_request_may_have_different_sizes(client: Client) -> None:
    boxes = client.boxes(jpegs(jpeg(128, 128), jpeg(SIDE, SIDE)))
    np.testing.assert_allclose(boxes[:, 0, :4], [[24, 24, 40, 40], BOX], atol=1e-3)


def test_planes_of_the_models_size_are_taken_with_their_colour(client: Client) -> None:
    """Brightness below 0.01 gives scores below 1: what limited range calls black is not quite black in full range."""
    black = np.concatenate([np.full(SIDE * SIDE, 16, np.uint8), np.full(SIDE * SIDE // 2, 128, np.uint8)])
    tensor = Tensor("i420", "UINT8", (1, SIDE * 3 // 2, SIDE), black.tobytes())
    assert client.boxes(tensor)[0, 0, 4] == 0
    full = rgb_matrix(YuvColour(Matrix.BT601, full_range=True))
    colour = Tensor("colour", "FP32", (1, 3, 4), full.tobytes())
    assert client.boxes(tensor, colour)[0, 0, 4] == 1


def test_planes_and_pictures_agree(client: Client) -> None:
    rgb = grey(SIDE, SIDE)
    tensor = Tensor("i420", "UINT8", (1, SIDE * 3 // 2, SIDE), planes(rgb))
    np.testing.assert_allclose(client.boxes(tensor), client.boxes(picture(rgb)))


def test_the_bare_tensor_gives_what_the_picture_gives(client: Client) -> None:
    rgb = np.random.default_rng(1).integers(0, 2, (SIDE, SIDE, 3), np.uint8)
    tensor = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None] / 255, np.float32)
    raw = (RequestedOutput("output0"),)
    bare = client.ask(Tensor("tensor", "FP32", tensor.shape, tensor.tobytes()), outputs=raw)
    ours = client.ask(picture(rgb), outputs=raw)
    np.testing.assert_allclose(array_of(bare.outputs[0]), array_of(ours.outputs[0]), atol=1e-4)
    assert array_of(ours.outputs[0]).shape == (1, 5, ANCHORS)


def test_raw_outputs_and_boxes_come_in_the_order_in_which_they_were_asked_for(client: Client) -> None:
    names = ["output0", "boxes"]
    answer = client.ask(picture(grey(SIDE, SIDE)), outputs=tuple(map(RequestedOutput, names)))
    assert [output.name for output in answer.outputs] == names


def test_rows_of_confidence_zero_fill_up_what_some_pictures_have_less_of(client: Client) -> None:
    boxes = client.boxes(picture(grey(SIDE, SIDE, 0), grey(SIDE, SIDE)))
    assert boxes.shape == (2, 1, 6)
    assert boxes[:, 0, 4].tolist() == [0, 1]


def test_a_request_of_many_pictures_keeps_their_order(client: Client) -> None:
    bright = [200, 0, 200, 200, 0, 0, 200]
    boxes = client.boxes(picture(*(grey(100, 100, value) for value in bright)))
    assert boxes[:, 0, 4].tolist() == [1, 0, 1, 1, 0, 0, 1]


def test_thresholds_and_classes_come_with_the_request(client: Client) -> None:
    faint = picture(grey(SIDE, SIDE, 1))  # brightness 1/255 gives a score of 0.39
    assert client.boxes(faint)[0, 0, 4] == pytest.approx(100 / 255, abs=0.01)
    assert client.boxes(faint, confidence=0.5)[0, 0, 4] == 0
    assert client.boxes(faint, confidence=0.1, nms_iou=1, classes=" thing ,")[0, 0, 4] > 0


@pytest.mark.parametrize(
    "parameters",
    [
        {"confidence": 1.5}, {"confidence": -0.1}, {"confidence": float("nan")}, {"confidence": "0.5"}, {"confidence": True},
        {"nms_iou": 2}, {"classes": 3}, {"classes": "no such thing"}, {"timeout": -1}, {"timeout": 1.5}, {"timeout": "soon"},
    ],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_refused(client: Client, parameters: dict[str, object]) -> None:
    assert status(client, picture(grey(8, 8)), parameters=parameters) is Status.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "inputs",
    [
        (),
        (picture(grey(8, 8)), picture(grey(8, 8))),
        (picture(grey(8, 8)), jpegs(jpeg())),
        (picture(grey(8, 8)), Tensor("colour", "FP32", (1, 3, 4), bytes(48))),
        (Tensor("colour", "FP32", (1, 3, 4), bytes(48)),),
        (Tensor("images", "FP32", (1,), bytes(4)),),
        (Tensor("picture", "INT8", (1, 8, 8, 3), bytes(192)),),
        (Tensor("picture", "UINT8", (8, 8, 3), bytes(192)),),
        (Tensor("picture", "UINT8", (1, 8, 8, 4), bytes(256)),),
        (Tensor("picture", "UINT8", (1, 8, 8, 3), bytes(191)),),
        (Tensor("picture", "UINT8", (0, 8, 8, 3), b""),),
        (Tensor("i420", "UINT8", (1, SIDE, SIDE), bytes(SIDE * SIDE)),),
        (Tensor("i420", "UINT8", (1, 96, 64), bytes(96 * 64)), Tensor("colour", "FP32", (2, 3, 4), bytes(96))),
        (Tensor("tensor", "FP32", (1, 3, 32, 32), bytes(4 * 3 * 32 * 32)),),
        (Tensor("tensor", "UINT8", (1, 3, SIDE, SIDE), bytes(3 * SIDE * SIDE)),),
        (jpegs(b"no picture"),),
        (Tensor("jpeg", "BYTES", (1, 1), b""),),
        (Tensor("jpeg", "UINT8", (4,), bytes(4)),),
    ],
)
def test_inputs_that_make_no_sense_are_refused(client: Client, inputs: tuple[Tensor, ...]) -> None:
    assert status(client, *inputs) is Status.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "inputs",
    [
        (picture(*[grey(4, 4)] * 9),),
        (Tensor("picture", "UINT8", (1, 9000, 1, 3), bytes(27000)),),
        (jpegs(claiming(9000, 100)),),
        (Tensor("picture", "UINT8", (8, 700, 700, 3), bytes(8 * 700 * 700 * 3)),),  # more than held_bytes
    ],
)
def test_inputs_beyond_the_limits_are_too_large(client: Client, inputs: tuple[Tensor, ...]) -> None:
    assert status(client, *inputs) is Status.TOO_LARGE


@pytest.mark.parametrize("names", [["nothing"], ["boxes", "boxes"], ["output0", "picture"]])
def test_outputs_that_the_model_does_not_have_are_refused(client: Client, names: list[str]) -> None:
    wanted = tuple(map(RequestedOutput, names))
    assert status(client, picture(grey(8, 8)), outputs=wanted) is Status.INVALID_ARGUMENT


def test_a_refusal_does_not_quote_a_client_at_length(client: Client) -> None:
    """gRPC carries the sentence in its trailing headers, which are small."""
    endless = "x" * 1_000_000
    many = [Tensor(f"input {number}", "UINT8", (1,), b"x") for number in range(10_000)]
    answers = [
        client.start(picture(grey(8, 8)), parameters={"classes": endless})(),
        client.start(picture(grey(8, 8)), outputs=(RequestedOutput(endless),))(),
        client.start(Tensor(endless, "UINT8", (1,), b"x"))(),
        client.start(*many)(),
    ]
    assert all(isinstance(answer, OipError) and len(str(answer)) < 2100 for answer in answers)


def test_a_damaged_picture_fails_its_own_request_and_the_model_goes_on(client: Client) -> None:
    whole = jpeg()
    at = whole.index(b"\xff\xdb")
    damaged = whole[: at + 2] + b"\x00\x01" + whole[at + 4 :]
    assert status(client, jpegs(damaged)) is Status.INVALID_ARGUMENT
    assert client.boxes(picture(grey(SIDE, SIDE)))[0, 0, 4] == 1


def test_a_deadline_that_has_passed_is_too_late(client: Client) -> None:
    passed_ns = time.monotonic_ns() - 1
    assert status(client, picture(grey(8, 8)), deadline_ns=passed_ns) is Status.TOO_LATE


def test_a_timeout_of_a_microsecond_is_too_late_and_one_of_a_minute_is_not(client: Client) -> None:
    assert status(client, picture(grey(8, 8)), parameters={"timeout": 1}) is Status.TOO_LATE
    client.ask(picture(grey(8, 8)), timeout=60_000_000)
    client.ask(picture(grey(8, 8)), timeout=0)


def test_the_answer_says_where_the_time_went(client: Client) -> None:
    before_ns = time.monotonic_ns()
    answer = client.ask(picture(grey(300, 200), grey(300, 200), grey(300, 200)))
    whole_ns = time.monotonic_ns() - before_ns
    parts = [answer.parameters[name] for name in ("queue_ns", "preprocess_ns", "inference_ns", "postprocess_ns")]
    assert all(isinstance(part, int) and part >= 0 for part in parts)
    assert 0 < sum(map(int, parts)) <= whole_ns
    assert int(parts[2]) > 0


def test_pictures_and_answers_go_through_shared_memory(service: Service, client: Client, segment: Path) -> None:
    rgb = np.concatenate([grey(128, 64), grey(128, 64, 100)])  # two halves of 128 x 128
    segment.write_bytes(bytes(64) + rgb.tobytes() + bytes(8192))
    service.shared_memory.register("in", segment.name, rgb.nbytes, 64)
    service.shared_memory.register("out", f"/{segment.name}", 8192, 64 + rgb.nbytes)
    sent = Tensor("picture", "UINT8", (1, 128, 128, 3), b"", SharedMemory("in", 0, rgb.nbytes))
    try:
        answer = client.ask(sent, outputs=(RequestedOutput("boxes", SharedMemory("out", 100, 7200)),))
    finally:
        service.shared_memory.unregister_all()
    (boxes,) = answer.outputs
    assert (boxes.data, boxes.shape, boxes.shared_memory) == (b"", (1, 1, 6), SharedMemory("out", 100, 24))
    written = np.frombuffer(segment.read_bytes()[64 + rgb.nbytes + 100 :][:24], np.float32)
    np.testing.assert_allclose(written, [24, 24, 40, 40, 1, 0], atol=1e-3)


@pytest.mark.parametrize("kind", ["picture", "i420", "tensor", "jpeg"])
def test_every_input_may_lie_in_shared_memory(service: Service, client: Client, segment: Path, kind: str) -> None:
    rgb = grey(SIDE, SIDE)
    colour = rgb_matrix(YuvColour(Matrix.BT601, full_range=False)).tobytes()
    tensor = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None] / 255, np.float32)
    sent = {
        "picture": picture(rgb),
        "i420": Tensor("i420", "UINT8", (1, 96, 64), planes(rgb)),
        "tensor": Tensor("tensor", "FP32", tensor.shape, tensor.tobytes()),
        "jpeg": jpegs(jpeg(SIDE, SIDE)),
    }[kind]
    segment.write_bytes(colour + bytes(sent.data))
    service.shared_memory.register("all", segment.name, segment.stat().st_size)
    placed = [replace(sent, data=b"", shared_memory=SharedMemory("all", len(colour), len(sent.data)))]
    if kind == "i420":
        placed.append(Tensor("colour", "FP32", (1, 3, 4), b"", SharedMemory("all", 0, len(colour))))
    try:
        np.testing.assert_allclose(client.boxes(*placed)[0, 0], [*BOX, 1, 0], atol=1e-3)
    finally:
        service.shared_memory.unregister_all()


def test_an_answer_that_does_not_fit_its_place_is_an_error(service: Service, client: Client, segment: Path) -> None:
    service.shared_memory.register("out", segment.name, 100)
    wanted = (RequestedOutput("boxes", SharedMemory("out", 0, 23)),)
    try:
        assert status(client, picture(grey(8, 8)), outputs=wanted) is Status.INVALID_ARGUMENT
    finally:
        service.shared_memory.unregister_all()


def test_a_picture_cut_short_while_it_waits_is_an_error(service: Service, client: Client, segment: Path) -> None:
    service.shared_memory.register("in", segment.name, 1 << 20)
    segment.write_bytes(b"short")
    sent = Tensor("picture", "UINT8", (1, 64, 64, 3), b"", SharedMemory("in", 0, 64 * 64 * 3))
    try:
        assert status(client, sent) is Status.INVALID_ARGUMENT
    finally:
        service.shared_memory.unregister_all()


wild = st.one_of(st.integers(-2, 70), st.sampled_from([2**31, 2**32, 2**63, 2**64]))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["picture", "jpeg", "i420", "tensor", "colour", "x"]),
    st.sampled_from(["UINT8", "FP32", "BYTES", "INT64", ""]),
    st.lists(wild, max_size=5),
    st.binary(max_size=200),
    st.one_of(st.none(), st.tuples(st.sampled_from(["r", "s"]), wild, wild)),
)
def test_whatever_is_sent_one_answer_comes_and_the_model_goes_on(
    service: Service, client: Client, segment: Path, name: str, datatype: str, shape: list[int], data: bytes,
    placed: tuple[str, int, int] | None,
) -> None:  # fmt: skip
    service.shared_memory.unregister_all()
    service.shared_memory.register("r", segment.name, 4096)
    place = None if placed is None else SharedMemory(*placed)
    answer = client.start(Tensor(name, datatype, tuple(shape), data if place is None else b"", place))()
    if isinstance(answer, OipError):
        assert answer.status in (Status.INVALID_ARGUMENT, Status.TOO_LARGE, Status.NOT_FOUND)
    else:
        assert isinstance(answer, InferResponse)
    service.shared_memory.unregister_all()
    assert client.boxes(picture(grey(SIDE, SIDE)))[0, 0, 4] == 1


def test_the_server_describes_itself(service: Service) -> None:
    assert service.metadata().name == "camslice"
    assert {"system_shared_memory", "model_repository", "statistics"} <= set(service.metadata().extensions)


def test_the_model_describes_itself(service: Service) -> None:
    metadata = service.model_metadata("tiny")
    assert metadata.platform == "openvino_onnx"
    assert {tensor.name: tensor.shape for tensor in metadata.inputs}["i420"] == (-1, 96, 64)
    assert [(tensor.name, tensor.shape) for tensor in metadata.outputs] == [
        ("boxes", (-1, -1, 6)),
        ("output0", (-1, 5, ANCHORS)),
    ]
    config = service.model_config("tiny")
    assert config["max_batch_size"] == 8
    few = Limits(pictures_per_request=8, waiting_pictures=4)
    assert model_config("tiny", service._repository.serving("tiny"), few)["max_batch_size"] == 4, "more could never wait"
    assert config["dynamic_batching"]["preferred_batch_size"][0] == 1  # type: ignore[index,call-overload]  # JSON
    assert config["parameters"]["labels"] == {"string_value": '["thing"]'}  # type: ignore[index,call-overload]  # JSON


def test_answers_and_refusals_are_counted_by_cause(tmp_path: Path) -> None:
    service = tiny_service(tmp_path)
    client = Client(service)
    client.ask(picture(grey(8, 8), grey(8, 8)))
    status(client, picture(grey(8, 8)), deadline_ns=0)
    status(client)
    (seen,) = service.statistics("tiny")
    service.close()
    assert (seen.success.count, seen.fail.count, seen.inference_count) == (1, 2, 2)
    assert seen.refused == {"too late": 1, "invalid argument": 1}
    parts = [seen.queue, seen.compute_input, seen.compute_infer, seen.compute_output]
    assert sum(part.ns for part in parts) == seen.success.ns
    assert sum(seen.took) == sum(seen.queued) == 1, "answered requests, each once"
    assert seen.took.index(1) == sum(seen.success.ns / 1e9 > edge for edge in EDGES_S), "it took what it took"
    assert seen.queued.index(1) == sum(seen.queue.ns / 1e9 > edge for edge in EDGES_S)
    assert seen.last_inference_ms > 1_600_000_000_000


def test_the_memory_of_a_client_that_ended_is_forgotten_without_anybody_asking(service: Service, segment: Path) -> None:
    with segment.open("rb+") as client:
        fcntl.flock(client, fcntl.LOCK_EX)
        service.shared_memory.register("held", segment.name, 100)
    until_s = time.monotonic() + 20
    while service.shared_memory.status():
        assert time.monotonic() < until_s
        time.sleep(0.05)
