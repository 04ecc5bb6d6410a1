"""The protocol's messages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from camslice.engine.oip.descriptors import calls, message_class

ROOT = Path(__file__).resolve().parents[4]


def test_the_compiled_messages_are_those_of_the_source() -> None:
    code = "import sys; sys.path.insert(0, 'tools'); import protocol; sys.stdout.buffer.write(protocol.compiled())"
    compiled = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout
    lies_there = (ROOT / "src/camslice/engine/oip/open_inference.binpb").read_bytes()
    assert compiled == lies_there, "run `make protocol` and commit what it wrote"


def test_every_call_has_its_messages() -> None:
    assert len(calls()) == 20
    for name, (asked, answered) in calls().items():
        assert asked.DESCRIPTOR.full_name.startswith("inference.")
        assert answered.DESCRIPTOR.name.endswith("Response"), name


def test_an_unknown_message_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        message_class("Nothing")


def test_another_package_may_bring_messages_of_the_same_names() -> None:
    """Triton's client registers its own `inference.ModelInferRequest` with protobuf; ours must not be in its way."""
    code = (
        "from google.protobuf import descriptor_pb2, descriptor_pool\n"
        "from camslice.engine.oip.descriptors import message_class\n"
        "message_class('ModelInferRequest')\n"
        "theirs = descriptor_pb2.FileDescriptorProto(name='grpc_service.proto', package='inference')\n"
        "theirs.message_type.add(name='ModelInferRequest')\n"
        "descriptor_pool.Default().Add(theirs)\n"
        "assert message_class('ModelInferRequest')(model_name='a').model_name == 'a'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
