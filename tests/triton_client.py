"""Triton's own client drives a server of the Open Inference Protocol. Runs in an environment of its own.

    python tests/triton_client.py GRPC_ADDRESS HTTP_ADDRESS MODEL SIDE

Prints one JSON object: under each name what the client got to see, or the error that it raised.
"""

import asyncio
import json
import queue
import secrets
import sys
from pathlib import Path

import numpy as np
import tritonclient.grpc as over_grpc
import tritonclient.grpc.aio as over_grpc_aio
import tritonclient.http as over_http
import tritonclient.http.aio as over_http_aio
from tritonclient.utils import InferenceServerException
from tritonclient.utils import shared_memory as shm

PATIENCE_S = 20.0
BOXES_BYTES = 300 * 6 * 4


class Driver:
    """The same calls over gRPC or over HTTP."""

    def __init__(self, library, address, model, side):
        self.library = library
        self.client = library.InferenceServerClient(address)
        self.model = model
        self.pictures = np.full((2, side, side, 3), 200, np.uint8)

    def health(self):
        return [
            self.client.is_server_live(),
            self.client.is_server_ready(),
            self.client.is_model_ready(self.model),
            self.client.is_model_ready("nobody"),
        ]

    def metadata(self):
        return {
            "server": plain(self.client.get_server_metadata())["name"],
            "inputs": [each["name"] for each in plain(self.client.get_model_metadata(self.model))["inputs"]],
        }

    def config(self):
        found = plain(self.client.get_model_config(self.model))
        return found.get("config", found)

    def infer(self):
        return self.seen(self.client.infer(self.model, self.inputs(), request_id="seven"))

    def chosen_outputs(self):
        outputs = [self.library.InferRequestedOutput("output0"), self.library.InferRequestedOutput("boxes")]
        answer = self.client.infer(self.model, self.inputs(), outputs=outputs)
        return {name: list(answer.as_numpy(name).shape) for name in ("output0", "boxes")}

    def parameters(self):
        answer = self.client.infer(self.model, self.inputs(), parameters={"confidence": 1.0}, timeout=20_000_000)
        return float(answer.as_numpy("boxes")[..., 4].max())

    def too_late(self):
        return self.client.infer(self.model, self.inputs(), timeout=1)

    def unknown_model(self):
        return self.client.infer("nobody", self.inputs())

    def wrong_shape(self):
        return self.client.infer(self.model, self.inputs(np.zeros((1, 4), np.uint8)))

    def statistics(self):
        (found,) = plain(self.client.get_inference_statistics(self.model))["model_stats"]
        return {"success": int(found["inference_stats"]["success"]["count"]), "pictures": int(found["inference_count"])}

    def repository(self):
        states = [self.index()]
        self.client.unload_model(self.model)
        states.append(self.index())
        self.client.load_model(self.model)
        return [*states, self.index()]

    def index(self):
        found = plain(self.client.get_model_repository_index())
        return [each["state"] for each in (found["models"] if isinstance(found, dict) else found)]

    def shared_memory(self):
        key = f"/camslice_test_{secrets.token_hex(4)}"
        size = self.pictures.nbytes
        region = shm.create_shared_memory_region("pictures", key, size + BOXES_BYTES)
        Path("/dev/shm", key.lstrip("/")).chmod(0o666)  # a server without a token uses what anybody may use
        try:
            shm.set_shared_memory_region(region, [self.pictures])
            self.client.register_system_shared_memory("pictures", key, size + BOXES_BYTES)
            status = plain(self.client.get_system_shared_memory_status())
            sent = self.library.InferInput("picture", list(self.pictures.shape), "UINT8")
            sent.set_shared_memory("pictures", size)
            wanted = self.library.InferRequestedOutput("boxes")
            wanted.set_shared_memory("pictures", BOXES_BYTES, offset=size)
            answer = self.client.infer(self.model, [sent], outputs=[wanted])
            output = plain(answer.get_output("boxes"))
            shape = [int(each) for each in output["shape"]]
            boxes = shm.get_contents_as_numpy(region, np.float32, shape, offset=size)
            seen = {"boxes": boxes[:, 0].tolist(), "registered": "pictures" in json.dumps(status)}
            del boxes
            self.client.unregister_system_shared_memory("pictures")
            return seen
        finally:
            shm.destroy_shared_memory_region(region)

    def foreign_memory(self):
        self.client.register_system_shared_memory("hosts", "/../../etc/hosts", 8)

    def cuda_memory(self):
        return self.client.get_cuda_shared_memory_status()

    def inputs(self, pictures=None):
        pictures = self.pictures if pictures is None else pictures
        sent = self.library.InferInput("picture", list(pictures.shape), "UINT8")
        sent.set_data_from_numpy(pictures)
        return [sent]

    def seen(self, answer):
        response = plain(answer.get_response())
        return {
            "id": response["id"],
            "boxes": answer.as_numpy("boxes")[:, 0].tolist(),
            "parameters": sorted(response["parameters"]),
        }


class OverGrpc(Driver):
    def asynchronous(self):
        answers = queue.Queue()
        for _ in range(8):
            self.client.async_infer(self.model, self.inputs(), callback=lambda result, error: answers.put((result, error)))
        return count(answers, 8)

    def stream(self):
        answers = queue.Queue()
        self.client.start_stream(callback=lambda result, error: answers.put((result, error)))
        for i in range(8):
            self.client.async_stream_infer(self.model if i else "nobody", self.inputs(), request_id=str(i))
        counted = count(answers, 8)
        self.client.stop_stream()
        return counted

    def asyncio(self):
        async def many():
            async with over_grpc_aio.InferenceServerClient(ADDRESSES["grpc"]) as client:
                answers = await asyncio.gather(*(client.infer(self.model, self.inputs()) for _ in range(4)))
            return [answer.as_numpy("boxes")[0, 0].tolist() for answer in answers]

        return asyncio.run(many())

    def compressed(self):
        return self.client.infer(self.model, self.inputs(), compression_algorithm="gzip")


class OverHttp(Driver):
    def asynchronous(self):
        with over_http.InferenceServerClient(ADDRESSES["http"], concurrency=4) as client:
            requests = [client.async_infer(self.model, self.inputs()) for _ in range(8)]
            return {"answered": len([request.get_result() for request in requests]), "refused": []}

    def asyncio(self):
        async def many():
            async with over_http_aio.InferenceServerClient(ADDRESSES["http"]) as client:
                answers = await asyncio.gather(*(client.infer(self.model, self.inputs()) for _ in range(4)))
            return [answer.as_numpy("boxes")[0, 0].tolist() for answer in answers]

        return asyncio.run(many())

    def json_tensors(self):
        sent = self.library.InferInput("picture", list(self.pictures.shape), "UINT8")
        sent.set_data_from_numpy(self.pictures, binary_data=False)
        wanted = self.library.InferRequestedOutput("boxes", binary_data=False)
        return self.client.infer(self.model, [sent], outputs=[wanted]).as_numpy("boxes")[:, 0].tolist()

    def compressed(self):
        return self.client.infer(self.model, self.inputs(), request_compression_algorithm="gzip")


def count(answers, expected):
    seen = [answers.get(timeout=PATIENCE_S) for _ in range(expected)]
    return {"answered": sum(error is None for _, error in seen), "refused": [str(error) for _, error in seen if error]}


def plain(message):
    if message is None or isinstance(message, dict | list):
        return message
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(message, preserving_proto_field_name=True)


def outcome(call):
    try:
        return call()
    except InferenceServerException as error:
        return {"error": error.message(), "status": error.status()}


CALLS = [
    "health", "metadata", "config", "infer", "chosen_outputs", "parameters", "too_late", "unknown_model", "wrong_shape",
    "asynchronous", "stream", "asyncio", "json_tensors", "compressed", "shared_memory", "foreign_memory", "cuda_memory",
    "repository", "statistics",
]  # fmt: skip


if __name__ == "__main__":
    grpc_address, http_address, model, side = sys.argv[1:]
    ADDRESSES = {"grpc": grpc_address, "http": http_address}
    drivers = {
        "grpc": OverGrpc(over_grpc, grpc_address, model, int(side)),
        "http": OverHttp(over_http, http_address, model, int(side)),
    }
    print(
        json.dumps(
            {
                transport: {name: outcome(getattr(driver, name)) for name in CALLS if hasattr(driver, name)}
                for transport, driver in drivers.items()
            }
        )
    )
