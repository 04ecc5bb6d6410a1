"""A server of the Open Inference Protocol in the test's own process, which does as it is told.

Its one model answers each picture with one box whose confidence is the mean of what was sent, as a share of 255, so that a test
sees by which input and from where the pictures came.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import cv2
import grpc
import numpy as np
from google.protobuf.message import Message

from camslice.engine.oip.descriptors import SERVICE, calls, message_class

Tensors = Sequence[tuple[str, str, Sequence[int]]]
SIDE = 32
OURS: Tensors = (
    ("i420", "UINT8", (-1, SIDE * 3 // 2, SIDE)),
    ("colour", "FP32", (-1, 3, 4)),
    ("picture", "UINT8", (-1, -1, -1, 3)),
    ("jpeg", "BYTES", (-1,)),
    ("tensor", "FP32", (-1, 3, SIDE, SIDE)),
)
OUR_OUTPUTS: Tensors = (("output0", "FP32", (-1, 5, 21)), ("boxes", "FP32", (-1, -1, 6)))
FOREIGN: Tensors = (("images", "FP32", (-1, 3, SIDE, SIDE)),)
FOREIGN_OUTPUTS: Tensors = (("second", "FP32", (-1, 1)), ("first", "FP16", (-1, 2)))
SHARED = Path("/dev/shm")
SAID_IN_STREAMS = {
    grpc.StatusCode.DEADLINE_EXCEEDED: "too late",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "overloaded",
    grpc.StatusCode.UNAVAILABLE: "unavailable",
    grpc.StatusCode.NOT_FOUND: "not found",
    grpc.StatusCode.INVALID_ARGUMENT: "invalid argument",
    grpc.StatusCode.INTERNAL: "internal",
}
"""What our server says in a stream, where a single call has a status."""


class RefusedError(Exception):
    """This request is not answered."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class FakeServer:
    """Listens on a port of its own from `start` to `stop`, as often as a test likes."""

    def __init__(
        self, inputs: Tensors = OURS, outputs: Tensors = OUR_OUTPUTS, *, shared_memory: bool = True, stream: bool = True
    ) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.shared_memory = shared_memory
        self.port = 0
        self.ready = True
        self.token: str | None = None
        self.refuse: tuple[grpc.StatusCode, str] | None = None
        self.hold: threading.Event | None = None
        """Until it is set, no request is answered, of those that `holds` picks."""
        self.holds: Callable[[Message], bool] = lambda _: True
        self.silent: threading.Event | None = None
        """Until it is set, nobody is told who this is."""
        self.most_bytes = -1
        """The largest message that is taken."""
        self.arrived = threading.Semaphore(0)
        self.stream = stream
        self.bend: Callable[[Message], Sequence[Message]] = lambda answer: (answer,)
        """What a stream sends instead of a `ModelStreamInferResponse` as it should be."""
        self.streams: list[grpc.ServicerContext] = []
        """Those that are open."""
        self.spent: dict[str, int] = {}
        self.requests: list[Message] = []
        self.regions: dict[str, tuple[str, mmap.mmap]] = {}
        self.named_at_register: list[tuple[str, int]] = []
        self._server: grpc.Server | None = None

    @property
    def url(self) -> str:
        return f"grpc://127.0.0.1:{self.port}"

    def start(self) -> FakeServer:
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", self.most_bytes)]
        self._server = grpc.server(ThreadPoolExecutor(8), options=options)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, self._handlers()),))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        assert self.port
        self._server.start()
        return self

    def stop(self) -> None:
        """Hang up on everybody and forget all shared memory."""
        assert self._server is not None
        assert self._server.stop(0).wait(10)
        if self.hold is not None:
            self.hold.set()
        self.regions.clear()

    def _handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        answers: dict[str, Callable[[Message], dict[str, object]]] = {
            "ServerMetadata": lambda _: {"name": "fake", "version": "1"},
            "ModelReady": lambda request: {"ready": self.ready and request.name == "tiny"},
            "ModelMetadata": self._metadata,
            "ModelConfig": lambda _: {"config": {"name": "tiny"}},
            "RepositoryIndex": lambda _: {"models": [{"name": "tiny", "state": "READY"}]},
            "SystemSharedMemoryRegister": self._register,
            "SystemSharedMemoryUnregister": self._unregister,
            "SystemSharedMemoryStatus": self._status,
            "ModelInfer": self._infer,
        }
        handlers = {name: self._handler(name, answer) for name, answer in answers.items()}
        if self.stream:
            handlers["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(
                self._stream,
                request_deserializer=message_class("ModelInferRequest").FromString,
                response_serializer=lambda answer: answer.SerializeToString(),
            )
        return handlers

    def _handler(self, name: str, answer: Callable[[Message], dict[str, object]]) -> grpc.RpcMethodHandler:
        request_class, answer_class = calls()[name]

        def serve(request: Message, context: grpc.ServicerContext) -> Message:
            self._admit(context)
            if name == "ServerMetadata" and self.silent is not None:
                self.arrived.release()
                self.silent.wait(20)
            try:
                return answer_class(**answer(request))
            except RefusedError as refused:
                context.abort(refused.code, str(refused))
            except KeyError as error:
                context.abort(grpc.StatusCode.NOT_FOUND, f"no region {error}")
            except NotImplementedError:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, "no shared memory here")

        return grpc.unary_unary_rpc_method_handler(
            serve, request_deserializer=request_class.FromString, response_serializer=answer_class.SerializeToString
        )

    def _admit(self, context: grpc.ServicerContext) -> None:
        if self.token and dict(context.invocation_metadata()).get("authorization") != f"Bearer {self.token}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")

    def _stream(self, requests: Iterator[Message], context: grpc.ServicerContext) -> Iterator[Message]:
        """Each request has a thread of its own, so that answers come in the order in which they are done."""
        self._admit(context)
        answers: SimpleQueue[Message | None] = SimpleQueue()
        context.add_callback(lambda: answers.put(None))
        self.streams.append(context)

        def read() -> None:
            try:
                for request in requests:
                    threading.Thread(target=answer, args=(request,), daemon=True).start()
            except grpc.RpcError:
                answers.put(None)

        def answer(request: Message) -> None:
            for each in self.bend(self._in_stream(request)):
                answers.put(each)

        threading.Thread(target=read, daemon=True).start()
        try:
            yield from iter(answers.get, None)
        finally:
            self.streams.remove(context)

    def _in_stream(self, request: Message) -> Message:
        answer = message_class("ModelStreamInferResponse")()
        try:
            answer.infer_response.MergeFrom(message_class("ModelInferResponse")(**self._infer(request)))
        except RefusedError as refused:
            answer.error_message = str(refused)
            answer.infer_response.parameters["status"].string_param = SAID_IN_STREAMS[refused.code]
        except KeyError as error:
            answer.error_message = f"no region {error}"
        answer.infer_response.id = request.id
        return answer

    def _metadata(self, _: Message) -> dict[str, object]:
        def described(tensors: Tensors) -> list[dict[str, object]]:
            return [{"name": name, "datatype": kind, "shape": shape} for name, kind, shape in tensors]

        return {"name": "tiny", "inputs": described(self.inputs), "outputs": described(self.outputs)}

    def _register(self, request: Message) -> dict[str, object]:
        if not self.shared_memory:
            raise NotImplementedError
        path = SHARED / request.key.lstrip("/")
        self.named_at_register.append((path.name, path.stat().st_mode & 0o777))
        descriptor = os.open(path, os.O_RDWR)
        self.regions[request.name] = (request.key, mmap.mmap(descriptor, request.byte_size))
        os.close(descriptor)
        return {}

    def _unregister(self, request: Message) -> dict[str, object]:
        self.regions.pop(request.name, None)
        return {}

    def _status(self, request: Message) -> dict[str, object]:
        return {"regions": {request.name: {"name": request.name, "key": self.regions[request.name][0]}}}

    def _infer(self, request: Message) -> dict[str, object]:
        self.requests.append(request)
        self.arrived.release()
        if self.hold is not None and self.holds(request):
            self.hold.wait(20)
        if self.refuse is not None:
            raise RefusedError(*self.refuse)
        first = request.inputs[0]
        means = self._means(first, self._content(request))
        parameters = {name: {"int64_param": value} for name, value in self.spent.items()}
        if self.outputs is OUR_OUTPUTS:
            boxes = np.array([[[1, 2, 3, 4, mean / 255, 0]] for mean in means], "<f4")
            described = [
                message_class("ModelInferResponse").InferOutputTensor(name="boxes", datatype="FP32", shape=boxes.shape)
            ]
            raw = [boxes.tobytes()]
        else:  # in another order than the metadata, and of another type than we work with
            answers = {"first": np.array([[mean, 1] for mean in means], "<f2"), "second": np.array(means, "<f4")[:, None]}
            kinds = {"first": "FP16", "second": "FP32"}
            described = [
                message_class("ModelInferResponse").InferOutputTensor(name=name, datatype=kinds[name], shape=each.shape)
                for name, each in answers.items()
            ]
            raw = [each.tobytes() for each in answers.values()]
        answer = {"model_name": "tiny", "outputs": described, "raw_output_contents": raw, "parameters": parameters}
        return {**answer, "id": request.id}

    def _content(self, request: Message) -> bytes:
        placed = request.inputs[0].parameters
        if "shared_memory_region" not in placed:
            return bytes(request.raw_input_contents[0])
        _, region = self.regions[placed["shared_memory_region"].string_param]
        offset = placed["shared_memory_offset"].int64_param
        return region[offset : offset + placed["shared_memory_byte_size"].int64_param]

    @staticmethod
    def _means(tensor: Message, content: bytes) -> list[float]:
        if tensor.datatype == "BYTES":
            means = []
            while content:
                (length,) = struct.unpack_from("<I", content)
                means.append(float(cv2.imdecode(np.frombuffer(content[4 : 4 + length], np.uint8), cv2.IMREAD_COLOR).mean()))
                content = content[4 + length :]
            return means
        kind = {"UINT8": np.uint8, "FP32": np.float32}[tensor.datatype]
        array = np.frombuffer(content, kind).reshape(tuple(tensor.shape))
        if tensor.name == "i420":
            array = array[:, : tensor.shape[2]]  # luma: as many rows as columns
        return [float(each.mean()) for each in array]
