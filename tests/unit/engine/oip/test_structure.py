"""The look at a message before it is parsed, which nothing may hide from."""

from __future__ import annotations

import pytest

from camslice.engine.oip.descriptors import message_class
from camslice.engine.oip.messages import OipError, Status
from camslice.engine.oip.over_grpc.structure import check_structure
from camslice.engine.oip.wire_limits import WireLimits

LIMITS = WireLimits(structure_bytes=1000, fields=20)
RAW = b"\x3a"
INPUT = b"\x2a"


def refusal(message: bytes) -> OipError:
    with pytest.raises(OipError) as caught:
        check_structure(message, LIMITS)
    assert caught.value.status is Status.TOO_LARGE
    return caught.value


def test_raw_tensors_may_be_large_and_nothing_else() -> None:
    large = message_class("ModelInferRequest")(model_name="m", raw_input_contents=[bytes(5000)])
    check_structure(large.SerializeToString(), LIMITS)
    assert "no raw tensors" in str(refusal(message_class("ModelInferRequest")(model_name="m" * 5000).SerializeToString()))


def test_a_raw_tensor_that_claims_more_than_there_is_makes_no_room_for_anything_else() -> None:
    claimed = RAW + b"\xff\xff\xff\x7f"
    assert "no raw tensors" in str(refusal(INPUT + b"\xd0\x0f" + bytes(2000) + claimed))


@pytest.mark.parametrize("group", [b"\x7b", b"\x7c", b"\x7b\x7c"])
def test_fields_do_not_hide_behind_the_tags_of_groups(group: bytes) -> None:
    assert "more than 20 fields" in str(refusal(group + (INPUT + b"\x00") * 30))


@pytest.mark.parametrize("noise", [b"", b"\xff", b"\xff\xff\xff", b"\x3a", b"\x07", b"\x0f\x00"])
def test_what_is_no_protobuf_is_left_to_the_parser(noise: bytes) -> None:
    check_structure(noise, LIMITS)
