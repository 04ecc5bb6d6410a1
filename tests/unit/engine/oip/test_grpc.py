"""The protocol over gRPC."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import grpc
import numpy as np
import pytest

from camslice.engine.oip.descriptors import SERVICE, calls, message_class
from camslice.engine.oip.messages import InferResponse, OipError, SharedMemory, Status, Tensor
from camslice.engine.oip.unwritten import Unwritten
from tests.unit.engine.oip.fake_service import PATIENCE_S, FakeService
from tests.unit.engine.oip.servers import LIMITS, GrpcClient, grpc_client, infer_message, serving

INVALID = grpc.StatusCode.INVALID_ARGUMENT
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def client(service: FakeService) -> Iterator[GrpcClient]:
    with serving(service) as server, grpc_client(server) as client:
        yield client


def test_the_server_says_who_it_is_and_what_it_serves(client: GrpcClient) -> None:
    about = message_class("ModelMetadataRequest")(name="echo")
    assert client.call("ServerLive").live
    assert client.call("ServerMetadata").name == "camslice"
    assert client.call("ModelMetadata", about).inputs[0].shape == [-1, 4]
    assert client.call("ModelReady", message_class("ModelReadyRequest")(name="echo")).ready
    assert not client.call("ModelReady", message_class("ModelReadyRequest")(name="other")).ready


def test_a_configuration_comes_in_the_messages_that_clients_know(client: GrpcClient) -> None:
    config = client.call("ModelConfig", message_class("ModelConfigRequest")(name="echo")).config
    assert config.max_batch_size == 8
    assert config.input[0].dims == [4]
    assert config.dynamic_batching.preferred_batch_size == [8]


def test_statistics_and_the_repository_are_told(client: GrpcClient) -> None:
    (statistics,) = client.call("ModelStatistics").model_stats
    assert (statistics.inference_count, statistics.inference_stats.success.ns) == (7, 1000)
    models = {each.name: each.state for each in client.call("RepositoryIndex").models}
    assert models == {"echo": "READY", "asleep": "UNAVAILABLE"}
    ready = message_class("RepositoryIndexRequest")(ready=True)
    assert [each.name for each in client.call("RepositoryIndex", ready).models] == ["echo"]


def test_a_server_that_is_not_ready_says_so(service: FakeService, client: GrpcClient) -> None:
    service.is_ready = False
    assert not client.call("ServerReady").ready


def test_models_are_loaded_and_unloaded(service: FakeService, client: GrpcClient) -> None:
    client.call("RepositoryModelUnload", message_class("RepositoryModelUnloadRequest")(model_name="echo"))
    client.call("RepositoryModelLoad", message_class("RepositoryModelLoadRequest")(model_name="echo"))
    assert service.changed == ["unload echo", "load echo"]
    unknown = message_class("RepositoryModelLoadRequest")(model_name="other")
    assert client.refusal("RepositoryModelLoad", unknown)[0] is grpc.StatusCode.NOT_FOUND


def test_nobody_changes_what_a_model_is_by_loading_it(service: FakeService, client: GrpcClient) -> None:
    request = message_class("RepositoryModelLoadRequest")(model_name="echo")
    request.parameters["config"].string_param = "{}"
    assert client.refusal("RepositoryModelLoad", request)[0] is UNIMPLEMENTED
    assert service.changed == []


def test_shared_memory_is_registered_listed_and_forgotten(client: GrpcClient) -> None:
    register = message_class("SystemSharedMemoryRegisterRequest")(name="a", key="/there", offset=8, byte_size=16)
    client.call("SystemSharedMemoryRegister", register)
    assert client.refusal("SystemSharedMemoryRegister", register)[0] is grpc.StatusCode.ALREADY_EXISTS
    region = client.call("SystemSharedMemoryStatus").regions["a"]
    assert (region.key, region.offset, region.byte_size) == ("/there", 8, 16)
    client.call("SystemSharedMemoryUnregister", message_class("SystemSharedMemoryUnregisterRequest")(name="a"))
    assert not client.call("SystemSharedMemoryStatus").regions


def test_unregistering_no_region_by_name_forgets_them_all(service: FakeService, client: GrpcClient) -> None:
    for name in ("a", "b"):
        service.shared_memory.register(name, "/there", 1)
    client.call("SystemSharedMemoryUnregister")
    assert service.shared_memory.regions == {}


@pytest.mark.parametrize(
    "name", ["CudaSharedMemoryStatus", "CudaSharedMemoryRegister", "CudaSharedMemoryUnregister", "TraceSetting", "LogSettings"]
)
def test_what_the_server_does_not_do_is_unimplemented(name: str, client: GrpcClient) -> None:
    assert client.refusal(name) == (UNIMPLEMENTED, f"{name} is not supported.")


def test_a_request_and_its_answer_pass_unchanged(service: FakeService, client: GrpcClient) -> None:
    request = infer_message(b"\1\2\3\4", id="seven", model_version="1")
    for name, choice in {"a": {"bool_param": True}, "b": {"int64_param": -1}, "c": {"string_param": "x"}}.items():
        request.parameters[name].CopyFrom(message_class("InferParameter")(**choice))
    response = client.call("ModelInfer", request)
    (asked,) = service.requests
    assert (asked.model, asked.version, asked.id) == ("echo", "1", "seven")
    assert dict(asked.parameters) == {"a": True, "b": -1, "c": "x"}
    assert (response.id, response.outputs[0].shape, list(response.raw_output_contents)) == ("seven", [1, 4], [b"\1\2\3\4"])
    assert response.parameters["queue_ns"].int64_param == 5
    assert response.parameters["note"].string_param == "seen"


@pytest.mark.parametrize(
    ("datatype", "field", "values", "dtype"),
    [
        ("BOOL", "bool_contents", [True, False], "?"),
        ("UINT8", "uint_contents", [0, 255], "u1"),
        ("INT16", "int_contents", [-32768, 32767], "<i2"),
        ("INT64", "int64_contents", [-1, 2**62], "<i8"),
        ("UINT64", "uint64_contents", [2**64 - 1, 0], "<u8"),
        ("FP32", "fp32_contents", [0.5, float("inf")], "<f4"),
        ("FP64", "fp64_contents", [0.1, -2.0], "<f8"),
    ],
)
def test_typed_contents_become_raw_ones(
    datatype: str, field: str, values: list[float], dtype: str, service: FakeService, client: GrpcClient
) -> None:
    request = message_class("ModelInferRequest")(model_name="echo")
    request.inputs.add(name="data", datatype=datatype, shape=[2], contents={field: values})
    client.call("ModelInfer", request)
    assert service.requests[0].inputs[0].data == np.array(values, dtype).tobytes()


def test_strings_are_sent_behind_their_lengths(service: FakeService, client: GrpcClient) -> None:
    request = message_class("ModelInferRequest")(model_name="echo")
    request.inputs.add(name="jpeg", datatype="BYTES", shape=[2], contents={"bytes_contents": [b"ab", b""]})
    client.call("ModelInfer", request)
    assert service.requests[0].inputs[0].data == b"\2\0\0\0ab\0\0\0\0"


def test_tensors_in_shared_memory_are_named_and_not_sent(service: FakeService, client: GrpcClient) -> None:
    def placed(offset: int) -> dict[str, object]:
        return {
            "shared_memory_region": message_class("InferParameter")(string_param="a"),
            "shared_memory_offset": message_class("InferParameter")(int64_param=offset),
            "shared_memory_byte_size": message_class("InferParameter")(uint64_param=4),
        }

    request = message_class("ModelInferRequest")(model_name="echo", raw_input_contents=[b"\1"])
    request.inputs.add(name="there", datatype="UINT8", shape=[4], parameters=placed(8))
    request.inputs.add(name="here", datatype="UINT8", shape=[1])
    request.outputs.add(name="there", parameters=placed(16))
    response = client.call("ModelInfer", request)
    there, here = service.requests[0].inputs
    assert (there.shared_memory, there.data) == (SharedMemory("a", 8, 4), b"")
    assert (here.shared_memory, here.data) == (None, b"\1")
    assert response.outputs[0].parameters["shared_memory_offset"].int64_param == 16
    assert list(response.raw_output_contents) == [b"", b"\1"], "raw contents are matched to outputs by their order"


def test_the_end_of_the_call_is_the_deadline(service: FakeService, client: GrpcClient) -> None:
    client.call("ModelInfer", infer_message(), timeout_s=5)
    after_ns = time.monotonic_ns()
    client.channel.unary_unary(f"/{SERVICE}/ModelInfer")(infer_message().SerializeToString())
    hurried, unhurried = (request.deadline_ns for request in service.requests)
    assert hurried is not None
    assert after_ns < hurried <= after_ns + 5.1e9
    assert unhurried is None


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Status.INVALID_ARGUMENT, INVALID),
        (Status.NOT_FOUND, grpc.StatusCode.NOT_FOUND),
        (Status.TOO_LARGE, INVALID),
        (Status.OVERLOADED, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (Status.TOO_LATE, grpc.StatusCode.DEADLINE_EXCEEDED),
        (Status.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE),
        (Status.UNSUPPORTED, UNIMPLEMENTED),
        (Status.INTERNAL, grpc.StatusCode.INTERNAL),
    ],
)
def test_a_refusal_comes_with_its_status_and_sentence(
    status: Status, code: grpc.StatusCode, service: FakeService, client: GrpcClient
) -> None:
    service.refuse = OipError(status, "because é")
    assert client.refusal("ModelInfer", infer_message()) == (code, "because é")


def test_a_long_refusal_is_cut_and_not_lost(service: FakeService, client: GrpcClient) -> None:
    service.refuse = OipError(Status.NOT_FOUND, "there is no " + "x" * 100_000)
    code, details = client.refusal("ModelInfer", infer_message())
    assert (code, len(details)) == (grpc.StatusCode.NOT_FOUND, 1000)


def test_a_defect_behind_the_transport_is_told_without_its_inner_life(
    service: FakeService, client: GrpcClient, caplog: pytest.LogCaptureFixture
) -> None:
    service.refuse = ZeroDivisionError("secret of the server")
    assert client.refusal("ModelInfer", infer_message()) == (
        grpc.StatusCode.INTERNAL,
        "the server failed to answer; its log says why.",
    )
    assert "secret of the server" in caplog.text
    assert client.call("ServerLive").live


def malformed() -> dict[str, tuple[object, str]]:
    request = message_class("ModelInferRequest")
    parameter = message_class("InferParameter")
    plain = {"name": "data", "datatype": "UINT8", "shape": [1]}
    return {
        "no protobuf": (b"\xff\xff\xff", "no ModelInferRequest"),
        "cut short": (infer_message().SerializeToString()[:-2], "no ModelInferRequest"),
        "too few raw": (request(inputs=[plain, plain], raw_input_contents=[b"a"]), "2 inputs"),
        "too many raw": (request(inputs=[plain], raw_input_contents=[b"a", b"b"]), "has 2 elements"),
        "raw and typed": (
            request(inputs=[{**plain, "contents": {"uint_contents": [1]}}], raw_input_contents=[b"a"]),
            "both contents and",
        ),
        "too big for the datatype": (request(inputs=[{**plain, "contents": {"uint_contents": [256]}}]), "not every element"),
        "datatype that travels raw": (request(inputs=[{**plain, "datatype": "FP16", "contents": {}}]), "raw_input_contents"),
        "parameter without value": (request(parameters={"a": parameter()}), "no value"),
        "region without a size": (
            request(inputs=[{**plain, "parameters": {"shared_memory_region": parameter(string_param="a")}}]),
            "shared_memory_byte_size",
        ),
        "region that is a number": (
            request(inputs=[{**plain, "parameters": {"shared_memory_region": parameter(int64_param=1)}}]),
            "a region's name",
        ),
        "many fields": (request(inputs=[{}] * LIMITS.fields, outputs=[{}]), "more than 20 fields"),
        "much that is not raw": (request(inputs=[{**plain, "shape": [1 << 40] * 1000}]), "no raw tensors"),
    }


@pytest.mark.parametrize("name", malformed())
def test_a_malformed_request_is_refused_and_the_next_one_answered(name: str, client: GrpcClient) -> None:
    body, words = malformed()[name]
    code, details = client.refusal("ModelInfer", body)  # type: ignore[arg-type]  # messages have no type of their own
    assert code is INVALID
    assert words in details
    assert client.call("ModelInfer", infer_message()).outputs


@pytest.mark.parametrize("name", sorted(set(calls()) - {"ModelInfer", "ModelStreamInfer", "ServerLive", "ServerReady"}))
def test_what_is_no_message_is_refused_by_every_call(name: str, client: GrpcClient) -> None:
    assert client.refusal(name, b"\xff\xff\xff")[0] is INVALID
    assert client.refusal(name, b"\x12" + b"\xff" * LIMITS.control_bytes)[0] is INVALID


def test_a_message_that_is_too_long_is_not_read(service: FakeService, client: GrpcClient) -> None:
    code, details = client.refusal("ModelInfer", infer_message(b"x" * LIMITS.message_bytes))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in details
    assert client.call("ModelInfer", infer_message(b"x" * (LIMITS.message_bytes - 100))).outputs


def test_compressed_messages_are_refused(client: GrpcClient) -> None:
    for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        code, details = client.refusal("ModelInfer", infer_message(bytes(60_000)), compression=compression)
        assert code is UNIMPLEMENTED
        assert "is disabled" in details


def test_a_client_that_leaves_does_no_harm(service: FakeService, client: GrpcClient) -> None:
    service.hold = True
    assert client.refusal("ModelInfer", infer_message(), timeout_s=0.2)[0] is grpc.StatusCode.DEADLINE_EXCEEDED
    service.asked().answer()
    service.hold = False
    assert client.call("ModelInfer", infer_message()).outputs


@pytest.mark.parametrize(("said", "kept"), [("ExecuteBatchError raised in core by servicer method [/x]", False), ("odd", True)])
def test_an_answer_that_nobody_waits_for_any_more_is_no_error_in_the_log(
    client: GrpcClient, caplog: pytest.LogCaptureFixture, said: str, kept: bool
) -> None:
    """When a client leaves at the very moment at which its answer is sent, gRPC's core logs a traceback: seen in fuzz runs."""
    assert client.call("ServerLive").live
    logging.getLogger("grpc._cython.cygrpc").error(said)
    assert (said in caplog.text) is kept


def test_requests_of_many_clients_wait_side_by_side(service: FakeService, client: GrpcClient) -> None:
    service.hold = True
    send = client.channel.unary_unary(f"/{SERVICE}/ModelInfer")
    calls_ = [send.future(infer_message(bytes([i])).SerializeToString(), timeout=PATIENCE_S) for i in range(10)]
    for waiting in reversed([service.asked() for _ in calls_]):
        waiting.answer()
    answers = [message_class("ModelInferResponse").FromString(call.result()) for call in calls_]
    assert [answer.raw_output_contents[0][0] for answer in answers] == list(range(10))


def test_a_call_whose_message_never_comes_is_not_waited_for_for_ever(service: FakeService) -> None:
    with serving(service, limits=replace(LIMITS, read_s=0.1)) as server, grpc_client(server) as client:
        for name in ("ModelInfer", "ModelReady"):
            never = threading.Event()
            call = client.channel.stream_unary(f"/{SERVICE}/{name}").future(iter(never.wait, True), timeout=PATIENCE_S)
            assert call.exception(PATIENCE_S).code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert "did not come within 0.1 s" in call.details()
            never.set()


def test_a_call_without_a_message_is_one_sentence(client: GrpcClient) -> None:
    with pytest.raises(grpc.RpcError, match="brought no message"):
        client.channel.stream_unary(f"/{SERVICE}/ModelInfer")(iter(()), timeout=PATIENCE_S)


def test_answers_that_wait_to_be_read_are_bounded_and_let_go(service: FakeService) -> None:
    with serving(service, limits=replace(LIMITS, unwritten_bytes=10)) as server, grpc_client(server) as client:
        for _ in range(5):
            assert client.call("ModelInfer", infer_message(bytes(8))).outputs


def test_a_single_answer_always_passes_and_a_second_only_where_there_is_room() -> None:
    def answer(size: int) -> InferResponse:
        return InferResponse("m", (Tensor("a", "UINT8", (size,), bytes(size)),))

    unwritten = Unwritten(10)
    on_read = unwritten.hold(answer(20))
    with pytest.raises(OipError) as caught:
        unwritten.hold(answer(1))
    assert caught.value.status is Status.OVERLOADED
    on_read()
    on_read()
    unwritten.hold(answer(6))
    unwritten.hold(answer(4))
    with pytest.raises(OipError):
        unwritten.hold(answer(1))
