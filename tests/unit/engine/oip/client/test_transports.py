"""What a batch carries: planes, JPEG and tensors, each the same picture; and which way is found to be faster."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from camslice.engine.oip.client.address import address_of
from camslice.engine.oip.client.offer import Offer
from camslice.engine.oip.client.placing import PrivateMemory
from camslice.engine.oip.client.transports.cargo import Cargo
from camslice.engine.oip.client.transports.choose import TRIES, faster, sample_picture
from camslice.engine.oip.client.transports.jpeg import JpegCargo
from camslice.engine.oip.client.transports.pictures import PictureCargo
from camslice.engine.oip.client.transports.tensor import TensorCargo
from camslice.engine.oip.client.transports.way import Way
from camslice.engine.slots import Layout
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.types import Transport
from camslice.models.model import InputSpec
from camslice.video.picture import StillPicture

WIDTH, HEIGHT = 64, 32
RGB = InputSpec(WIDTH, HEIGHT, dynamic_batch=True, dynamic_size=False)
BGR = InputSpec(WIDTH, HEIGHT, dynamic_batch=True, dynamic_size=False, channels="bgr", scale=1.0)
ALL = Offer("i420", "picture", "jpeg", "tensor", ("boxes",), ready_boxes=True, any_batch=True)
WHOLE = Letterbox.fit(Region(0, 0, WIDTH, HEIGHT), WIDTH, HEIGHT, centred=False)
RED = StillPicture(np.full((HEIGHT, WIDTH, 3), (200, 30, 60), np.uint8))


def filled(cargo: Cargo) -> Cargo:
    RED.scale_into(cargo.arrays.slot_for(0, WHOLE), WHOLE)
    return cargo


def test_planes_lie_one_after_another_beside_what_their_colours_mean() -> None:
    cargo = PictureCargo(ALL, Layout.I420, RGB, 2, PrivateMemory())
    filled(cargo)
    planes, colour = cargo.inputs(1)
    assert (planes.name, planes.datatype, planes.shape) == ("i420", "UINT8", (1, HEIGHT * 3 // 2, WIDTH))
    assert (colour.name, colour.datatype, colour.shape) == ("colour", "FP32", (1, 3, 4))
    raw = np.frombuffer(planes.data, np.uint8)
    y, u, v = (float(part.mean()) for part in np.split(raw, [WIDTH * HEIGHT, WIDTH * HEIGHT * 5 // 4]))
    matrix = np.frombuffer(colour.data, np.float32).reshape(3, 4)
    np.testing.assert_allclose(matrix @ [y, u, v, 1], [200, 30, 60], atol=3)


def test_rgb_goes_as_it_lies() -> None:
    cargo = PictureCargo(ALL, Layout.RGB, RGB, 1, PrivateMemory())
    (picture,) = filled(cargo).inputs(1)
    assert (picture.name, picture.shape) == ("picture", (1, HEIGHT, WIDTH, 3))
    assert bytes(picture.data[:3]) == bytes((200, 30, 60))


@pytest.mark.parametrize("layout", [Layout.I420, Layout.RGB])
def test_a_jpeg_shows_the_slots_picture(layout: Layout) -> None:
    (jpeg,) = filled(JpegCargo(ALL, layout, RGB, 2)).inputs(2)
    assert (jpeg.datatype, jpeg.shape) == ("BYTES", (2,))
    (length,) = struct.unpack_from("<I", jpeg.data)
    decoded = cv2.imdecode(np.frombuffer(jpeg.data[4 : 4 + length], np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_allclose(decoded.mean(axis=(0, 1))[::-1], [200, 30, 60], atol=4)
    assert struct.unpack_from("<I", jpeg.data, 4 + length)[0] == len(jpeg.data) - length - 8


@pytest.mark.parametrize("layout", [Layout.I420, Layout.RGB])
@pytest.mark.parametrize(("spec", "expected"), [(RGB, np.array([200, 30, 60]) / 255), (BGR, np.array([60, 30, 200]))])
def test_a_tensor_is_what_the_network_expects(layout: Layout, spec: InputSpec, expected: np.ndarray) -> None:
    (tensor,) = filled(TensorCargo(ALL, layout, spec, 1, PrivateMemory())).inputs(1)
    assert (tensor.datatype, tensor.shape) == ("FP32", (1, 3, HEIGHT, WIDTH))
    planes = np.frombuffer(tensor.data, np.float32).reshape(3, -1)
    np.testing.assert_allclose(planes.mean(axis=1), expected, atol=0.015 * expected.max())


@pytest.mark.parametrize(("inline_ns", "jpeg_ns", "taken"), [(5, 9, Transport.INLINE), (9, 5, Transport.JPEG)])
def test_the_way_with_the_smaller_median_is_taken(inline_ns: int, jpeg_ns: int, taken: Transport) -> None:
    now_ns = 0
    hiccups: Iterator[int] = iter([0, 0, 1000] + [0] * 100)
    sent: list[str] = []

    def send(cargo: Cargo) -> None:
        nonlocal now_ns
        (name, *_) = [tensor.name for tensor in cargo.inputs(1)]
        now_ns += (jpeg_ns if name == "jpeg" else inline_ns) + next(hiccups)
        sent.append(name)

    ways = [
        Way(Transport.INLINE, lambda: PictureCargo(ALL, Layout.RGB, RGB, 1, PrivateMemory()), None),  # type: ignore[arg-type]
        Way(Transport.JPEG, lambda: JpegCargo(ALL, Layout.RGB, RGB, 1), None),  # type: ignore[arg-type]  # nobody is asked
    ]
    assert faster(ways[0], ways[1], RGB, send, lambda: now_ns).transport is taken
    assert sent.count("jpeg") == sent.count("picture") == TRIES + 1


def test_the_sample_picture_is_neither_flat_nor_noise() -> None:
    _, coded = cv2.imencode(".jpg", sample_picture(640, 640).rgb, (cv2.IMWRITE_JPEG_QUALITY, 90))
    assert 0.05 < len(coded) / (640 * 640 * 3) < 0.3


@pytest.mark.parametrize(
    ("url", "target", "secure", "same_host"),
    [
        ("grpc://10.0.0.7:8500", "10.0.0.7:8500", False, False),
        ("grpcs://server.example:8500", "server.example:8500", True, False),
        ("grpc://localhost:1", "localhost:1", False, True),
        ("grpc://127.0.0.9:1", "127.0.0.9:1", False, True),
        ("grpc://[::1]:1", "[::1]:1", False, True),
        ("unix:/run/oip.sock", "unix:/run/oip.sock", False, True),
        ("unix-abstract:camslice", "unix-abstract:camslice", False, True),
    ],
)
def test_an_address_says_how_and_whether_memory_can_be_shared(url: str, target: str, secure: bool, same_host: bool) -> None:
    address = address_of(url)
    assert (address.url, address.target, address.secure, address.same_host) == (url, target, secure, same_host)
