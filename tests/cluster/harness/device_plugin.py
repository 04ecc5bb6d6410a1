"""A device plugin as the kubelet knows them (API v1beta1), for slices of a GPU that is not there: a stand-in for NVIDIA's.

The few messages are written and read by hand, so no protocol compiler is needed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

_SOCKET = "test-gpus.sock"
_VISIBLE = b"NVIDIA_VISIBLE_DEVICES"


class DevicePlugin:
    """Advertises `slices` shares of one GPU as `resource`. `allocated`: the ids that containers got."""

    def __init__(self, folder: Path, resource: str, slices: int) -> None:
        self.allocated: list[str] = []
        self._ids = [f"GPU-0::{number}" for number in range(slices)]
        self._ending = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(4))
        calls = {
            "GetDevicePluginOptions": grpc.unary_unary_rpc_method_handler(lambda _request, _context: b""),
            "ListAndWatch": grpc.unary_stream_rpc_method_handler(self._list),
            "Allocate": grpc.unary_unary_rpc_method_handler(self._allocate),
            "PreStartContainer": grpc.unary_unary_rpc_method_handler(lambda _request, _context: b""),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("v1beta1.DevicePlugin", calls),))
        self._server.add_insecure_port(f"unix:{folder / _SOCKET}")
        self._server.start()
        options = [("grpc.default_authority", "localhost")]  # the kubelet takes no path for one
        with grpc.insecure_channel(f"unix:{folder / 'kubelet.sock'}", options) as channel:
            register = channel.unary_unary("/v1beta1.Registration/Register")
            register(_text(1, b"v1beta1") + _text(2, _SOCKET.encode()) + _text(3, resource.encode()), timeout=10)

    def close(self) -> None:
        """Be gone, as far as the kubelet can see."""
        self._ending.set()
        self._server.stop(0.2)

    def _list(self, _request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield b"".join(_text(1, _text(1, each.encode()) + _text(2, b"Healthy")) for each in self._ids)
        while context.is_active() and not self._ending.wait(0.5):
            pass

    def _allocate(self, request: bytes, _context: grpc.ServicerContext) -> bytes:
        answer = b""
        for container in _texts(request):
            ids = [each.decode() for each in _texts(container)]
            self.allocated += ids
            gpus = ",".join(sorted({each.partition("::")[0] for each in ids}))
            answer += _text(1, _text(1, _text(1, _VISIBLE) + _text(2, gpus.encode())))
        return answer


def _text(number: int, value: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(value)) + value


def _texts(message: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(message):
        _, at = _read_number(message, at)
        size, at = _read_number(message, at)
        yield message[at : at + size]
        at += size


def _number(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def _read_number(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
