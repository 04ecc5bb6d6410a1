"""What a well-meaning client sees meanwhile: the right boxes, whatever the others do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from random import Random

import numpy as np

from camslice.engine.oip.descriptors import message_class
from tests.soak.fuzz.drafts import Draft, every_input, good_jpeg, good_picture
from tests.soak.fuzz.memory import PICTURE_BYTES, PREFIX, SHM, in_region, register
from tests.soak.fuzz.models import STEADY, STORMED
from tests.soak.fuzz.target import HANG_S, Answer, Target
from tests.soak.fuzz.wire import as_json, as_protobuf, json_text

BOX = np.array([12, 12, 20, 20, 1, 0], np.float32)
"""What the tiny detector finds in a light picture of its own size."""
REFUSED = {"RESOURCE_EXHAUSTED", "HTTP 429", "HTTP 503", "stream overloaded"}
"""The queue was full, or too many were connected: the client is told to come again."""


def asks(target: Target, chance: Random) -> None:
    """One good request, repeated only as long as the server says that it is full."""
    _ask(target, chance, chance.choice(_WAYS))


def everything(target: Target) -> None:
    """One good request of every kind for every model, after all regions were given back and all models loaded."""
    target.kind = "honest.everything"
    target.ask("SystemSharedMemoryUnregister", b"")
    assert target.ask("RepositoryModelLoad", message_class("RepositoryModelLoadRequest")(model_name=STORMED)).status == "OK"
    for model in (STEADY, STORMED):
        for inputs in every_input():
            assert target.ask("ModelInfer", as_protobuf(Draft(model, inputs), Random(0))).status == "OK"
    for way in _WAYS:
        _ask(target, Random(0), way)


Boxes = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
Way = Callable[[Target, Random], Boxes | None]


def _ask(target: Target, chance: Random, way: Way) -> None:
    until_s = time.monotonic() + HANG_S
    while (boxes := way(target, chance)) is None:
        assert time.monotonic() < until_s, f"{way.__name__}: refused for {HANG_S:.0f} s"
        time.sleep(0.02)
    np.testing.assert_allclose(boxes, [BOX], atol=1e-3)


def _over_grpc(target: Target, chance: Random) -> Boxes | None:
    return _boxes(target.ask("ModelInfer", as_protobuf(_draft(chance), chance)))


def _over_http(target: Target, chance: Random) -> Boxes | None:
    draft = _draft(chance)
    draft.parameters["binary_data_output"] = True
    picture = draft.inputs[0]
    picture.parameters["binary_data_size"] = len(picture.data)
    asked, _ = as_json(Draft(STEADY, []), chance)
    asked["parameters"] = draft.parameters
    asked["inputs"] = [
        {"name": picture.name, "datatype": picture.datatype, "shape": picture.shape, "parameters": picture.parameters}
    ]
    header = json_text(asked)
    answer = target.http("POST", _PATH, header + picture.data, {"Inference-Header-Content-Length": str(len(header))})
    if answer.status in REFUSED:
        return None
    assert answer.status == "HTTP 200", answer
    return np.frombuffer(answer.body[-24:], np.float32).reshape(1, 6)


def _in_json(target: Target, _: Random) -> Boxes | None:
    picture = good_picture()
    tensor = {"name": "picture", "datatype": "UINT8", "shape": picture.shape, "data": list(picture.data)}
    answer = target.http("POST", _PATH, json_text({"inputs": [tensor]}))
    if answer.status in REFUSED:
        return None
    assert answer.status == "HTTP 200", answer
    return np.array(json.loads(answer.body)["outputs"][0]["data"], np.float32).reshape(1, 6)


def _in_a_stream(target: Target, chance: Random) -> Boxes | None:
    (answer,) = target.stream([as_protobuf(_draft(chance), chance).SerializeToString()])
    if answer.error_message:
        assert "full" in answer.error_message, answer.error_message
        return None
    return _raw(answer.infer_response)


def _in_memory(target: Target, chance: Random) -> Boxes | None:
    """Others may take all regions away, or fill the table of regions: both are told, and then one comes again."""
    name = f"honest-{target.number}"
    path = SHM / f"{PREFIX}-{name}"
    path.write_bytes(b"\xc8" * PICTURE_BYTES)
    try:
        if register(target, name, f"/{path.name}", PICTURE_BYTES, 0).status == "RESOURCE_EXHAUSTED":
            target.ask("SystemSharedMemoryUnregister", b"")
            return None
        answer = target.ask("ModelInfer", as_protobuf(in_region(name), chance))
    finally:
        path.unlink()
        target.ask("SystemSharedMemoryUnregister", message_class("SystemSharedMemoryUnregisterRequest")(name=name))
    return None if answer.status == "NOT_FOUND" and b"no region" in answer.body else _boxes(answer)


_WAYS: tuple[Way, ...] = (_over_grpc, _over_http, _in_json, _in_a_stream, _in_memory)
_PATH = f"/v2/models/{STEADY}/infer"


def _draft(chance: Random) -> Draft:
    return Draft(STEADY, [chance.choice((good_picture, good_jpeg))()])


def _boxes(answer: Answer) -> Boxes | None:
    if answer.status in REFUSED:
        return None
    assert answer.status == "OK", answer
    return _raw(message_class("ModelInferResponse").FromString(answer.body))


def _raw(response) -> Boxes:  # type: ignore[no-untyped-def]  # a protobuf message
    return np.frombuffer(response.raw_output_contents[0], np.float32).reshape(1, 6)
